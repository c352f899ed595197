"""One relay, alone: what it meets and what it asks of its owner."""

import pytest

from proxy.core.branch import Branch
from proxy.core.relay import TIMER_C, Relay
from proxy.core.seals import NO_LOOP_MARK
from proxy.sip.hop import Hop
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from routing.rows import EndedBy
from tests.kit.world import PBX, PBX_2, address
from tests.proxy.core.workbench import Workbench, answered, request, response


class Owner:
    """Passes everything on, and writes down what it was asked."""

    def __init__(self, second: bool = False) -> None:
        self.heard: list[str] = []
        self.second = second
        """There is one more target."""

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        return b"sip:%d@there" % target, (b"X-Target: %d" % target,)

    def provisional(self, relay: Relay, branch: Branch, response: Response, now: float) -> None:
        self.heard.append(str(response.status))
        relay.pass_on(branch, response, now)

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        self.heard.append("succeeded")
        relay.server.respond(data, response.status, now)

    def answered_again(self, relay: Relay, branch: Branch, response: Response) -> None:
        self.heard.append("again")

    def goes_on(self, relay: Relay, branch: Branch, status: int, now: float) -> bool:
        self.heard.append(f"used up {status}")
        self.second, goes = False, self.second
        return goes and relay.set_out(1, [branch.hop], now)

    def failed(self, relay: Relay, status: int, data: bytes, by: EndedBy, now: float) -> None:
        self.heard.append(f"failed {status} {by}")
        relay.server.respond(data, status, now)

    def unanswered(self, relay: Relay, now: float) -> None:
        self.heard.append("unanswered")

    def acknowledged(self, relay: Relay, request: Request, now: float) -> None:
        self.heard.append("acknowledged")

    def cancelled(self, relay: Relay, cancel: Request | None, now: float) -> None:
        self.heard.append("cancelled")

    def over(self, relay: Relay) -> None:
        self.heard.append("over")


def begun(bench: Workbench, owner: Owner, method: str = "INVITE") -> Relay:
    relay = Relay(bench.relays, request(method), bench.flow(), "c1", owner, NO_LOOP_MARK, None, bench.now)
    assert relay.set_out(0, bench.pbx, bench.now)
    return relay


def test_answered() -> None:
    bench, owner = Workbench(), Owner()
    relay = begun(bench, owner)
    sent = bench.wire.sent[-1].request
    assert (sent.uri, sent.value(b"x-target"), bench.pending.count) == (b"sip:0@there", b"0", 1)
    answered(bench, 200)
    assert (owner.heard, bench.titles(), relay.done, bench.pending.count) == (["succeeded"], ["200 INVITE"], True, 0)
    bench.wait(64.0)
    assert (owner.heard[-1], bench.relays.by_key, len(bench.timers)) == ("over", {}, 0)


@pytest.mark.parametrize(("below", "passes"), [
    (b"", False), (b",", False), (b" , \r\n ", False), (b", x", False), (b", SIP/2.0/UDP", False),
    (b";x=\"a,b\"", False), (b";x=\"a, SIP/2.0/UDP b", False),
    (b", SIP/2.0/UDP b;branch=z9hG4bK1", True), (b",\r\n\tSIP/2.0/UDP b, SIP/2.0/UDP c", True),
    (b"\r\nVia: SIP/2.0/UDP b", True), (b"\r\nv: SIP/2.0/UDP b, SIP/2.0/UDP c", True),
])
def test_an_answer_without_a_via_below_ours_goes_no_further(below: bytes, passes: bool) -> None:
    bench, owner = Workbench(), Owner()
    begun(bench, owner)
    sent = bench.wire.sent[-1].request
    via = sent.fields[sent.names.index(b"via")]
    rest = [sent.fields[sent.names.index(name)] for name in (b"from", b"to", b"call-id", b"cseq")]
    message = parse(b"\r\n".join((b"SIP/2.0 200 OK", via + below, *rest, b"", b"")))
    assert isinstance(message, Response)
    entry = bench.transactions.client_of(message)
    assert entry is not None
    entry.receive(message, bench.now)
    assert owner.heard[-1] == ("succeeded" if passes else "failed 502 proxy")


def test_the_owner_may_go_on() -> None:
    bench, owner = Workbench(), Owner(second=True)
    begun(bench, owner)
    answered(bench, 486)
    assert bench.wire.sent[-1].request.uri == b"sip:1@there"
    answered(bench, 404)
    assert owner.heard == ["used up 486", "used up 404", "failed 404 callee"]


def test_503_and_silence_lead_to_the_next_address() -> None:
    bench, owner = Workbench(), Owner()
    bench.peers.set_addresses(bench.pbx, (address(PBX), address(PBX_2)))
    begun(bench, owner)
    answered(bench, 503)
    assert (bench.wire.sent[-1].to, owner.heard) == (PBX_2, [])


def test_cancelled_before_and_after_the_first_1xx() -> None:
    bench, owner = Workbench(), Owner()
    relay = begun(bench, owner)
    sent = bench.wire.sent[-1].request
    relay.cancel(None, bench.now)
    bench.titles()
    bench.wire.sent.clear()
    entry = next(iter(bench.transactions.clients.values()))
    entry.receive(response(sent, 180), bench.now)
    assert (owner.heard, bench.titles()) == (["cancelled"], ["CANCEL"])
    entry.receive(response(sent, 487), bench.now)
    assert owner.heard[1:] == ["used up 487", "failed 487 callee"]


def test_timer_c_starts_again_with_each_1xx() -> None:
    bench, owner = Workbench(), Owner()
    begun(bench, owner)
    answered(bench, 180)
    entry = next(iter(bench.transactions.clients.values()))
    bench.wait(TIMER_C - 1.0)
    entry.receive(response(entry.request, 183), bench.now)
    bench.wait(TIMER_C - 1.0)
    assert owner.heard == ["180", "183"]
    bench.wait(2.0)
    assert owner.heard[2:] == ["failed 408 proxy"]


def test_nobody_answers_a_request_that_nobody_answered() -> None:
    bench, owner = Workbench(), Owner()
    begun(bench, owner, "BYE")
    bench.titles()
    bench.wait(3.5)
    assert bench.titles() == ["BYE", "100 BYE"]
    bench.wait(40.0)
    assert owner.heard == ["used up 408", "unanswered", "over"]
    assert (bench.relays.by_key, bench.pending.count) == ({}, 0)
