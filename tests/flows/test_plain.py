"""A call that passes as it came: what each side sees, and what the ledger is told."""

import pytest

from proxy.core.relay import TIMER_C
from tests.kit.script import Script

TALK = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 180         : 180 > trunk
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""


def test_inbound(call: Script) -> None:
    call.play(TALK + """
        wait 5
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


def test_callee_hangs_up(call: Script) -> None:
    call.play(TALK + """
        pbx > BYE         : BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 callee"]


def test_outbound(call: Script) -> None:
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 183       : 183 > pbx
        trunk > 200       : 200 > pbx
        pbx > ACK         : ACK > trunk
        pbx > BYE         : BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]
    assert [one.direction for one in call.world.router.calls] == ["outbound"]


def test_both_hang_up_at_once(call: Script) -> None:
    call.play(TALK + """
        trunk > BYE       : BYE > pbx
        pbx > BYE         : BYE > trunk
        pbx > 481 BYE     : 481 BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    assert call.facts[2:] == ["ended 200 caller", "ended 200 callee"]


@pytest.mark.parametrize("status", [302, 404, 480, 486, 500, 503, 603])
def test_refused(call: Script, status: int) -> None:
    call.play(f"""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > {status}    : ACK > pbx, {status} > trunk
        trunk > ACK
    """)
    assert call.facts == [f"ended {status} callee"]


def test_cancel_before_any_1xx_waits_for_one(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        trunk > CANCEL    : 200 CANCEL > trunk
        pbx > 100         : CANCEL > pbx
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ended 487 caller"]


def test_cancel_while_ringing(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > pbx
        trunk > again     : 200 CANCEL > trunk
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ringing 0", "ended 487 caller"]
    invite, cancel = call["pbx"].request("INVITE"), call["pbx"].request("CANCEL")
    assert (cancel.uri, cancel.via, cancel.cseq.number) == (invite.uri, invite.via, invite.cseq.number)


def test_cancel_crosses_the_answer(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > pbx
        pbx > 200         : 200 > trunk
        pbx > 481 CANCEL
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


def test_cancel_after_the_answer_changes_nothing(call: Script) -> None:
    call.play(TALK + "trunk > CANCEL : 200 CANCEL > trunk")
    assert call.facts == ["ringing 0", "answered 0"]


def test_cancel_that_nobody_follows(call: Script) -> None:
    """RFC 3261 section 9.1: 64*T1 after the CANCEL the transaction is over all the same."""
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > pbx
        pbx > 200 CANCEL
        wait 31.9
        wait 0.2          : 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ringing 0", "ended 487 caller"]


def test_cancel_that_cannot_be_sent(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
    """)
    call.world.wire.dead.add(call["pbx"].place)
    call.play("""
        trunk > CANCEL    : 200 CANCEL > trunk
        wait 32           : 487 > trunk
        trunk > ACK
    """)


