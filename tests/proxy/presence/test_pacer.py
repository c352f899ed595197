"""So many a second and no more."""

import pytest

from proxy.presence.pacer import Pacer
from proxy.sip.timers import Timers


class Clock:
    def __init__(self) -> None:
        self.timers, self.now = Timers(), 100.0
        self.pacer = Pacer(self.timers, 20)
        self.done: list[float] = []

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (when := self.timers.next()) is not None and when <= end:
            self.now = max(self.now, when)
            self.timers.run(self.now)
        self.now = end


def test_the_first_goes_at_once_and_the_others_in_turn() -> None:
    clock = Clock()
    for _ in range(100):
        clock.pacer.put(clock.done.append, clock.now)
    assert clock.done == [], "never from within put"
    clock.run(10)
    assert clock.done[0] == 100.0
    assert len(clock.done) == 100
    for first in clock.done:
        assert sum(first <= each < first + 1 - 1e-6 for each in clock.done) <= 20
    assert clock.done[-1] == pytest.approx(100 + 99 / 20)


def test_the_pace_is_kept_over_a_rest() -> None:
    clock = Clock()
    clock.pacer.put(clock.done.append, clock.now)
    clock.run(0.01)
    clock.pacer.put(clock.done.append, clock.now)
    clock.run(5)
    clock.pacer.put(clock.done.append, clock.now)
    clock.run(0)
    assert clock.done == pytest.approx([100.0, 100.05, 105.01])


def test_one_that_fails_does_not_hold_the_others() -> None:
    clock = Clock()

    def fail(now: float) -> None:
        raise ZeroDivisionError

    clock.pacer.put(fail, clock.now)
    clock.pacer.put(clock.done.append, clock.now)
    with pytest.raises(ZeroDivisionError):
        clock.run(1)
    clock.run(1)
    assert len(clock.done) == 1
