"""The wall clock that is set, beside one that only goes on."""

import pytest

from proxy.services.clock_watch import ClockWatch


@pytest.mark.parametrize("by", [-3600.0, -1.5, 0.0, 1.5, 3600.0, 400 * 86_400.0])
def test_a_clock_that_is_set_is_seen_once(by: float) -> None:
    wall, clock = 1_795_000_000.0, 50.0
    watch = ClockWatch(lambda: wall, lambda: clock)
    for passed in (0.0, 0.3, 3600.0):
        wall, clock = wall + passed, clock + passed
        assert watch.look() == 0.0, "time passes"
    wall, clock = wall + 0.3 + by, clock + 0.3
    assert watch.look() == pytest.approx(by)
    assert watch.look() == 0.0


def test_a_clock_that_is_slewed_is_not_set() -> None:
    wall, clock = 1_795_000_000.0, 50.0
    watch = ClockWatch(lambda: wall, lambda: clock)
    for _ in range(1000):
        wall, clock = wall + 0.31, clock + 0.3
        assert watch.look() == 0.0
