"""What the router is told beside the ends of calls: connected lines, answers elsewhere, calls turned away."""

import pytest

from routing.facts import Identity
from tests.kit.script import Script

TALKING = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""
PAI = b'P-Asserted-Identity: "Anna" <sip:202@pbx.example>'


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_connected_line_of_the_callee_is_told_when_it_is_accepted(call: Script, method: str) -> None:
    call.play(TALKING)
    call.step(f"pbx > {method} : {'100 > pbx, ' if method == 'INVITE' else ''}{method} > trunk", PAI)
    assert call.world.router.told("connected_line") == []
    call.play(f"trunk > 200 {method} : 200{' UPDATE' if method == 'UPDATE' else ''} > pbx")
    anna = Identity("p-asserted-identity", "202", "pbx.example", "Anna")
    assert call.world.router.told("connected_line") == [((anna,), "pbx")]
    assert call.world.router.heard[-1].call == call.world.router.calls[0].id


def test_connected_line_that_is_refused_or_comes_from_the_caller_is_not_told(call: Script) -> None:
    call.play(TALKING)
    call.step("pbx > UPDATE : UPDATE > trunk", PAI)
    call.play("trunk > 491 UPDATE : 491 UPDATE > pbx")
    call.step("trunk > UPDATE : UPDATE > pbx", PAI)
    call.play("pbx > 200 UPDATE : 200 UPDATE > trunk")
    call.play("pbx > UPDATE : UPDATE > trunk\ntrunk > 200 UPDATE : 200 UPDATE > pbx")
    assert call.world.router.told("connected_line") == []


@pytest.mark.parametrize(("reason", "elsewhere"), [
    (b'Reason: SIP ;cause=200 ;text="Call completed elsewhere"', True),
    (b"Reason: Q.850;cause=16, SIP;text=\"cause\";cause=200", True),
    (b"Reason: Q.850;cause=26", True),
    (b"Reason: SIP;cause=2000", False),
    (b"Reason: SIP;cause=487", False),
    (b"Reason: ;=\"", False),
    (b"Subject: SIP;cause=200", False),
])
def test_answered_elsewhere(call: Script, reason: bytes, elsewhere: bool) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    call.step("trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx", reason)
    call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK")
    assert call.facts[-1] == "ended 487 caller" + " elsewhere" * elsewhere


def test_the_last_cancel_says_whether_it_was_answered_elsewhere(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    call.play("trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx")
    call.step("trunk > CANCEL : 200 CANCEL > trunk", b'Reason: SIP ;cause=200 ;text="Call completed elsewhere"')
    call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK")
    assert call.facts[-1] == "ended 487 caller elsewhere"
