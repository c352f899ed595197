"""Numbers typed on a phone's keys."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.callbacks.queue_facts import TypedNumber
from routing.typed_numbers import (
    ENTRIES_MAX,
    IMPOSSIBLE,
    NOT_CALLED,
    NUMBERS_MAX,
    TOO_MANY,
    TypedNumbers,
    grouped,
    number_of,
)


@pytest.mark.parametrize(("keys", "region", "number"), [
    ("*36301234567", "HU", "+36301234567"),
    ("0036301234567", "HU", "+36301234567"),
    ("06301234567", "HU", "+36301234567"),
    ("0036301234567", "", "+36301234567"),
    ("*36301234567", "", "+36301234567"),
    ("06301234567", "", None),
    ("*4915112345678", "HU", "+4915112345678"),
    ("011442079460000", "US", "+442079460000"),
    ("6502530000", "US", "+16502530000"),
    ("**36301234567", "HU", None),
    ("36*301234567", "HU", None),
    ("*", "HU", None),
    ("", "HU", None),
    ("112", "HU", None),
    ("0112", "HU", None),
    ("0630123", "HU", None),
    ("*3630", "HU", None),
    ("*99912345678", "HU", None),
    ("0" * 21, "HU", None),
    ("123456789012345678901234567890", "HU", None),
    ("*3690123456", "HU", "+3690123456"),
])
def test_what_is_typed(keys: str, region: str, number: str | None) -> None:
    assert number_of(keys, region) == number


@given(st.text("0123456789*#", max_size=30), st.sampled_from(["HU", "DE", "US", "IT", ""]))
def test_whatever_is_typed_is_a_possible_number_or_none(keys: str, region: str) -> None:
    found = number_of(keys, region)
    if found is not None:
        assert phonenumbers.is_possible_number(phonenumbers.parse(found, None))
        assert number_of("00" + found[1:], "") == number_of("*" + found[1:], region) == found


@pytest.mark.parametrize(("number", "text"), [
    ("+36301234567", "+36 30 123 4567"), ("+3614445555", "+36 1 444 5555"), ("+16502530000", "+1 650 253 0000"),
    ("+442079460000", "+44 20 7946 0000"), ("+390612345678", "+39 06 1234 5678"), ("nobody", "nobody")])
def test_a_number_is_read_in_the_groups_of_its_country(number: str, text: str) -> None:
    assert grouped(number) == text


def test_one_call_names_so_many_numbers() -> None:
    typed = TypedNumbers()
    for last in range(NUMBERS_MAX):
        keys = f"*3630123456{last}"
        number = f"+3630123456{last}"
        assert typed.read("a", keys, "HU") == TypedNumber(number)
        assert typed.is_new("a", number)
        assert typed.judged("a", number, last != 0) == (TypedNumber(number) if last else NOT_CALLED)
    assert typed.read("a", "*36301234560", "HU") == NOT_CALLED, "answered as before, without asking anybody"
    assert typed.read("a", "06301234561", "HU") == TypedNumber("+36301234561")
    assert not typed.is_new("a", "+36301234561")
    assert typed.read("a", "*36301234569", "HU") == TOO_MANY
    assert typed.read("b", "*36301234569", "HU") == TypedNumber("+36301234569")
    typed.forget("a")
    assert typed.read("a", "*36301234569", "HU") == TypedNumber("+36301234569")


def test_one_call_makes_so_many_entries() -> None:
    typed = TypedNumbers()
    assert [typed.read("a", "1", "HU") for _ in range(ENTRIES_MAX)] == [IMPOSSIBLE] * ENTRIES_MAX
    assert typed.read("a", "*36301234567", "HU") == TOO_MANY
