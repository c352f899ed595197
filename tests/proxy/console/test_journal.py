"""Everything that the daemon writes into a journal has its sentence, in every language."""

import re
from typing import Any, Final, get_args

import pytest

from proxy.console.journal import SENTENCES, Journal, states
from proxy.console.rendering import duration
from proxy.console.words import LANGUAGES, words_of
from routing.rows import JournalKind, Result, TaskState
from tests.architecture.tree import ROOT

NOON = 1_795_431_600.0
FULL: Final[dict[str, dict[str, Any]]] = {
    "missed": {"number": "+3614445555", "waited_s": 75.2, "weight": "likely"},
    "queued": {"due_at": NOON, "expires_at": NOON + 86_400}, "asked": {"by": "Anna", "note": "ask for Eva"},
    "assigned": {"preview_s": 5.0}, "attempt": {"count": 2, "number": "+3614445555"},
    "declined": {"why": "silent", "reason": "lunch"},
    "result": {"result": "customer_no_answer", "cause": 487, "talk_s": None, "counted": True},
    "refused": {"reason": "quiet_hours", "text": "quiet hours in Europe/Budapest", "until": NOON},
    "released": {"responsible": "202", "waited_s": 60.0, "why": "waited"}, "closed": {"until": NOON},
    "held": {"by": "sue: lunch"}, "resumed": {"by": "sue"}, "recovered": {"counted": True, "step": "customer"},
    "replanned": {"due_at": NOON, "expires_at": NOON + 60, "attempts_max": 3},
    "moved": {"group": "sales", "before": "vip"}, "renumbered": {"campaign": "10002", "before": "10001"},
    "reassigned": {"by": "sue", "responsible": "202"}, "ticket": {"ticket": "t", "why": "unreached"},
    "ended": {"state": "done", "reason": "talked", "by": "sue"}, "call_now": {"by": "sue", "force": True},
    "stale": {"node": "edge2"}, "requested": {"waited_s": 75.0, "customer": "+36201234567"},
    "asked_again": {"customer": "+36201234567"}, "place_lost": {"why": "pbx", "held_s": 61.0},
}
"""What lines say beside, where it matters."""


def journal(language: str = "en") -> Journal:
    return Journal(words_of(language), lambda at: f"at {at:g}", duration)


def test_every_kind_has_its_sentence() -> None:
    assert set(SENTENCES) == set(get_args(JournalKind))
    assert set(FULL) <= set(SENTENCES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", get_args(JournalKind))
def test_each_is_told_whatever_it_says_beside(kind: str, language: str) -> None:
    """A line of an older version may lack anything."""
    for agent in ("201", None):
        for data in (FULL.get(kind, {}), {}):
            said = journal(language).sentence(kind, agent, data)
            assert len(said) >= 5
            assert not said[0].islower() or kind in ("call_now", "reassigned"), said
            assert said.rstrip().endswith((".", "Eva", "lunch")), said
            assert "None" not in said
            assert "%(" not in said
            assert not said.startswith(kind), "it is told by its name alone"


def test_what_stands_in_a_line_is_told() -> None:
    told = journal().sentence
    assert told("missed", None, FULL["missed"]) == (
        "They called +3614445555 and reached nobody; they waited 1:15. "
        "This is likely, not proved: the PBX shows too little of who answers.")
    assert told("result", "201", {**FULL["result"], "talk_s": 30.0, "counted": False}) == (
        "The attempt is over: the customer did not answer. They talked for 0:30. SIP 487. "
        "It does not count: the customer was not dialled.")
    assert told("released", "202", FULL["released"]) == "Released to everybody: 202 did not take it within 1:00."
    assert told("refused", None, {"reason": "new_word", "text": "something new", "until": None}) == \
        "Not called: something new."
    assert told("of_a_later_version", "201", {"x": 1}) == "of_a_later_version x=1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_result_state_and_refusal_is_told(language: str) -> None:
    told = journal(language)
    assert set(told.results) == set(get_args(Result))
    assert set(states(words_of(language))) == set(get_args(TaskState))
    refusals = {word for path in (ROOT / "routing/callbacks").glob("*.py")
                if path.name != "previews.py"  # those are written into no journal
                for word in re.findall(r'Refusal\(\s*"(\w+)"', path.read_text())}
    ends = {word for path in (ROOT / "routing/callbacks").glob("*.py")
            for word in re.findall(r'\.end\(\s*\w+(?:\.\w+)?, "\w+",\s*"(\w+)"', path.read_text())}
    assert len(refusals) > 12
    assert len(ends) > 5
    assert (refusals | ends) - set(told.reasons) == set()
