"""Who calls and who is called, as equipment writes it: one customer is one number, and nobody else's number.

The proxy with the real rules behind it, between the trunk `main` and the PBX `office`.
"""

import itertools

import pytest

from config.policy import parse_policy
from proxy.sip.message import Request
from routing.identity import PbxFacts
from routing.rows import CallRow
from tests.kit.desk_parts import new_desk
from tests.kit.ledger_parts import LedgerParts
from tests.kit.sip_text import SDP
from tests.kit.world import PBX, TRUNK, Sent, World
from tests.routing.memory_store import MemoryStore

CUSTOMER = "+36201234567"
DIALLED = "+3614445555"
ORDINARY = f"<sip:{CUSTOMER}@c.example>"
FOREIGN = "<sip:+49201234567@c.example>"

POLICY = f"""
[direct_callback]
type = 3
[number."{DIALLED}"]
group = "sales"
[guard]
countries = ["HU", "DE"]
[group.sales]
target = "600"
agents = ["201"]
missed_callback = {{ enabled = true }}
"""


class House:
    """One call after another, each answered as the test says."""

    def __init__(self, region: str = "HU", agent: str = "201", called: str = CUSTOMER) -> None:
        """The agent has called this customer in vain, unless `agent` is empty."""
        self.store = MemoryStore()
        policy = parse_policy(f'region = "{region}"\n{POLICY}')
        pbxs = {"office": PbxFacts.of("^[2-7][0-9]{2}$", ("X-Agent", "P-Asserted-Identity", "Remote-Party-ID", "From"))}
        parts = LedgerParts(self.store, policy, pbxs, random_bytes=lambda count: bytes(count))
        self.ledger = parts.ledger
        self.world = World(domains=frozenset({"pbx.example"}), rules=self.ledger)
        desk = new_desk(self.store, policy, self.ledger.attendance, lambda count: bytes(count), teller=parts.teller)
        desk.restore(self.world.proxy.parts.wall())
        parts.connect(desk.calls)
        self.serial = itertools.count()
        if agent:
            self.agent_calls(f"sip:{called}@127.0.0.1:5060", f"P-Asserted-Identity: <sip:{agent}@pbx.example>")

    def invite(self, place: tuple[str, int], uri: str, from_: str, *fields: str) -> list[Sent]:
        number = next(self.serial)
        lines = [f"INVITE {uri} SIP/2.0", f"Via: SIP/2.0/UDP {place[0]}:{place[1]};branch=z9hG4bK{number};rport",
                 "Max-Forwards: 70", f"From: {from_};tag=f{number}", f"To: <{uri}>", f"Call-ID: c{number}@x",
                 "CSeq: 1 INVITE", f"Contact: <sip:x@{place[0]}:{place[1]}>", *fields, "Content-Type: application/sdp"]
        return self.world.give("\r\n".join((*lines, "", SDP.decode())), place)

    def agent_calls(self, uri: str, *fields: str, from_: str = f"<sip:{DIALLED}@pbx.example>") -> Request:
        """A call of the PBX that the trunk answers 486; gives the INVITE that the trunk had."""
        return self._refused(self.invite(PBX, uri, from_, *fields), TRUNK)

    def customer_calls(self, from_: str, *fields: str, uri: str = f"sip:{DIALLED}@127.0.0.1:5060") -> str:
        """A call of the trunk; gives the user whom the PBX is sent to first. Nobody answers it there."""
        self.first = self._refused(self.invite(TRUNK, uri, from_, *fields), PBX)
        return self.first.uri.decode().partition("@")[0].removeprefix("sip:").partition(";")[0]

    def _refused(self, sent: list[Sent], place: tuple[str, int]) -> Request:
        first = None
        while invites := [one.request for one in sent if one.to == place and one.title == "INVITE"]:
            first = first or invites[0]
            sent = [new for invite in invites for new in self.world.give(refusal(invite), place)]
        assert first is not None
        return first

    @property
    def row(self) -> CallRow:
        """The last call."""
        return list(self.store.rows.values())[-1]

    def customers(self) -> set[str | None]:
        """Everybody who was ever written down."""
        return {row.customer for row in self.store.rows.values()}


