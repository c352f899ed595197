"""Sums of what callbacks came to: whole numbers stay whole numbers, in either build."""

from hypothesis import given
from hypothesis import strategies as st

from routing.figures import NONE, Counts, Tally

WHOLE = [name for name in Tally._fields if name != "waited_s"]
tallies = st.builds(Tally, waited_s=st.floats(0, 1e6), **{name: st.integers(0, 1000) for name in WHOLE})


@given(tallies, tallies)
def test_a_sum_of_tallies_counts_in_whole_numbers(one: Tally, other: Tally) -> None:
    total = one.plus(other)
    assert {type(getattr(total, name)) for name in WHOLE} == {int}
    assert total == tuple(a + b for a, b in zip(one, other, strict=True))
    assert one.plus(NONE) == one


@given(st.lists(st.integers(0, 1000), min_size=len(Counts._fields), max_size=len(Counts._fields)))
def test_a_sum_of_counts_counts_in_whole_numbers(numbers: list[int]) -> None:
    total = Counts(*numbers).plus(Counts(*numbers))
    assert list(total) == [2 * number for number in numbers]
    assert {type(number) for number in total} == {int}
