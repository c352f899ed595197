"""A Boomerang between two neighbours that send what they like."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.hostile.wire import Stream, Wire
from tests.kit.ports import LOOPBACK, free_port
from tests.survival.scene import Faulty

VIA_PORTS = (5060, 5050, 6050, 19823)
"""Ports that the Vias of the torture messages name."""


class Range(NamedTuple):
    """The daemon and its neighbours."""

    boomerang: Faulty
    carrier: Wire
    pbx: Wire
    tcp: tuple[str, int]
    """Its TCP listener."""

    @property
    def hop(self) -> tuple[str, int]:
        return self.boomerang.hop

    def settle(self) -> None:
        """Take everything that is on its way to the neighbours."""
        for wire in (self.carrier, self.pbx):
            wire.alive(self.hop)

    def stream(self) -> Stream:
        """A TCP connection from the carrier."""
        return Stream(self.carrier.host, self.tcp)


def neighbour() -> Wire:
    """One at an address of 127.0.0.0/8 that nobody else has."""
    while True:
        try:
            return Wire(f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.1", *VIA_PORTS)
        except OSError:
            continue


@pytest.fixture(scope="module")
def range_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    tcp = free_port()
    carrier, pbx = neighbour(), neighbour()
    boomerang = Faulty(
        tmp_path_factory.mktemp("hostile"),
        trunks={"main": {"peers": [f"sip:{carrier.host}"]}},
        pbxs={"office": {"peers": [f"sip:{pbx.host}"], "pass_register": True}},
        listen=[{"uri": f"tcp://{LOOPBACK}:{tcp}"}],
        extra={"log": {"mask_numbers": False, "level": "info"}},
    )
    with carrier, pbx, boomerang:
        made = Range(boomerang, carrier, pbx, (LOOPBACK, tcp))
        made.settle()
        yield made
        made.settle()
        assert not boomerang.logged("internal_error")
        assert not boomerang.logged("message handling failed")
