import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.counters import MAX_LABELS, OTHER, Counters, Histogram, Tally, status_class


def test_a_table_counts_and_never_grows_without_end() -> None:
    table = Tally()
    for number in range(MAX_LABELS + 10):
        table.add(f"M{number}")
    table.add("M3", 4)
    assert table["M3"] == 5
    assert table[OTHER] == 10
    assert len(table) == MAX_LABELS + 1


@given(st.lists(st.floats(0, 100)))
def test_a_value_is_counted_once_in_the_bucket_it_belongs_to(values: list[float]) -> None:
    histogram = Histogram((1.0, 10.0))
    for value in values:
        histogram.observe(value)
    assert histogram.buckets == [
        sum(v <= 1 for v in values), sum(1 < v <= 10 for v in values), sum(v > 10 for v in values)]
    assert histogram.total == pytest.approx(sum(values))  # some versions of Python add up exactly, others do not


def test_status_classes() -> None:
    assert [status_class(s) for s in (100, 199, 200, 404, 699, 99, 700)] == [
        "1xx", "1xx", "2xx", "4xx", "6xx", OTHER, OTHER]


def test_calls_are_counted_by_direction_and_outcome() -> None:
    counters = Counters()
    counters.call_ended("inbound", "answered")
    counters.call_ended("inbound", "answered")
    assert counters.calls == {"inbound.answered": 2}
