"""Phone numbers in one spelling: E.164 with its `+`, so that the same number is always the same string.

- A number with `+` is taken when it has the shape of E.164 and a country code that exists, even where no such number
  is given out (test ranges).
- A number without `+` (national, or with an international prefix such as 00) is read in a region and taken only when
  it has a length that a whole number of that country can have: a short code or an extension is nobody.
- What gateways put before a number that has its country code already, or leave there, is taken off: a second `+`, 00,
  a trunk prefix, also one that its country has abolished.
"""

import re
from typing import Final

import phonenumbers

LONGEST_TEXT: Final = 128
"""Characters; a longer text is no number."""

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""Fifteen digits at most (E.164 section 6); the shortest numbers in use have seven with their country code."""

_SEPARATORS: Final = re.compile(
    "[-\t ./()\xa0\xad\u2000-\u200f\u2010-\u2015\u202a-\u202f\u2060\u2066-\u2069\u2212\u3000\ufeff]+"
)
"""Visual separators of RFC 3966 section 5.1.1, the slash and spaces that people write, and what is copied along with a
number from pages and address books: other dashes and spaces, and marks that nobody sees."""

_READABLE: Final = re.compile(r"\+?[0-9]{2,20}")
_INTERNATIONAL: Final = re.compile(r"(?=[0+]*\+)(?:\+|00)+")
"""Several marks of an international number where one is meant: `++`, `+00`, `00+`."""

_CONTEXT: Final = re.compile(r";phone-context=([^;]*)", re.IGNORECASE)
_GLOBAL_CONTEXT: Final = re.compile(r"\+[0-9]{1,15}")
"""RFC 3966 section 5.1.5: the digits that a local number must be preceded by. A context may also be a domain."""

_ABOLISHED: Final = {52: re.compile(r"(?:1|01|044|045)(?=[2-9][0-9]{9}\Z)")}
"""By country code: trunk prefixes other than 0 that were given up, and that phonenumbers no longer takes off.

Mexico's 1 before mobile numbers, 01, 044 and 045 ended in August 2019."""


class _Country:
    """What must be known of a country code."""

    __slots__ = ("abolished", "abroad", "has_trunk_prefix", "national", "prefix")

    def __init__(self, code: int) -> None:
        found = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(
            code, phonenumbers.region_code_for_country_code(code)
        )
        prefix = found.national_prefix_for_parsing if found else None
        self.prefix = re.compile(prefix) if prefix else None
        described = found.general_desc.national_number_pattern if found and found.general_desc else None
        self.national = re.compile(described or "[0-9]+")
        """Every number of this country, without its code."""
        self.abroad = re.compile(f"00|{(found and found.international_prefix) or '00'}")
        """What is dialled before a number of another country."""
        self.has_trunk_prefix = bool(found and found.national_prefix)
        """It has a trunk prefix: a 0 before a number without the country code is no slip of habit."""
        self.abolished = _ABOLISHED.get(code)

    def has_stray_zero(self, national: str) -> bool:
        """Whether a number without its country code begins with a zero that no number of the country begins with."""
        return national.startswith("0") and not self.national.fullmatch(national)


_COUNTRIES: dict[str, _Country | None] = {}
"""Country codes met so far, as text; None: no such code. At most 999 of them."""


def _country(digits: str) -> _Country | None:
    if digits not in _COUNTRIES:
        code = int(digits)
        _COUNTRIES[digits] = _Country(code) if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE else None
    return _COUNTRIES[digits]


def read_slowly(number: str, region: str) -> str | None:
    """Return the E.164 form of `+`digits or digits by way of phonenumbers; None where there is none."""
    international = number.startswith("+")
    try:
        found = phonenumbers.parse(number, None if international else region or None, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    code, national = found.country_code or 0, phonenumbers.national_significant_number(found)
    country = _country(str(code))
    if country is None:
        return None
    if country.abolished is not None:
        national = country.abolished.sub("", national, count=1)
    written = f"+{code}{national}"
    if country.has_stray_zero(national):
        in_region = found.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
        if in_region and country.has_trunk_prefix:
            return None
        written = f"+{code}{national[1:]}"
        abroad = country.abroad.match(national)
        if abroad is None and number.endswith(f"0{national}"):  # half of a 00 was taken for the trunk prefix
            abroad = country.abroad.match(f"0{national}")
        if abroad is not None:
            meant = [f"+{abroad.string[abroad.end():]}"]
            if abroad[0] == "00":  # or zeros too many: where both could be, it is nobody's
                meant.append(written)
            readings = {reading for reading in (read(one, "") for one in meant)
                        if reading is not None and _is_whole(reading)}
            if len(readings) != 1:
                return None
            written = readings.pop()
    if written != number:  # a prefix may stand there twice; each time it is shorter
        again = read_quickly(written) or read_slowly(written, "")
        if again is None or (not international and not _is_whole(again)):
            return None
        written = again
    return written if _E164.fullmatch(written) else None


def _is_whole(written: str) -> bool:
    """Whether a number has a length that a whole number of its country can have."""
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE


def read_quickly(number: str) -> str | None:
    """Return `number` where it is `+`digits that `read_slowly` would give back unchanged; None: ask that.

    Such a number changes only by losing a trunk prefix or a zero after the country code; where there is none there is
    nothing to take off. No country code begins another one.
    """
    if not _E164.fullmatch(number):
        return None
    for end in (2, 3, 4):
        country = _country(number[1:end])
        if country is not None:
            changes = (number[end:end + 1] == "0" or country.abolished is not None
                       or (country.prefix is not None and country.prefix.match(number, end)))
            return None if changes else number
    return None


def clean(text: str) -> str | None:
    """Strip what is not the number itself: `tel:`, parameters, visual separators. None: this cannot be a number.

    A local number whose context is a domain (RFC 3966 section 5.1.5) is none: what its digits mean is for that domain
    to say.
    """
    if len(text) > LONGEST_TEXT:
        return None
    text = text.strip()
    if text[:4].lower() == "tel:":
        text = text[4:]
    number, mark, _ = text.partition(";")
    number = _INTERNATIONAL.sub("+", _SEPARATORS.sub("", number), count=1)
    if mark and not number.startswith("+"):
        contexts = {_SEPARATORS.sub("", context) for context in _CONTEXT.findall(text)}
        if contexts:
            context = contexts.pop()
            number = context + number if not contexts and _GLOBAL_CONTEXT.fullmatch(context) else ""
    if number.startswith("+0"):  # no country code begins so: a plus before what was dialled
        number = number[1:]
    return number if _READABLE.fullmatch(number) else None


def read(text: str, region: str) -> str | None:
    """Return a number in E.164 form with its `+`; None where the text is no number, or too short for one.

    `region`: ISO 3166 country in which numbers without `+` are read; empty: they are unreadable.
    """
    number = clean(text)
    return None if number is None else read_quickly(number) or read_slowly(number, region)
