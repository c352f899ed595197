"""Who is free, out of several sources that see the same thing at different moments."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.agents import AWAY_FOR, AgentState, Board
from routing.facts import Watched


def test_dialogs_show_calls_that_do_not_pass() -> None:
    board = Board()
    assert board.watched("201", "free", 1.0) == AgentState("free", 1.0)
    assert board.watched("201", "ringing", 2.0) == AgentState("ringing", 2.0)
    assert board.watched("201", "busy", 3.0) == AgentState("busy", 3.0)
    assert board.watched("201", "busy", 4.0) is None
    assert board.watched("201", "free", 5.0) == AgentState("free", 5.0)


def test_what_nobody_watches_any_more_is_unknown_until_a_call_shows_it() -> None:
    board = Board()
    board.watched("201", "free", 1.0)
    assert board.watched("201", None, 2.0) == AgentState("unknown", 2.0)
    board.change("201", 0, 1, 3.0)
    assert board.change("201", 0, -1, 4.0) == AgentState("free", 4.0)
    assert board.watched("202", None, 5.0) is None
    assert "202" not in board.seen()


@pytest.mark.parametrize(("end", "dialogs_last"), [("call first", True), ("dialogs first", False)])
def test_a_call_and_its_dialog_may_begin_and_end_in_any_order(end: str, dialogs_last: bool) -> None:
    board = Board()
    board.watched("201", "free", 0.0)
    board.change("201", 0, 1, 10.0)
    assert board.state("201").state == "busy"
    board.watched("201", "busy", 10.1)
    if dialogs_last:
        board.change("201", 0, -1, 20.0)
        assert board.state("201").state == "busy"
        board.watched("201", "free", 20.1)
    else:
        board.watched("201", "free", 20.0)
        board.change("201", 0, -1, 20.1)
    assert board.state("201") == AgentState("free", 20.1 if dialogs_last else 20.0)


def test_a_call_from_before_the_process_is_believed_until_the_dialogs_say_otherwise() -> None:
    board = Board()
    assert board.restored("201", 5.0) == AgentState("busy", 5.0)
    assert board.watched("201", "free", 6.0) == AgentState("free", 6.0)
    board.change("201", 0, 1, 20.0)
    board.watched("201", "busy", 20.1)
    board.change("201", 0, -1, 30.0)
    assert board.watched("201", "free", 30.1) == AgentState("free", 30.1)
    assert Board().restored("202", 5.0) == AgentState("busy", 5.0)
    board.restored("203", 5.0)
    assert board.watched("203", "busy", 6.0) is None
    assert board.change("203", 0, -1, 9.0) is None
    assert board.watched("203", "free", 9.1) == AgentState("free", 9.1)


def test_the_end_of_one_call_in_the_dialogs_does_not_hide_the_next() -> None:
    board = Board()
    board.watched("201", "free", 0.0)
    board.change("201", 0, 1, 10.0)
    board.watched("201", "busy", 10.1)
    board.change("201", 0, -1, 20.0)
    board.change("201", 0, 1, 20.2)
    assert board.watched("201", "free", 20.3) is None
    assert board.state("201").state == "busy"


def test_who_passed_a_call_on_is_free_although_it_goes_on() -> None:
    board = Board()
    board.watched("201", "free", 0.0)
    board.watched("201", "ringing", 9.0)
    board.change("201", 1, 0, 9.1)
    board.watched("201", "busy", 12.0)
    board.change("201", -1, 1, 12.1)
    assert board.watched("201", "free", 60.0) == AgentState("free", 60.0)
    assert board.change("201", 0, -1, 300.0) is None
    board.change("201", 1, 0, 301.0)
    assert board.state("201").state == "ringing"


def test_free_in_the_dialogs_at_their_first_word_proves_nothing_of_a_call_before() -> None:
    board = Board()
    board.change("201", 0, 1, 1.0)
    assert board.watched("201", "free", 2.0) is None
    assert board.state("201").state == "busy"


def test_who_is_busy_elsewhere_is_free_where_the_dialogs_say_so() -> None:
    board = Board()
    board.watched("201", "free", 0.0)
    board.change("201", 1, 0, 1.0)
    board.change("201", -1, 0, 2.0, "unknown")
    assert board.state("201").state == "free"


def test_wrap_up_lasts_over_calls_and_ends_by_time() -> None:
    board = Board()
    assert board.wrap_up("201", 30.0, 10.0) == AgentState("wrap_up", 10.0)
    board.change("201", 0, 1, 12.0)
    assert board.state("201").state == "busy"
    assert board.change("201", 0, -1, 15.0) == AgentState("wrap_up", 15.0)
    assert board.wrapped_until(29.9) == []
    assert board.wrapped_until(30.0) == ["201"]
    assert board.wrap_up("201", 30.0, 30.0) == AgentState("free", 30.0)
    assert board.wrapped_until(99.0) == []


def test_a_pause_waits_for_what_engages_the_agent_and_covers_that_their_phone_is_not_there() -> None:
    board = Board()
    board.change("201", 0, 1, 10.0)
    assert board.pause("201", True, 11.0) is None
    board.wrap_up("201", 40.0, 12.0)
    assert board.change("201", 0, -1, 15.0) == AgentState("wrap_up", 15.0)
    assert board.wrap_up("201", 20.0, 20.0) == AgentState("paused", 20.0)
    assert board.change("201", 1, 0, 21.0) == AgentState("ringing", 21.0)
    assert board.change("201", -1, 0, 22.0, "away") == AgentState("paused", 22.0)
    assert board.pause("201", False, 23.0) == AgentState("away", 23.0)
    assert board.pause("202", True, 1.0) == AgentState("paused", 1.0), "whom nobody has seen yet"
    assert board.pause("202", False, 2.0) == AgentState("unknown", 2.0)


def test_watched_since_begins_anew_with_each_gap() -> None:
    board = Board()
    assert board.watched_since("201") == inf
    board.watched("201", "busy", 1.0)
    board.watched("201", "free", 2.0)
    assert board.watched_since("201") == 1.0
    board.watched("201", None, 3.0)
    assert board.watched_since("201") == inf
    board.watched("201", "free", 4.0)
    assert board.watched_since("201") == 4.0


@given(st.lists(st.tuples(st.sampled_from(["call", "end", "free", "ringing", "busy", None, "card", "card over", "pause",
                                            "resume"]),
                          st.floats(0.0, 5.0)), max_size=40))
def test_nobody_is_free_while_any_source_that_is_believed_says_otherwise(steps: list[tuple[str | None, float]]) -> None:
    board, now, calls, last_call, card, paused = Board(), 100.0, 0, 0.0, False, False
    watch: Watched | None = None
    last_engaged = -inf
    for step, pause in steps:
        now += pause
        if step == "call":
            calls, last_call = calls + 1, now
            board.change("201", 0, 1, now)
        elif step == "end" and calls:
            calls -= 1
            board.change("201", 0, -1, now)
        elif step in ("card", "card over"):
            card = step == "card"
            board.wrap_up("201", now + card, now)
        elif step in ("pause", "resume"):
            paused = step == "pause"
            board.pause("201", paused, now)
        elif step in ("free", "ringing", "busy", None):
            watch = "free" if step == "free" else "busy" if step == "busy" else "ringing" if step else None
            last_engaged = -inf if watch is None else now if watch != "free" else last_engaged
            board.watched("201", watch, now)
        state = board.state("201").state
        if watch == "busy" or (calls and (watch != "free" or last_call > last_engaged + 1.0)):
            assert state == "busy"
        elif watch == "ringing":
            assert state == "ringing"
        elif card:
            assert state == "wrap_up"
        elif paused:
            assert state == "paused"
        elif watch == "free":
            assert state == "free"
        else:
            assert state in ("free", "unknown")


def test_who_was_called_and_is_not_there_is_away_whatever_the_dialogs_say() -> None:
    board = Board()
    board.watched("201", "free", 0.0)
    board.change("201", 1, 0, 10.0)
    assert board.change("201", -1, 0, 10.2, "away") == AgentState("away", 10.2)
    assert board.watched("201", "free", 60.0) == AgentState("free", 60.0), "told anew: the phone registered"
    board.change("202", 1, 0, 10.0)
    assert board.change("202", -1, 0, 10.2, "away") == AgentState("away", 10.2)
    assert board.change("202", 1, 0, 20.0) == AgentState("ringing", 20.0)
    assert board.change("202", -1, 0, 20.1, "away") == AgentState("away", 20.1), "tried once more"


def test_signs_of_a_phone_and_time_end_that_somebody_is_away() -> None:
    board = Board()
    for agent in ("201", "202", "203", "204"):
        board.change(agent, 0, 0, 0.0, "away")
    assert board.here("201", 1.0) == AgentState("unknown", 1.0)
    assert board.here("201", 2.0) is None
    assert board.change("202", 0, 1, 3.0) == AgentState("busy", 3.0)
    assert board.change("202", 0, -1, 4.0) == AgentState("free", 4.0)
    assert board.watched("203", "ringing", 5.0) == AgentState("ringing", 5.0)
    assert board.away_until(AWAY_FOR - 0.1) == []
    assert board.away_until(AWAY_FOR) == ["204"]
    assert board.here("204", AWAY_FOR) == AgentState("unknown", AWAY_FOR)
    assert board.away_until(2 * AWAY_FOR) == []
    assert board.here("nobody", 0.0) is None


def test_a_phone_that_talks_is_there_whatever_the_pbx_answers() -> None:
    board = Board()
    board.change("201", 0, 1, 0.0)
    assert board.change("201", 0, 0, 1.0, "away") is None
    assert board.change("201", 0, -1, 2.0) == AgentState("free", 2.0)
