"""The chore that has history removed: when it asks, and when it rests."""

import pytest

from proxy.daemon.history import LEAP_REST, LEAST, LOOK_PAUSE, ROWS, History
from routing.storage import Forgotten
from tests.kit.logged import capture_logs
from tests.routing.memory_store import MemoryStore

DAY = 86_400.0
BEGIN = 1_790_000_000.0


class Asked(MemoryStore):
    """Notes what is asked of it, and answers what it is told to; None: nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[float, int]] = []
        self.answer: Forgotten | None = Forgotten()

    def forget(self, before, rows, told) -> None:  # type: ignore[no-untyped-def]
        self.asked.append((before, rows))
        if self.answer is not None:
            told(self.answer)


class Site:
    def __init__(self, keep: float = 400 * DAY) -> None:
        self.wall, self.clock = BEGIN, 50.0
        self.store = Asked()
        self.pruned: list[float] = []
        self.history = History(self.store, keep, lambda: self.wall, lambda: self.clock,
                               self.pruned.append)

    def turns(self, count: int) -> int:
        """Let seconds pass; return how many slices were asked for."""
        before = len(self.store.asked)
        for _ in range(count):
            self.wall += 1
            self.clock += 1
            self.history.turn()
        return len(self.store.asked) - before


def test_nothing_at_the_start_then_what_is_too_old() -> None:
    site = Site()
    assert site.turns(int(LOOK_PAUSE) - 1) == 0
    assert site.turns(1) == 1
    assert site.store.asked == [(BEGIN + LOOK_PAUSE - 400 * DAY, ROWS)]
    assert site.pruned == [BEGIN + LOOK_PAUSE - 400 * DAY], "files go with the rows"


def test_a_slice_a_turn_until_all_is_looked_through_then_a_pause() -> None:
    site = Site()
    site.turns(int(LOOK_PAUSE) - 1)
    site.store.answer = Forgotten(200, more=True)
    assert site.turns(30) == 30
    assert not site.pruned
    site.store.answer = Forgotten(5, 2, 1)
    with capture_logs() as logs:
        assert site.turns(int(LOOK_PAUSE)) == 1
        assert site.turns(1) == 1
    assert logs[0] == {"event": "history_removed", "log_level": "info", "calls": 6005, "callbacks": 2, "tickets": 1}
    assert logs[1]["calls"] == 5


def test_a_look_that_removed_nothing_says_nothing() -> None:
    with capture_logs() as logs:
        assert Site().turns(100) == 1
    assert logs == []


def test_a_store_in_trouble_is_asked_again() -> None:
    site = Site()
    site.store.answer = None
    assert site.turns(100) == 41


@pytest.mark.parametrize("years", [40, -40, 1, -1])
def test_a_clock_that_leaps_is_not_believed_for_a_while(years: int) -> None:
    site = Site()
    site.turns(60)
    site.wall += years * 365 * DAY
    with capture_logs() as logs:
        assert site.turns(int(LEAP_REST)) == 0
    assert [line["event"] for line in logs] == ["clock_leapt"]
    site.wall -= years * 365 * DAY
    assert site.turns(int(LEAP_REST)) == 0
    assert site.turns(1) == 1


def test_a_clock_that_drifts_is_believed() -> None:
    site = Site()
    site.store.answer = Forgotten(more=True)
    site.turns(59)
    for _ in range(10):
        site.wall += 3000.0
        assert site.turns(1) == 1


def test_a_clock_before_history_began_removes_nothing() -> None:
    site = Site()
    site.wall = site.history._difference = 1000.0
    site.history._difference -= site.clock
    assert site.turns(100) == 0


def test_the_shortest_day_to_keep_is_longer_than_any() -> None:
    site = Site(keep=DAY)
    site.turns(60)
    assert site.store.asked[0][0] == BEGIN + 60 - LEAST
