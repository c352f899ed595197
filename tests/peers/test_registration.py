"""The daemon registers at a real Asterisk, which asks for a password; it is reached there, and leaves when it stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.asterisk import phone_endpoint
from tests.kit.boomerang import Boomerang
from tests.kit.carrier import Carrier
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.site import peer
from tests.kit.waiting import eventually

USER = "+3614445555"
"""Name of the account: a number, as small carriers have it."""


class Registrar(Carrier):
    """A carrier with an account that registers; the password is `phone_endpoint`'s."""

    def _pjsip(self) -> str:
        return super()._pjsip() + phone_endpoint(USER, f"<{USER}>")

    def contacts(self) -> list[str]:
        """What is registered for the account."""
        return [line for line in self.cli("pjsip show contacts").splitlines() if f"sip:{USER}@" in line]


@pytest.fixture
def carrier(asterisk: Path) -> Iterator[Registrar]:
    carrier = Registrar(asterisk, hop=f"{LOOPBACK}:{free_port()}", customers=("+36201234567",))
    with carrier:
        yield carrier


def account(folder: Path, password: str = "phone-of-a-test") -> dict[str, Any]:
    """Keys of a trunk that registers; the password is kept in a file of this folder."""
    file = folder / "password"
    file.write_text(password)
    file.chmod(0o600)
    return {"username": USER, "password": f"file:{file}", "register": True, "register_expires": "120s"}


def node(carrier: Registrar, folder: Path, password: str) -> Boomerang:
    return Boomerang(folder / "boomerang", trunks={"main": {**peer(carrier.port), **account(folder, password)}},
                     pbxs={"office": peer(free_port())})


def test_registered_and_gone(carrier: Registrar, tmp_path: Path) -> None:
    with node(carrier, tmp_path, "phone-of-a-test") as boomerang:
        eventually(lambda: len(carrier.contacts()) == 1, "a binding")
        assert f"sip:{USER}@{LOOPBACK}:{boomerang.port}" in carrier.contacts()[0]
        boomerang.terminate()
        eventually(lambda: carrier.contacts() == [], "no binding")


def test_wrong_password(carrier: Registrar, tmp_path: Path) -> None:
    with node(carrier, tmp_path, "wrong") as boomerang:
        eventually(lambda: any("trunk_failed" in line and "401" in line for line in boomerang.log),
                   "the refusal in the log")
        assert carrier.contacts() == []
