import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from config.numbering import clean, read, read_quickly, read_slowly

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
    ("14445555;phone-context=example.com", None), ("14445555;phone-context=", None),
    ("14445555;phone-context=36", None), ("1;phone-context=+3614445555", "+36144455551"),
    ("14445555;phone-context=+49;phone-context=+36", None), ("+3614445555;phone-context=example.com", "+3614445555"),
    ("20-1234567;Phone-Context=+3-6", "+36201234567"),
    ("+3606201234567", "+36201234567"),
    ("+1 202 555 0143", "+12025550143"),
    ("+99999", None),
    ("+15550100", "+15550100"),
    ("+39 06 1234 5678", "+390612345678"),
    ("+999123456789", None),
    ("+0036201234567", "+36201234567"), ("++36201234567", "+36201234567"), ("00+36201234567", "+36201234567"),
    ("+06201234567", "+36201234567"), ("+360201234567", "+36201234567"), ("+36(0)20 1234567", "+36201234567"),
    ("+490036201234567", None), ("+3300493012345678", "+493012345678"), ("00490036201234567", None),
    ("0036201234567;phone-context=+43", None), ("+3600201234567", "+36201234567"),
    ("+410041441234567", "+41441234567"), ("+33(0)0612345678", None),
    ("+36 0049 30 123456", "+4930123456"), ("+1 011 49 30 123456", "+4930123456"), ("+36+36201234567", None),
    ("0201234567", None), ("020123456", None), ("+0201234567", None), ("0+36201234567", None), ("+00", None),
    ("+4702345", "+4702345"), ("\u202d+36\u00a020\u2011123\u20114567\u202c", "+36201234567"),
    ("+3620", None),
    ("+1234567890123456", None),
    ("201", None), ("112", None), ("1234", None), ("445555", None), ("600", None),
    ("", None), (" ", None), ("+", None), ("anonymous", None), ("Unknown", None), ("unavailable", None),
    ("restricted", None), ("1800FLOWERS", None), ("+36201234567x5", None), ("٣٦٢٠١٢٣٤٥٦٧", None),
    ("+36²0123456", None), ("+3620123\x004567", None), ("+" + "3" * 5000, None), ("tel:", None),
])
def test_read(text: str, written: str | None) -> None:
    assert read(text, "HU") == written


def test_an_extension_is_no_number_where_national_numbers_may_be_short() -> None:
    assert [read(text, "DE") for text in ("201", "2013")] == [None, None]
    assert read("030123456", "DE") == "+4930123456"


def test_without_a_region_only_numbers_with_plus_are_read() -> None:
    assert read("06201234567", "") is None
    assert read("+36201234567", "") == "+36201234567"


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


SIGNS = st.text("+0123456789-() ;=tel:phonctx.\xa0\u202d", max_size=40)


@given(st.one_of(st.text(max_size=140), SIGNS), st.sampled_from(["HU", "PL", "US", "MX", "IT", "AR", ""]))
@example("+36 0036 0620 1234567", "HU")
@example("+1 011 0044 20 79460018", "US")
def test_reading_never_raises_and_what_it_wrote_reads_the_same(text: str, region: str) -> None:
    found = read(text, region)
    if found is not None:
        assert read(found, "") == read(found, region) == found


@given(st.sampled_from(["+36201234567", "+48221234567", "+420601234567", "+302101234567", "+352621123456",
                        "+49301234501", "+442079460018", "+525512345678"]),
       st.sampled_from(["+", "++", "00", "+00", "00+", "+ 00 ", "tel:+", "tel:00"]), st.data())
def test_one_number_whatever_was_put_before_it(number: str, before: str, data: st.DataObject) -> None:
    """And wherever it was divided."""
    at = data.draw(st.lists(st.integers(1, len(number) - 1), max_size=3))
    marks = iter(data.draw(st.lists(st.sampled_from([" ", "-", ".", "/", "\xa0", "\u2011"]), min_size=3, max_size=3)))
    divided = number[1:]
    for place in sorted(set(at), reverse=True):
        divided = divided[:place] + next(marks) + divided[place:]
    assert read(before + divided, "HU") == number


@given(st.sampled_from(CODES), st.text("0123456789", min_size=4, max_size=12))
def test_a_zero_is_written_down_only_where_numbers_begin_so(code: int, national: str) -> None:
    found = read(f"+{code}0{national}", "")
    if found is not None and found.startswith(f"+{code}0"):
        region = COUNTRY_CODE_TO_REGION_CODE[code][0]
        country = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        assert country is not None
        assert country.general_desc is not None
        assert re.fullmatch(country.general_desc.national_number_pattern or "", found[1 + len(str(code)):])


@given(st.text("0123456789", min_size=5, max_size=10), st.sampled_from(["49", "44", "3620", "1"]))
def test_a_context_is_part_of_the_number(local: str, context: str) -> None:
    assert read(f"tel:{local};phone-context=+{context}", "HU") == read(f"+{context}{local}", "")
    assert read(f"{local};phone-context=c.example", "HU") is None


def test_clean_keeps_only_numbers() -> None:
    assert clean("+36 (20) 1") == "+36201"
    assert clean("a1") is None


@pytest.mark.parametrize(("region", "text", "written"), [
    ("PL", "0221234567", "+48221234567"), ("CZ", "0601234567", "+420601234567"), ("GR", "02101234567", "+302101234567"),
    ("LU", "0621123456", "+352621123456"), ("PL", "0048 022 123 45 67", "+48221234567"),
    ("MX", "+52 1 55 1234 5678", "+525512345678"), ("MX", "044 55 1234 5678", "+525512345678"),
    ("LT", "8 612 34567", "+37061234567"), ("IT", "06 1234 5678", "+390612345678"),
    ("US", "+011 49 30 123456", "+4930123456"),
    ("PL", "00", None), ("PL", "0112", None), ("", "+0221234567", None),
])
def test_trunk_prefixes_of_the_region(region: str, text: str, written: str | None) -> None:
    assert read(text, region) == written
