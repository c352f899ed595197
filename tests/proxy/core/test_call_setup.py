"""The setup of a call, alone: targets, ringing, the answer, whoever gives up, and a target that is ourselves."""

from __future__ import annotations

from proxy.core.call_facts import CallFacts
from proxy.core.call_names import CallNames
from proxy.core.call_setup import CallSetup, SetupParts, ringing_setup
from proxy.core.local import LocalInvite
from proxy.core.new_calls import NewCalls
from proxy.core.seals import NO_LOOP_MARK
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from routing.facts import Decision, Ending, NewCall, Target
from tests.proxy.core.workbench import Workbench, answered, request

CALL = "01890a5d-ac96-774b-bcce-b302099a8057"
AGENT_FIRST = (Target("201", 20.0, (("X-Boomerang", "direct"),)), Target())


class Behind:
    """Takes every INVITE that is handed over."""

    def __init__(self) -> None:
        self.invite: LocalInvite | None = None
        self.cancelled = False

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        return False

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return False

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        self.invite = invite
        invite.on_cancel = self._cancelled
        return True

    def _cancelled(self, now: float) -> None:
        self.cancelled = True

    def say(self, status: int) -> None:
        assert self.invite is not None
        self.invite.respond(build_response(self.invite.request, status, to_tag=b"ours"), status, 100.0)


def parts(bench: Workbench) -> SetupParts:
    return SetupParts(bench.relays, bench.reporter, bench.held, bench.credentials, bench.named, bench.passing,
                      bench.counters, bench.local, bench.acks)


def setup(bench: Workbench, *targets: Target) -> CallSetup:
    made = CallSetup(parts(bench), request(), bench.flow(), CALL, Decision(targets or (Target(),), "office", "normal"),
                     bench.pbx, NO_LOOP_MARK, bench.now)
    made.start(bench.now)
    return made


def told(bench: Workbench) -> list[str]:
    return [fact.what for fact in bench.router.heard]


def test_it_rings_and_is_answered() -> None:
    bench = Workbench()
    made = setup(bench)
    answered_at = bench.wire.sent[-1].request
    for status in (180, 200):
        bench.wire.sent.append(bench.wire.sent[-1]._replace(data=answered_at.to_bytes()))
        answered(bench, status)
    assert (told(bench), bench.titles(), made.is_open) == (["ringing", "answered"], ["200 INVITE"], False)
    assert bench.counters.calls == {"inbound.answered": 1}
    assert len(bench.named) == 0, "a peer's Contact and our own Record-Route are nobody's news"


def test_a_target_that_is_not_the_last_fails_in_silence() -> None:
    bench = Workbench()
    setup(bench, *AGENT_FIRST)
    first = bench.wire.sent[-1].request
    assert (first.uri, first.value(b"x-boomerang")) == (b"sip:201@127.0.0.1:5080", b"direct")
    answered(bench, 486)
    assert (bench.wire.sent[-1].request.uri, told(bench)) == (b"sip:600@127.0.0.1", ["target_failed"])
    answered(bench, 404)
    assert (bench.titles(), bench.router.told("ended")) == (["ACK", "404 INVITE"], [(Ending(404, "callee"),)])


def test_a_target_has_its_time() -> None:
    bench = Workbench()
    setup(bench, *AGENT_FIRST)
    bench.wait(20.0)
    assert bench.router.told("target_failed") == [(0, 408)]
    assert bench.wire.sent[-1].request.uri == b"sip:600@127.0.0.1"


def test_challenged_it_is_not_over() -> None:
    bench = Workbench()
    setup(bench)
    answered(bench, 407)
    assert (bench.titles(), len(bench.credentials), told(bench)) == (["ACK", "407 INVITE"], 1, [])


def test_the_caller_gives_up() -> None:
    bench = Workbench()
    setup(bench)
    relay = next(iter(bench.relays.by_key.values()))
    relay.cancel(request("CANCEL", "Reason: SIP;cause=200"), bench.now)
    answered(bench, 487)
    assert bench.router.told("ended") == [(Ending(487, "caller", elsewhere=True),)]
    assert bench.counters.calls == {"inbound.cancelled": 1}


def test_an_operator_ends_it() -> None:
    bench = Workbench()
    made = setup(bench)
    assert ringing_setup(bench.relays, CALL) is made
    made.end((b"Reason: Q.850;cause=31",), lambda now: None, bench.now)
    answered(bench, 487)
    ended = [one.response for one in bench.wire.sent if one.title == "480 INVITE"]
    assert [one.value(b"reason") for one in ended] == [b"Q.850;cause=31"]
    assert bench.router.told("ended") == [(Ending(480, "operator"),)]
    assert ringing_setup(bench.relays, CALL) is None


def test_what_nobody_takes_goes_on() -> None:
    bench = Workbench()
    setup(bench, Target(local="a1"), Target())
    assert (bench.router.told("target_failed"), bench.titles()) == ([(0, 480)], ["100 INVITE", "INVITE"])


def test_ourselves_answer_and_refuse() -> None:
    bench, behind = Workbench(), Behind()
    bench.local.open_to(behind)
    setup(bench, Target(local="a1"), Target())
    behind.say(180)
    behind.say(200)
    assert (told(bench), bench.titles()) == (["ringing", "answered"], ["100 INVITE", "180 INVITE", "200 INVITE"])
    refused = Workbench()
    refused.local.open_to(behind)
    setup(refused, Target(local="a1"), Target())
    behind.say(486)
    assert (refused.router.told("target_failed"), refused.titles()) == ([(0, 486)], ["100 INVITE", "INVITE"])


def test_what_ourselves_hold_is_taken_back() -> None:
    bench, behind = Workbench(), Behind()
    bench.local.open_to(behind)
    setup(bench, Target(local="a1", ring_for=5.0), Target())
    bench.wait(5.0)
    assert (behind.cancelled, bench.router.told("target_failed")) == (True, [(0, 408)])
    behind.say(200)
    assert told(bench) == ["target_failed"]


def test_nothing_is_kept_of_what_is_over() -> None:
    bench = Workbench()
    setup(bench)
    answered(bench, 486)
    bench.wait(64.0)
    assert (bench.relays.by_key, bench.transactions.servers, bench.transactions.clients) == ({}, {}, {})
    assert (bench.pending.count, len(bench.timers), len(bench.passing)) == (0, 0, 0)


def test_a_new_call_asks_where_it_goes() -> None:
    bench = Workbench()
    bench.router.decision = lambda call: Decision((Target("201"),), "office", "direct")
    names = CallNames(bench.reporter, bench.credentials, lambda: CALL, bench.now, False)
    calls = NewCalls(parts(bench), names, CallFacts(bench.peers, frozenset(), {}))
    calls.begin(request(), bench.flow(), bench.trunk, NO_LOOP_MARK, bench.now)
    [asked] = bench.router.calls
    assert isinstance(asked, NewCall)
    assert (asked.id, asked.dialled, bench.counters.direct_used) == (CALL, "600", 1)
    assert (bench.wire.sent[-1].request.uri, bench.wire.sent[-1].request.max_forwards) == (
        b"sip:201@127.0.0.1:5080", 69)
