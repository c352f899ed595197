"""The types of single settings: what a value must look like, and the limits of each."""

import datetime
import re
import zoneinfo
from collections import Counter
from typing import Annotated, Final

import phonenumbers

from config.checks import AfterValidator, BeforeValidator, Context, Field
from config.duration import parse_duration
from config.hours import parse_hours
from config.limits import LONGEST_RING, LONGEST_WINDOW, MOST_ATTEMPTS
from config.loading import Duration
from config.numbering import read as read_number
from config.patterns import is_range

LONGEST_EXPIRY: Final = 366 * 86_400.0
"""Longest `expires_after`, seconds."""

LONGEST_MIN_TALK: Final = 3600.0
"""Longest `min_talk`, seconds."""

LONGEST_WAIT: Final = 86_400.0
"""Longest time that an attempt is put off by one setting, seconds."""

END_OF_DAY: Final = "end_of_day"
"""The window that ends with the day."""

NO_COUNTRY: Final = "001"
"""The world as a country (UN M.49): country codes of satellites and international networks (+881, +883, ...)."""

PLACEHOLDERS: Final = ("number", "group", "agent", "time", "reason")
"""What may stand between percent signs in the subject of a ticket."""

ONE_BY_ONE: Final = (
    "agents are listed one by one, without ranges and patterns, and whoever pbx.*.extensions matches is an agent "
    "without being listed"
)

_EXTENSION: Final = re.compile(r"[A-Za-z0-9_.*+-]{1,64}")
_NAME: Final = re.compile(r"[\w.-]{1,64}")
_CAMPAIGN: Final = re.compile(r"[0-9]{5}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLACEHOLDER: Final = re.compile(r"%([a-z_]+)%")


def _extension(text: str) -> str:
    """An extension becomes the user part of a SIP URI and a parameter of X-Boomerang, so it needs no escaping."""
    if not _EXTENSION.fullmatch(text):
        listed = f"; {ONE_BY_ONE}" if is_range(text) else ""
        raise ValueError(f"{text!r} is not an extension: up to 64 letters, digits and . _ * + -{listed}")
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
    if is_range(text):
        raise ValueError(
            f"{text!r} is not a number: each is listed by itself, without ranges and patterns, and one that is not "
            "listed is shared and in no group"
        )
    written = read_number(text, "")
    if written is None:
        raise ValueError(f"{text!r} is not a number in the form +COUNTRY NUMBER, such as +3614445555")
    if written != text:
        raise ValueError(f"write this number as {written}")
    if not phonenumbers.is_possible_number(phonenumbers.parse(text, None)):
        raise ValueError(f"{text!r} is too short or too long for its country")
    return text


def _region(text: str) -> str:
    if text and text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{text!r} is not a country: write its two letters (ISO 3166), such as HU")
    return text


def _country(text: str) -> str:
    return text if text == NO_COUNTRY else _region(text)


def _timezone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"{text!r} is not a time zone: write its IANA name, such as Europe/Budapest") from None
    return text


def _hours(text: str) -> str:
    parse_hours(text)
    return text


def _campaign_id(text: str) -> str:
    if not _CAMPAIGN.fullmatch(text):
        raise ValueError(f"{text!r} is not the id of a campaign: five digits, such as 10001")
    return text


def _date_text(value: object, context: Context) -> object:
    """A date may be written without quotes: TOML has a type for it."""
    return value.isoformat() if type(value) is datetime.date else value


def _date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            datetime.date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a date: write it as 2026-11-30")


def _holidays(text: str) -> str:
    if not text:
        return text  # the list of countries takes a tenth of a second to make, and most name none
    import holidays  # only who names a country pays for it

    country, mark, subdivision = text.partition("/")
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        raise ValueError(f"{country!r} is not a country whose holidays are known: write its two letters, such as HU")
    if mark and subdivision not in known[country]:
        raise ValueError(f"{subdivision!r} is not a part of {country} that has holidays of its own")
    return text


def parse_window(text: str) -> float | None:
    """Return the seconds of a window; None for `end_of_day`. ValueError where it is none, or out of its bounds."""
    if text == END_OF_DAY:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a window: write end_of_day, or a duration such as 24h or 48h") from None
    if not 1 <= seconds <= LONGEST_WINDOW:
        raise ValueError(f"{text!r} is not a window: 1s at least, 14d at most")
    return seconds


def _window(text: str) -> str:
    parse_window(text)
    return text


def _subject(text: str) -> str:
    unknown = [f"%{name}%" for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"%{name}%" for name in PLACEHOLDERS)
        raise ValueError(f"{', '.join(unknown)} stands for nothing: there are {known}")
    if not text.isprintable():
        raise ValueError("a subject is one line of text")
    return text


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted(item for item, count in Counter(items).items() if count > 1)
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

Strings = tuple[str, ...]
"""A TOML array of strings."""
Extensions = Annotated[tuple[Extension, ...], AfterValidator(_distinct)]
Hours = tuple[Annotated[str, AfterValidator(_hours)], ...]

CampaignId = Annotated[str, AfterValidator(_campaign_id)]
Date = Annotated[str, BeforeValidator(_date_text), AfterValidator(_date)]
Holidays = Annotated[str, AfterValidator(_holidays)]
Window = Annotated[str, AfterValidator(_window)]
Subject = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_subject)]

Wait = Annotated[Duration, Field(ge=0, le=LONGEST_WAIT)]
Pause = Annotated[Duration, Field(ge=1, le=LONGEST_WAIT)]
"""A time between two tries: never none, or a busy line would be dialled without end."""
Responsibility = Annotated[Duration, Field(ge=0, le=LONGEST_WINDOW)]
Age = Annotated[Duration, Field(ge=0, le=LONGEST_EXPIRY)]
CampaignAge = Annotated[Duration, Field(ge=1, le=LONGEST_WINDOW)]
Accept = Annotated[Duration, Field(ge=1, le=120)]
Preview = Annotated[Duration, Field(ge=0, le=LONGEST_RING)]
WrapUp = Annotated[Duration, Field(ge=0, le=3600)]
Percent = Annotated[int, Field(ge=1, le=100)]
Some = Annotated[int, Field(ge=0, le=1_000_000)]
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Weight = Annotated[int, Field(ge=1, le=1000)]
Retries = Annotated[int, Field(ge=0, le=MOST_ATTEMPTS - 1)]
ConfirmKey = Annotated[str, Field(pattern="^[0-9*#]?$")]
MenuKey = Annotated[str, Field(pattern="^[0-9]$")]
Regions = Annotated[
    tuple[Annotated[str, Field(min_length=1), AfterValidator(_country)], ...],
    AfterValidator(_distinct),
]
E164s = Annotated[tuple[E164, ...], AfterValidator(_distinct)]