def test_cancel_of_a_call_that_nobody_answers_at_all(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        trunk > CANCEL    : 200 CANCEL > trunk
        wait 31.9         : 6x INVITE > pbx
        wait 0.2          : 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ended 487 caller"]


def test_silence(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 31.9         : 6x INVITE > pbx
        wait 0.2          : 408 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ended 408 proxy"]


def test_timer_c(call: Script) -> None:
    """It starts again with each 1xx but 100 (RFC 3261 section 16.7 item 2)."""
    call.play(f"""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        wait 100
        pbx > 180         : 180 > trunk
        wait 100
        pbx > 100
        wait {TIMER_C - 100.1}
        wait 0.2          : CANCEL > pbx, 408 > trunk
        trunk > ACK
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx
    """)
    assert call.facts == ["ringing 0", "ended 408 proxy"]


def test_answer_after_timer_c(call: Script) -> None:
    call.play(f"""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        wait {TIMER_C}    : CANCEL > pbx, 408 > trunk
        trunk > ACK
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)


def test_caller_repeats_itself(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        trunk > again     : 100 > trunk
        pbx > 180         : 180 > trunk
        trunk > again     : 180 > trunk
        pbx > 200         : 200 > trunk
        trunk > again
        trunk > ACK       : ACK > pbx
        trunk > again     : ACK > pbx
        trunk > BYE       : BYE > pbx
        trunk > again
        pbx > 200 BYE     : 200 BYE > trunk
        trunk > again     : 200 BYE > trunk
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


def test_callee_repeats_itself(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 1.6          : 2x INVITE > pbx
        pbx > 180         : 180 > trunk
        pbx > again       : 180 > trunk
        pbx > 200         : 200 > trunk
        pbx > again       : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        wait 0.6          : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
        pbx > again
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


def test_failure_is_repeated_until_its_ack(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        pbx > again       : ACK > pbx
        wait 0.6          : 486 > trunk
        trunk > again     : 486 > trunk
        trunk > ACK
        wait 10
    """)
    assert call.facts == ["ended 486 callee"]


def test_ack_with_the_branch_of_its_invite(call: Script) -> None:
    """Some send the ACK of a 2xx so; it matches the INVITE's transaction and still must pass (RFC 6026 section 7.1)."""
    call.play("""
        trunk > INVITE             : 100 > trunk, INVITE > pbx
        pbx > 200                  : 200 > trunk
        trunk > ACK branch=invite  : ACK > pbx
        trunk > again              : ACK > pbx
    """)
    assert call.facts == ["answered 0"]


def test_every_answer_of_a_fork_is_passed_on(call: Script) -> None:
    """RFC 3261 section 16.7 item 5, RFC 6026 section 7."""
    call.play("""
        trunk > INVITE        : 100 > trunk, INVITE > pbx
        pbx > 200             : 200 > trunk
        pbx > 200 tag=pbx-b   : 200 > trunk
        trunk > ACK           : ACK > pbx
        wait 20
        pbx > 200 tag=pbx-c   : 200 > trunk
        trunk > ACK tag=pbx-c : ACK > pbx
    """)
    assert call.facts == ["answered 0"]
    tags = [one.to.tag for one in call["trunk"].received if one.start.startswith(b"SIP/2.0 200")]
    assert tags == [b"pbx", b"pbx-b", b"pbx-c"]


def test_failure_after_an_answer_is_kept_back(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 200         : 200 > trunk
        pbx > 486
        pbx > 180
        trunk > ACK       : ACK > pbx
    """)


def test_bye_that_nobody_answers(call: Script) -> None:
    """RFC 4320 section 4.2: no 408 to it; the call is over all the same."""
    call.play(TALK + """
        trunk > BYE       : BYE > pbx
        wait 3.4          : 2x BYE > pbx
        wait 0.2          : 100 BYE > trunk, BYE > pbx
        wait 28.3         : 7x BYE > pbx
        wait 0.2
    """)
    assert call.facts[-1] == "ended 200 caller"


def test_bye_that_is_challenged_ends_nothing(call: Script) -> None:
    call.play(TALK + """
        pbx > BYE         : BYE > trunk
        trunk > 407 BYE   : 407 BYE > pbx
        pbx > BYE         : BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    assert call.facts[2:] == ["ended 200 callee"]


@pytest.mark.parametrize("status", [403, 500])
def test_bye_that_is_refused_ends_the_call(call: Script, status: int) -> None:
    call.play(TALK + f"""
        pbx > BYE           : BYE > trunk
        trunk > {status} BYE : {status} BYE > pbx
    """)
    assert call.facts[2:] == ["ended 200 callee"]


def test_bye_before_the_answer(call: Script) -> None:
    """A caller may leave an early dialog by a BYE (RFC 3261 section 15)."""
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts[:2] == ["ringing 0", "ended 200 caller"]


def test_challenge_keeps_the_call(call: Script) -> None:
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 407       : ACK > trunk, 407 > pbx
        pbx > ACK
        wait 9
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 407       : ACK > trunk, 407 > pbx
        pbx > ACK
        wait 9.9
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 200       : 200 > pbx
        pbx > ACK         : ACK > trunk
    """)
    assert call.facts == ["answered 0"]
    assert len({one.id for one in call.world.router.calls}) == 1


def test_challenge_that_nothing_follows(call: Script) -> None:
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 401       : ACK > trunk, 401 > pbx
        pbx > ACK
        wait 9.9
    """)
    assert call.facts == []
    call.play("wait 0.2")
    assert call.facts == ["ended 407 callee"]


def test_answer_waits_for_the_store_but_not_for_ever(call: Script) -> None:
    call.world.router.hold = True
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx
        trunk > again     : 100 > trunk
        wait 0.24
        wait 0.02         : 486 > trunk
        trunk > ACK
    """)
    call.world.router.held.pop()()
    assert call.world.taken() == []


def test_answer_leaves_as_soon_as_it_is_stored(call: Script) -> None:
    call.world.router.hold = True
    call.play(TALK + """
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE
        wait 0.1
    """)
    call.world.router.held.pop()()
    call.play("wait 0     : 200 BYE > trunk")
