"""Two nodes, each with its own file, one server: whoever writes, pushes and pulls when, and however far, at rest all
three hold the same."""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from routing.rows import DoNotCallRow, PauseRow, TaskRow, UserRow
from routing.store.engine import Queued
from routing.store.postgres.changes import ChangeReader
from routing.store.postgres.connection import Address
from routing.store.queries import CallbackQuery, DirectQuery
from routing.writes import (
    ChangeTask,
    CountOffer,
    DropPause,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    Shared,
    TakenUpto,
    TakeRow,
    TakeSlot,
    Unit,
    Write,
)
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.postgres.test_merging import ANSWERED, BEGUN, ENDED, FOUND, FOUND_ENDED
from tests.routing.store.rows import a_comment, a_line, a_task, a_ticket
from tests.routing.store.sharing_world import Node
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN, CUSTOMER

COMPARED = {
    "direct": 'customer, agent, type, made_at, touched_at, expires_at', "do_not_call": "customer, added_at, reason",
    "pauses": "agent, since, reason, node", "users": "name, role, password, disabled_at",
    "calls": "id, customer, number, agent, reason, answered_at, ended_at, ended_by, talk_s, judged, node, epoch",
    "tasks": 'id, customer, "group", state, missed, version, changed_by', "journal": "task, at, kind, data",
    "tickets": "id, number, state", "comments": "id, ticket, text", "offers": 'quarter, "group", number, made',
}
"""Of each table what must be the same."""

TASKS = [a_task(customer=customer) for customer in ("+361", "+361", "+362")]
"""Of the first two one at most can be open."""

SMALL = st.integers(0, 3)
STAMP = SMALL.map(lambda number: BEGIN + number)
WHO = st.sampled_from(["+361", "+362"])
_RECORD = st.builds(lambda agent, touched, expires: record(agent, expires, touched), st.sampled_from(["201", "202"]),
                    STAMP, STAMP)

PLAIN: st.SearchStrategy[Write] = st.one_of(
    _RECORD, st.builds(DoNotCallRow, WHO, STAMP, st.sampled_from("xy")),
    st.builds(RemoveDoNotCall, WHO), st.builds(PauseRow, st.just("201"), STAMP, st.sampled_from("xy")),
    st.builds(DropPause, st.just("201")), st.builds(CountOffer, STAMP, st.just("sales"), st.none()),
    st.builds(SavePolicy, st.sampled_from("xyz"), STAMP),
    st.builds(lambda password: UserRow("anna", "agent", None, "201", password, BEGIN, None), st.sampled_from("xy")))

STEPS = st.one_of(
    st.tuples(st.just("put"), SMALL, PLAIN), st.tuples(st.just("task"), SMALL, st.sampled_from(range(3))),
    st.tuples(st.just("remove"), SMALL, SMALL), st.tuples(st.just("call"), SMALL, SMALL),
    st.tuples(st.just("line"), SMALL, SMALL),
    st.tuples(st.just("ticket"), SMALL, SMALL), st.tuples(st.just("push"), SMALL, st.integers(1, 3)),
    st.tuples(st.just("pull"), SMALL, st.integers(1, 4)), st.tuples(st.just("fetch"), SMALL, st.integers(1, 4)))
"""What, at which node (even or odd), and with what."""


