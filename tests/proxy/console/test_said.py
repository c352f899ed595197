"""What is said in English elsewhere, in the language of a page: every sentence of the code has its words, what it is
filled with comes through as it is, and what is not known is shown as it stands.
"""

import re
import time
from io import BytesIO
from typing import get_args

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from config.contradictions import Peers
from config.policy import parse_policy
from config.problem import ConfigError
from proxy.console.said import LONGEST, Said, said_in, tell
from proxy.console.words import AREAS, FALLBACK, LANGUAGES, SAID, words_of
from proxy.verbs.shapes.verb import Role
from routing.rows import Result, TaskState
from tests.proxy.console.spoken import HOLE, WORD, spoken

OTHERS = [one for one in LANGUAGES if one != FALLBACK]
FILLED = "\u00a7"
SYSTEM = {
    "No space left on device", "Permission denied", "No such file or directory", "Connection refused",
    "database or disk is full", "disk I/O error", "database is locked", "unable to open database file",
    "attempt to write a readonly database", "Not Found", "Method Not Allowed",
    "expected {sign}", "must be {known}", "must be {known} or {last}",
    "string should match pattern {pattern}", "must be a finite number",
    "string should have at most {num} character", "string should have at least {num} character"}
"""What the system, the database, the web framework and the checker of types say: their words, not ours."""
MEANT = {*get_args(Role), *get_args(TaskState), *get_args(Result), "nothing"}
"""Words that fill a sentence and are known."""
ELSEWHERE = {"no number that can be read", "{name} is no text"}
"""Said by a dict or with a name that is no constant."""
SEEN = re.compile(r"\{(\w+)\}")


def catalogue(language: str) -> list[Message]:
    content = (AREAS / language / SAID).read_bytes()
    return [one for one in read_po(BytesIO(content), locale=language) if one.id]


