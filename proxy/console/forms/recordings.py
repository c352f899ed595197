"""Recordings that were uploaded: what they are called, and where the one is that callers of a language hear."""

from typing import Final, NamedTuple
from urllib.parse import quote

from proxy.media.texts import TEXTS

FALLBACK: Final = "en"
"""The language of what is heard where there is nothing in the caller's."""


class Recordings(NamedTuple):
    """What somebody may choose among."""

    uploaded: frozenset[tuple[str, str | None]]
    """Name and language; None: of every language that has none of its own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(sorted({name for name, _ in self.uploaded}))

    def path(self, name: str, language: str) -> str:
        """Return where the recording is that callers of a language hear for a name; empty: they hear a beep."""
        if (name, language) in self.uploaded:
            return f"/prompts/{language}/{quote(name)}.wav"
        if (name, None) in self.uploaded:
            return f"/prompts/all/{quote(name)}.wav"
        if name in TEXTS.get(language, {}):
            return f"/prompts/{language}/{name}.wav?built_in=1"
        return self.path(name, FALLBACK) if language != FALLBACK else ""


NO_RECORDINGS: Final = Recordings(frozenset())
