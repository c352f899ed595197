"""The words of the pages: every sentence in every language, with what it is filled with, and the plurals it needs."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final

import pytest
from babel.messages.extract import extract
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from proxy.console.rendering import TEMPLATES
from proxy.console.words import AREAS, FALLBACK, LANGUAGES, choose, words_of
from tests.architecture.tree import ROOT

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "words_gettext": None}
CONSOLE = ROOT / "proxy/console"
HOLES = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")


def sentences() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for path in sorted([*CONSOLE.rglob("*.py"), *(CONSOLE / "templates").rglob("*.html")]):
        method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
        options = {} if path.suffix == ".py" else {"trimmed": "true", "silent": "false"}
        for _, message, _, _ in extract(method, BytesIO(path.read_bytes()), KEYWORDS, options=options):
            yield path.name, message


SENTENCES = sorted({message if isinstance(message, str) else message[0] for _, message in sentences()})


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != FALLBACK])
def test_no_sentence_is_missing(language: str) -> None:
    words = words_of(language)
    known = {*words.sentences()}
    assert [text for text in SENTENCES if text not in known] == []


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != FALLBACK])
def test_a_sentence_is_filled_with_the_same(language: str) -> None:
    wrong = []
    for path in sorted((AREAS / language).iterdir(), key=str):
        catalogue = read_po(BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
        forms = get_plural(language).num_plurals
        for message in catalogue:
            if not message.id:
                continue
            keys = [message.id] if isinstance(message.id, str) else [*message.id]
            said = [message.string] if isinstance(message.string, str) else [*(message.string or ())]
            holes = {hole for key in keys for hole in HOLES.findall(key)}
            if len(keys) > 1 and len(said) != forms:
                wrong.append((path.name, keys[0], f"{len(said)} forms, not {forms}"))
            wrong += [(path.name, keys[0], text) for text in said
                      if not text or not set(HOLES.findall(text)) <= holes
                      or (len(keys) == 1 and set(HOLES.findall(text)) != holes)]
    assert wrong == []


def test_a_catalogue_has_entries_and_nothing_else() -> None:
    """A reader of catalogues passes over what it does not know, and what was lost by it is missed by nobody."""
    known = re.compile(r'(msgid|msgid_plural|msgstr(\[\d\])?) ".*"|".*"|#.*|')
    assert [(path, line) for language in LANGUAGES if language != FALLBACK for path in (AREAS / language).iterdir()
            for line in path.read_text().splitlines() if not known.fullmatch(line)] == []


def test_every_sentence_of_a_catalogue_is_said_somewhere() -> None:
    for language in (one for one in LANGUAGES if one != FALLBACK):
        assert [text for text in words_of(language).sentences() if text not in SENTENCES] == []


def test_a_sentence_says_the_same_wherever_it_stands() -> None:
    differ = []
    for language in (one for one in LANGUAGES if one != FALLBACK):
        seen: dict[str, tuple[str, object]] = {}
        for path in sorted((AREAS / language).iterdir(), key=str):
            for message in read_po(BytesIO(path.read_bytes()), locale=language):
                key = message.id if isinstance(message.id, str) else message.id[0]
                where, said = seen.setdefault(key, (path.name, message.string)) if key else ("", message.string)
                if said != message.string:
                    differ.append((language, key, where, said, path.name, message.string))
    assert differ == []


ONE_WORD: Final = {
    "ticket": {"hu": "jegy", "de": "ticket", "pl": "zgłosz", "sk": "tiket", "ru": "заяв"},
    "node": {"hu": "csomópont", "de": "knoten", "pl": "węz|węź", "sk": "uz[ol]", "ru": "узе?л"},
    "wrap-up": {"hu": "utómunk", "de": "nachbearbeitung", "pl": "po rozmow", "sk": "dokončovan", "ru": "постобработ"},
}
"""What a thing is called in each language, as a pattern of its stem."""


@pytest.mark.parametrize("noun", ONE_WORD)
def test_a_thing_has_one_word_in_each_language(noun: str) -> None:
    others = []
    for language, stem in ONE_WORD[noun].items():
        for path in sorted((AREAS / language).iterdir(), key=str):
            for message in read_po(BytesIO(path.read_bytes()), locale=language):
                key = message.id if isinstance(message.id, str) else message.id[0]
                said = message.string if isinstance(message.string, str) else " ".join(message.string or ())
                if re.search(rf"\b{noun}s?\b", re.sub(HOLES, "", key), re.IGNORECASE) and not re.search(
                        stem, said, re.IGNORECASE):
                    others.append((language, path.name, key, said))
    assert others == []


@pytest.mark.parametrize(("wanted", "kept", "accepted", "found"), [
    ("hu", "de", "pl", "hu"), (None, "de", "pl", "de"), ("xx", None, "pl-PL,pl;q=0.9,en;q=0.8", "pl"),
    (None, None, "fr, sk;q=0.5", "sk"), (None, None, "", "en"), (None, "xx", "fr", "en"),
])
def test_the_language_of_a_page(wanted: str | None, kept: str | None, accepted: str, found: str) -> None:
    assert choose(wanted, kept, accepted) == found


def test_russian_counts_in_three_ways() -> None:
    assert [words_of("ru").plural_form(number) for number in (1, 2, 5, 11, 21, 22)] == [0, 1, 2, 2, 0, 1]


def test_words_under_a_figure_of_the_board_are_labels() -> None:
    """They stand for any number alike, so they begin as a label does; what goes on after a number is for ngettext."""
    found = re.findall(r'class="figure"><b>.*</b> \{\{ _\("(.*?)"\)', (TEMPLATES / "board_inside.html").read_text())
    assert len(found) > 5
    assert [one for one in found if not one[0].isupper()] == []


def test_templates_are_where_they_are_read() -> None:
    assert (TEMPLATES / "base.html").is_file()
