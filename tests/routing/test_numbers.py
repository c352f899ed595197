import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from routing import numbers
from routing.numbers import WITHHELD, Numbers, clean, read_quickly, read_slowly

CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)


@pytest.mark.parametrize(("text", "written"), [
    ("+36201234567", "+36201234567"),
    ("+36 20 123-45.67", "+36201234567"),
    ("tel:+36-20-123-4567", "+36201234567"),
    ("TEL:+3614445555;ext=12", "+3614445555"),
    ("+36201234567;user=phone;tgrp=a", "+36201234567"),
    ("06201234567", "+36201234567"),
    ("(06 1) 444/5555", "+3614445555"),
    ("36201234567", "+36201234567"),
    ("0036201234567", "+36201234567"),
    ("00442079460018", "+442079460018"),
    ("201234567;phone-context=+36", "+36201234567"),
    ("14445555;phone-context=example.com", "+3614445555"),
    ("+3606201234567", "+36201234567"),
    ("+1 202 555 0143", "+12025550143"),
    ("+99999", None),
    ("+15550100", "+15550100"),
    ("+39 06 1234 5678", "+390612345678"),
    ("+999123456789", None),
    ("+0036201234567", None),
    ("+3620", None),
    ("+1234567890123456", None),
    ("201", None), ("112", None), ("1234", None), ("445555", None), ("600", None),
    ("", None), (" ", None), ("+", None), ("anonymous", None), ("Unknown", None), ("unavailable", None),
    ("restricted", None), ("1800FLOWERS", None), ("+36201234567x5", None), ("٣٦٢٠١٢٣٤٥٦٧", None),
    ("+36²0123456", None), ("+3620123\x004567", None), ("+" + "3" * 5000, None), ("tel:", None),
])
def test_e164(text: str, written: str | None) -> None:
    assert Numbers("HU").e164(text) == written


def test_withheld_words_are_no_numbers() -> None:
    assert [word for word in WITHHELD if Numbers("HU").e164(word) is not None] == []


def test_an_extension_is_no_number_where_national_numbers_may_be_short() -> None:
    assert [Numbers("DE").e164(text) for text in ("201", "2013")] == [None, None]
    assert Numbers("DE").e164("030123456") == "+4930123456"


def test_without_a_region_only_numbers_with_plus_are_read() -> None:
    assert Numbers("").e164("06201234567") is None
    assert Numbers("").e164("+36201234567") == "+36201234567"


@given(st.sampled_from(CODES), st.text("0123456789", min_size=0, max_size=15))
@example(36, "0614445555")
@example(39, "0612345678")
@example(7, "8005553535")
@example(55, "01511987654321")
@example(52, "15512345678")
@example(54, "91123456789")
def test_fast_path_says_what_phonenumbers_says(code: int, national: str) -> None:
    text = f"+{code}{national}"
    quick = read_quickly(text)
    if quick is not None:
        assert quick == read_slowly(text, "")


@given(st.text("+0123456789", max_size=18))
def test_fast_path_says_what_phonenumbers_says_of_anything(text: str) -> None:
    quick = read_quickly(text)
    if quick is not None:
        assert quick == read_slowly(text, "HU")


def test_fast_path_takes_most_real_numbers() -> None:
    usual = ["+36201234567", "+3614445555", "+12025550143", "+442079460018", "+4930123456", "+33123456789"]
    assert [read_quickly(text) for text in usual] == usual


@given(st.text(max_size=140))
def test_reading_never_raises_and_is_stable(text: str) -> None:
    reader = Numbers("HU")
    found = reader.e164(text)
    assert reader.e164(text) == found
    if found is not None:
        assert reader.e164(found) == found


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "CACHE_SIZE", 10)
    reader = Numbers("HU")
    for number in range(100):
        assert reader.e164(f"+3620{number:07d}") == f"+3620{number:07d}"
    assert len(reader._cache) <= 10
    reader.e164("9" * 200)
    assert "9" * 200 not in reader._cache


def test_clean_keeps_only_numbers() -> None:
    assert clean("+36 (20) 1") == "+36201"
    assert clean("a1") is None
