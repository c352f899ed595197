import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.numbering import read
from routing import numbers
from routing.facts import WITHHELD
from routing.numbers import Numbers
from tests.kit.builds import replaces_parts


def test_withheld_words_are_no_numbers() -> None:
    assert [word for word in WITHHELD if Numbers("HU").e164(word) is not None] == []


@given(st.text("+0123456789 ;", max_size=140))
def test_what_is_remembered_is_what_was_read(text: str) -> None:
    reader = Numbers("HU")
    assert reader.e164(text) == reader.e164(text) == read(text, "HU")


@replaces_parts
def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "CACHE_SIZE", 10)
    reader = Numbers("HU")
    for number in range(100):
        assert reader.e164(f"+3620{number:07d}") == f"+3620{number:07d}"
    assert len(reader._cache) <= 10
    reader.e164("9" * 200)
    assert "9" * 200 not in reader._cache


def test_an_outside_line_is_read_away() -> None:
    assert list(Numbers("HU").readings("90036201234567")) == ["+36201234567", "+36201234567"]


def test_no_digit_is_taken_off_a_number_with_a_context() -> None:
    assert list(Numbers("HU").readings("201234567;phone-context=+36")) == ["+36201234567"]
    assert list(Numbers("HU").readings("0036201234567;phone-context=c.example")) == []
