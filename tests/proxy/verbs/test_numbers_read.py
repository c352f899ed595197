"""Lists of numbers as programs and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.verbs.numbers_read import read_numbers

ONE = "+36201234567"


@pytest.mark.parametrize(("text", "found"), [
    ("", []),
    ("+36 20 123 4567", [(1, ONE, "")]),
    ("06 20 123-4567\r\n\r\n+36 (20) 123 4567\n", [(1, ONE, ""), (3, ONE, "")]),
    ("\ufeffnumber;reason\n+36201234567;asked us", [(2, ONE, "asked us")]),
    ("Telefonszám,Ok\n\"+36201234567\",\"said: \"\"never\"\"\"", [(2, ONE, 'said: "never"')]),
    ("+36201234567\twith tab\textra", [(1, ONE, "with tab")]),
    ("+36201234567,a, b", [(1, ONE, "a")]),
    ("nobody\n+36201234567", [(2, ONE, "")]),
    ("+36201234567\nnobody\n12", [(1, ONE, ""), (2, None, ""), (3, None, "")]),
    (";reason only", []),
    ("1;x\n;reason only", [(1, None, "x"), (2, None, "reason only")]),
    ("+36201234567;" + "x" * 300, [(1, ONE, "x" * 200)]),
    ('"+36201234567;never closed', [(1, ONE, "")]),
])
def test_a_line_is_a_number_and_perhaps_a_reason(text: str, found: list[tuple[int, str | None, str]]) -> None:
    assert [(line.line, line.number, line.reason) for line in read_numbers(text, "HU")] == found


@given(st.text(max_size=200))
def test_whatever_it_is_each_line_is_told_of_once_and_nothing_breaks(text: str) -> None:
    lines = [*read_numbers(text, "HU")]
    assert len({line.line for line in lines}) == len(lines)
    assert all(line.text for line in lines)
