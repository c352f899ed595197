"""A real Asterisk as PBX with real phones: whose phone rings when a customer calls back.

SIPp is the carrier. The phones are PJSIP's and baresip's, registered at Asterisk; 600 is its queue of both.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.asterisk import PASSWORD, Asterisk
from tests.kit.boomerang import Boomerang
from tests.kit.certificates import Authority
from tests.kit.phones import Baresip, PjsipPhone
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sipp import Sipp
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("sipp", "pjsip")

CUSTOMER = "+36201234567"
UNANSWERED = "+3614445556"
"""A number whose calls Asterisk queues without answering them first."""
UNLIMITED = 15.0
"""Seconds that an agent's phone would ring at least where nobody has said for how long."""


class Office:
    """Boomerang between a carrier made of SIPp and a real Asterisk."""

    def __init__(self, root: Path, folder: Path, policy: dict[str, object] | None = None) -> None:
        self.folder, self.stack = folder, ExitStack()
        self.back, self.carrier = free_port(), free_port()
        hop = free_port()
        self.pbx = Asterisk(root, hop=f"{LOOPBACK}:{hop}")
        self.boomerang = Boomerang(
            folder / "boomerang",
            trunks={"main": peer(self.carrier, self.back)},
            pbxs={"office": peer(self.pbx.port)},
            port=hop,
            policy=policy,
        )

    def __enter__(self) -> "Office":
        with self.stack:
            self.stack.enter_context(self.pbx)
            self.stack.enter_context(self.boomerang)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.stack.__exit__(type(error) if error else None, error, None)

    def phone(self, user: str, answer: str = "auto", after: float = 0.3) -> PjsipPhone:
        """A PJSIP phone, registered."""
        return self.stack.enter_context(PjsipPhone(user, PASSWORD, self.pbx.port, answer=answer, after=after))

    def baresip(self, user: str, answer: str = "auto") -> Baresip:
        """A baresip phone, registered."""
        return self.stack.enter_context(Baresip(self.folder, user, PASSWORD, self.pbx.port, answer=answer))

    def carrier_refuses(self, status: str = "486 Busy Here") -> Sipp:
        """The customer's side, which does not take calls."""
        return self.stack.enter_context(Sipp("callee_refuses", self.folder, port=self.carrier, status=status))

    def agent_misses(self, phone: PjsipPhone, status: str = "486 Busy Here") -> None:
        """The phone calls the customer, who does not take it; the record is in the database."""
        with Sipp("callee_refuses", self.folder, port=self.carrier, status=status) as customer:
            phone.dial(CUSTOMER)
            phone.ended()
            invite = customer.received("INVITE ")[0]
            assert phone.user in (invite.header("P-Asserted-Identity") or "")
        eventually(lambda: self.records() == [(CUSTOMER, phone.user)], f"the record of {phone.user}")

    def records(self) -> list[tuple[str, str]]:
        return [tuple(row) for row in self.boomerang.sql("SELECT customer, agent FROM direct")]

    def customer(self, scenario: str = "caller", talk_ms: int = 500, dialled: str = SHARED) -> Sipp:
        """The customer calls."""
        return self.stack.enter_context(
            Sipp(
                scenario,
                self.folder,
                port=self.back,
                remote=self.boomerang.port,
                service=dialled,
                keys={"caller": CUSTOMER},
                pause_ms=talk_ms,
            )
        )

    def call_row(self) -> dict[str, object]:
        """The last call's row, once it is closed."""
        query = "SELECT * FROM calls ORDER BY id DESC LIMIT 1"
        rows = eventually(
            lambda: [dict(row) for row in self.boomerang.sql(query) if row["ended_at"] is not None], "a closed call"
        )
        return rows[0]


@pytest.fixture
def office(asterisk: Path, tmp_path: Path) -> Iterator[Office]:
    with Office(asterisk, tmp_path) as made:
        yield made


def noticed(caller: Sipp) -> list[int]:
    """What a caller saw of the way to an answer: each status once, without 100."""
    seen: list[int] = []
    for message in caller.received("SIP/2.0 "):
        status = int(message.start_line.split()[1])
        if status not in (100, *seen) and "INVITE" in (message.header("CSeq") or ""):
            seen.append(status)
    return seen


