from hypothesis import given
from hypothesis import strategies as st

from proxy.core.limiter import SOURCES_LIMIT, Buckets


def test_burst_then_rate() -> None:
    buckets = Buckets(10.0, 5.0)
    assert [buckets.admit("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [buckets.admit("a", 0.1) for _ in range(2)] == [True, False]
    assert [buckets.admit("a", 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_refusals_do_not_put_off_the_next_admission() -> None:
    buckets = Buckets(1.0, 1.0)
    assert buckets.admit("a", 0.0)
    assert not any(buckets.admit("a", step / 10) for step in range(1, 10))
    assert buckets.admit("a", 1.01)


def test_sources_do_not_share() -> None:
    buckets = Buckets(1.0, 1.0)
    assert buckets.admit("a", 0.0)
    assert not buckets.admit("a", 0.0)
    assert buckets.admit("b", 0.0)


def test_memory_is_bounded() -> None:
    buckets = Buckets(1.0, 1.0)
    for number in range(SOURCES_LIMIT * 2 + 3):
        buckets.admit(str(number), 0.0)
    assert len(buckets._levels) <= SOURCES_LIMIT


@given(st.lists(st.floats(0, 2), max_size=200), st.floats(1, 20), st.floats(1, 20))
def test_never_more_than_burst_and_rate(pauses: list[float], rate: float, burst: float) -> None:
    buckets, now, admitted = Buckets(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        admitted += buckets.admit("a", now)
    assert admitted <= burst + rate * now + 1e-6


