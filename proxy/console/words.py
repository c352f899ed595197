"""The words of the pages: catalogues in gettext's format, read when a language is first asked for.

The English sentence is the key. Each language has a folder in `words/` with a catalogue for each area (a page, or
`shared`); they are one for whoever asks.
"""

from collections.abc import Iterable
from functools import cache
from gettext import c2py  # how gettext itself reads a plural's rule
from importlib.resources import files
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

LANGUAGES: Final[dict[str, str]] = {
    "en": "English", "hu": "Magyar", "sk": "Slovenčina", "pl": "Polski", "de": "Deutsch", "ru": "Русский",
}
"""Each language of the pages, by its code, as its own people call it."""
FALLBACK: Final = "en"
AREAS: Final = files("proxy.console") / "words"
SAID: Final = "said.po"
"""The area that is not for pages: forms of what comes in English from elsewhere (`said.py`)."""


class Words:
    """What there is to say in one language."""

    def __init__(self, language: str, catalogues: Iterable[Catalog]) -> None:
        self.language = language
        self._single: dict[str, str] = {}
        self._plural: dict[str, tuple[str, ...]] = {}
        self._form = _one_or_other
        for catalogue in catalogues:
            self._form = _plural_of(catalogue)
            for message in catalogue:
                key, said = message.id, message.string
                if isinstance(key, list | tuple) and isinstance(said, list | tuple):
                    self._plural[key[0]] = tuple(said)
                elif isinstance(key, str) and isinstance(said, str) and key and said:
                    self._single[key] = said

    def gettext(self, text: str) -> str:
        """Return a sentence in this language; in English where there is none."""
        return self._single.get(text, text)

    def ngettext(self, one: str, other: str, number: int) -> str:
        """Return the sentence that fits a number."""
        forms = self._plural.get(one)
        if forms is None:
            return one if number == 1 else other
        form = self.plural_form(number)
        return forms[form] if form < len(forms) and forms[form] else (one if number == 1 else other)

    def plural_form(self, number: int) -> int:
        """Return which form of a plural fits a number."""
        return self._form(number)

    def sentences(self) -> list[str]:
        """Return every sentence that there is in this language, as it is in English."""
        return [*self._single, *self._plural]


def _one_or_other(number: int) -> int:
    return 0 if number == 1 else 1


def _plural_of(catalogue: Catalog) -> Any:
    return c2py(get_plural(str(catalogue.locale)).plural_expr)


@cache
def words_of(language: str) -> Words:
    """Return the words of a language; English where there is no such."""
    if language not in LANGUAGES or language == FALLBACK:
        return Words(FALLBACK, ())
    folder = AREAS / language
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".po") and entry.name != SAID:
            with entry.open("rb") as file:
                found.append(read_po(file, locale=language))
    return Words(language, found)


def mark(text: str) -> str:
    """Mark a sentence of the pages: it is translated when it is shown. Imported as `_`, by which it is found."""
    return text


def choose(wanted: str | None, kept: str | None, accepted: str) -> str:
    """Return the language of a page: the one asked for, else the one kept, else the first that the browser accepts."""
    for one in (wanted, kept):
        if one in LANGUAGES:
            return str(one)
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().partition("-")[0].lower()
        if code in LANGUAGES:
            return code
    return FALLBACK