def test_after_a_crash_the_customer_reaches_the_agent_who_called(office: Office) -> None:
    phone, other = office.phone("201"), office.phone("202", answer="silent")
    office.agent_misses(phone)
    office.boomerang.kill9()
    office.boomerang.restart()
    seen = len(phone.lines)
    caller = office.customer()
    assert CUSTOMER in phone.rings(after=seen)
    caller.finish()
    assert noticed(caller) == [180, 200]
    assert other.rang() == 0
    row = office.call_row()
    assert (row["direction"], row["agent"], row["cause"], row["ended_by"]) == ("inbound", "201", 200, "caller")


def test_agent_busy_the_queue_gets_the_call(office: Office) -> None:
    phone = office.phone("201", answer="486")
    office.agent_misses(phone)
    colleague = office.phone("202")
    caller = office.customer("caller", talk_ms=1500)
    caller.finish()
    assert phone.rang() >= 1, "201's own phone was tried"
    colleague.talks()
    assert set(noticed(caller)) <= {180, 183, 200}
    assert office.call_row()["tried"] == "201"


def test_agent_in_a_call_the_queue_gets_the_call(office: Office) -> None:
    """201 talks to a colleague and the phone has one line; everybody is busy, so the caller waits in the queue."""
    phone, colleague = office.phone("201"), office.baresip("202")
    office.agent_misses(phone)
    seen = len(phone.lines)
    phone.dial("202")
    colleague.talks()
    caller = office.customer(talk_ms=1500)
    phone.wait_for("^phone busy", after=seen)
    caller.finish()
    assert set(noticed(caller)) <= {180, 183, 200}
    row = office.call_row()
    assert (row["tried"], row["cause"]) == ("201", 200)


def test_agent_who_does_not_answer_rings_for_a_while_and_the_queue_gets_the_call(
    asterisk: Path, tmp_path: Path
) -> None:
    with Office(asterisk, tmp_path, {"direct_callback": {"ring_for": "2s"}}) as office:
        phone, colleague = office.phone("201", answer="silent"), office.baresip("202")
        office.agent_misses(phone, "480 Temporarily Unavailable")
        seen, began = len(phone.lines), time.monotonic()
        caller = office.customer(talk_ms=1500)
        phone.rings(after=seen)
        phone.ended(after=seen)
        assert 1.5 < time.monotonic() - began < UNLIMITED
        colleague.talks()
        caller.finish()
        assert set(noticed(caller)) <= {180, 183, 200}
        assert 180 in noticed(caller)


def test_agent_unregistered_the_queue_gets_the_call(office: Office) -> None:
    phone, colleague = office.phone("201"), office.phone("202")
    office.agent_misses(phone)
    phone.leave()
    eventually(lambda: not office.pbx.registered("201"), "201 is unregistered")
    caller = office.customer(talk_ms=1500)
    colleague.talks()
    caller.finish()
    assert set(noticed(caller)) <= {180, 183, 200}
    assert office.call_row()["tried"] == "201"


def test_a_caller_goes_through_the_queue_untouched(office: Office) -> None:
    """Asterisk answers, queues, and tells by UPDATE whose phone it rings: that reaches the carrier as it is."""
    office.phone("201", after=1.0)
    caller = office.customer(talk_ms=3000)
    caller.finish()
    update = caller.received("UPDATE ")[0]
    assert "<sip:201@" in (update.header("P-Asserted-Identity") or "")
    assert noticed(caller) == [200]
    row = office.call_row()
    assert (row["reason"], row["tried"], row["cause"]) == ("normal", None, 200)
    assert row["agent"] is None, "an UPDATE alone never proves who answered"


def test_a_queue_that_answers_first_though_nobody_said_so(office: Office) -> None:
    """Nobody is there, and callers hang up. They count as talked: that is an alarm, and it names the setting."""
    def alarms() -> list[str]:
        standing = office.boomerang.cli("status")["alarms"]
        return [one["text"] for one in standing if one["name"] == "answers_first_office"]

    office.customer(talk_ms=100).finish()
    assert alarms() == []
    for _ in range(4):
        office.customer(talk_ms=100).finish()
    assert "pbx.office.answers" in eventually(alarms, "the alarm")[0]


def test_a_queue_that_does_not_answer_first_says_who_did(office: Office) -> None:
    phone = office.phone("201", after=0.5)
    caller = office.customer(talk_ms=1000, dialled=UNANSWERED)
    phone.talks()
    caller.finish()
    row = office.call_row()
    assert (row["cause"], row["agent"], row["evidence"]) == (200, "201", "identity")


