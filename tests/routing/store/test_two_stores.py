"""Two engines on one database, at random: no unit of one drops, closes or changes rows of the other, whoever restarts.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routing.events import Outbox
from routing.rows import AttemptRow, CallRow, LegRow, TaskRow
from routing.store.database import Owner
from routing.store.engine import Engine, Queued
from routing.store.queries import CallbackQuery, CallQuery, NodeQuery, TicketQuery
from routing.store.sqlite_engine import SqliteEngine
from routing.writes import ChangeTask, CloseAttempt, DropLeg, ForgetEvents, Unit, Write
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.rows import a_task, a_ticket, an_attempt, name
from tests.routing.store.test_sqlite import event
from tests.routing.world import BEGIN

NODES = ("a", "b")
CUSTOMERS = tuple(f"+3620123450{number}" for number in range(3))
AGENTS = ("201", "202", None)
node_names, customers, agents = st.sampled_from(NODES), st.sampled_from(CUSTOMERS), st.sampled_from(AGENTS)


def a_call(node: str) -> CallRow:
    return CallRow(name(), f"call at {node}", "inbound", "main", "office", CUSTOMERS[0], None, "1", None, None, None,
                   "normal", None, BEGIN, None, None, None, None, None, None)


class Site(Protocol):
    """A database that engines of several nodes are made on."""

    def engine(self, node: str) -> Engine:
        """Make one; it is not open yet."""

    def crash(self, engine: Engine) -> None:
        """End it without a word."""

    def epoch(self, engine: Engine) -> int:
        """Which start of its node it is."""

    def close(self) -> None:
        """Remove it."""


class OnFile:
    """In a folder of its own."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()

    def engine(self, node: str) -> SqliteEngine:
        return SqliteEngine(Path(self.folder.name) / "boomerang.db", Owner(node, shared=True), Outbox.PLAIN,
                            lambda: BEGIN, time.monotonic)

    def crash(self, engine: Engine) -> None:
        assert isinstance(engine, SqliteEngine)
        engine.close_reading()
        engine.database.drop()

    def epoch(self, engine: Engine) -> int:
        assert isinstance(engine, SqliteEngine)
        return engine.database.epoch

    def close(self) -> None:
        self.folder.cleanup()


class OnServer:
    """In a database that is empty, and is emptied again."""

    server: Postgres

    def engine(self, node: str) -> Engine:
        return postgres_engine(self.server.url("shared"), node)

    def crash(self, engine: Engine) -> None:
        engine.close()

    def epoch(self, engine: Engine) -> int:
        return int(getattr(engine, "session").epoch)  # noqa: B009 (its type is known only where its driver is)

    def close(self) -> None:
        self.server.empty("shared")


