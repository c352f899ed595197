"""The pace of the thread that writes, on a clock of the test's."""

import queue
from collections.abc import Sequence
from pathlib import Path

import pytest

from routing.events import Event, Outbox
from routing.store import writer
from routing.store.database import Owner
from routing.store.engine import Queued
from routing.store.sqlite_engine import SqliteEngine
from routing.store.writer import FLOW, SPACING, Hooks, Writer
from routing.writes import Unit
from tests.kit.waiting import PATIENCE, eventually

BEGIN = 1000.0


def after(seconds: float) -> float:
    """So long after the beginning, by the clock."""
    return round(BEGIN + seconds, 6)


class Pauses:
    """The clock and the sleep of the thread that writes: time passes while it sleeps, and units come then."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.slept: list[float] = []
        self.coming: list[int] = []
        """Of each sleep to come: how many units come meanwhile."""
        self.writer: Writer | None = None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(round(seconds, 6))
        assert self.writer is not None
        for _ in range(self.coming.pop(0) if self.coming else 0):
            self.writer.put(Queued(1, Unit()), False)


class Commits:
    """What the writer tells, as far as it is of commits."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self.told: queue.SimpleQueue[tuple[float, int]] = queue.SimpleQueue()
        """When each was, and how many units it had."""
        self.faults: list[object] = []

    def committed(self, batch: Sequence[Queued], events: Sequence[Event], refused: frozenset[int]) -> None:
        self.told.put((round(self._pauses.now, 6), len(batch)))

    def hooks(self) -> Hooks:
        wrong = self.faults.append
        return Hooks(self.committed, wrong, lambda: wrong(None), wrong, lambda: wrong(None), wrong, wrong,
                     lambda: wrong(None), wrong, wrong, lambda: wrong(None))


class Scene:
    """A writer over an empty database."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses = Pauses()
        self.commits = Commits(self.pauses)
        monkeypatch.setattr(writer, "time", self.pauses)
        engine = SqliteEngine(folder / "boomerang.db", Owner("edge1"), Outbox.OFF, lambda: 0.0, lambda: 0.0)
        self.writer = self.pauses.writer = Writer(engine, self.commits.hooks(), lambda: 0.0)
        self.writer.start()

    def next_commit(self) -> tuple[float, int]:
        """When it was by the clock, and how many units it had."""
        return self.commits.told.get(timeout=PATIENCE)

    def close(self) -> None:
        self.writer.close()
        assert not self.commits.faults


def test_while_units_come_all_the_time_the_thread_keeps_its_own_pace(tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch)
    scene.pauses.coming = [1, 0, 3, 0, 0, 2]
    scene.writer.put(Queued(1, Unit()), True)
    assert scene.next_commit() == (BEGIN, 1), "who was asleep is woken"
    scene.writer.put(Queued(1, Unit()), True)
    assert scene.next_commit() == (after(SPACING), 2), "soon after a commit it waits for company, whoever hurries"
    assert scene.next_commit() == (after(3 * SPACING), 3), "looked for at its own pace"
    assert scene.next_commit() == (after(6 * SPACING), 2)
    eventually(lambda: len(scene.pauses.slept) == 6 + FLOW, "it gives up looking")
    scene.pauses.now += 1.0
    scene.writer.put(Queued(1, Unit()), True)
    _, units = scene.next_commit()
    assert units == 1, "woken again"
    assert scene.pauses.slept == [SPACING] * (6 + FLOW)
    scene.close()


def test_what_would_not_fit_into_one_commit_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch)
    monkeypatch.setattr(writer, "BATCH_MAX", 5)
    scene.pauses.coming = [13]
    scene.writer.put(Queued(1, Unit()), True)
    assert scene.next_commit() == (BEGIN, 1)
    scene.writer.put(Queued(1, Unit()), False)
    full = [scene.next_commit() for _ in range(2)]
    assert full == [(after(SPACING), 5)] * 2
    assert scene.next_commit()[1] == 4
    scene.close()


def test_a_commit_that_took_long_is_followed_by_the_next_at_once(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path, monkeypatch)
    scene.writer.put(Queued(1, Unit()), True)
    scene.next_commit()
    scene.pauses.now += 2 * SPACING
    scene.writer.put(Queued(1, Unit()), True)
    assert scene.next_commit() == (after(2 * SPACING), 1)
    assert scene.pauses.slept == []
    scene.close()