def refusal(invite: Request) -> bytes:
    kept = [field for name, field in zip(invite.names, invite.fields, strict=True)
            if name in (b"via", b"from", b"call-id", b"cseq")]
    to = b"To: %s;tag=t" % (invite.value(b"to") or b"")
    return b"\r\n".join((b"SIP/2.0 486 Busy Here", *kept, to, b"Content-Length: 0", b"", b""))


# A local number is one only within its context


@pytest.mark.parametrize(("from_", "fields", "customer"), [
    (FOREIGN, ("P-Asserted-Identity: <tel:201234567;phone-context=+49>",), "+49201234567"),
    (FOREIGN, ("P-Asserted-Identity: tel:201234567;phone-context=+49",), "+49201234567"),
    (FOREIGN, ("P-Asserted-Identity: <tel:20-123-4567;Phone-Context=%2B4-9>",), "+49201234567"),
    (FOREIGN, ("P-Asserted-Identity: <sip:201234567@c.example;phone-context=+49;user=phone>",), "+49201234567"),
    ("<sip:201234567;phone-context=+49@c.example;user=phone>", (), "+49201234567"),
    ("<sip:201234567;phone-context=%2B49@c.example;user=phone>", (), "+49201234567"),
    ("<sip:201234567;isub=1;phone-context=+49;ext=5@c.example>", (), "+49201234567"),
    ("<sip:0201234567;phone-context=+49@c.example>", (), "+49201234567"),
    ("<tel:201234567;phone-context=c.example>", (), None),
    (ORDINARY, ("P-Asserted-Identity: <tel:201234567;phone-context=other.example>",), None),
    (ORDINARY, ("P-Asserted-Identity: <sip:201@other.example>;phone-context=other.example",), None),
    (ORDINARY, ("P-Asserted-Identity: <tel:1;phone-context=other.example>, <tel:+49201234567>",), "+49201234567"),
    ("<sip:0036201234567;phone-context=+49@c.example>", (), None),
    ("<tel:06201234567;phone-context=c.example>", (), None),
    ("<sip:06201234567;phone-context=+36;phone-context=+49@c.example>", (), None),
    ("<sip:06201234567;phone-context=@c.example>", (), None),
    ("<sip:06201234567;phone-context=49@c.example>", (), None),
])
def test_a_stranger_is_not_taken_for_the_customer(from_: str, fields: tuple[str, ...], customer: str | None) -> None:
    house = House()
    assert house.customer_calls(from_, *fields) == DIALLED
    assert house.row.customer == customer
    tasks = [task.customer for task in house.store.callbacks.open_tasks()]
    assert tasks == ([] if customer is None else [customer])


@pytest.mark.parametrize("from_", [
    "<tel:1234567;phone-context=+3620>", "<tel:06201234567;phone-context=pbx.example>",
    "<sip:06201234567;phone-context=PBX.Example.@c.example;user=phone>", "<tel:+36201234567;phone-context=+49>",
    "<sip:+36-20-123-4567;ext=12@c.example>", "<sip:%2B36201234567;isub=4@c.example>", "<sip:36201234567@c.example>",
])
def test_the_customer_in_other_words(from_: str) -> None:
    house = House()
    assert house.customer_calls(from_) == "201"
    assert house.row.customer == CUSTOMER


def test_whom_an_agent_called_is_a_number_in_its_context() -> None:
    house = House(agent="")
    sent = house.agent_calls("sip:305556677;phone-context=+49@127.0.0.1:5060",
                             "P-Asserted-Identity: <sip:202@pbx.example>")
    assert sent.uri == b"sip:305556677;phone-context=+49@127.0.0.1:5060", "it goes out as it came"
    assert house.row.customer == "+49305556677"
    assert house.customer_calls("<sip:+36305556677@c.example>") == DIALLED
    assert house.customer_calls("<sip:+49305556677@c.example>") == "202"