class TwoStores(RuleBasedStateMachine):
    """What each node has written, told by hand, beside what the database says."""

    site: type[Site] = OnFile

    def __init__(self) -> None:
        super().__init__()
        self.at = self.site()
        self.engines: dict[str, Engine] = {}
        self.epochs = dict.fromkeys(NODES, 0)
        self.calls: dict[str, dict[str, CallRow]] = {node: {} for node in NODES}
        self.legs: dict[str, set[str]] = {node: set() for node in NODES}
        self.events: dict[str, list[int]] = {node: [] for node in NODES}
        self.seen: dict[str, dict[str, TaskRow]] = {node: {} for node in NODES}
        """The task of each customer as each node knows it."""
        self.rows: dict[str, TaskRow] = {}
        """Tasks as they must be kept, by id."""
        self.running: dict[str, AttemptRow] = {}
        self.serials: dict[str, int] = {}
        self.tickets = 0

    @initialize()
    def both_open(self) -> None:
        for node in NODES:
            self.restart(node)

    def apply(self, node: str, *writes: Write, promise: bool = False) -> Any:
        return self.engines[node].apply([Queued(1, Unit(writes), promise)])

    @rule(node=node_names)
    def restart(self, node: str) -> None:
        """It dies where it stands, and comes again."""
        old = self.engines.get(node)
        if old is not None:
            self.at.crash(old)
        engine = self.at.engine(node)
        engine.open()
        self.engines[node] = engine
        self.epochs[node] += 1
        self.seen[node] = {row.customer: row for row in engine.read(CallbackQuery.OPEN_TASKS, ())}

    @rule(node=node_names)
    def a_call_begins(self, node: str) -> None:
        call = a_call(node)
        self.apply(node, call)
        self.calls[node][call.id] = call._replace(node=node, epoch=self.epochs[node])

    @rule(node=node_names)
    def its_calls_end(self, node: str) -> None:
        self.apply(node, *(call._replace(ended_at=BEGIN + 1, cause=200) for call in self.calls[node].values()))
        self.calls[node].clear()

    @rule(node=node_names)
    def a_leg_is_put(self, node: str) -> None:
        leg = LegRow(name(), "attempt", "agent", "{}")
        self.apply(node, leg)
        self.legs[node].add(leg.call)

    @rule(node=node_names)
    def its_legs_go(self, node: str) -> None:
        self.apply(node, *map(DropLeg, self.legs[node]))
        self.legs[node].clear()

    @rule(node=node_names)
    def an_event_is_told(self, node: str) -> None:
        self.events[node] += [told.seq for told in self.apply(node, event()).events]

    @rule(node=node_names)
    def its_events_are_fetched(self, node: str) -> None:
        if self.events[node]:
            self.apply(node, ForgetEvents(self.events[node][-1]))
            self.events[node].clear()

    @rule(node=node_names)
    def a_ticket_is_opened(self, node: str) -> None:
        ticket = a_ticket()
        self.apply(node, ticket)
        self.tickets += 1
        [kept] = self.engines[node].read(TicketQuery.TICKET, (ticket.id,))
        assert kept.number == self.tickets

    @rule(node=node_names, customer=customers, ends=st.booleans(), promise=st.booleans())
    def a_task_is_made_or_changed(self, node: str, customer: str, ends: bool, promise: bool) -> None:
        """As the node knows it, which may be how it was long ago."""
        known = self.seen[node].get(customer)
        if known is None:
            row = a_task(customer=customer)
            change = ChangeTask(row, 0, "")
            fits = not any(other.customer == customer and other.state == "open" for other in self.rows.values())
        else:
            row = known._replace(version=known.version + 1, changed_by="", missed=known.missed + 1)
            row = row._replace(state="done", ended_at=BEGIN) if ends else row
            change = ChangeTask(row, known.version, known.changed_by)
            kept = self.rows[known.id]
            fits = kept.changed_by == node or (kept.version, kept.changed_by) == (known.version, known.changed_by)
        beside = a_call(node)
        done = self.apply(node, change, beside, promise=promise)
        assert bool(done.stale) != fits
        assert done.refused == frozenset({1} if promise and not fits else ())
        if fits or not promise:
            self.calls[node][beside.id] = beside._replace(node=node, epoch=self.epochs[node])
        if fits:
            self.rows[row.id] = row._replace(changed_by=node)
            self.seen[node][customer] = row
        self.look(node, customer, known)

    def look(self, node: str, customer: str, known: TaskRow | None) -> None:
        """Take the row as it is: what a desk does once its change is refused, and when a task has ended."""
        read = self.engines[node].read
        rows = read(CallbackQuery.TASK, (known.id,)) if known is not None else []
        found = [*rows, *(row for row in read(CallbackQuery.OPEN_TASKS, ()) if row.customer == customer)]
        still = [row for row in found if row.state == "open"]
        self.seen[node].pop(customer, None)
        if still:
            self.seen[node][customer] = still[-1]

    @rule(node=node_names, customer=customers, agent=agents)
    def an_attempt_is_claimed(self, node: str, customer: str, agent: str | None) -> None:
        task = self.seen[node].get(customer)
        if task is None:
            return
        serial = self.serials.get(task.id, 0) + 1
        attempt = an_attempt(task, node=node, engages=agent, agent=agent, serial=serial, epoch=0)
        may = self.rows[task.id].state == "open" and not any(
            other.customer == customer or (agent is not None and other.engages == agent)
            for other in self.running.values())
        assert self.engines[node].claim(attempt) == may
        if may:
            self.running[attempt.id] = attempt._replace(epoch=self.epochs[node])
            self.serials[task.id] = serial
        else:
            self.apply(node, CloseAttempt(attempt._replace(ended_at=BEGIN, result="stopped")))

    @rule(node=node_names)
    def its_attempts_end(self, node: str) -> None:
        own = [attempt for attempt in self.running.values() if attempt.node == node]
        self.apply(node, *(attempt._replace(step="ended", ended_at=BEGIN, result="talked") for attempt in own))
        for attempt in own:
            del self.running[attempt.id]

    @invariant()
    def everything_is_there(self) -> None:
        for node, engine in self.engines.items():
            read = engine.read
            assert {row.id: row for row in read(CallQuery.OPEN_CALLS, (node,))} == self.calls[node]
            assert {row.call for row in read(CallbackQuery.LEGS, (node,))} == self.legs[node]
            assert [told.seq for told in read(NodeQuery.EVENTS, (node, 0, 999))] == self.events[node]
            assert {row.id: row for row in read(CallbackQuery.OPEN_ATTEMPTS, ())} == self.running
            assert self.at.epoch(engine) == self.epochs[node]
            for row in self.rows.values():
                own = row._replace(changed_by="") if row.changed_by == node else row
                assert read(CallbackQuery.TASK, (row.id,)) == [own]

    def teardown(self) -> None:
        for engine in self.engines.values():
            engine.close_reading()
            engine.close()
        self.at.close()


class TwoStoresOnServer(TwoStores):
    """The same on a server."""

    site = OnServer


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)


@pytest.mark.usefixtures("database")
class TestTwoStoresOnServer(TwoStoresOnServer.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=8, stateful_step_count=40, deadline=None)

    @pytest.fixture(autouse=True)
    def on_server(self, postgres: Postgres) -> None:
        OnServer.server = postgres
