"""A call that rings the agent first and then goes on to where it was headed; the caller sees nothing but ringing."""

import pytest

from proxy.core.relay import TIMER_C
from routing.facts import Decision, Target
from tests.kit.script import Script


@pytest.fixture
def call(call: Script) -> Script:
    call.direct_to_agent()
    return call


FIRST = "trunk > INVITE : 100 > trunk, INVITE > agent\n"
TAKEN = """
    pbx > 180         : 180 > trunk
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
    trunk > BYE       : BYE > pbx
    pbx > 200 BYE     : 200 BYE > trunk
"""


def test_agent_answers(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        agent > 200       : 200 > trunk
        trunk > ACK       : ACK > agent
        trunk > BYE       : BYE > agent
        agent > 200 BYE   : 200 BYE > trunk
    """)
    assert call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


def test_what_each_target_is_sent(call: Script) -> None:
    call.play(FIRST + "agent > 486 : ACK > agent, INVITE > pbx\n" + TAKEN)
    agent, pbx = call["agent"].request(), call["pbx"].request()
    assert agent.uri == b"sip:201@127.0.0.1:5080"
    assert agent.value(b"x-boomerang") == b"direct; agent=201; type=2; dialled=+3614445555"
    assert pbx.uri == call["trunk"].dialled
    assert not pbx.has(b"x-boomerang")
    assert agent.value(b"to") == pbx.value(b"to") == b"<%s>" % call["trunk"].dialled
    assert agent.via.branch != pbx.via.branch


@pytest.mark.parametrize("status", [302, 401, 404, 408, 480, 486, 488, 500, 503, 600, 603])
def test_agent_refuses(call: Script, status: int) -> None:
    call.play(FIRST + f"agent > {status} : ACK > agent, INVITE > pbx\n" + TAKEN)
    assert call.facts == [f"target_failed 0 {status}", "ringing 1", "answered 1", "ended 200 caller"]


def test_agent_refuses_after_ringing(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        agent > 180       : 180 > trunk
        agent > 603       : ACK > agent, INVITE > pbx
    """ + TAKEN)
    assert call.facts == ["ringing 0", "target_failed 0 603", "ringing 1", "answered 1", "ended 200 caller"]


def test_agent_does_not_answer(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 19.9
        wait 0.2          : CANCEL > agent, INVITE > pbx
        agent > 200 CANCEL
        agent > 487       : ACK > agent
    """ + TAKEN)
    assert call.facts == ["ringing 0", "target_failed 0 408", "ringing 1", "answered 1", "ended 200 caller"]


def test_agent_is_silent(call: Script) -> None:
    """No CANCEL before a 1xx; when it comes late, the CANCEL follows (RFC 3261 section 9.1)."""
    call.play(FIRST + """
        wait 19.9         : 5x INVITE > agent
        wait 0.2          : INVITE > pbx
        agent > 180       : CANCEL > agent
        agent > 200 CANCEL
        agent > 487       : ACK > agent
    """ + TAKEN)


def test_agent_speaks_when_all_is_forgotten(call: Script) -> None:
    call.play(FIRST + """
        wait 20           : 5x INVITE > agent, INVITE > pbx
        pbx > 180         : 180 > trunk
        wait 12.1         : INVITE > agent
        agent > 180
        agent > 180
        agent > 404       : ACK > agent
        agent > 200       : CANCEL > pbx, 200 > trunk
        pbx > 200         : 200 > trunk
        pbx > 481 CANCEL
    """)
    assert call.facts == ["target_failed 0 408", "ringing 1", "answered 0"]


def test_agent_is_silent_for_ever(call: Script) -> None:
    call.direct_to_agent(ring_for=60.0)
    call.play(FIRST + """
        wait 31.9         : 6x INVITE > agent
        wait 0.2          : INVITE > pbx
    """ + TAKEN)
    assert call.facts[0] == "target_failed 0 408"


def test_agent_who_ignores_the_cancel_is_forgotten(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 180         : 180 > trunk
        agent > 200 CANCEL
        wait 40
        agent > 487       : ACK > agent
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
    """)


def test_nothing_of_the_agent_is_seen_but_ringing(call: Script) -> None:
    call.play(FIRST + "agent > 100")
    call.step("agent > 183", b"Content-Type: application/sdp", body=b"v=0\r\n")
    call.play("""
        agent > 181
        agent > 199
        agent > 180       : 180 > trunk
        agent > 486       : ACK > agent, INVITE > pbx
    """)
    call.step("pbx > 183 : 183 > trunk", b"Content-Type: application/sdp", body=b"v=0\r\n")
    assert call["trunk"].response("183").body == b"v=0\r\n"
    call.play(TAKEN)
    assert call.facts[:3] == ["ringing 0", "target_failed 0 486", "ringing 1"]