@pytest.mark.parametrize("uri", ["sip:14445555;phone-context=+49@127.0.0.1:5060", "tel:14445555;phone-context=+49",
                                 "sip:14445555;phone-context=c.example@127.0.0.1:5060"])
def test_a_number_of_somebody_else_is_none_of_ours(uri: str) -> None:
    house = House(agent="")
    house.customer_calls(ORDINARY, uri=uri)
    assert (house.row.number, house.row.group) != (DIALLED, "sales")
    assert house.store.callbacks.open_tasks() == []


@pytest.mark.parametrize("uri", ["tel:14445555;phone-context=+36", "sip:14445555;phone-context=+36@127.0.0.1:5060",
                                 "sip:4445555;phone-context=+361@127.0.0.1:5060", "sip:%2B3614445555@127.0.0.1:5060",
                                 "sip:+0036-1-444-5555;ext=3@127.0.0.1:5060;user=phone"])
def test_our_number_in_other_words(uri: str) -> None:
    house = House(agent="")
    house.customer_calls(ORDINARY, uri=uri)
    assert (house.row.number, house.row.group) == (DIALLED, "sales")


@pytest.mark.parametrize(("shown", "agent"), [
    ("<tel:201;phone-context=pbx.example>", "201"), ("<sip:201;phone-context=pbx.example@pbx.example>", "201"),
    ("<sip:201;ext=1@pbx.example>", "201"), ("<sip:2-01@pbx.example;user=phone>", "201"),
    ("<tel:201;phone-context=+3614445>", None), ("<tel:201;phone-context=other.example>", None),
])
def test_which_agent_calls(shown: str, agent: str | None) -> None:
    house = House(agent="")
    house.agent_calls(f"sip:{CUSTOMER}@127.0.0.1:5060", f"P-Asserted-Identity: {shown}")
    assert house.row.agent == agent


# Who does not want to be known


@pytest.mark.parametrize("fields", [
    ("Privacy: id",), ("Privacy: id, critical",), ('Privacy: "id"',), ("Privacy: critical,id",),
    ("Privacy: id;critical",), ("Privacy: none", "Privacy: id"), ("Privacy: USER",), ("Privacy: header ; id",),
    ("Privacy: 'id'",), ("Privacy: <id>",), ("Privacy: critical|id",), ("Privacy: id(asked)",), ("Privacy: full",),
    ("Privacy: restricted",), ("P-Asserted-Identity: <sip:anonymous@anonymous.invalid>",),
    ("Remote-Party-ID: <sip:+36201234567@c.example>;party=calling;screen=yes;privacy=full",),
    ('Remote-Party-ID: "A" <sip:+36201234567@c.example>;privacy="full"',),
    ("Remote-Party-ID: <sip:+36201234567@c.example>;Privacy = FULL-network",),
    ("Remote-Party-ID: <sip:1@c.example>;privacy=off, <sip:2@c.example>;privacy=uri",),
    ("Remote-Party-ID: <sip:anonymous@c.example>;privacy=off",),
])
def test_withheld_is_nobody(fields: tuple[str, ...]) -> None:
    house = House()
    asserted = f"P-Asserted-Identity: {ORDINARY}"
    assert house.customer_calls(ORDINARY, asserted, *fields) == DIALLED
    assert house.row.customer is None
    assert house.store.callbacks.open_tasks() == []
    assert CUSTOMER not in str([event for event in house.store.events if event.data.get("call") == house.row.id])


@pytest.mark.parametrize("user", [
    "anonymous@c.example", "Anonymous@anonymous.invalid", "restricted@c.example", "unavailable@unknown.invalid",
    "UNKNOWN@c.example", "private@c.example", "withheld@c.example", "+36201234567@anonymous.invalid",
    "+36201234567@x.INVALID.", "anonymous;phone-context=c.example@c.example", "%61nonymous@c.example",
])
def test_a_from_that_names_nobody_counts_whatever_is_asserted(user: str) -> None:
    house = House()
    assert house.customer_calls(f"<sip:{user}>", f"P-Asserted-Identity: {ORDINARY}") == DIALLED
    assert house.row.customer is None


