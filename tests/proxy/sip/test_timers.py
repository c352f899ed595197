import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.timers import COMPACT_FROM, Timers, TimerValues


def noting(log: list[str], name: str) -> Callable[[float], None]:
    return lambda now: log.append(f"{name}@{now}")


def test_runs_in_order_and_equal_moments_as_they_were_set() -> None:
    timers, log = Timers(), list[str]()
    for when, name in ((2.0, "c"), (1.0, "a"), (1.0, "b"), (3.0, "d")):
        timers.at(when, noting(log, name))
    assert timers.next() == 1.0
    timers.run(0.9)
    assert log == []
    timers.run(2.5)
    assert log == ["a@2.5", "b@2.5", "c@2.5"]
    assert timers.next() == 3.0
    assert len(timers) == 1


def test_a_cancelled_timer_never_runs_and_frees_its_action_at_once() -> None:
    class Held:
        def act(self, now: float) -> None:
            raise AssertionError("cancelled")

    timers, held = Timers(), Held()
    alive = weakref.ref(held)
    timer = timers.at(1.0, held.act)
    before = timer.live
    timer.cancel()
    timer.cancel()
    del held
    assert alive() is None
    assert (before, timer.live) == (True, False)
    assert len(timers) == 0
    assert timers.next() is None
    timers.run(2.0)


def test_cancelled_ones_on_top_are_passed_over() -> None:
    timers, log = Timers(), list[str]()
    first = timers.at(1.0, noting(log, "a"))
    timers.at(2.0, noting(log, "b"))
    first.cancel()
    assert timers.next() == 2.0
    second = timers.at(1.5, noting(log, "c"))
    second.cancel()
    timers.run(2.0)
    assert log == ["b@2.0"]
    assert len(timers) == 0


def test_an_action_may_set_and_cancel_timers() -> None:
    timers, log = Timers(), list[str]()
    victim = timers.at(2.0, noting(log, "victim"))

    def act(now: float) -> None:
        victim.cancel()
        timers.at(now, noting(log, "at once"))
        timers.at(now + 1, noting(log, "later"))

    timers.at(1.0, act)
    timers.run(2.0)
    assert log == ["at once@2.0"]
    timers.run(3.0)
    assert log == ["at once@2.0", "later@3.0"]


def test_an_exception_loses_no_other_timer() -> None:
    timers, log = Timers(), list[str]()

    def fail(now: float) -> None:
        raise RuntimeError("mine")

    timers.at(1.0, fail)
    timers.at(1.0, noting(log, "other"))
    with pytest.raises(RuntimeError, match="mine"):
        timers.run(1.0)
    assert timers.next() == 1.0
    timers.run(1.0)
    assert log == ["other@1.0"]


def test_cancelling_what_has_run_does_not_spoil_the_count() -> None:
    timers, log = Timers(), list[str]()
    timer = timers.at(1.0, noting(log, "a"))
    timers.run(1.0)
    timer.cancel()
    assert len(timers) == 0


def test_cancelled_far_timers_do_not_pile_up() -> None:
    timers = Timers()
    live = [timers.at(10_000.0, lambda now: None) for _ in range(100)]
    for _ in range(20_000):
        timers.at(5_000.0, lambda now: None).cancel()
    assert len(timers) == 100
    assert len(timers._heap) <= 2 * len(live) + COMPACT_FROM
    assert timers.next() == 10_000.0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=300))
def test_exactly_the_live_ones_run_in_order(plan: list[tuple[int, bool]]) -> None:
    timers, ran = Timers(), list[tuple[int, int]]()

    def note(entry: tuple[int, int]) -> Callable[[float], None]:
        return lambda now: ran.append(entry)

    made = [timers.at(float(when), note((when, n))) for n, (when, _) in enumerate(plan)]
    for timer, (_, cancelled) in zip(made, plan, strict=True):
        if cancelled:
            timer.cancel()
    wanted = sorted((when, n) for n, (when, cancelled) in enumerate(plan) if not cancelled)
    assert len(timers) == len(wanted)
    assert timers.next() == (wanted[0][0] if wanted else None)
    timers.run(25.0)
    timers.run(50.0)
    assert ran == wanted


def test_values_are_those_of_the_rfc() -> None:
    values = TimerValues()
    assert (values.T1, values.T2, values.T4) == (0.5, 4.0, 5.0)
    assert (values.b, values.d, values.f, values.h, values.j, values.l, values.m) == (32.0,) * 7
    assert (values.i, values.k) == (5.0, 5.0)
    assert TimerValues(T1=0.1, T4=1.0).b == pytest.approx(6.4)


def test_the_owner_hears_of_each_earlier_moment() -> None:
    """Whoever sets a timer, from wherever: its owner wakes up in time."""
    heard: list[float] = []
    timers = Timers(heard.append)
    for when in (5.0, 7.0, 3.0, 3.0, 4.0):
        timers.at(when, lambda now: None)
    assert heard == [5.0, 3.0]

    def again(now: float) -> None:
        timers.at(now + 1.0, lambda later: None)

    timers.at(1.0, again)
    timers.run(1.0)
    assert heard == [5.0, 3.0, 1.0, 2.0]
