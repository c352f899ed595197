"""What was said in English, in the language of a page: refusals, alarms, what is wrong with a setting.

Whoever says it (the daemon, `config`, this console) says it in English, the same at every door. Its sentences stand in
the catalogue `words/LANGUAGE/said.po` with what they are filled with in braces: "there is no callback {id}". A text is
held against them as it comes to a page; what fits none is shown as it is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from proxy.console.words import AREAS, FALLBACK, LANGUAGES, SAID, Words, words_of

TOLD: Final = frozenset({"what", "why", "error", "state", "role", "result"})
"""What fills these (and a second one, such as `role2`) is itself said in the page's language, where it is known; all
else is taken over as it is."""
COUNT: Final = "num"
"""What fills this decides which form of a plural fits."""
LONGEST: Final = 4_000
"""Signs of a text that is looked at."""
DEEPEST: Final = 4
"""Sentences within sentences."""

_HOLE: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = re.compile(r"[^\s']+")
"""What a sentence may be about, before a colon: a setting, an argument, a file and its line."""


class _Form(NamedTuple):
    """A sentence in English, and what is said instead."""

    pieces: tuple[str, ...]
    """What stands before, between and after what it is filled with."""
    holes: tuple[str, ...]
    said: tuple[str, ...]
    """One, or a form for each plural."""

    def read(self, text: str) -> Mapping[str, str] | None:
        """Return what the sentence is filled with; None: the text is another one. In one pass, whatever it holds."""
        first, last = self.pieces[0], self.pieces[-1]
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return None
        at, end, found = len(first), len(text) - len(last), {}
        for hole, piece in zip(self.holes, self.pieces[1:-1], strict=False):
            place = text.find(piece, at + 1, end)
            if place < 0:
                return None
            found[hole] = text[at:place]
            at = place + len(piece)
        if at >= end:
            return None
        return {**found, self.holes[-1]: text[at:end]}


class Said:
    """What can be said in one language."""

    def __init__(self, messages: Iterable[Message], plural_form: Callable[[int], int]) -> None:
        self._plural_form = plural_form
        self._plain: dict[str, str] = {}
        forms: list[_Form] = []
        for message in messages:
            said = _several(message.string)
            for text in _several(message.id):
                found = _HOLE.split(text)
                if len(found) == 1:
                    self._plain[text] = said[0]
                else:
                    forms.append(_Form(tuple(found[::2]), tuple(found[1::2]), said))
        forms.sort(key=lambda one: -sum(map(len, one.pieces)))
        self._of_keys = [one for one in forms if one.pieces[0] == "" and one.pieces[1].startswith(": ")]
        """Those that begin with what they are about."""
        self._forms = [one for one in forms if one not in self._of_keys]

    def tell(self, text: str) -> str | None:
        """Return a text in this language, each line by itself; None where nothing of it is known."""
        if len(text) > LONGEST:
            return None
        told = [(line, self._tell(line, DEEPEST)) for line in text.split("\n")]
        return "\n".join(line if said is None else said for line, said in told) if any(
            said is not None for _, said in told) else None

    def _tell(self, text: str, deep: int) -> str | None:
        plain = self._plain.get(text)
        if plain is not None or not deep:
            return plain
        told = self._fitting(self._of_keys, text, deep)
        if told is None:
            key, mark, rest = text.partition(": ")
            about = self._tell(rest, deep - 1) if mark and _KEY.fullmatch(key) else None
            told = self._fitting(self._forms, text, deep) if about is None else f"{key}: {about}"
        return told

    def _fitting(self, forms: Iterable[_Form], text: str, deep: int) -> str | None:
        for form in forms:
            found = form.read(text)
            if found is not None:
                return self._filled(form, found, deep)
        return None

    def _filled(self, form: _Form, found: Mapping[str, str], deep: int) -> str:
        told = {name: (self._tell(value, deep - 1) or value) if name.rstrip("2") in TOLD else value
                for name, value in found.items()}
        count = found.get(COUNT, "")
        number = int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 1
        said = form.said[self._plural_form(number) if len(form.said) > 1 else 0]
        return _HOLE.sub(lambda hole: told.get(hole[1], hole[0]), said)


def _several(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


@cache
def said_in(language: str) -> Said:
    """Return what can be said in a language; in English, nothing is said otherwise."""
    if language == FALLBACK or language not in LANGUAGES:
        return Said((), lambda number: 0)
    with (AREAS / language / SAID).open("rb") as file:
        return Said([one for one in read_po(file, locale=language) if one.id], words_of(language).plural_form)


def tell(words: Words, text: str) -> str:
    """Return a text in the language of a page, as it is where it is not known."""
    return said_in(words.language).tell(text) or text
