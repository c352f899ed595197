"""When new calls are refused because the loop is late, and how long the alarm stands."""

from proxy.daemon.load_watch import LAG_OVERLOAD, OVERLOAD_CALM, LoadWatch
from tests.kit.world import World


class Bench:
    """A watch over an engine, and the alarm as it stands."""

    def __init__(self) -> None:
        self.world = World()
        self.standing: dict[str, str | None] = {}
        self.watch = LoadWatch(self.world.proxy.admission, self.world.proxy.counters, self.standing.__setitem__,
                               lambda: self.world.now)

    def look(self, lag: float) -> bool:
        self.watch.look(lag)
        return self.world.proxy.admission.overloaded


def test_one_late_round_is_a_burst_and_two_are_too_many_calls() -> None:
    bench = Bench()
    assert not bench.look(LAG_OVERLOAD + 0.1)
    assert not bench.standing.get("overload")
    assert bench.look(LAG_OVERLOAD + 0.1)
    assert bench.standing["overload"] == "the loop is 0.5 s late: new calls get 503"


def test_new_calls_are_taken_again_once_the_loop_is_in_time() -> None:
    bench = Bench()
    assert [bench.look(lag) for lag in (1.0, 1.0, 0.2, 0.0)] == [False, True, True, False]
    assert bench.standing["overload"] is None


def test_refused_calls_hold_the_alarm_up_for_a_while() -> None:
    bench = Bench()
    bench.world.proxy.counters.refused.add("overload")
    bench.look(0.0)
    assert bench.standing["overload"] == "more calls come than can be carried: new ones get 503"
    bench.world.now += OVERLOAD_CALM / 2
    bench.look(0.0)
    assert bench.standing["overload"]
    bench.world.now += OVERLOAD_CALM
    bench.look(0.0)
    assert bench.standing["overload"] is None
