"""Each taker, alone: what it takes, what it leaves, and what it answers."""

from dataclasses import dataclass, field
from typing import cast

from proxy.core.admission import Admission
from proxy.core.after_restart import AfterRestart
from proxy.core.cancels import Cancels
from proxy.core.limiter import STRANGER_BURST
from proxy.core.local import LocalDoor, LocalInvite
from proxy.core.new_calls import NewCalls
from proxy.core.new_requests import NewRequests
from proxy.core.ourselves import Ourselves
from proxy.core.pass_on import PassOn
from proxy.core.peers import Peer
from proxy.core.relay import Relay
from proxy.core.seals import NO_LOOP_MARK
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from tests.kit.builds import replaces_parts
from tests.kit.world import PBX, STRANGER
from tests.proxy.core.test_relay import Owner
from tests.proxy.core.workbench import Workbench, is_own, request

US = "sip:127.0.0.1"


class Nothing:
    """No process was before this one."""

    def cancel(self, request: Request, flow: Flow, now: float) -> bool:
        return False


@dataclass
class Calls:
    begun: list[tuple[str, bytes]] = field(default_factory=list)

    def begin(self, request: Request, flow: Flow, source: Peer, mark: bytes, now: float) -> None:
        self.begun.append((source.name, request.uri))


class Behind:
    """Has the dialog `ours`."""

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        return request.to.tag == b"ours"

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return request.to.tag == b"earlier"

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return True

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        return name == "a1"


@replaces_parts
def test_cancels() -> None:
    bench, owner = Workbench(), Owner()
    cancels = Cancels(bench.relays, cast(AfterRestart, Nothing()))
    assert not cancels.take(request(), bench.flow(), bench.now)
    assert cancels.take(request("CANCEL"), bench.flow(), bench.now)
    assert bench.titles() == ["481 CANCEL"]
    Relay(bench.relays, request(), bench.flow(), "c1", owner, NO_LOOP_MARK, None, bench.now)
    assert cancels.take(request("CANCEL"), bench.flow(("192.0.2.7", 5060)), bench.now)
    assert cancels.take(request("CANCEL"), bench.flow(), bench.now)
    assert bench.titles() == ["100 INVITE", "481 CANCEL", "200 CANCEL", "487 INVITE"]
    assert owner.heard == ["cancelled", "failed 487 caller"]


def test_ourselves() -> None:
    bench = Workbench()
    ourselves = Ourselves(bench.sender, is_own)
    assert not ourselves.take(request(), bench.flow(), bench.now)
    assert not ourselves.take(request("OPTIONS", uri="sip:600@192.0.2.9"), bench.flow(), bench.now)
    assert ourselves.take(request("OPTIONS", uri=US), bench.flow(STRANGER), bench.now)
    ourselves.draining = True
    assert ourselves.take(request("OPTIONS", uri="sip:x@127.0.0.1"), bench.flow(), bench.now)
    assert bench.titles() == ["200 OPTIONS", "503 OPTIONS"]


@replaces_parts
def test_the_door_is_shut_until_somebody_stands_behind_it() -> None:
    bench, door = Workbench(), LocalDoor()
    inside, earlier = request("BYE", to_tag="ours"), request("BYE", to_tag="earlier")
    invite = LocalInvite(cast(object, None), request(), bench.flow(), "c1", 0)  # type: ignore[arg-type]  # not asked
    answer = cast(Response, None)
    def asked() -> list[bool]:
        return [door.take(inside, bench.flow(), 0.0), door.take(earlier, bench.flow(), 0.0),
                door.take_unknown(inside, bench.flow(), 0.0), door.take_unknown(earlier, bench.flow(), 0.0),
                door.take_response(answer, bench.flow(), 0.0), door.take_invite("a1", invite, 0.0),
                door.take_invite("a2", invite, 0.0)]

    assert asked() == [False] * 7
    door.open_to(Behind())
    assert asked() == [True, False, False, True, True, True, False]


def new_requests(bench: Workbench, calls: Calls) -> NewRequests:
    return NewRequests(Admission(bench.transactions, bench.pending, bench.now), cast(NewCalls, calls), bench.relays,
                       PassOn(bench.acks), lambda: "01890a5d-ac96-774b-bcce-b302099a8057")


@replaces_parts
def test_new_requests() -> None:
    bench, calls = Workbench(), Calls()
    taker = new_requests(bench, calls)
    for one, source in ((request(), None), (request("ACK"), None), (request("MESSAGE"), None),
                        (request("REGISTER"), None), (request("INVITE", branch="z9hG4bKtwo"), STRANGER)):
        assert taker.take(one, bench.flow(source) if source else bench.flow(), bench.now)
    assert calls.begun == [("main", b"sip:600@127.0.0.1")]
    assert bench.titles() == ["MESSAGE", "405 REGISTER", "403 INVITE"]


@replaces_parts
def test_a_loop_is_refused() -> None:
    bench = Workbench()
    mark = bench.seals.loop_mark("main", b"sip:600@127.0.0.1", request())
    ours = bench.seals.branch(request(), 0, 0, 0, mark).decode()
    looped = request("INVITE", f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch={ours}")
    assert new_requests(bench, Calls()).take(looped, bench.flow(), bench.now)
    assert bench.titles() == ["482 INVITE"]


def test_a_flood_of_a_stranger_is_not_read_and_a_peer_always_is() -> None:
    bench = Workbench()
    admission = Admission(bench.transactions, bench.pending, bench.now)
    verdicts = [admission.hears(bench.flow(STRANGER), 0.0, bench.now) for _ in range(int(STRANGER_BURST) + 1)]
    assert (set(verdicts[:-1]), verdicts[-1]) == ({False}, None)
    assert admission.hears(bench.flow(PBX), 0.0, bench.now) is False
    assert bench.counters.refused == {"flood": 1}


def test_a_new_call_that_is_too_many_is_refused_once_and_for_all_its_copies() -> None:
    bench = Workbench()
    admission = Admission(bench.transactions, bench.pending, bench.now)
    assert admission.turned_away(request(), bench.flow(), bench.now, late=True)
    assert admission.refusals.some
    assert admission.turned_away(request(), bench.flow(), bench.now, late=False)
    assert admission.turned_away(request("ACK"), bench.flow(), bench.now, late=False)
    assert admission.turned_away(request("CANCEL"), bench.flow(), bench.now, late=False)
    assert not admission.turned_away(request("BYE", to_tag="t"), bench.flow(), bench.now, late=True)
    assert bench.titles() == ["503 INVITE", "503 INVITE", "200 CANCEL"]