def english(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def bare() -> Said:
    """Return a language in which a sentence is its number in the catalogue, and what it is filled with."""

    def said(number: int, text: str) -> str:
        return " ".join([f"<{number}>", *(f"{{{hole}}}" for hole in SEEN.findall(text))])

    made = [Message(one.id, said(number, english(one)) if isinstance(one.id, str) else
                    (said(number, english(one)),)) for number, one in enumerate(catalogue("de"))]
    return Said(made, lambda number: 0)


def test_whatever_is_said_in_english_has_words() -> None:
    """A sentence that is new in the code needs its form in `words/*/said.po`, in every language."""
    language, without = bare(), []
    for text, place in spoken().items():
        told = language.tell(text.replace(HOLE, FILLED))
        rest = re.sub(r"^(\S+: )+", "", text if told is None else told)
        if WORD.search(re.sub(r"<\d+>", "", rest).replace(HOLE, "")):
            without.append(f"{place}: {text}")
    assert without == []


def test_a_sentence_without_words_is_found() -> None:
    assert len(spoken()) > 300
    assert bare().tell("this was never said before") is None


def test_every_form_is_said_somewhere() -> None:
    language, messages = bare(), catalogue("de")
    told = "".join(language.tell(text.replace(HOLE, FILLED)) or "" for text in spoken())
    used = {int(number) for number in re.findall(r"<(\d+)>", told)}
    never = {english(one) for number, one in enumerate(messages) if number not in used}
    assert never - SYSTEM - MEANT - ELSEWHERE == set()
    assert (SYSTEM | MEANT | ELSEWHERE) - {english(one) for one in messages} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_forms(language: str) -> None:
    assert [english(one) for one in catalogue(language)] == [english(one) for one in catalogue("de")]
    for one in catalogue(language):
        text = english(one)
        filled = SEEN.sub(FILLED, text)
        assert said_in(language).tell(filled) is not None, text


@pytest.mark.parametrize(("text", "language", "told"), [
    ("there is no callback '0a1b'", "de", "es gibt keinen Rückruf '0a1b'"),
    ("responsible: '999' is no extension of an agent", "hu", "responsible: '999' nem ügyintéző melléke"),
    ("1 callbacks wait already", "sk", "už čaká 1 spätné volanie"),
    ("3 callbacks wait already", "sk", "už čakajú 3 spätné volania"),
    ("20000 callbacks wait already", "ru", "уже ждут 20000 обратных звонков"),
    ("22 callbacks wait already", "pl", "czekają już 22 oddzwonienia"),
    ("string should have at most 1 character", "de", "höchstens 1 Zeichen"),
    ("the callback is held", "pl", "stan oddzwonienia: wstrzymane"),
    ("too late: it is over (customer_busy)", "de", "zu spät: es ist vorbei (der Kunde war besetzt)"),
    ("policy.edit: group 'sales' is not Anna's", "de", "policy.edit: gehört nicht zu Anna: Gruppe 'sales'"),
    ("window: 'x' is not a window: write end_of_day, or a duration such as 24h or 48h", "sk",
     "window: 'x' nie je okno: napíšte end_of_day alebo trvanie ako 24h či 48h"),
    ("/var/lib/boomerang/boomerang.db: database or disk is full", "de",
     "/var/lib/boomerang/boomerang.db: die Datenbank oder die Platte ist voll"),
    ("users.add is for the role admin, and Ida is supervisor", "de",
     "users.add ist für die Rolle Administrator, und Ida hat die Rolle Teamleiter"),
])
def test_sentences(text: str, language: str, told: str) -> None:
    assert tell(words_of(language), text) == told


@pytest.mark.parametrize("text", ["", ": ", "a: ", "lunch", "there is no", "there is no callback ", "x" * 5_000,
                                  "there is no callback " + "x" * LONGEST])
def test_what_is_not_known_is_shown_as_it_is(text: str) -> None:
    assert tell(words_of("hu"), text) == text


def test_english_stays() -> None:
    assert tell(words_of("en"), "there is no callback 'x'") == "there is no callback 'x'"


@given(st.text(min_size=1, max_size=60).filter(lambda text: not set(text) & {"'", "\n"}))
def test_what_people_named_comes_through(name: str) -> None:
    """Whatever somebody wrote is nothing to translate, though it looks like a sentence or a hole of one."""
    assert tell(words_of("de"), f"there is a user '{name}' already") == f"es gibt schon einen Benutzer '{name}'"


@pytest.mark.parametrize("name", ["{agent}", "admin", "it is closed now", "callbacks are stopped", "<b>", "%(num)s"])
def test_a_name_that_looks_like_words_stays(name: str) -> None:
    assert tell(words_of("de"), f"there is no agent {name}") == f"es gibt keinen Agenten {name}"


@given(st.text(max_size=400))
def test_any_text_can_be_told(text: str) -> None:
    for language in OTHERS:
        tell(words_of(language), text)


def test_a_long_text_of_many_words_takes_no_long_time() -> None:
    """One pass a form, whatever stands in the text: no form tries again from every place."""
    text = ("there is no group did you mean is not name: write " * 90)[:LONGEST]
    began = time.process_time()
    for _ in range(20):
        said_in("de").tell(text)
    assert time.process_time() - began < 5


BROKEN = """
region = "Hungary"
timezone = "Mars/Base"
unheard = 1
[callback]
agent_ring_for = 20
customer_ring_for = "long"
priority = "sometimes"
confirm_key = "77"
agents_share = 500
record = "yes"
reserve = -1
[tickets]
subject = "%nothing%"
[missed_callback]
enabled = true
window = "99d"
responsible = "fixed"
[number."+3614445555"]
group = "nobody"
trunk = "other"
[number."12"]
[group.sales]
agents = "201"
hours = ["always"]
on_missed = "sing"
[group.other]
target = ""
agents = ["201", "201"]
[campaign.10001]
name = 5
group = "salse"
from = "2026-13-01"
[agent.201]
name = "LONG"
""".replace("LONG", "x" * 200)


@pytest.mark.parametrize("language", OTHERS)
def test_whatever_is_wrong_with_a_policy_has_words(language: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_policy(BROKEN, "policy.toml", Peers({"main"}, {"office"}))
    texts = [one.text for one in raised.value.problems]
    assert len(texts) > 15
    assert [text for text in texts if said_in(language).tell(text) is None] == []


@pytest.mark.parametrize("toml", [
    "a =", "a = 'x", "[a", "a: 1", "a = yes", "[number.+361]", "a = [1", "// note", "a = 1\na = 2", "[a]\n[a]",
    "a = {b = 1,", "a = \u201cx\u201d", "my key = 1", 'a = "\\d"', "a = 1 b = 2", "just words", "a = [x]"])
def test_whatever_is_wrong_with_a_text_has_words(toml: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_policy(toml, "policy.toml")
    assert [one.text for one in raised.value.problems if said_in("hu").tell(one.text) is None] == []
