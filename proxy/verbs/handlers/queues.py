"""Who waits, who is there, and what became of callbacks today."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, get_args
from zoneinfo import ZoneInfo

from proxy.status.source import AgentState, Snapshot
from proxy.verbs.handlers.agents import agent_rows
from proxy.verbs.shapes import callbacks, queues
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.rows import tasks_of
from proxy.verbs.shapes.verb import Bound
from routing.calls import Call
from routing.figures import DayFigures, Tally
from routing.ledger import Ledger
from routing.rows import JournalRow, TaskKind, TaskRow
from routing.storage import CallbackReads, StoreError

NEVER: Final = float("inf")


class State(Protocol):
    """The daemon as it is now, and what became of callbacks today."""

    def refresh(self) -> None:
        """Make a new snapshot."""

    def snapshot(self) -> Snapshot:
        """Return the last one."""

    def agents(self) -> dict[str, AgentState]:
        """Return each agent that the policy lists or that was seen, as they are now."""

    async def count_day(self) -> float:
        """Count today's callbacks anew."""

    @property
    def day(self) -> DayFigures:
        """What became of callbacks today, as last counted."""


class OpenTasks(Protocol):
    """The callbacks that live."""

    def open_tasks(self) -> tuple[TaskRow, ...]:
        """Return those that are open or held, oldest first."""

    def open_task(self, name: str) -> TaskRow | None:
        """Return one of them by its id."""

    def places_taken(self) -> dict[str, str]:
        """Return which agent has the place of which."""


class NoTasks:
    """There are none: callbacks could not be started."""

    def open_tasks(self) -> tuple[TaskRow, ...]:
        return ()

    def open_task(self, name: str) -> TaskRow | None:
        return None

    def places_taken(self) -> dict[str, str]:
        return {}


class QueueAnswers:
    """Answers `agents.list`, `queues.*` and `callbacks.figures`."""

    def __init__(self, source: State, ledger: Ledger, tasks: OpenTasks, reads: CallbackReads,
                 wall: Callable[[], float]) -> None:
        """`tasks`: the callbacks that live. `reads`: what their journals tell, from any thread."""
        self._source, self._ledger, self._tasks, self._reads, self._wall = source, ledger, tasks, reads, wall

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [queues.AGENTS.by(self.agents), queues.LIST.by(self.queue_list), queues.SHOW.by(self.queue),
                callbacks.FIGURES.by(self.figures)]

    async def agents(self, args: object) -> list[queues.Agent]:
        """Every agent that the policy lists or that was seen."""
        await self._source.count_day()
        return self._agents()

    def _agents(self) -> list[queues.Agent]:
        return [*agent_rows(self._source.agents(), self._ledger.policy)]

    async def queue_list(self, args: object) -> list[queues.Queue]:
        """Every group: its callers, agents and callbacks."""
        await self._source.count_day()
        return self._queues()

    def _queues(self) -> list[queues.Queue]:
        self._source.refresh()
        policy, now = self._ledger.policy, self._wall()
        found: list[queues.Queue] = []
        for name, state in self._source.snapshot().groups.items():
            waits = [wait for _, wait in self._waits(name, now)]
            estimated = self._ledger.attendance.estimated_wait(name, None, now)
            short = {**state._asdict(), "group": name, "target": policy.group[name].target,
                     "longest_wait_s": max(waits, default=0.0),
                     "estimated_wait_s": None if estimated is None else round(estimated, 1)}
            found.append(short)  # type: ignore[arg-type]  # a test holds it to the shape
        return found

    async def queue(self, args: queues.OneQueue) -> queues.QueueDetail:
        """One group with each of its callers and agents, and the callbacks that come first."""
        name, limit = args.group, args.limit
        if name not in self._ledger.policy.group:
            raise UnknownError(f"there is no group {name!r}")
        await self._source.count_day()
        short = next((one for one in self._queues() if one["group"] == name), None)
        if short is None:  # the policy was changed meanwhile
            raise UnknownError(f"there is no group {name!r}")
        rows = sorted((row for row in self._tasks.open_tasks() if row.group == name),
                      key=lambda row: (row.state, NEVER if row.due_at is None else row.due_at, row.id))
        taken = self._tasks.places_taken()
        lines: list[JournalRow] = []
        with contextlib.suppress(StoreError):
            lines = await asyncio.to_thread(self._reads.pickups, [row.id for row in rows[:limit]])
        waits = self._waits(name, self._wall())
        return {**short,
                "callers": [{"call": call.id, "customer": call.customer, "number": call.number,
                             "since": call.started_at, "wait_s": wait} for call, wait in waits],
                "agents": [agent for agent in self._agents() if name in agent["groups"]],
                "callbacks": tasks_of(rows[:limit], lines, taken)}

    def _waits(self, group: str, now: float) -> list[tuple[Call, float]]:
        waiters = self._ledger.attendance.waiters(group)
        return [(call, round(max(0.0, now - call.started_at), 1)) for call in waiters]

    async def figures(self, args: object) -> callbacks.Figures:
        """What became of callbacks today: of all, and by group, number of ours, campaign and kind."""
        await self._source.count_day()
        day, policy = self._source.day, self._ledger.policy
        date = datetime.fromtimestamp(day.since, ZoneInfo(policy.timezone))
        groups = {name: day.groups.get(name, Tally()) for name in (*policy.group, *day.groups)}
        campaigns = {name: day.campaigns.get(name, Tally()) for name in (*policy.campaign, *day.campaigns)}
        numbers = {name: day.numbers.get(name, Tally()) for name in (*policy.number, *day.numbers)}
        return {"day": f"{date:%Y-%m-%d}", "timezone": policy.timezone, "since": day.since,
                "total": _tally(day.total),
                "groups": {name: _tally(one) for name, one in groups.items()},
                "numbers": {name: _tally(one) for name, one in sorted(numbers.items())},
                "campaigns": {name: _tally(one) for name, one in sorted(campaigns.items())},
                "kinds": {kind: _tally(day.kinds.get(kind, Tally())) for kind in get_args(TaskKind)}}


def _tally(one: Tally) -> callbacks.Tally:
    return {"in_queue": one.in_queue, "offers_made": one.offers_made, "offers_taken": one.offers_taken,
            "promised": one.promised, "dialled": one.dialled, "kept": one.kept,
            "called_meanwhile": one.called_meanwhile, "tickets": one.tickets, "failed": one.failed,
            "expired": one.expired, "cancelled": one.cancelled, "average_wait_s": one.average_wait_s}
