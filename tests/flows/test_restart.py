"""The process is killed between two messages and starts again with nothing in memory: no call is lost."""

import pytest

from proxy.core.call_names import AGE
from routing.facts import OpenCall
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, STRANGER, address

ID = "018bcfe5-6be8-7000-8000-000000000000"
RINGING = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 180         : 180 > trunk
"""


def restart(call: Script, tried: str | None = None, *, stored: bool = True) -> None:
    call.world.restart()
    call.world.router.heard.clear()
    call.world.router.calls.clear()
    if stored:
        call.world.router.open["call-1@trunk"] = OpenCall(ID, "main", "office", tried, "inbound")


@pytest.mark.parametrize("status", [180, 183])
def test_provisional(call: Script, status: int) -> None:
    call.play(RINGING)
    restart(call)
    call.play(f"pbx > {status} : {status} > trunk")
    assert call.facts == []


def test_answer(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.play("""
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        pbx > BYE         : BYE > trunk
        trunk > 200 BYE   : 200 BYE > pbx
    """)
    assert call.facts == ["answered 0", "ended 200 callee"]


TALK = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""


@pytest.mark.parametrize(("by", "other", "side"), [("trunk", "pbx", "caller"), ("pbx", "trunk", "callee")])
@pytest.mark.parametrize("status", [200, 481])
def test_the_answer_to_a_bye_ends_the_call(call: Script, by: str, other: str, side: str, status: int) -> None:
    call.play(TALK)
    call.play(f"{by} > BYE : BYE > {other}")
    restart(call)
    call.play(f"{other} > {status} BYE : {status} BYE > {by}")
    assert call.facts == [f"ended 200 {side}"]


@pytest.mark.parametrize("status", [100, 401, 407])
def test_what_does_not_answer_a_bye_ends_nothing(call: Script, status: int) -> None:
    call.play(TALK)
    call.play("trunk > BYE : BYE > pbx")
    restart(call)
    call.step(f"pbx > {status} BYE : {status} BYE > trunk")
    assert call.facts == []


def test_the_answer_to_a_bye_of_a_call_that_is_over(call: Script) -> None:
    call.play(TALK)
    call.play("trunk > BYE : BYE > pbx")
    restart(call, stored=False)
    call.play("pbx > 200 BYE : 200 BYE > trunk")
    assert call.facts == []


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_failure_is_passed_on_and_acknowledged(call: Script, status: int) -> None:
    call.play(RINGING)
    restart(call)
    call.play(f"""
        pbx > {status}    : ACK > pbx, {status} > trunk
        trunk > ACK
    """)
    assert call.facts == [f"ended {status} callee"]
    ack, invite = call["pbx"].request("ACK"), call["pbx"].request("INVITE")
    assert (ack.via.branch, ack.to.tag) == (invite.via.branch, b"pbx")


@pytest.mark.parametrize("known", [True, False])
def test_failure_is_passed_on_when_it_is_stored(call: Script, known: bool) -> None:
    """Whoever has seen the refusal can rely on what follows from it, also where the process is killed once more."""
    call.play(RINGING)
    restart(call, stored=known)
    call.world.router.hold = True
    call.play("pbx > 487 : ACK > pbx")
    assert call.facts == ["ended 487 callee"]
    call.world.router.held.pop()()
    call.play("wait 0 : 487 > trunk\nwait 1 :")


def test_a_store_that_hangs_holds_no_failure_for_long(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.world.router.hold = True
    call.play("pbx > 487 : ACK > pbx\nwait 0.2 :\nwait 0.1 : 487 > trunk")
    call.world.router.held.pop()()
    call.play("wait 0 :")


@pytest.mark.parametrize(("speaker", "target"), [("agent", 0), ("pbx", 1)])
def test_who_of_two_targets_answered(call: Script, speaker: str, target: int) -> None:
    call.direct_to_agent()
    call.play("trunk > INVITE : 100 > trunk, INVITE > agent\nagent > 180 : 180 > trunk")
    if speaker == "pbx":
        call.play("agent > 486 : ACK > agent, INVITE > pbx\npbx > 180 : 180 > trunk")
    restart(call, "201")
    call.play(f"{speaker} > 200 : 200 > trunk")
    assert call.facts == [f"answered {target}"]


def test_call_that_was_not_stored_is_opened_again(call: Script) -> None:
    call.play("pbx > INVITE : 100 > pbx, INVITE > trunk\ntrunk > 180 : 180 > pbx")
    restart(call, stored=False)
    call.play("trunk > 486 : ACK > trunk, 486 > pbx")
    assert call.facts == ["ended 486 callee"]
    assert [(one.direction, one.dialled) for one in call.world.router.calls] == [("outbound", "+3614445555")]


def test_very_late_failure_opens_nothing(call: Script) -> None:
    call.play(RINGING)
    restart(call, stored=False)
    call.world.wait(AGE)
    call.play("pbx > 486 : ACK > pbx, 486 > trunk")
    assert (call.facts, call.world.router.calls) == ([], [])


def test_answer_of_a_call_that_was_not_stored(call: Script) -> None:
    call.play(RINGING)
    restart(call, stored=False)
    call.play("pbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    assert call.facts == ["answered 0"]
    [(found, answered)] = call.world.router.adopted
    assert (found.id, found.direction, found.dialled, answered) == (ID, "inbound", "+3614445555", False)


def test_failure_from_somebody_else_opens_nothing(call: Script) -> None:
    call.play(RINGING)
    restart(call, stored=False)
    call["pbx"].place = STRANGER
    call.play("pbx > 486 : ACK > pbx, 486 > trunk")
    assert call.facts == []


def test_caller_repeats_the_invite(call: Script) -> None:
    """The PBX must see its own transaction again, not a second call."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    before = call["pbx"].request()
    restart(call)
    call.play("trunk > again : 100 > trunk, INVITE > pbx")
    again = call["pbx"].request()
    assert (again.via.branch, again.to_bytes()) == (before.via.branch, before.to_bytes())
    assert [one.id for one in call.world.router.calls] == [ID]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    assert call.facts == ["ended 486 callee"]