class Site:
    """One node: its file, what it writes to the server with, and what it reads there with."""

    def __init__(self, path: Path, where: str, name: str, serial: Iterator[int]) -> None:
        self.name, self._serial = name, serial
        self.node = Node(path, name)
        self.engine = postgres_engine(where, name)
        self.engine.open()
        self.node.put(TakeSlot(self.engine.slot or 0))
        self.reader = ChangeReader(Address(where, "tests"), name, lambda: BEGIN + 1000)
        self.fetched: Callable[[], bool] | None = None

    def put(self, *writes: Write) -> None:
        self.node.put(*writes)

    def remove_record(self) -> None:
        """Remove a direct callback as it stands here."""
        for row in self.node.engine.read(DirectQuery.RECORDS, (CUSTOMER,))[:1]:
            self.put(RemoveRecord(row))

    def change_task(self, number: int) -> None:
        """Make a task, change it, or end it: as it stands here."""
        found: list[TaskRow] = self.node.engine.read(CallbackQuery.TASK, (TASKS[number].id,))
        if not found:
            self.put(ChangeTask(TASKS[number], 0, ""))
            return
        [task] = found
        ends = next(self._serial) % 3 == 0
        self.put(ChangeTask(task._replace(version=task.version + 1, missed=task.missed + 1,
                                          state="done" if ends else task.state), task.version, task.changed_by))

    def tell_of_call(self, number: int) -> None:
        """A call begins at a, and b may find it under way."""
        states = (BEGUN, ANSWERED, ANSWERED, ENDED) if self.name == "a" else (FOUND, FOUND, FOUND_ENDED, FOUND_ENDED)
        self.put(states[number])

    def put_ticket(self, number: int) -> None:
        ticket = a_ticket(subject=str(number))
        self.put(ticket, a_comment(ticket))

    def push(self, limit: int) -> bool:
        """Share the first units that wait; whether there were any."""
        waiting = self.node.unshared.read(0, limit)
        if not waiting:
            return False
        batch = [Queued(each.serial, each.unit) for each in waiting]
        done = self.engine.apply([*batch, Queued(0, Unit((Shared(waiting[-1].serial),)))])
        stale = {change.task.id for unit in done.stale for change in unit.of(ChangeTask)}
        self.engine.look_into()
        rows = [row for name in stale for row in self.engine.read(CallbackQuery.TASK, (name,))]
        self.node.put(Shared(waiting[-1].serial), *(
            TakeRow(row, row.changed_by or self.name, corrects=True) for row in rows))
        return True

    def fetch(self, limit: int) -> bool:
        """Read a page that is taken with the next `pull`; whether there is something, or more to come."""
        if self.fetched is None:
            mark = self.node.unshared.mark()
            page = self.reader.read(mark, limit)

            def take() -> bool:
                self.node.put(*page.writes, TakenUpto(page.mark, mark))
                return page.more or bool(page.writes)

            self.fetched = take
        return True

    def pull(self, limit: int) -> bool:
        """Take a page: the one that was read before, or one that is read now."""
        self.fetch(limit)
        take, self.fetched = self.fetched, None
        assert take is not None
        return take()

    def close(self) -> None:
        self.reader.close()
        self.engine.close()
        self.node.close()


def state(rows: list[Any]) -> Counter[Any]:
    return Counter(tuple(row) for row in rows)


@contextmanager
def two_sites(where: str) -> Iterator[list[Site]]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        serial = itertools.count()
        sites = [Site(Path(folder) / name, where, name, serial) for name in "ab"]
        for site in sites:
            stack.callback(site.close)
        yield sites


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_at_rest_all_hold_the_same(postgres: Postgres, database: str, steps: list[Any]) -> None:
    note("\n".join(map(str, steps)))
    with two_sites(database) as sites:
        lines = itertools.count()
        for what, whose, with_what in steps:
            site = sites[whose % 2]
            match what:
                case "put":
                    site.put(with_what)
                case "line":
                    site.put(a_line(TASKS[with_what % 3].id, at=BEGIN + next(lines)))
                case "remove":
                    site.remove_record()
                case "task":
                    site.change_task(with_what)
                case "call":
                    site.tell_of_call(with_what)
                case "ticket":
                    site.put_ticket(with_what)
                case "push":
                    site.push(with_what)
                case "pull":
                    site.pull(with_what)
                case "fetch":
                    site.fetch(with_what)
        for site in sites:  # each call ends, sooner or later
            site.tell_of_call(3)
        while sum(site.push(3) for site in sites) + sum(site.pull(50) for site in sites):
            pass
        for table, columns in COMPARED.items():
            there = state(postgres.run(f"SELECT {columns} FROM {table}", "shared"))
            for site in sites:
                assert state(site.node.rows(f"SELECT {columns} FROM {table}")) == there, (table, site.name)
        newest = "SELECT text FROM policy ORDER BY version DESC LIMIT 1"
        for site in sites:
            assert site.node.rows(newest) == postgres.run(newest, "shared")
    postgres.empty("shared")
