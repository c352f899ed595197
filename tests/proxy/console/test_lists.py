"""Lists against a model that filters, sorts and cuts in Python: every page, whoever asks, while rows come and go."""

import asyncio
import base64
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.console import cursors
from proxy.console.list_plans import PLANS
from proxy.console.lists import ListQuery, Lists
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.catalogue import BY_NAME
from proxy.verbs.shapes.errors import ArgumentError, ForbiddenError
from proxy.verbs.shapes.theirs import reach
from routing.events import write_json
from routing.ids import floor7, uuid7
from routing.rows import CallRow, TaskRow
from routing.store import schema
from tests.kit.fitting import misfits
from tests.routing.store.rows import a_line, a_task, an_attempt

NOW = 1_795_000_000.0
GROUPS = {"sales": ("201", "202"), "vip": ("301",), "empty": ()}
POLICY = 'region = "HU"\n' + "".join(f"[group.{name}]\nagents = {[*agents]}\n" for name, agents in GROUPS.items())
ADMIN = Caller("boss", "admin", "console")
CALLERS = (
    ADMIN, Caller("s", "supervisor", "console", frozenset({"sales"})), Caller("all", "supervisor", "console"),
    Caller("none", "supervisor", "console", frozenset()), Caller("a", "agent", "console", None, "201"),
    Caller("v", "agent", "console", None, "301"), Caller("nobody", "agent", "console"),
)
AGENTS = st.sampled_from([None, "201", "202", "301", "777"])
CUSTOMERS = st.sampled_from(["+36201234561", "+36201234562", "+36201234563"])
MOMENTS = st.integers(0, 5).map(lambda step: NOW - 100.0 * step)


def put(db: sqlite3.Connection, table: str, row: Any) -> None:
    values = [write_json(one) if isinstance(one, tuple | dict) else one for one in row]
    names = ",".join(f'"{name}"' for name in row._fields)
    db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({','.join('?' * len(values))})", values)


