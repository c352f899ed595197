"""A call whose first target is ourselves: handed over, answered here, refused here and sent on."""

from dataclasses import dataclass, field

import pytest

from proxy.core.local import LocalInvite
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from routing.facts import Decision, Target
from tests.kit.script import Script

CONTACT = b"Contact: <sip:us@127.0.0.1:5060>"


@dataclass
class Answerer:
    """A user agent that does what the test says."""

    tag: bytes = b"ours0123456789"
    willing: bool = True
    offers: list[LocalInvite] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    cancelled: int = 0

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        if request.to.tag != self.tag:
            return False
        self.requests.append(request)
        return True

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return False

    def take(self, name: str, offer: LocalInvite, now: float) -> bool:
        assert name == "attempt-1"
        self.offers.append(offer)
        offer.on_cancel = self._cancelled
        return self.willing

    def _cancelled(self, now: float) -> None:
        self.cancelled += 1

    def say(self, call: Script, status: int) -> None:
        """Answer the newest offer and let the caller take it."""
        offer = self.offers[-1]
        data = build_response(offer.request, status, None, self.tag, (CONTACT,))
        offer.respond(data, status, call.world.now)


@pytest.fixture
def here(call: Script) -> Answerer:
    answerer = Answerer()
    call.world.proxy.local.open_to(answerer)
    call.world.router.decision = lambda new: Decision((Target(local="attempt-1", ring_for=30.0), Target()), "office",
                                                      "glare")
    return answerer


def test_answered_here(call: Script, here: Answerer) -> None:
    call.play("trunk > INVITE : 100 > trunk")
    here.say(call, 180)
    call.play("wait 1 : 180 > trunk")
    here.say(call, 200)
    call.play("wait 1 : 200 > trunk")
    call.step("trunk > ACK")
    assert [one.method for one in here.requests] == [b"ACK"]
    here.say(call, 200)
    call.play("wait 0.1 : 200 > trunk")
    call.step("trunk > BYE")
    assert here.requests[-1].method == b"BYE"
    assert call.facts == ["ringing 0", "answered 0"]
    assert here.cancelled == 0


@pytest.mark.parametrize("status", [480, 486, 603])
def test_refused_here_goes_on(call: Script, here: Answerer, status: int) -> None:
    call.play("trunk > INVITE : 100 > trunk")
    here.say(call, status)
    call.play("""
        wait 0            : INVITE > pbx
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    assert call.facts == [f"target_failed 0 {status}", "answered 1", "ended 200 caller"]
    here.say(call, 200)
    call.play("wait 1")
    call.assert_nothing_left()


def test_not_taken_goes_on(call: Script, here: Answerer) -> None:
    here.willing = False
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)
    assert call.facts == ["target_failed 0 480", "ended 486 callee"]
    call.assert_nothing_left()


def test_the_time_of_a_target_that_was_not_taken_ends_with_it(call: Script, here: Answerer) -> None:
    here.willing = False
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        wait 40
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    assert call.facts == ["target_failed 0 480", "ringing 1", "answered 1", "ended 200 caller"]
    call.assert_nothing_left()


def test_rings_too_long_goes_on(call: Script, here: Answerer) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk
        wait 29.9
        wait 0.2          : INVITE > pbx
    """)
    assert here.cancelled == 1
    here.say(call, 200)
    call.play("wait 1 : INVITE > pbx")


def test_caller_gives_up(call: Script, here: Answerer) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, 487 > trunk
        trunk > ACK
    """)
    assert here.cancelled == 1
    here.say(call, 200)
    call.play("wait 1")
    assert call.facts == ["ended 487 caller"]
    call.assert_nothing_left()


def test_refused_here_with_nothing_behind(call: Script, here: Answerer) -> None:
    call.world.router.decision = lambda new: Decision((Target(local="attempt-1"),), "office", "glare")
    call.play("trunk > INVITE : 100 > trunk")
    here.say(call, 480)
    call.play("wait 0 : 480 > trunk")
    call.step("trunk > ACK")
    assert call.facts == ["ended 480 proxy"]


def test_what_is_not_ours_needs_a_token(call: Script, here: Answerer) -> None:
    call.play("trunk > INVITE : 100 > trunk")
    here.say(call, 200)
    call.play("wait 0 : 200 > trunk")
    here.tag = b"another"
    call.play("""
        trunk > ACK
        trunk > BYE       : 481 BYE > trunk
    """)
    assert here.requests == []
