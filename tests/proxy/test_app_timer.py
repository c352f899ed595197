"""The daemon's one wake-up for all timers of the engine."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

from proxy.app import TIMER_GRAIN, Daemon
from proxy.sip.timers import Timers


class Wake:
    """One wake-up of the loop below."""

    def __init__(self, at: float, what: Callable[[], None]) -> None:
        self.at, self.what, self.cancelled = at, what, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """As much of an event loop as the wake-up needs."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wakes: list[Wake] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, what: Callable[[], None]) -> Wake:
        self.wakes.append(Wake(at, what))
        return self.wakes[-1]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for wake in [wake for wake in self.wakes if wake.at <= self.now]:
            self.wakes.remove(wake)
            if not wake.cancelled:
                wake.what()


def daemon() -> tuple[Daemon, Loop, Timers]:
    made, loop = object.__new__(Daemon), Loop()
    timers = Timers(made._wake_at)
    made.loop, made.proxy = cast("object", loop), SimpleNamespace(timers=timers)  # type: ignore[assignment]
    made.network = SimpleNamespace(behind=0.0)  # type: ignore[assignment]
    made._armed, made._armed_at = None, 0.0
    return made, loop, timers


def test_messages_do_not_put_a_timer_off() -> None:
    """However often a message comes, a timer that is due runs within the grain."""
    _, loop, timers = daemon()
    ran: list[float] = []
    timers.at(loop.now, ran.append)
    for _ in range(100):
        timers.at(loop.now + 10.0, lambda now: None)
        loop.pass_time(TIMER_GRAIN / 10)
    assert len(ran) == 1
    assert ran[0] <= 100.0 + 1.2 * TIMER_GRAIN


def test_an_earlier_timer_comes_first_and_a_later_one_needs_no_other_wake_up() -> None:
    """One wake-up at a time: the earliest."""
    _, loop, timers = daemon()
    ran: list[float] = []
    for after in (5.0, 7.0, 1.0):
        timers.at(loop.now + after, ran.append)
    assert [wake.at for wake in loop.wakes if not wake.cancelled] == [101.0]
    for _ in range(40):
        loop.pass_time(0.25)
    assert ran == [101.0, 105.0, 107.0]
