"""A call that is answered more than once, and BYEs that end another dialog than the one that goes on (RFC 3261 sections
12, 13.2.2.4 and 15): the call's row, its agent and its customer follow the dialog that the caller keeps."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from config.policy import parse_policy
from routing.identity import Answers, PbxFacts
from routing.rows import Record
from routing.writes import Unit
from tests.kit.actor import CUSTOMER
from tests.kit.house import POLICY, House
from tests.kit.ledger_parts import new_ledger
from tests.kit.script import Script

Houses = Callable[[Answers], House]
BOTH_ANSWER = """
    trunk > INVITE            : 100 > trunk, INVITE > pbx
    pbx > 200 tag=pbx-a       : 200 > trunk
    pbx > 200 tag=pbx-b       : 200 > trunk
    trunk > ACK tag=pbx-a     : ACK > pbx
    trunk > ACK tag=pbx-b     : ACK > pbx
"""
AN_AGENT = b"P-Asserted-Identity: <sip:%s@pbx.example>"


def bye(tag: str, answer: str = "200") -> str:
    return f"trunk > BYE tag={tag} : BYE > pbx\npbx > {answer} BYE : {answer} BYE > trunk"


def sent_by(call: Script, tag: str) -> None:
    """From now on what the PBX sends comes from the phone with this tag."""
    dialog = call["pbx"].dialog
    assert dialog is not None
    call["pbx"].dialog = replace(dialog, local=dialog.local.rpartition(b";tag=")[0] + b";tag=" + tag.encode())


def in_progress(house: House) -> list[tuple[str | None, str]]:
    """The agent of each call in progress, and that agent's state."""
    return [(call.agent, house.ledger.attendance.agent_state(call.agent or "")) for call in house.ledger.calls()]


@pytest.mark.parametrize(("kept", "other"), [("pbx-a", "pbx-b"), ("pbx-b", "pbx-a")])
def test_two_phones_answer_and_the_caller_keeps_one(house: House, kept: str, other: str) -> None:
    made = house.wall - 60
    record = Record(CUSTOMER, "201", 1, made, made, made + 3600)
    house.ledger._store.put(Unit((record,)))
    house.call.play(BOTH_ANSWER.replace("pbx", "agent"))
    other, kept = other.replace("pbx", "agent"), kept.replace("pbx", "agent")
    house.call.play(bye(other).replace("pbx", "agent"))
    assert in_progress(house) == [("201", "busy")]
    assert house.ledger.attendance.engaged(CUSTOMER)
    assert (house.missed(), house.talks()) == ([], [])
    house.call.play("wait 6\n" + bye(kept).replace("pbx", "agent"))
    assert (house.missed(), house.talks()) == ([], [("201", 6.0)])
    assert house.ledger.attendance.agent_state("201") == "free"
    assert house.ledger._store.direct.records(CUSTOMER) == []


def test_an_agents_call_that_the_carrier_forks(house: House) -> None:
    pbx = house.call["pbx"]
    pbx.dialled = f"sip:{CUSTOMER}@127.0.0.1:5060".encode()
    pbx.from_ = b"<sip:201@pbx.example>"
    house.call.play("""
        pbx > INVITE              : 100 > pbx, INVITE > trunk
        trunk > 200 tag=trunk-a   : 200 > pbx
        trunk > 200 tag=trunk-b   : 200 > pbx
        pbx > ACK tag=trunk-a     : ACK > trunk
        pbx > ACK tag=trunk-b     : ACK > trunk
        pbx > BYE tag=trunk-a     : BYE > trunk
        trunk > 200 BYE           : 200 BYE > pbx
        wait 20
    """)
    assert in_progress(house) == [("201", "busy")]
    house.call.play("pbx > BYE tag=trunk-b : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx")
    assert house.talks() == [("201", 20.0)]


@pytest.mark.parametrize("answer", ["200", "481"])
def test_a_bye_in_an_early_dialog_ends_no_call(house: House, answer: str) -> None:
    house.call.play("""
        trunk > INVITE            : 100 > trunk, INVITE > pbx
        pbx > 180 tag=pbx-a       : 180 > trunk
        pbx > 180 tag=pbx-b       : 180 > trunk
    """)
    house.call.play(bye("pbx-b", answer))
    assert [call.answered_at for call in house.ledger.calls()] == [None]
    house.call.play("pbx > 200 tag=pbx-a : 200 > trunk\ntrunk > ACK tag=pbx-a : ACK > pbx\nwait 7\n" + bye("pbx-a"))
    assert (house.missed(), house.talks()) == ([], [(None, 7.0)])


