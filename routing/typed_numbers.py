"""Numbers that callers type on their phone's keys, read as E.164.

- `*` stands for `+`: `*36 30 123 4567`. `00` and the country code do too, and where the policy has a region also a
  national number as it is dialled there, with its trunk prefix (`06 30 …` in Hungary), or its international prefix.
- Only what the numbering plans call possible is a number. Whether it may be called the guard says.
- One call may name so many different numbers, and no more.
"""

from typing import Final

import phonenumbers

from config.numbering import read
from routing.callbacks.queue_facts import TypedNumber

IMPOSSIBLE: Final = TypedNumber(None, "impossible")
NOT_CALLED: Final = TypedNumber(None, "not_called")
TOO_MANY: Final = TypedNumber(None, "too_many")

NUMBERS_MAX: Final = 5
"""Different numbers that one call may name."""
ENTRIES_MAX: Final = 10
"""Entries of one call that are read at all, the same number again counted."""
LONGEST: Final = 20
"""Keys; more are no number of any plan."""


def number_of(keys: str, region: str) -> str | None:
    """Return the E.164 form of what was typed; None where no plan has such a number.

    `region`: ISO 3166 country in which numbers without country code are read; empty: they are impossible.
    """
    text = "+" + keys[1:] if keys.startswith("*") else keys
    if len(text) > LONGEST or not text.removeprefix("+").isascii() or not text.removeprefix("+").isdigit():
        return None
    if text.startswith("00"):
        text = "+" + text[2:]
    found = read(text, region)
    return found if found is not None and _is_possible(found) else None


def _is_possible(number: str) -> bool:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE


class TypedNumbers:
    """What each call in progress has named so far."""

    def __init__(self) -> None:
        self._entries: dict[str, int] = {}
        self._judged: dict[str, dict[str, bool]] = {}
        """By call and number: whether it may be called."""

    def read(self, call: str, keys: str, region: str) -> TypedNumber:
        """Read an entry of a call; a number that was named before is answered as it was then."""
        entries = self._entries[call] = self._entries.get(call, 0) + 1
        if entries > ENTRIES_MAX:
            return TOO_MANY
        number = number_of(keys, region)
        if number is None:
            return IMPOSSIBLE
        known = self._judged.get(call, {})
        if number not in known:
            return TOO_MANY if len(known) >= NUMBERS_MAX else TypedNumber(number)
        return TypedNumber(number) if known[number] else NOT_CALLED

    def is_new(self, call: str, number: str) -> bool:
        """Whether nobody has said yet if a number that this call names may be called."""
        return number not in self._judged.get(call, {})

    def judged(self, call: str, number: str, allowed: bool) -> TypedNumber:
        """Remember whether a number may be called, and answer."""
        self._judged.setdefault(call, {})[number] = allowed
        return TypedNumber(number) if allowed else NOT_CALLED

    def forget(self, call: str) -> None:
        """A call is over."""
        self._entries.pop(call, None)
        self._judged.pop(call, None)


def grouped(number: str) -> str:
    """Return an E.164 number in groups as its country writes them, with single spaces between: `+36 30 123 4567`."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return "+" + " ".join("".join(sign if sign.isdigit() else " " for sign in written).split())
