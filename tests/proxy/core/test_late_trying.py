"""The line of those that wait for an answer, alone."""

import pytest

from proxy.core.late_trying import LateTrying
from proxy.sip.timers import Timers


class Waiting:
    def __init__(self) -> None:
        self.done = False
        self.told: list[float] = []

    def still_trying(self, now: float) -> None:
        self.told.append(now)


def test_one_timer_for_all_and_none_for_who_is_answered() -> None:
    timers = Timers()
    line, requests = LateTrying(timers, 3.5), [Waiting() for _ in range(4)]
    for number, one in enumerate(requests):
        line.expect(one, float(number))
    assert len(timers) == 1
    requests[0].done = requests[2].done = True
    timers.run(3.5)
    assert timers.next() == 4.5
    timers.run(4.5)
    timers.run(6.5)
    assert [one.told for one in requests] == [[], [4.5], [], [6.5]]
    assert len(timers) == 0


def test_who_comes_when_nobody_waits_gets_a_timer() -> None:
    timers = Timers()
    line, first, second = LateTrying(timers, 1.0), Waiting(), Waiting()
    line.expect(first, 0.0)
    first.done = True
    timers.run(1.0)
    line.expect(second, 5.0)
    timers.run(6.0)
    assert (first.told, second.told) == ([], [6.0])


def test_a_fault_costs_one_request_its_100_and_no_other() -> None:
    class Broken(Waiting):
        def still_trying(self, now: float) -> None:
            raise OSError("no way back")

    timers = Timers()
    line, last = LateTrying(timers, 1.0), Waiting()
    line.expect(Broken(), 0.0)
    line.expect(last, 1.0)
    with pytest.raises(OSError, match="no way back"):
        timers.run(1.0)
    timers.run(2.0)
    assert last.told == [2.0]
