"""Phone numbers in one spelling: E.164 with its `+`, so that the same customer is always the same string.

- A number with `+` is taken when it has the shape of E.164 and a country code that exists, even where no such number
  is given out (test ranges).
- A number without `+` (national, or with an international prefix such as 00) is read in the operator's region and
  taken only when it has a length that a whole number of that country can have: a short code or an extension is nobody.
"""

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers

CACHE_SIZE: Final = 50_000
"""Texts whose reading is remembered, per region: about 10 MB. A full cache is begun anew."""

LONGEST_TEXT: Final = 128
"""Characters; a longer text is no number."""

OUTSIDE_LINE: Final = 4
"""Digits that a PBX may put before a number, at most, so that it can be dialled back from a phone."""

WITHHELD: Final = frozenset({"anonymous", "unknown", "unavailable", "restricted", "private", "withheld"})
"""User parts that PBXs and carriers write where there is no number to show, lower case."""

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""Fifteen digits at most (E.164 section 6); the shortest numbers in use have seven with their country code."""

_SEPARATORS: Final = re.compile(r"[ .()/\xa0-]+")
"""Visual separators of RFC 3966 section 5.1.1, and the slash and spaces that people write."""

_READABLE: Final = re.compile(r"\+?[0-9]{2,20}")
_CONTEXT: Final = re.compile(r";phone-context=(\+[0-9]{1,15})(?:;|$)", re.IGNORECASE)
"""RFC 3966 section 5.1.5: what a local number must be preceded by."""


class _Country:
    """What the fast path must know of a country code."""

    __slots__ = ("prefix",)

    def __init__(self, code: int) -> None:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(
            code, phonenumbers.region_code_for_country_code(code)
        )
        pattern = metadata.national_prefix_for_parsing if metadata else None
        self.prefix: re.Pattern[str] | None = re.compile(pattern) if pattern else None


_COUNTRIES: dict[str, _Country | None] = {}
"""Country codes met so far, as text; None: no such code. At most 999 of them."""


def _country(digits: str) -> _Country | None:
    if digits not in _COUNTRIES:
        code = int(digits)
        _COUNTRIES[digits] = _Country(code) if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE else None
    return _COUNTRIES[digits]


def read_slowly(text: str, region: str) -> str | None:
    """Return the E.164 form of `+`digits or digits by way of phonenumbers alone; None where there is none."""
    international = text.startswith("+")
    try:
        number = phonenumbers.parse(text, None if international else region or None)
    except phonenumbers.NumberParseException:
        return None
    if not international and phonenumbers.is_possible_number_with_reason(number) != \
            phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written if _E164.fullmatch(written) else None


def read_quickly(text: str) -> str | None:
    """Return `text` where it is `+`digits that phonenumbers would give back unchanged; None: ask phonenumbers.

    phonenumbers changes such a number only by stripping a national prefix after the country code; where that
    prefix's pattern does not match there is nothing to strip. No country code begins another one.
    """
    if not _E164.fullmatch(text):
        return None
    for end in (2, 3, 4):
        country = _country(text[1:end])
        if country is not None:
            return None if country.prefix is not None and country.prefix.match(text, end) else text
    return None


def clean(text: str) -> str | None:
    """Strip what is not the number itself: `tel:`, parameters, visual separators. None: this cannot be a number."""
    if len(text) > LONGEST_TEXT:
        return None
    text = text.strip()
    if text[:4].lower() == "tel:":
        text = text[4:]
    number, mark, _ = text.partition(";")
    if mark and not number.startswith("+"):
        context = _CONTEXT.search(text)
        number = context[1] + number if context else number
    number = _SEPARATORS.sub("", number)
    return number if _READABLE.fullmatch(number) else None


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
        number = clean(text)
        found = None if number is None else read_quickly(number) or read_slowly(number, self.region)
        if len(self._cache) >= CACHE_SIZE:
            self._cache.clear()
        if len(text) <= LONGEST_TEXT:
            self._cache[text] = found
        return found

    def readings(self, shown: str) -> Iterator[str]:
        """Give what a number on a phone's display may mean in E.164: as it stands, then without its first characters.

        Dialplans put the digits for an outside line before it. Which reading is meant, who waits must tell.
        """
        for start in range(OUTSIDE_LINE + 1):
            found = self.e164(shown[start:])
            if found is not None:
                yield found
