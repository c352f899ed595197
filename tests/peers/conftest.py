"""What the tests with real peers share: which peers there are, and one of each per test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.kit.asterisk import asterisk_root
from tests.kit.certificates import Authority
from tests.kit.kamailio import has_kamailio
from tests.kit.mosquitto import MISSING as MOSQUITTO_MISSING
from tests.kit.phones import has_baresip, has_pjsip
from tests.kit.sipp import has_sipp


def lacking(what: str) -> NoReturn:
    """A peer that is not here: a skip that says so, and in continuous integration a failure."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def sipp() -> None:
    """SIPp is here."""
    if not has_sipp():
        lacking("SIPp is not installed (Debian: sip-tester)")


@pytest.fixture(scope="session")
def kamailio() -> None:
    """Kamailio is here."""
    if not has_kamailio():
        lacking("Kamailio is not installed (Debian: kamailio, kamailio-tls-modules)")


@pytest.fixture(scope="session")
def mosquitto() -> None:
    """mosquitto and mosquitto_sub are here."""
    if MOSQUITTO_MISSING:
        lacking(MOSQUITTO_MISSING)


@pytest.fixture(scope="session")
def pjsip() -> None:
    """pjsua2 is here."""
    if not has_pjsip():
        lacking("pjsua2 is not installed: it has no build for this Python or machine")


@pytest.fixture(scope="session")
def baresip() -> None:
    """baresip is here."""
    if not has_baresip():
        lacking("baresip is not installed (Debian: baresip-core)")


@pytest.fixture(scope="session")
def asterisk() -> Path:
    """Folder below which Asterisk is."""
    root = asterisk_root()
    if root is None:
        lacking(
            "no Asterisk >= 20: neither the system's nor one in a chroot (as root: tests/peers/asterisk-chroot install)"
        )
    return root


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority of this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stop() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Register what must be called at the end of the test, last first."""
    ends: list[Callable[[], None]] = []
    yield ends.append
    for end in reversed(ends):
        end()
