"""The types of single settings: what a value must look like, and the limits of each."""

import re
import zoneinfo
from typing import Annotated, Final

import phonenumbers
from pydantic import AfterValidator, Field

from config.hours import parse_hours
from config.loading import Duration

LONGEST_EXPIRY: Final = 366 * 86_400.0
"""Longest `expires_after`, seconds."""

LONGEST_RING: Final = 600.0
"""Longest `ring_for`, seconds."""

LONGEST_MIN_TALK: Final = 3600.0
"""Longest `min_talk`, seconds."""

MOST_ATTEMPTS: Final = 10
"""Most `attempts` of a missed callback."""

_EXTENSION: Final = re.compile(r"[A-Za-z0-9_.*+-]{1,64}")
_NAME: Final = re.compile(r"[\w.-]{1,64}")


def _extension(text: str) -> str:
    """An extension becomes the user part of a SIP URI and a parameter of X-Boomerang, so it needs no escaping."""
    if not _EXTENSION.fullmatch(text):
        raise ValueError(f"{text!r} is not an extension: up to 64 letters, digits and . _ * + -")
    return text


def _name(text: str) -> str:
    """A name becomes a level of an MQTT topic and a label of a metric."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name: up to 64 letters, digits and . _ -")
    return text


def _ascii_name(text: str) -> str:
    if not text.isascii():
        raise ValueError(f"{text!r} is not a name: letters without accents only")
    return _name(text)


def _e164(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"{text!r} is not a number in the form +COUNTRY NUMBER, such as +3614445555") from None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if written != text:
        raise ValueError(f"write this number as {written}")
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{text!r} is too short or too long for its country")
    return text


def _region(text: str) -> str:
    if text and text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{text!r} is not a country: write its two letters (ISO 3166), such as HU")
    return text


def _timezone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"{text!r} is not a time zone: write its IANA name, such as Europe/Budapest") from None
    return text


def _hours(text: str) -> str:
    parse_hours(text)
    return text


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({item for item in items if items.count(item) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} stands here twice")
    return items


Extension = Annotated[str, AfterValidator(_extension)]
Name = Annotated[str, AfterValidator(_name)]
AsciiName = Annotated[str, AfterValidator(_ascii_name)]
E164 = Annotated[str, AfterValidator(_e164)]

Type = Annotated[int, Field(ge=0, le=4)]
Expiry = Annotated[Duration, Field(gt=0, le=LONGEST_EXPIRY)]
Ring = Annotated[Duration, Field(gt=0, le=LONGEST_RING)]
MinTalk = Annotated[Duration, Field(ge=0, le=LONGEST_MIN_TALK)]
Attempts = Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)]
Region = Annotated[str, AfterValidator(_region)]
TimeZone = Annotated[str, AfterValidator(_timezone)]

Strings = Annotated[tuple[str, ...], Field(strict=False)]
"""A TOML array of strings."""
Extensions = Annotated[Annotated[tuple[Extension, ...], Field(strict=False)], AfterValidator(_distinct)]
Hours = Annotated[tuple[Annotated[str, AfterValidator(_hours)], ...], Field(strict=False)]
