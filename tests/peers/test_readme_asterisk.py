"""The Asterisk and Boomerang configuration that README.md shows, on a real Asterisk with real phones.

Only addresses and ports are put in the place of those shown, the phones' own endpoints are added, and the quiet hours
are left out: the tests run at night too.
"""

import re
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.asterisk import PASSWORD, Asterisk
from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.site import SHARED
from tests.kit.waiting import eventually
from tests.peers.test_asterisk import CUSTOMER, Office, noticed

pytestmark = pytest.mark.usefixtures("sipp", "pjsip")

README = (ROOT / "README.md").read_text()
BOOMERANG, PBX, CARRIER = "203.0.113.5", "203.0.113.10", "198.51.100.10"
"""Addresses in README."""

NATIONAL = f"06{CUSTOMER.removeprefix('+36')}"
"""The customer's number as it is dialled in Hungary."""
MISSED_MS = 6_500
"""Longer than `missed_callback.min_wait`."""

PHONE = """
[{user}]
type=endpoint
context=phones
disallow=all
allow=alaw,ulaw
auth={user}
aors={user}
callerid=Agent <{user}>
[{user}]
type=auth
username={user}
password={password}
[{user}]
type=aor
max_contacts=1
remove_existing=yes
"""


def shown(language: str, beginning: str) -> str:
    """The one block that begins like this."""
    found = re.findall(rf"^```{language}\n({re.escape(beginning)}.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, beginning
    return str(found[0])


class ShownAsterisk(Asterisk):
    """Asterisk with README's files."""

    def _pjsip(self) -> str:
        text = shown("ini", "[transport-udp]").replace(f"{PBX}:5060", f"{LOOPBACK}:{self.port}")
        text = text.replace(f"{BOOMERANG}:5060", self.hop).replace(BOOMERANG, LOOPBACK)
        assert "0.113" not in text
        # Here Boomerang and the phones have one address: phones must be known by their names first.
        text += "[global]\ntype=global\nendpoint_identifier_order=username,ip\n"
        return text + "".join(PHONE.format(user=phone, password=PASSWORD) for phone in self.phones)

    def _generated(self) -> dict[str, str]:
        dialplan = "[general]\nstatic=yes\n" + shown("ini", "[from-boomerang]")
        queues = "[general]\nshared_lastcall=no\n" + shown("ini", "[600]")
        return {**super()._generated(), "extensions.conf": dialplan, "queues.conf": queues}


class ShownOffice(Office):
    """README's Boomerang and Asterisk; the carrier is SIPp."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.stack = folder, ExitStack()
        self.back, self.carrier = free_port(), free_port()
        hop = free_port()
        self.pbx = ShownAsterisk(root, hop=f"{LOOPBACK}:{hop}")
        node = tomllib.loads(shown("toml", "[node]"))
        self.boomerang = Boomerang(
            folder / "boomerang",
            trunks={"main": self._moved(node["trunk"]["main"], CARRIER, self.carrier, [f"{LOOPBACK}:{self.back}"])},
            pbxs={"office": self._moved(node["pbx"]["office"], PBX, self.pbx.port, [])},
            port=hop,
            policy=self._awake(tomllib.loads(shown("toml", "region"))),
        )

    @staticmethod
    def _awake(policy: dict[str, Any]) -> dict[str, Any]:
        assert policy["guard"].pop("quiet_hours")
        return policy

    @staticmethod
    def _moved(table: dict[str, Any], shown_at: str, port: int, sources: list[str]) -> dict[str, Any]:
        peers = [peer.replace(f"{shown_at}:5060", f"{LOOPBACK}:{port}") for peer in table["peers"]]
        assert peers != table["peers"]
        return {**table, "peers": peers, "sources": sources}


@pytest.fixture
def office(asterisk: Path, tmp_path: Path) -> Iterator[ShownOffice]:
    made = ShownOffice(asterisk, tmp_path)
    with made:
        yield made


def test_the_customer_who_calls_back_reaches_the_agent(office: ShownOffice) -> None:
    phone, other = office.phone("201"), office.phone("202", answer="silent")
    office.agent_misses(phone)
    seen = len(phone.lines)
    caller = office.customer()
    assert CUSTOMER in phone.rings(after=seen)
    caller.finish()
    assert noticed(caller) == [180, 200]
    assert other.rang() == 0
    assert office.call_row()["agent"] == "201"


@pytest.mark.parametrize("why", ["486", "unregistered"])
def test_the_queue_gets_the_call_of_an_agent_who_cannot(office: ShownOffice, why: str) -> None:
    phone = office.phone("201", answer="486")
    office.agent_misses(phone)
    if why == "unregistered":
        phone.leave()
    colleague = office.phone("202")
    caller = office.customer(talk_ms=1500)
    colleague.talks()
    caller.finish()
    assert set(noticed(caller)) <= {180, 183, 200}
    row = office.call_row()
    assert (row["tried"], row["cause"], row["dialled"]) == ("201", 200, SHARED)


def test_a_number_dialled_as_people_do_is_the_same_customer(office: ShownOffice) -> None:
    phone = office.phone("201", answer="486")
    with office.carrier_refuses() as carrier:
        phone.dial(NATIONAL)
        phone.ended()
        assert carrier.received("INVITE ")[0].start_line.startswith(f"INVITE sip:{NATIONAL}@")
    eventually(lambda: office.records() == [(CUSTOMER, "201")], "the record of the customer")


def test_a_caller_is_answered_at_once_and_called_back_if_they_give_up(office: ShownOffice) -> None:
    phone = office.phone("201", answer="silent")
    caller = office.customer(talk_ms=MISSED_MS)
    phone.rings()
    caller.finish()
    assert noticed(caller) == [200], "they hear the queue"
    seen = len(phone.lines)
    assert CUSTOMER in phone.rings(after=seen), "the callback, which shows the customer"
    [task] = office.boomerang.sql("SELECT customer, \"group\" FROM tasks")
    assert tuple(task) == (CUSTOMER, "sales")
