"""The loop's one wake-up for all timers of a node."""

import asyncio
from collections.abc import Callable
from typing import cast

from proxy.daemon.loop_timer import TIMER_GRAIN, LoopTimer
from proxy.sip.timers import Timers
from tests.kit.world import Notes


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


def woken() -> tuple[Loop, Timers]:
    loop = Loop()
    return loop, LoopTimer(cast("asyncio.AbstractEventLoop", loop), lambda: 0.0, Notes()).timers


def test_messages_do_not_put_a_timer_off() -> None:
    """However often a message comes, a timer that is due runs within the grain."""
    loop, timers = woken()
    ran: list[float] = []
    timers.at(loop.now, ran.append)
    for _ in range(100):
        timers.at(loop.now + 10.0, lambda now: None)
        loop.pass_time(TIMER_GRAIN / 10)
    assert len(ran) == 1
    assert ran[0] <= 100.0 + 1.2 * TIMER_GRAIN


def test_an_earlier_timer_comes_first_and_a_later_one_needs_no_other_wake_up() -> None:
    """One wake-up at a time: the earliest."""
    loop, timers = woken()
    ran: list[float] = []
    for after in (5.0, 7.0, 1.0):
        timers.at(loop.now + after, ran.append)
    assert [wake.at for wake in loop.wakes if not wake.cancelled] == [101.0]
    for _ in range(40):
        loop.pass_time(0.25)
    assert ran == [101.0, 105.0, 107.0]


def test_a_timer_that_fails_is_told_and_the_others_run() -> None:
    loop, notes = Loop(), Notes()
    timers = LoopTimer(cast("asyncio.AbstractEventLoop", loop), lambda: 0.0, notes).timers
    ran: list[float] = []

    def fail(now: float) -> None:
        raise ZeroDivisionError("a bug")

    timers.at(loop.now + 1.0, fail)
    timers.at(loop.now + 1.0, ran.append)
    for _ in range(10):
        loop.pass_time(0.25)
    assert [where for where, _ in notes.failures] == ["timer"]
    assert len(ran) == 1


def test_what_waits_to_be_read_is_heard_before_a_timer() -> None:
    """A timer is as late as what is read."""
    loop, late = Loop(), [3.0]
    timers = LoopTimer(cast("asyncio.AbstractEventLoop", loop), lambda: late[0], Notes()).timers
    ran: list[float] = []
    timers.at(loop.now + 1.0, ran.append)
    for _ in range(8):
        loop.pass_time(0.25)
    assert ran == []
    late[0] = 0.0
    loop.pass_time(0.25)
    assert len(ran) == 1