def test_a_baresip_phone_calls_out_and_is_called_back(office: Office) -> None:
    phone = office.baresip("202")
    with Sipp("callee_refuses", office.folder, port=office.carrier) as customer:
        phone.dial(CUSTOMER)
        eventually(lambda: customer.received("ACK "), "the carrier has refused")
    eventually(lambda: office.records() == [(CUSTOMER, "202")], "the record of 202")
    seen = len(phone.lines)
    caller = office.customer(talk_ms=1000)
    phone.talks(after=seen)
    caller.finish()
    assert office.call_row()["agent"] == "202"


def test_a_talk_through_boomerang_out_of_asterisk(office: Office) -> None:
    """An answered call of an agent: PJSIP's UPDATE or re-INVITE after the ACK and the BYE from the PBX's side pass."""
    phone = office.phone("201")
    with Sipp("callee", office.folder, port=office.carrier, pause_ms=300) as customer:
        phone.dial(CUSTOMER)
        phone.talks()
        phone.hang_up()
        phone.ended()
        eventually(lambda: customer.received("BYE "), "the carrier got the BYE")
    row = office.call_row()
    assert (row["direction"], row["agent"], row["cause"], row["ended_by"]) == ("outbound", "201", 200, "caller")


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_an_operator_ends_a_talk_through_boomerang(office: Office, direction: str) -> None:
    """Asterisk and SIPp both take the BYE for the other one's, whoever has called whom; Asterisk's UPDATE or re-INVITE
    right after the ACK has raised a number."""
    phone = office.phone("201", after=0.3)
    if direction == "outbound":
        customer = office.stack.enter_context(Sipp("callee", office.folder, port=office.carrier, pause_ms=300))
        phone.dial(CUSTOMER)
    else:
        customer = office.customer("caller_waits", dialled=UNANSWERED)
    phone.talks()
    eventually(lambda: [row for row in office.boomerang.cli("calls", "--active") if row["state"] == "talking"],
               "the call is answered")
    [call] = office.boomerang.cli("calls", "--active")
    assert office.boomerang.cli("calls", "end", call["id"]) == {"id": call["id"]}
    phone.ended()
    eventually(lambda: customer.received("BYE "), "the carrier got the BYE")
    eventually(lambda: office.pbx.channels() == 0, "no channel is left in Asterisk")
    row = office.call_row()
    assert (row["direction"], row["cause"], row["ended_by"]) == (direction, 200, "operator")
    assert not [line for line in office.boomerang.log if "bye_given_up" in line]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_pbx_over_a_connection(asterisk: Path, tmp_path: Path, authority: Authority, transport: str) -> None:
    """Asterisk over TCP and TLS with names checked on both sides, the carrier over UDP: double Record-Route."""
    hop, hop_tls, carrier, back = (free_port() for _ in range(4))
    own, theirs = authority.issue("boomerang"), authority.issue("pbx", LOOPBACK)
    listen: dict[str, dict[str, object]] = {
        "tcp": {"uri": f"tcp://{LOOPBACK}:{hop}"},
        "tls": {
            "uri": f"tls://{LOOPBACK}:{hop_tls}",
            "certificate": own.certificate,
            "private_key": own.key,
            "ca": own.ca,
            "verify_client": True,
        },
    }
    secure = transport == "tls"
    pbx = Asterisk(asterisk, hop=f"{LOOPBACK}:{hop_tls if secure else hop}", transport=transport, tls=theirs)
    # Carrier and PBX have one address, and a connection comes from any port: Asterisk's Via says whose it is.
    office = peer(pbx.tls_port if secure else pbx.port, transport=transport)
    with (
        pbx,
        Boomerang(
            tmp_path / "boomerang",
            trunks={"main": peer(carrier, back)},
            pbxs={"office": office},
            port=hop,
            listen=[listen[transport]],
        ) as boomerang,
        PjsipPhone("201", PASSWORD, pbx.port) as phone,
    ):
        with Sipp("callee", tmp_path, port=carrier, pause_ms=100) as customer:
            phone.dial(CUSTOMER)
            phone.talks()
            phone.hang_up()
            phone.ended()
            eventually(lambda: customer.received("BYE "), "the carrier got the BYE")
            invite = customer.received("INVITE ")[0]
            assert len(re.findall(r"(?im)^Record-Route:", invite.text)) == 2
        caller = Sipp("caller", tmp_path, port=back, remote=boomerang.port, keys={"caller": CUSTOMER}, pause_ms=1500)
        with caller:
            caller.finish()
        assert 200 in noticed(caller)