class Books:
    """A database, and the lists of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = sqlite3.connect(folder / "boomerang.db", isolation_level=None)
        schema.migrate(self.db)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute(schema.PUT_POLICY, (NOW, POLICY, "boss"))
        self.lists = Lists(folder / "boomerang.db", folder, lambda: NOW)

    def clear(self) -> None:
        for table in ("calls", "tasks", "attempts", "direct", "tickets", "do_not_call"):
            self.db.execute(f"DELETE FROM {table}")

    def page(self, name: str, caller: Caller = ADMIN, **asked: Any) -> tuple[list[Any], str | None]:
        found = asyncio.run(self.lists.page(name, caller, ListQuery(**asked)))
        return found.items, found.next

    def whole(self, name: str, caller: Caller, **asked: Any) -> list[Any]:
        items, after = self.page(name, caller, **asked)
        while after is not None:
            more, after = self.page(name, caller, **asked, cursor=after)
            assert more
            items += more
        return items

    def close(self) -> None:
        self.lists.close()
        self.db.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    made = Books(tmp_path_factory.mktemp("lists"))
    yield made
    made.close()


def a_call(at: float, **changes: Any) -> CallRow:
    return CallRow(uuid7(at, os.urandom), "c", "inbound", "main", "office", "+36201234561", "+3614445555", "600", None,
                   None, "sales", "normal", None, at, None, None, None, None, None, None)._replace(**changes)


CALLS = st.lists(st.builds(
    a_call, MOMENTS, direction=st.sampled_from(["inbound", "outbound"]), customer=CUSTOMERS, agent=AGENTS, tried=AGENTS,
    group=st.sampled_from([None, "sales", "vip"]), answered_at=st.sampled_from([None, NOW]),
    ended_at=st.sampled_from([None, NOW]), cause=st.sampled_from([None, 200, 486]),
    reason=st.sampled_from(["normal", "callback", "in_queue"]), talk_s=st.sampled_from([None, 1.0, 2.0])), max_size=12)
RESULTS: dict[str, Callable[[CallRow], bool]] = {
    "answered": lambda row: row.answered_at is not None, "active": lambda row: row.ended_at is None,
    "missed": lambda row: row.direction == "inbound" and row.answered_at is None and row.ended_at is not None,
    "failed": lambda row: row.direction == "outbound" and row.answered_at is None and row.ended_at is not None}
CALL_FILTERS = st.fixed_dictionaries({}, optional={
    "customer": st.just("06201234562"), "agent": st.sampled_from(["201", "301"]), "group": st.just("vip"),
    "direction": st.just("outbound"), "result": st.sampled_from(["answered", "missed", "failed", "active",
                                                                 "missed,failed", "active,answered"]),
    "cause": st.sampled_from(["486", "200"]), "from": st.just(str(NOW - 300)),
    "to": st.just(datetime.fromtimestamp(NOW - 200, UTC).isoformat()),
    "kind": st.sampled_from(["call", "callback,place"])})


def call_fits(row: CallRow, filters: dict[str, str]) -> bool:
    kind = {"callback": "callback", "in_queue": "place"}.get(row.reason, "call")
    tests: dict[str, Callable[[str], bool]] = {
        "customer": lambda typed: row.customer == "+36201234562",
        "agent": lambda agent: agent in (row.agent, row.tried),
        "group": lambda group: row.group == group, "direction": lambda way: row.direction == way,
        "result": lambda some: any(RESULTS[one](row) for one in some.split(",")),
        "cause": lambda cause: row.cause == int(cause), "from": lambda at: row.id >= floor7(float(at)),
        "to": lambda at: row.id < floor7(datetime.fromisoformat(at).timestamp()),
        "kind": lambda some: kind in some.split(",")}
    return all(tests[name](value) for name, value in filters.items())


def in_order(rows: list[Any], value: str, key: str, descending: bool) -> list[Any]:
    """As a list is sorted: what is not known comes last, either way."""
    known = [row for row in rows if getattr(row, value) is not None]
    none = [row for row in rows if getattr(row, value) is None]
    known.sort(key=lambda row: (getattr(row, value), getattr(row, key)), reverse=descending)
    return known + sorted(none, key=lambda row: getattr(row, key), reverse=descending)


@settings(max_examples=150, deadline=None)
@given(rows=CALLS, filters=CALL_FILTERS, caller=st.sampled_from(CALLERS), sort=st.sampled_from(["", "talk"]),
       descending=st.booleans(), limit=st.integers(1, 5))
def test_pages_of_calls_are_what_the_model_says(books: Books, rows: list[CallRow], filters: dict[str, str],
                                               caller: Caller, sort: str, descending: bool, limit: int) -> None:
    books.clear()
    for row in rows:
        put(books.db, "calls", row)
    mine = reach(caller, GROUPS)
    fitting = [row for row in rows if call_fits(row, filters)
               and (mine.everything or mine.has_call(row.group, (row.agent, row.tried)))]
    found = books.whole("calls", caller, filters=filters, sort=sort, descending=descending, limit=limit)
    wanted = in_order(fitting, "talk_s" if sort else "id", "id", descending)
    assert [one["id"] for one in found] == [row.id for row in wanted]


TASKS = st.lists(st.builds(
    lambda at, number, responsible, rule, **changes: a_task(
        created_at=at, customer=f"+3620123456{number}", responsible=responsible,
        responsible_kind=rule if responsible else "none", **changes),
    MOMENTS, st.integers(0, 9), AGENTS, st.sampled_from(["fixed", "group"]), group=st.sampled_from(["sales", "vip"]),
    state=st.sampled_from(["held", "done", "failed"]), due_at=st.sampled_from([None, NOW - 1, NOW + 1]),
    ended_at=st.sampled_from([None, NOW]), attempts=st.integers(0, 2)), max_size=10,
    unique_by=lambda row: (row.customer, row.group))
TASK_SORTS = {"created": "id", "due": "due_at", "ended": "ended_at", "attempts": "attempts", "customer": "customer",
              "group": "group", "responsible": "responsible", "state": "state"}


@settings(max_examples=150, deadline=None)
@given(rows=TASKS, tried=st.lists(AGENTS, min_size=10, max_size=10), caller=st.sampled_from(CALLERS),
       sort=st.sampled_from([*TASK_SORTS]), descending=st.booleans(), limit=st.integers(1, 4),
       filters=st.fixed_dictionaries({}, optional={
           "state": st.sampled_from(["held", "done,failed"]), "group": st.just("vip"), "agent": st.just("201"),
           "due": st.sampled_from(["now", "later"]), "responsible": st.just("301"),
           "customer": st.just("0620 123 4561")}))
def test_pages_of_callbacks_are_what_the_model_says(
        books: Books, rows: list[TaskRow], tried: list[str | None], caller: Caller, sort: str, descending: bool,
        limit: int, filters: dict[str, str]) -> None:
    books.clear()
    of = {row.id: agent for row, agent in zip(rows, tried, strict=False)}
    for row in rows:
        put(books.db, "tasks", row)
        put(books.db, "attempts", an_attempt(row, agent=of[row.id], ended_at=NOW))
    mine = reach(caller, GROUPS)

    def held_for(row: TaskRow) -> str | None:
        return row.responsible if row.responsible_kind != "group" else None

    tests: dict[str, Callable[[TaskRow, str], bool]] = {
        "state": lambda row, some: row.state in some.split(","), "group": lambda row, group: row.group == group,
        "agent": lambda row, agent: agent in (of[row.id], held_for(row)),
        "due": lambda row, when: row.due_at is not None and (row.due_at <= NOW) == (when == "now"),
        "responsible": lambda row, one: row.responsible == one,
        "customer": lambda row, typed: row.customer == "+36201234561"}
    fitting = [row for row in rows if all(tests[name](row, value) for name, value in filters.items())
               and (mine.everything or mine.has_task(row.group, held_for(row), (of[row.id],)))]
    found = books.whole("callbacks", caller, filters=filters, sort=sort, descending=descending, limit=limit)
    assert [one["id"] for one in found] == [row.id for row in in_order(fitting, TASK_SORTS[sort], "id", descending)]


@settings(max_examples=60, deadline=None)
@given(moves=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=20), limit=st.integers(1, 6),
       descending=st.booleans())
def test_rows_that_stay_are_shown_once_while_others_come_and_go(books: Books, moves: list[tuple[bool, int]], limit: int,
                                                               descending: bool) -> None:
    books.clear()
    stay = [a_task(created_at=NOW + at, customer=f"+36201{at:06}", due_at=NOW + at % 3) for at in range(0, 30, 2)]
    for row in stay:
        put(books.db, "tasks", row)
    asked: dict[str, Any] = {"sort": "due", "descending": descending, "limit": limit}
    items, after = books.page("callbacks", **asked)
    todo = iter(moves)
    while after is not None:
        for come, at in [move for move, _ in zip(todo, range(3), strict=False)]:
            other = f"+36209{at:06}"
            if come:
                put(books.db, "tasks", a_task(created_at=NOW + at, customer=other, due_at=NOW + at % 3))
            else:
                books.db.execute("DELETE FROM tasks WHERE customer=?", (other,))
        more, after = books.page("callbacks", **asked, cursor=after)
        items += more
    seen = [one["id"] for one in items]
    assert len(seen) == len({*seen}), "none is shown twice"
    assert {row.id for row in stay} <= {*seen}, "none that stays is passed over"


def test_direct_tickets_numbers_and_versions(books: Books) -> None:
    books.clear()
    for agent, touched, expires in (("201", 3.0, NOW + 9), ("202", 2.0, NOW + 9), ("301", 1.0, NOW)):
        books.db.execute("INSERT INTO direct VALUES ('+36201234561',?,2,1,?,?)", (agent, touched, expires))
    assert [one["agent"] for one in books.whole("direct", ADMIN, limit=1)] == ["201", "202"], "one has expired"
    assert [one["agent"] for one in books.page("direct", CALLERS[4])[0]] == ["201"], "an agent sees their own"
    assert books.page("direct", CALLERS[5])[0] == []
    of = (("sales", None), ("sales", "201"), ("vip", None), (None, "202"))
    for number, (group, whose) in enumerate(of, 1):
        books.db.execute("INSERT INTO tickets VALUES (?,?,NULL,'+36201234561',?,?,?,'open',?,NULL)",
                         (uuid7(NOW, os.urandom), number, group, whose, f"100% of {number}_", NOW))
    assert [one["number"] for one in books.whole("tickets", ADMIN, limit=3)] == [4, 3, 2, 1]
    assert [one["number"] for one in books.whole("tickets", CALLERS[1])] == [4, 2, 1]
    assert [one["number"] for one in books.whole("tickets", CALLERS[4])] == [2, 1]
    assert [one["number"] for one in books.whole("tickets", CALLERS[5])] == [3]
    assert [one["number"] for one in books.page("tickets", filters={"text": "% OF 3_"})[0]] == [3]
    for digits, at in (("+36201", 1.0), ("+36202", 2.0)):
        books.db.execute("INSERT INTO do_not_call VALUES (?,?,'asked')", (digits, at))
    assert [one["customer"] for one in books.whole("do-not-call", CALLERS[1], limit=1)] == ["+36202", "+36201"]
    assert [one["customer"] for one in books.page("do-not-call", filters={"digits": "201"})[0]] == ["+36201"]
    assert books.page("policy-versions")[0] == [{"version": 1, "time": NOW, "by": "boss"}]


def test_items_are_as_the_verbs_give_them(books: Books) -> None:
    books.clear()
    task = a_task(options={"place": {"node": "a", "since": 5.0, "until": 6.0}, "note": "n"}, kind="queue")
    put(books.db, "tasks", task)
    put(books.db, "journal", a_line(task.id, "declined", "201"))
    put(books.db, "calls", a_call(NOW))
    [shown] = books.page("callbacks")[0]
    assert (shown["declined_by"], shown["place"]["held_since"], shown["options"]) == ({"201": 1}, 5.0, {"note": "n"})
    for name, verb in (("callbacks", "callbacks.list"), ("calls", "calls.list")):
        assert misfits(BY_NAME[verb], answers.write(BY_NAME[verb], books.page(name)[0])) == []


def test_one_row_by_its_key(books: Books) -> None:
    books.clear()
    row = a_call(NOW, group="vip", agent="301")
    put(books.db, "calls", row)
    found = [asyncio.run(books.lists.one("calls", caller, row.id)) for caller in CALLERS]
    assert [one is not None for one in found] == [True, False, True, False, False, True, False]
    assert asyncio.run(books.lists.one("calls", ADMIN, "x")) is None
    assert asyncio.run(books.lists.one("policy-versions", ADMIN, 1)) == {"version": 1, "time": NOW, "by": "boss"}


def test_recordings_with_what_is_known_of_them(books: Books) -> None:
    books.clear()
    folder = books.folder / "recordings"
    folder.mkdir(exist_ok=True)
    tasks = [a_task(group=group, customer=f"+3620123456{number}") for number, group in enumerate(("sales", "vip"))]
    names = []
    for number, task in enumerate(tasks):
        agent = "201" if number == 0 else "301"
        attempt = an_attempt(task, agent=agent, claimed_at=NOW + number, ended_at=NOW)
        put(books.db, "tasks", task)
        put(books.db, "attempts", attempt)
        names.append(f"2026112{number}T120000Z-{attempt.id}-20{number}-36201234561.wav")
    names.append("20261128T120000Z-notes.wav")
    for name in names:
        (folder / name).write_bytes(b"RIFF")
    assert [one["name"] for one in books.whole("recordings", ADMIN, limit=1)] == names[::-1]
    assert [one["name"] for one in books.whole("recordings", ADMIN, descending=False, limit=2)] == names
    assert [one["name"] for one in books.whole("recordings", CALLERS[1])] == names[:1]
    assert [one["name"] for one in books.page("recordings", filters={"agent": "301"})[0]] == names[1:2]
    assert [one["name"] for one in books.page("recordings", filters={"to": str(NOW + 0.5)})[0]] == names[:1]
    with pytest.raises(ForbiddenError):
        books.page("recordings", CALLERS[4])


@pytest.mark.parametrize(("asked", "key"), [
    ({"filters": {"colour": "red"}}, "colour"), ({"filters": {"state": "opened"}}, "state"),
    ({"filters": {"customer": "nobody"}}, "customer"), ({"filters": {"from": "yesterday"}}, "from"),
    ({"filters": {"from": "nan"}}, "from"), ({"filters": {"to": "inf"}}, "to"), ({"limit": 0}, "limit"),
    ({"limit": 1001}, "limit"), ({"sort": "colour"}, "sort"), ({"cursor": ""}, "cursor"),
    ({"cursor": "x" * 3000}, "cursor"), ({"cursor": "\u00e9"}, "cursor"), ({"cursor": "AAAA"}, "cursor"),
    ({"filters": {"group": "\ud800"}}, "group"),
])
def test_what_cannot_be_is_named(books: Books, asked: dict[str, Any], key: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        books.page("callbacks", **asked)
    assert caught.value.key == key


def test_there_is_no_such_list(books: Books) -> None:
    with pytest.raises(ArgumentError):
        books.page("passwords")


def test_a_cursor_serves_what_it_was_given_for(books: Books) -> None:
    books.clear()
    for at in range(3):
        put(books.db, "tasks", a_task(customer=f"+3620{at}", created_at=NOW - at))
    _, after = books.page("callbacks", limit=1)
    assert after is not None
    for other in ({"sort": "due"}, {"descending": False}, {"filters": {"state": "open"}}):
        with pytest.raises(ArgumentError, match="another list"):
            books.page("callbacks", cursor=after, **other)
    assert len(books.page("callbacks", cursor=after, filters={"state": ""})[0]) == 2, "an empty filter is none"
    with pytest.raises(ArgumentError, match="another list"):
        books.page("calls", cursor=after)


@given(place=st.lists(st.one_of(st.none(), st.integers(-2**53, 2**53), st.text(max_size=20),
                                st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=3))
def test_a_cursor_is_read_as_it_was_written(place: list[Any]) -> None:
    assert cursors.read(cursors.write(tuple(place), "a", "b"), len(place), "a", "b") == tuple(place)


@given(st.binary(max_size=60), st.text(max_size=60))
def test_any_text_is_a_cursor_or_is_refused(raw: bytes, text: str) -> None:
    for one in (text, base64.urlsafe_b64encode(cursors._mark(("a",)) + raw).decode()):
        with contextlib.suppress(ArgumentError):
            assert len(cursors.read(one, 1, "a")) == 1


LEADING = [
    ("calls", {"agent": "201"}, "calls_agent"), ("calls", {"group": "sales"}, "calls_group"),
    ("calls", {"number": "+3614445555"}, "calls_number"), ("calls", {"cause": "486"}, "calls_refused"),
    ("calls", {"customer": "+36201234567"}, "calls_customer"), ("calls", {"result": "missed"}, "calls_failed"),
    ("calls", {"result": "active"}, "calls_open"), ("callbacks", {"group": "sales"}, "tasks_group"),
    ("callbacks", {"state": "open", "group": "sales"}, "tasks_state"), ("direct", {}, "direct_touched"),
    ("direct", {"agent": "201"}, "direct_agent"),
]


@pytest.mark.parametrize(("name", "filters", "index"), LEADING)
def test_a_page_is_found_by_an_index(books: Books, monkeypatch: pytest.MonkeyPatch, name: str, filters: dict[str, str],
                                     index: str) -> None:
    plans: list[str] = []
    read = books.lists._reader.read

    def explained(statement: str, values: Any) -> Any:
        if " FROM policy " not in statement:
            plans.extend(row[3] for row in read("EXPLAIN QUERY PLAN " + statement, values))
        return read(statement, values)

    monkeypatch.setattr(books.lists._reader, "read", explained)
    books.page(name, filters=filters)
    assert any(index in line for line in plans), plans


def test_what_lists_there_are() -> None:
    assert {*PLANS, "recordings"} == {*Lists.names()}
    for name in Lists.names():
        assert Lists.sorts(name)
        assert all(field.means for field in Lists.filters(name).fields.values())
        assert Lists.shape(name)
        assert Lists.role(name)