def test_answer_of_the_second_target_after_the_caller_repeated_the_invite(call: Script) -> None:
    call.direct_to_agent()
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 486       : ACK > agent, INVITE > pbx
    """)
    restart(call, "201")
    call.play("""
        trunk > again     : 100 > trunk, INVITE > agent
        pbx > 180         : 180 > trunk
        agent > 486       : ACK > agent, INVITE > pbx
        pbx > 200         : 200 > trunk
    """)
    assert call.facts == ["target_failed 0 486", "answered 1"]


def test_cancel(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.play("""
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > pbx
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert call["pbx"].request("CANCEL").via.branch == call["pbx"].request("INVITE").via.branch
    assert call.facts == ["ended 487 caller"]


def test_cancel_goes_wherever_the_call_may_be(call: Script) -> None:
    call.direct_to_agent()
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 180         : 180 > trunk
    """)
    restart(call, "201")
    call.play("""
        trunk > CANCEL    : 200 CANCEL > trunk, CANCEL > agent, CANCEL > pbx
        agent > 481 CANCEL
        pbx > 200 CANCEL
        pbx > 487         : ACK > pbx, 487 > trunk
    """)


def test_cancel_that_leads_nowhere(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.world.wire.listeners = call.world.wire.listeners[:1]
    call.world.table.set_addresses(call.world.pbx, (address(PBX, "tcp"),))
    call.play("trunk > CANCEL : 200 CANCEL > trunk")
    call.world.table.set_addresses(call.world.pbx, ())
    call.play("trunk > again : 481 CANCEL > trunk")


def test_cancel_of_a_stranger(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call["trunk"].place = ("192.0.2.66", 5070)
    call.play("trunk > CANCEL : 481 CANCEL > trunk")


def test_talk_goes_on(call: Script) -> None:
    call.play(RINGING + "pbx > 200 : 200 > trunk")
    restart(call)
    call.play("""
        trunk > ACK          : ACK > pbx
        pbx > INVITE         : 100 > pbx, INVITE > trunk
        trunk > 200          : 200 > pbx
        pbx > ACK            : ACK > trunk
        trunk > INFO         : INFO > pbx
        pbx > 200 INFO       : 200 INFO > trunk
    """)
    restart(call)
    call.play("""
        trunk > BYE          : BYE > pbx
        pbx > 200 BYE        : 200 BYE > trunk
    """)
    assert call.facts == ["ended 200 caller"]


def test_answer_to_a_request_in_the_dialog(call: Script) -> None:
    call.play(RINGING + "pbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx\ntrunk > BYE : BYE > pbx")
    restart(call)
    call.play("pbx > 200 BYE : 200 BYE > trunk")


def test_forged_response(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    true = call["pbx"].answer(200)
    branch = call["pbx"].request().via.branch or b""
    for forged in (branch[:-1] + (b"0" if branch[-1:] != b"0" else b"1"), branch[:-8], b"z9hG4bK-other"):
        assert call.send(call["pbx"], true.replace(branch, forged)) == []
    assert call.send(call["pbx"], true.replace(b"call-1@", b"call-2@")) == []
    assert call.world.proxy.counters.refused == {"stray_response": 4}


def test_response_whose_way_back_nobody_knows(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    true = call["pbx"].answer(200)
    assert call.send(call["pbx"], true.replace(b"SIP/2.0/UDP 127.0.0.1:5070", b"SIP/2.0/SCTP 127.0.0.1:5070")) == []
    lines = [line for line in true.split(b"\r\n") if not line.startswith(b"Via") or b"-trunk-" not in line]
    assert call.send(call["pbx"], b"\r\n".join(lines)) == []


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_way_back_over_a_new_connection(transport: str) -> None:
    """RFC 3261 section 18.2.2: to the port in the Via; the one it came from is gone with its connection."""
    script = Script(trunk="tcp" if transport == "tcp" else "tls")
    script.play(RINGING)
    script.world.restart()
    actor = script["trunk"]
    sent = script.send(script["pbx"], script["pbx"].answer(180))
    assert [(one.transport, one.to) for one in sent] == [(transport, actor.place)]
    plain = script["pbx"].answer(180).replace(actor.authority + b";branch", b"127.0.0.1;branch")
    assert script.send(script["pbx"], plain) == []  # another sent-by is another transaction


def test_way_back_that_is_closed(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.world.wire.dead.add(call["trunk"].place)
    call.play("pbx > 200")
    assert call.world.notes.lines[-1][0] == "not_sent"


def test_orphan_is_cleaned_like_any_other(call: Script) -> None:
    call.play(RINGING)
    restart(call)
    call.step("pbx > 200 : 200 > trunk", b"X-Boomerang: x", b"X-Agent: 201", b"X-Kept: 1")
    answer = call["trunk"].response("200")
    assert (answer.has(b"x-boomerang"), answer.has(b"x-agent"), answer.has(b"x-kept")) == (False, False, True)


def test_two_processes_never_mix_up_their_keys(call: Script) -> None:
    """A response to what another installation sent is nobody's here."""
    call.play(RINGING)
    restart(call)
    other = Actor("other", PBX)
    other.received = [*call["pbx"].received]
    data = other.answer(200).replace(b"z9hG4bKbm00", b"z9hG4bKbm01")
    assert call.send(call["pbx"], data) == []


def test_cancel_of_a_call_that_is_long_over(call: Script) -> None:
    """Nothing of it can be lost: it began and ended in this process, or the process has run for long."""
    call.play(RINGING + "pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call.world.wait(40)
    call.play("trunk > CANCEL : 481 CANCEL > trunk")
    restart(call, stored=False)
    call.play("trunk > CANCEL : 200 CANCEL > trunk, 2x CANCEL > pbx")  # perhaps it had gone to an agent first
    call.world.wait(AGE)
    call.play("trunk > CANCEL : 481 CANCEL > trunk")
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    assert call.world.proxy.names.begun == set()


def test_failure_long_after_the_call_opens_nothing(call: Script) -> None:
    call.play(RINGING + "pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call.world.wait(40)
    call.play("pbx > again : ACK > pbx, 486 > trunk")
    assert call.facts == ["ringing 0", "ended 486 callee"]
