"""Notes under tickets, as `routing.callbacks.tickets` writes them, in the language of a page."""

import re
from typing import Any, get_args

import pytest

from proxy.console.journal import Journal
from proxy.console.ticket_notes import TicketNotes
from proxy.console.words import LANGUAGES, words_of
from routing.callbacks.tickets import AUTHOR, REASONS, Why, attempt_note, story
from routing.rows import Result, TaskRow

AT = 1_795_000_000.0
ENGLISH = re.compile(r"\b(the|callback|asked|attempts|group|missed call|reached|calling|tried|closed|window)\b", re.I)


TASK = TaskRow("id", "+36701234567", "sales", None, "missed", None, "", "", "open", "", AT, AT, 1, AT, AT, 0, 4, "none",
               None, None, None, (), {}, None)


def told(language: str) -> TicketNotes:
    words = words_of(language)
    return TicketNotes(words, Journal(words, str, str))


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one not in ("en", "de")])
@pytest.mark.parametrize("why", get_args(Why))
@pytest.mark.parametrize("more", [
    {}, {"missed": 3, "number": "+3614445555"}, {"kind": "campaign", "campaign": "10001", "reason": "unreached"},
    {"kind": "queue", "options": {"caller": "+36701112222"}, "reason": "window"}, {"kind": "manual"}])
def test_a_story_is_told_in_whole(language: str, why: Why, more: dict[str, Any]) -> None:
    text = story(TASK._replace(**more), why, "Europe/Budapest")
    said = told(language).note(AUTHOR, text)
    assert len(said.splitlines()) == len(text.splitlines())
    assert not ENGLISH.search(said), said


@pytest.mark.parametrize("result", get_args(Result))
@pytest.mark.parametrize("agent", [None, "201"])
def test_how_a_try_ended_is_told(result: str, agent: str | None) -> None:
    text = attempt_note(result, agent, AT, "Europe/Budapest")
    said = told("hu").note(AUTHOR, text)
    assert said != text
    assert not ENGLISH.search(said), said
    assert (agent is None) == ("Ügyintéző: 201" not in said)


def test_what_others_wrote_and_what_is_of_no_form_stands() -> None:
    notes = told("hu")
    assert notes.note("sara", "Attempts: 1 of 4.") == "Attempts: 1 of 4."
    assert notes.note(AUTHOR, "Attempts: many") == "Attempts: many"
    assert notes.note(AUTHOR, "Attempts: 1 of 4.") == "Kísérletek: 1, legfeljebb 4."
    assert notes.subject("Callback +3670", "+3670") == "Visszahívás: +3670"
    assert notes.subject("Callback +3671", "+3670") == "Callback +3671"
    assert {*REASONS} == {*get_args(Why)}
