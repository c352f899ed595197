"""What stands around dialogs and calls that pass, each alone: the gate, the way onward, ACKs, names, facts."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.acks import Acks
from proxy.core.call_facts import CallFacts
from proxy.core.call_names import AGE, CallNames
from proxy.core.credentials import ExpectedCredentials
from proxy.core.dialog_gate import DialogGate, read_route
from proxy.core.headers import dialog_key
from proxy.core.named import NamedAddresses
from proxy.core.onward import Onward
from proxy.core.seals import Speaker, Token
from proxy.sip.errors import SipError
from proxy.sip.hop import Hop
from proxy.sip.message import Request
from proxy.sip.uri import Uri
from routing.facts import OpenCall
from tests.kit.world import PBX, STRANGER, Names
from tests.proxy.core.workbench import HOP, Workbench, is_own, request

CALL = "01890a5d-ac96-774b-bcce-b302099a8057"
AT_PBX = "sip:600@127.0.0.1:5080"


def gate(bench: Workbench) -> tuple[DialogGate, NamedAddresses]:
    named = NamedAddresses(bench.peers)
    return DialogGate(bench.seals, bench.peers, bench.reporter, named, is_own, bench.adoption), named


def inside(bench: Workbench, method: str = "BYE", *, is_call: bool = True, from_tag: bytes = b"ft") -> Request:
    token = bench.seals.token(CALL, from_tag, b"one@carrier", is_call=is_call).decode()
    return request(method, f"Route: <sip:{token}@127.0.0.1:5060;lr>", uri=AT_PBX, to_tag="tt")


def test_our_route_is_taken_off_and_says_whose_call_it_is() -> None:
    bench = Workbench()
    one = inside(bench)
    token = gate(bench)[0].open_route(one)
    assert token is not None
    assert (token.call, token.speaker(b"ft", b"tt"), one.routes) == (CALL, Speaker("caller", "tt"), ())


def fault_of(read: Callable[[], object]) -> object:
    """What reading gives, or the fault that it finds."""
    try:
        return read()
    except SipError as error:
        return error.reason


@given(st.sampled_from(["sip", "sips", "SIP", "tel"]), st.from_regex(r"bm-[A-Za-z0-9_:-]{39,41}", fullmatch=True),
       st.sampled_from(["127.0.0.1", "[::1]", "Edge.Example", "", "a@b", "127.0.0.1:5060", "h:0", "h:99999", "[::1"]),
       st.text("lrtanspo=;?:@udcmx5 %", max_size=24) | st.sampled_from([";lr", ";transport=TCP;lr", ";maddr=[::9]"]))
def test_a_route_is_read_as_any_other_uri(scheme: str, user: str, host: str, rest: str) -> None:
    uri = f"{scheme}:{user}@{host}{rest}".encode()

    def the_long_way() -> tuple[bytes, str, int | None, str | None]:
        read = Uri.parse(uri)
        return read.user, read.plain_host, read.port, read.transport

    assert fault_of(lambda: read_route(uri)) == fault_of(the_long_way)


def test_what_is_not_ours_opens_nothing() -> None:
    bench = Workbench()
    forged = inside(bench)
    forged.replace(b"call-id", b"Call-ID: other@carrier")
    foreign = request("BYE", "Route: <sip:bm-x@192.0.2.9;lr>", uri=AT_PBX, to_tag="tt")
    spent = inside(bench, "ACK")
    spent.replace(b"max-forwards", b"Max-Forwards: 0")
    assert [gate(bench)[0].open_route(one) for one in (forged, foreign, spent)] == [None, None, None]


def test_who_may_speak() -> None:
    bench = Workbench()
    one, named = gate(bench)
    call, caller = Token(CALL, 0), Speaker("caller", "tt")
    bye, info = inside(bench), inside(bench, "INFO")
    assert one.let_in(bye, call, None, bench.flow()) == "another_dialog"
    assert one.let_in(bye, call, caller, bench.flow()) is None
    assert one.let_in(bye, call, caller, bench.flow(STRANGER)) == "stranger_in_dialog"
    assert one.let_in(bye, Token(CALL, 0, False), caller, bench.flow(STRANGER)) == "stranger_in_subscription"
    named.learn(CALL, (b"Contact: <sip:x@127.0.0.1:5999>",))
    assert one.let_in(bye, call, caller, bench.flow(STRANGER)) is None
    bench.router.standings[CALL] = "over"
    assert one.let_in(bye, call, caller, bench.flow()) is None
    assert one.let_in(info, call, caller, bench.flow()) == "call_is_over"
    bench.router.standings[CALL] = "long_over"
    assert one.let_in(bye, call, caller, bench.flow()) == "call_is_over"


def located(bench: Workbench, one: Request) -> list[tuple[Hop, ...]]:
    found: list[tuple[Hop, ...]] = []
    Onward(Names(), bench.peers, is_own).locate(one, found.append)
    return found


def test_the_way_onward_is_the_route_else_the_uri() -> None:
    bench = Workbench()
    assert located(bench, request("BYE", uri=AT_PBX)) == [(HOP,)]
    routed = request("BYE", "Route: <sip:192.0.2.9:5071;lr>", uri=AT_PBX)
    assert located(bench, routed) == [(Hop("udp", "192.0.2.9", 5071),)]
    strict = request("BYE", "Route: <sip:192.0.2.9>", uri=AT_PBX)
    assert (located(bench, strict), strict.uri) == ([(Hop("udp", "192.0.2.9", 5060),)], b"sip:192.0.2.9")
    assert strict.routes[-1].uri == AT_PBX.encode()


def test_nothing_comes_back_to_us() -> None:
    with pytest.raises(SipError, match="Loop Detected"):
        located(Workbench(), request("BYE", uri="sip:600@127.0.0.1:5060"))


def test_an_ack_is_forwarded_and_told() -> None:
    bench = Workbench()
    acks = Acks(gate(bench)[0], Onward(Names(), bench.peers, is_own), bench.sender, bench.reporter)
    acks.take(inside(bench, "ACK"), bench.flow())
    acks.take(inside(bench, "ACK"), bench.flow(STRANGER))
    acks.take(request("ACK"), bench.flow())
    assert [(one.title, one.to) for one in bench.wire.sent] == [("ACK", PBX)]
    assert (bench.wire.sent[0].request.max_forwards, bench.router.acknowledgements) == (69, [(CALL, "tt")])


def test_an_ack_that_leads_nowhere_is_counted() -> None:
    bench = Workbench()
    acks = Acks(gate(bench)[0], Onward(Names(), bench.peers, is_own), bench.sender, bench.reporter)
    lost = inside(bench, "ACK")
    lost.set_uri(b"sip:600@nowhere.example")
    acks.take(lost, bench.flow())
    assert (bench.titles(), bench.counters.refused) == ([], {"ack_without_next_hop": 1})


def test_a_call_keeps_its_name() -> None:
    bench = Workbench()
    credentials = ExpectedCredentials(bench.timers, bench.reporter)
    names = CallNames(bench.reporter, credentials, lambda: CALL, bench.now, False)
    assert names.name(request(), bench.now) == CALL
    bench.router.open["one@carrier"] = OpenCall("earlier", "main", "office", None, "inbound")
    assert names.name(request(), bench.now) == "earlier"
    credentials.expect(dialog_key(request()), "challenged", bench.now)
    assert names.name(request(), bench.now) == "challenged"


def test_only_for_a_while_a_call_may_have_been_lost() -> None:
    bench = Workbench()
    names = CallNames(bench.reporter, ExpectedCredentials(bench.timers, bench.reporter), lambda: CALL, bench.now, False)
    names.name(request(), bench.now)
    assert not names.may_be_lost(b"one@carrier", bench.now)
    assert names.may_be_lost(b"other@carrier", bench.now)
    assert not names.may_be_lost(b"other@carrier", bench.now + AGE)
    names.name(request(), bench.now + AGE)
    assert names.begun == set()


def test_beside_other_nodes_it_may_always_have_begun_there() -> None:
    bench = Workbench()
    names = CallNames(bench.reporter, ExpectedCredentials(bench.timers, bench.reporter), lambda: CALL, bench.now, True)
    names.name(request(), bench.now + 5 * AGE)
    assert names.may_be_lost(b"other@carrier", bench.now + 5 * AGE)
    other = request()
    other.replace(b"call-id", b"Call-ID: two@carrier")
    for later, known in ((5.5, True), (6, True), (7, False)):  # the oldest go
        names.name(other, bench.now + later * AGE)
        assert names.may_be_lost(b"one@carrier", bench.now) is not known
    assert len(names.begun) == 1


def test_facts_of_a_dialog_are_the_same_from_both_sides() -> None:
    bench = Workbench()
    facts = CallFacts(bench.peers, frozenset(), {"office": (b"x-agent",)})
    invite = request("INVITE", "X-Agent: 666", to_tag="tt", source=PBX)
    back = request("INVITE", "X-Agent: 201", "P-Asserted-Identity: <sip:201@pbx>", to_tag="ft")
    back.replace(b"from", b"From: <sip:600@127.0.0.1>;tag=tt")
    back.replace(b"to", b"To: <sip:+36201234567@carrier.example>;tag=ft")
    one = facts.of_dialog(invite, bench.trunk, CALL, by_caller=True)
    assert one == facts.of_dialog(back, bench.trunk, CALL, by_caller=False)
    assert (one.direction, one.dialled, one.withheld) == ("inbound", "600", True)
    assert [(shown.header, shown.user) for shown in one.identities] == [("from", "+36201234567")]


def test_facts_of_a_call() -> None:
    bench = Workbench()
    facts = CallFacts(bench.peers, frozenset(), {"office": (b"x-agent",)})
    uri, inbound = facts.of_call(request(), bench.trunk, CALL)
    assert (uri, inbound.direction, inbound.trunk, inbound.pbx, inbound.dialled) == (
        b"sip:600@127.0.0.1", "inbound", "main", "office", "600")
    _, outbound = facts.of_call(request("INVITE", "X-Agent: 201"), bench.pbx, CALL)
    assert (outbound.direction, outbound.identities[0].user) == ("outbound", "201")


def test_a_call_to_the_contact_that_we_registered_goes_where_its_to_says() -> None:
    bench = Workbench()
    bench.trunk.account = "we"
    one = request(uri="sip:we@127.0.0.1")
    one.replace(b"to", b"To: <sip:+3614445555@carrier.example>")
    uri, facts = CallFacts(bench.peers, frozenset(), {}).of_call(one, bench.trunk, CALL)
    assert (uri, facts.dialled) == (b"sip:+3614445555@127.0.0.1", "+3614445555")