def test_reliable_183_of_the_agent_must_pass(call: Script) -> None:
    """It is repeated until the caller's PRACK (RFC 3262)."""
    call.play(FIRST)
    call.step("agent > 183 : 183 > trunk", b"Require: 100rel", b"RSeq: 1")
    call.step("trunk > PRACK : PRACK > agent", b"RAck: 1 1 INVITE")
    call.play("""
        agent > 200 PRACK : 200 PRACK > trunk
        agent > 486       : ACK > agent, INVITE > pbx
    """ + TAKEN)


def test_late_answer_of_the_agent_wins(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 180         : 180 > trunk
        agent > 200       : CANCEL > pbx, 200 > trunk
        agent > 481 CANCEL
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx
        trunk > ACK       : ACK > agent
        trunk > BYE       : BYE > agent
        agent > 200 BYE   : 200 BYE > trunk
    """)
    assert call.facts == ["ringing 0", "target_failed 0 408", "ringing 1", "answered 0", "ended 200 caller"]


def test_both_answer(call: Script) -> None:
    """The CANCEL was too late for the second: both 2xx go to the caller, who ends one."""
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 200         : 200 > trunk
        agent > 200       : 200 > trunk
        agent > 481 CANCEL
    """)
    assert call.facts[2:] == ["answered 1"]


def test_agent_answers_before_the_pbx_said_anything(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        agent > 200       : 200 > trunk
        trunk > ACK       : ACK > agent
        pbx > 180         : CANCEL > pbx
        pbx > 487         : ACK > pbx
        pbx > 200 CANCEL
        agent > 481 CANCEL
    """)
    assert call.facts[2:] == ["answered 0"]


def test_caller_hangs_up_while_the_agent_rings(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > agent
        agent > 200 CANCEL
        agent > 487       : ACK > agent, 487 > trunk
        trunk > ACK
        wait 30
    """)
    assert call.facts == ["ringing 0", "ended 487 caller"]


@pytest.mark.parametrize("status", [404, 486, 603])
def test_caller_hangs_up_and_the_agent_refuses_at_once(call: Script, status: int) -> None:
    """Nobody may be rung for a caller who is gone."""
    call.play(FIRST + f"""
        agent > 180       : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > agent
        agent > {status}  : ACK > agent, {status} > trunk
        agent > 481 CANCEL
        trunk > ACK
    """)
    assert call.facts == ["ringing 0", f"ended {status} caller"]


def test_caller_hangs_up_while_the_second_rings(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        agent > 200 CANCEL
        pbx > 180         : 180 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > pbx
        agent > 487       : ACK > agent
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ringing 0", "target_failed 0 408", "ringing 1", "ended 487 caller"]


def test_caller_hangs_up_before_the_second_said_anything(call: Script) -> None:
    call.play(FIRST + """
        agent > 486       : ACK > agent, INVITE > pbx
        trunk > CANCEL    : 200 CANCEL > trunk
        pbx > 100         : CANCEL > pbx
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call.facts == ["target_failed 0 486", "ended 487 caller"]


@pytest.mark.parametrize("status", [404, 486, 503, 603])
def test_the_last_failure_is_the_callers(call: Script, status: int) -> None:
    call.play(FIRST + f"""
        agent > 480       : ACK > agent, INVITE > pbx
        pbx > {status}    : ACK > pbx, {status} > trunk
        trunk > ACK
    """)
    assert call.facts == ["target_failed 0 480", f"ended {status} callee"]


def test_agent_fails_after_the_call_is_over(call: Script) -> None:
    call.play(FIRST + """
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
        agent > 200 CANCEL
        agent > 487       : ACK > agent
    """)
    assert call.facts == ["ringing 0", "target_failed 0 408", "ended 486 callee"]


def test_timer_c_is_each_targets_own(call: Script) -> None:
    call.direct_to_agent(ring_for=TIMER_C - 10)
    call.play(FIRST + f"""
        agent > 180       : 180 > trunk
        wait {TIMER_C - 10} : CANCEL > agent, INVITE > pbx
        agent > 200 CANCEL
        agent > 487       : ACK > agent
        pbx > 100
        wait {TIMER_C - 0.1}
        wait 0.2          : CANCEL > pbx, 408 > trunk
        trunk > ACK
        pbx > 487         : ACK > pbx
        pbx > 200 CANCEL
    """)


def test_three_targets(call: Script) -> None:
    targets = (Target("201", 10.0), Target("202", 10.0), Target())
    call.world.router.decision = lambda new: Decision(targets, "office", "direct")
    call.play(FIRST + """
        agent > 486       : ACK > agent, INVITE > pbx
        wait 10           : 4x INVITE > pbx, INVITE > pbx
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
    """)
    assert call.facts == ["target_failed 0 486", "target_failed 1 408", "answered 2"]