def test_the_only_phone_is_left_while_it_rings(house: House) -> None:
    """RFC 3261 section 15.1.2: the BYE gets its 200, and the INVITE a 487."""
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk\n" + bye("pbx"))
    house.call.play("pbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK")
    assert [weight for _, weight in house.missed()] == ["certain"]


@pytest.mark.parametrize("answer", ["200", "481"])
def test_a_bye_of_a_dialog_that_nobody_has_ends_no_call(house: House, answer: str) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    house.call.play(bye("pbx-other", answer) + "\nwait 9\n" + bye("pbx", answer))
    assert (house.missed(), house.talks()) == ([], [(None, 9.0)])


def test_a_bye_with_another_tag_of_the_callers_ends_no_call(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    dialog = house.call["trunk"].dialog
    assert dialog is not None
    house.call["trunk"].dialog = replace(dialog, local=dialog.local + b"x")
    house.call.play("trunk > BYE : 481 BYE > trunk")
    house.call["trunk"].dialog = dialog
    assert len(house.ledger.calls()) == 1
    house.call.play("wait 9\n" + bye("pbx"))
    assert house.talks() == [(None, 9.0)]


def test_a_phone_that_got_no_ack_hangs_up(house: House) -> None:
    house.call.play("""
        trunk > INVITE            : 100 > trunk, INVITE > pbx
        pbx > 200 tag=pbx-a       : 200 > trunk
        pbx > 200 tag=pbx-b       : 200 > trunk
        trunk > ACK tag=pbx-a     : ACK > pbx
        wait 31
    """)
    sent_by(house.call, "pbx-b")
    house.call.play("pbx > BYE : BYE > trunk\ntrunk > 481 BYE : 481 BYE > pbx")
    assert len(house.ledger.calls()) == 1
    sent_by(house.call, "pbx-a")
    house.call.play("wait 29\npbx > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx")
    assert (house.missed(), house.talks()) == ([], [(None, 60.0)])


def test_a_phone_that_got_no_ack_and_never_says_a_word_keeps_no_call(house: House) -> None:
    house.call.play("""
        trunk > INVITE            : 100 > trunk, INVITE > pbx
        pbx > 200 tag=pbx-a       : 200 > trunk
        pbx > 200 tag=pbx-b       : 200 > trunk
        trunk > ACK tag=pbx-a     : ACK > pbx
        wait 10
    """)
    house.call.play(bye("pbx-a"))
    house.ledger.sweep(house.wall)
    assert len(house.ledger.calls()) == 1
    house.call.play("wait 23")
    house.ledger.sweep(house.wall)
    assert house.ledger.calls() == ()
    assert house.talks() == [(None, 10.0)]


def test_an_answer_that_waits_for_its_ack_is_a_call(house: House) -> None:
    """The other one is hung up before the ACK of the one that is kept comes: it was lost once."""
    house.call.play("""
        trunk > INVITE            : 100 > trunk, INVITE > pbx
        pbx > 200 tag=pbx-a       : 200 > trunk
        pbx > 200 tag=pbx-b       : 200 > trunk
        trunk > ACK tag=pbx-b     : ACK > pbx
    """)
    house.call.play(bye("pbx-b"))
    house.call.play("pbx > 200 tag=pbx-a : 200 > trunk\ntrunk > ACK tag=pbx-a : ACK > pbx\nwait 40")
    house.ledger.sweep(house.wall)
    house.call.play(bye("pbx-a"))
    assert house.talks() == [(None, 40.0)]


def test_a_repeated_answer_of_what_was_hung_up_opens_nothing(house: House) -> None:
    house.call.play(BOTH_ANSWER + bye("pbx-b"))
    house.call.play("pbx > 200 tag=pbx-b : 200 > trunk\nwait 8\n" + bye("pbx-a"))
    assert (house.ledger.calls(), house.talks()) == ((), [(None, 8.0)])


UNANSWERED = """
    wait 3.4   : 2x BYE > pbx
    wait 0.2   : 100 BYE > trunk, BYE > pbx
    wait 29.4  : 7x BYE > pbx
"""


def test_a_bye_that_nobody_answers_ends_its_own_dialog(house: House) -> None:
    house.call.play(BOTH_ANSWER + "trunk > BYE tag=pbx-b : BYE > pbx\n" + UNANSWERED)
    assert len(house.ledger.calls()) == 1
    house.call.play("trunk > BYE tag=pbx-a : BYE > pbx\n" + UNANSWERED)
    assert house.ledger.calls() == ()


def test_the_agent_is_whoever_the_caller_keeps(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    for tag, agent in (("pbx-a", b"201"), ("pbx-b", b"202")):
        house.call.step(f"pbx > 200 tag={tag} : 200 > trunk", AN_AGENT % agent)
        house.call.play(f"trunk > ACK tag={tag} : ACK > pbx")
    assert in_progress(house) == [("201", "busy")]
    house.call.play(bye("pbx-a"))
    assert in_progress(house) == [("202", "busy")]
    assert house.ledger.attendance.agent_state("201") == "free"
    house.call.play("wait 11\n" + bye("pbx-b"))
    assert house.talks() == [("202", 11.0)]
    assert house.ledger.attendance.agent_state("202") == "free"


def test_who_answered_what_is_kept_is_not_guessed(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    house.call.step("pbx > 200 tag=pbx-a : 200 > trunk", AN_AGENT % b"201")
    house.call.play("pbx > 200 tag=pbx-b : 200 > trunk\ntrunk > ACK tag=pbx-a : ACK > pbx\n"
                    "trunk > ACK tag=pbx-b : ACK > pbx\n" + bye("pbx-a"))
    assert in_progress(house) == [(None, "unknown")]
    assert house.ledger.attendance.agent_state("201") == "free"
    house.call.play("wait 11\n" + bye("pbx-b"))
    assert house.talks() == [(None, 11.0)]


def test_each_dialog_has_its_own_session_timer(house: House) -> None:
    """The short interval of what was hung up ends no call; that of what is kept does."""
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    for tag, seconds in (("pbx-a", 1800), ("pbx-b", 90)):
        house.call.step(f"pbx > 200 tag={tag} : 200 > trunk", b"Session-Expires: %d" % seconds)
        house.call.play(f"trunk > ACK tag={tag} : ACK > pbx")
    house.call.play(bye("pbx-b") + "\nwait 900")
    house.ledger.sweep(house.wall)
    assert len(house.ledger.calls()) == 1
    house.call.play("trunk > UPDATE tag=pbx-b : UPDATE > pbx\npbx > 200 UPDATE : 200 UPDATE > trunk\nwait 1829")
    house.ledger.sweep(house.wall)
    assert len(house.ledger.calls()) == 1
    house.call.play("wait 2")
    house.ledger.sweep(house.wall)
    assert house.ledger.calls() == ()


def test_what_is_kept_and_lost_is_lost_then(house: House) -> None:
    """Not since the other one was hung up: they talked in between."""
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    for tag in ("pbx-a", "pbx-b"):
        house.call.step(f"pbx > 200 tag={tag} : 200 > trunk", b"Session-Expires: 1800")
        house.call.play(f"trunk > ACK tag={tag} : ACK > pbx")
    house.call.play(bye("pbx-b") + "\nwait 2700")
    house.ledger.sweep(house.wall)
    house.call.play("wait 31")
    house.ledger.sweep(house.wall)
    assert house.talks() == [(None, 2731.0)]


def test_a_sign_of_life_counts_in_its_dialog(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    house.call.step("pbx > 200 : 200 > trunk", b"Session-Expires: 90")
    house.call.play("trunk > ACK : ACK > pbx\nwait 100")
    for tag in ("pbx-other", "pbx"):
        house.call.play(f"trunk > UPDATE tag={tag} : UPDATE > pbx")
        house.call.step("pbx > 200 UPDATE : 200 UPDATE > trunk", b"Session-Expires: 90")
        house.call.play("wait 60")
    house.ledger.sweep(house.wall)  # 60 s after the one that counts, 120 s after the one that does not
    assert len(house.ledger.calls()) == 1
    house.call.play("trunk > UPDATE tag=pbx-other : UPDATE > pbx\npbx > 200 UPDATE : 200 UPDATE > trunk\nwait 106")
    house.ledger.sweep(house.wall)
    assert house.ledger.calls() == ()


@pytest.mark.parametrize(("speaks", "signs"), [("pbx-a", 1), ("pbx-b", 0)])
def test_a_connected_line_counts_in_its_dialog(queue: House, speaks: str, signs: int) -> None:
    queue.call.play(BOTH_ANSWER + bye("pbx-b"))
    sent_by(queue.call, speaks)
    queue.call.step("pbx > UPDATE : UPDATE > trunk", AN_AGENT % b"201")
    queue.call.play("trunk > 200 UPDATE : 200 UPDATE > pbx")
    (entry,) = queue.ledger.calls()
    assert len(entry.seen.signs or ()) == signs
    queue.call.play(bye("pbx-a"))


def test_the_agent_and_the_queue_answer_at_once(house: House) -> None:
    """The CANCEL of the first target came too late: the caller keeps that one."""
    made = house.wall - 60
    house.ledger._store.put(Unit((Record(CUSTOMER, "201", 1, made, made, made + 3600),)))
    house.call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 180       : 180 > trunk
        wait 20           : CANCEL > agent, INVITE > pbx
        pbx > 200         : 200 > trunk
        agent > 200       : 200 > trunk
        agent > 481 CANCEL
        trunk > ACK tag=pbx   : ACK > pbx
        trunk > ACK tag=agent : ACK > agent
        trunk > BYE tag=pbx   : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
        wait 30
    """)
    assert len(house.ledger.calls()) == 1
    house.call.play("trunk > BYE tag=agent : BYE > agent\nagent > 200 BYE : 200 BYE > trunk")
    assert [seconds for _, seconds in house.talks()] == [30.0]


def test_two_tags_that_cannot_be_told_apart_end_the_call(house: House) -> None:
    """The token knows the caller's tag by a check sum of 16 bits."""
    twin = next(word for word in (f"pbx-{number}" for number in range(1_000_000))
                if zlib.crc32(word.encode()) & 0xFFFF == zlib.crc32(b"trunk") & 0xFFFF)
    house.call.play(f"trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 tag={twin} : 200 > trunk\n"
                    f"trunk > ACK tag={twin} : ACK > pbx\nwait 8")
    sent_by(house.call, twin)
    house.call.play("pbx > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx")
    assert (house.ledger.calls(), house.talks()) == ((), [(None, 8.0)])


@pytest.mark.parametrize("tag", ["pbx-a", "pbx-b"])
def test_after_a_restart_any_bye_ends_the_call(house: House, tag: str) -> None:
    house.call.play(BOTH_ANSWER + "wait 8")
    house.ledger = again = new_ledger(house.ledger._store, parse_policy(POLICY),
                                      {"office": PbxFacts.of("^[2-7][0-9]{2}$", ("From",))}, desk=house.ears)
    house.world.restart(again)
    assert again.restore(house.wall) == 1
    house.call.play("pbx > 200 tag=pbx-b : 200 > trunk\n" + bye(tag))
    assert again.calls() == ()


def test_a_call_that_rang_at_the_restart_has_tags_again(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 tag=pbx-a : 180 > trunk")
    house.ledger = again = new_ledger(house.ledger._store, parse_policy(POLICY),
                                      {"office": PbxFacts.of("^[2-7][0-9]{2}$", ("From",))}, desk=house.ears)
    house.world.restart(again)
    assert again.restore(house.wall) == 1
    house.call.play("""
        pbx > 200 tag=pbx-a       : 200 > trunk
        pbx > 200 tag=pbx-b       : 200 > trunk
        trunk > ACK tag=pbx-a     : ACK > pbx
        trunk > ACK tag=pbx-b     : ACK > pbx
    """)
    house.call.play(bye("pbx-a") + "\nwait 12")
    assert len(again.calls()) == 1
    house.call.play(bye("pbx-b"))
    assert (again.calls(), house.talks()) == ((), [(None, 12.0)])