def test_an_anonymous_display_name_is_a_wish_too() -> None:
    house = House()
    assert house.customer_calls(f'"Anonymous" {ORDINARY}') == DIALLED
    assert house.row.customer is None


@pytest.mark.parametrize("fields", [
    ("Privacy: none",), ("Privacy: session",), ("Privacy: history",), ("Privacy: critical",),
    ("Privacy: session;history",),
    ("Remote-Party-ID: <sip:+36201234567@c.example>;party=calling;privacy=off",),
    ("Remote-Party-ID: <sip:+36201234567@c.example>;privacy=name",),
    ("Remote-Party-ID: <sip:+3614445555@c.example>;party=called;privacy=full",),
])
def test_who_may_be_known(fields: tuple[str, ...]) -> None:
    house = House()
    assert house.customer_calls('"Unknown" <sip:+36209999999@c.example>', f"P-Asserted-Identity: {ORDINARY}",
                                *fields) == "201"
    assert house.row.customer == CUSTOMER


# One customer, one number


@pytest.mark.parametrize("from_", ["+0036201234567", "++36201234567", "00+36201234567", "+06201234567",
                                   "+360201234567", "+36(0)201234567", "+003606201234567", "+++0036 20 1234567"])
def test_what_a_gateway_put_before_the_customer(from_: str) -> None:
    house = House()
    assert house.customer_calls(f"<sip:{from_.replace(' ', '%20')}@c.example>") == "201"
    assert house.customers() == {CUSTOMER}


@pytest.mark.parametrize(("region", "dialled", "customer"), [
    ("HU", "+0049301234501", "+49301234501"), ("HU", "++49301234501", "+49301234501"),
    ("US", "+01149301234501", "+49301234501"), ("CZ", "0601234567", "+420601234567"),
])
def test_what_a_pbx_dialled(region: str, dialled: str, customer: str) -> None:
    house = House(region, called=dialled)
    assert house.customers() == {customer}
    assert house.customer_calls(f"<sip:{customer}@c.example>") == "201"


@pytest.mark.parametrize(("region", "customer", "spelling"), [
    ("PL", "+48221234567", "0221234567"), ("PL", "+48221234567", "+480221234567"),
    ("PL", "+48221234567", "480221234567"),
    ("CZ", "+420601234567", "0601234567"), ("GR", "+302101234567", "02101234567"),
    ("LU", "+352621123456", "0621123456"),
    ("MX", "+525512345678", "+5215512345678"), ("MX", "+525512345678", "0445512345678"),
])
def test_a_trunk_prefix_that_a_country_has_abolished(region: str, customer: str, spelling: str) -> None:
    house = House(region, called=customer)
    assert house.customer_calls(f"<sip:{spelling}@c.example>") == "201"
    assert house.customers() == {customer}


def test_a_call_that_was_lost_shows_nobody_who_may_not_be_known() -> None:
    """What a refusal repeats of an INVITE does not say whether its caller wanted to be known."""
    house = House(agent="")
    sent = house.invite(TRUNK, f"sip:{DIALLED}@127.0.0.1:5060", ORDINARY, "Privacy: id")
    [invite] = [one.request for one in sent if one.title == "INVITE"]
    again = House(agent="")
    house.world.restart(again.ledger)
    asserted = f"P-Asserted-Identity: <sip:{DIALLED}@pbx.example>\r\n".encode()
    house.world.give(refusal(invite).replace(b"Content-Length", asserted + b"Content-Length"), PBX)
    assert [(row.customer, row.cause) for row in again.store.rows.values()] == [(None, 486)]
    assert again.store.callbacks.open_tasks() == []
