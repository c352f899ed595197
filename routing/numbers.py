"""Phone numbers of customers and of ours as they are compared: config/numbering.py reads them, this remembers."""

from collections.abc import Iterator
from typing import Final

from config.numbering import LONGEST_TEXT, read

CACHE_SIZE: Final = 50_000
"""Texts whose reading is remembered, per region: about 10 MB. A full cache is begun anew."""

OUTSIDE_LINE: Final = 4
"""Digits that a PBX may put before a number, at most, so that it can be dialled back from a phone."""


class Numbers:
    """Reads numbers for one region and remembers what it read."""

    __slots__ = ("_cache", "region")

    def __init__(self, region: str) -> None:
        self.region = region
        """ISO 3166 country in which numbers without `+` are read; empty: they are unreadable."""
        self._cache: dict[str, str | None] = {}

    def e164(self, text: str) -> str | None:
        """Return the number in E.164 form with its `+`; None where the text is no number, withheld or too short."""
        try:
            return self._cache[text]
        except KeyError:
            pass
        found = read(text, self.region)
        if len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
        if len(text) <= LONGEST_TEXT:
            self._cache[text] = found
        return found

    def readings(self, shown: str) -> Iterator[str]:
        """Give what a number on a phone's display may mean in E.164: as it stands, then without its first characters.

        Dialplans put the digits for an outside line before it. Which reading is meant, who waits must tell.
        """
        for start in range(1 if ";" in shown else OUTSIDE_LINE + 1):  # no dialplan knows of a number's context
            found = self.e164(shown[start:])
            if found is not None:
                yield found
