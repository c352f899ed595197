"""A single node's file taken into PostgreSQL: everything that nodes share, nothing twice, and what two say of one."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    OfferCount,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TokenRow,
    UserRow,
)
from routing.store.postgres.connection import Address
from routing.store.postgres.importing import TABLES, Imported, ImportingError, take_in
from routing.store.sqlite import sqlite_store
from routing.writes import CountOffer, SavePolicy, Unit
from tests.kit.postgres import Postgres
from tests.kit.told import Told
from tests.routing.store.pages import call, fill, number
from tests.routing.store.postgres_world import PostgresWorld
from tests.routing.store.rows import a_comment, a_delivery, a_line, a_task, a_ticket, an_attempt, name
from tests.routing.world import BEGIN, CUSTOMER, SHARED, World

Worlds = Callable[..., World]
NOW = BEGIN + 1_000_000


def imported(path: Path, database: str, node: str = "edge1", **how: bool) -> Imported:
    return take_in(path, Address(database, "test"), node, NOW, **how)


def people(agent: str = "201") -> tuple[UserRow | TokenRow | AuditRow | PauseRow, ...]:
    return (UserRow(f"anna{agent}", "supervisor", frozenset({"sales"}), None, "$argon2id$", BEGIN, None),
            TokenRow(name(), "reports", "agent", None, agent, f"hash{agent}", BEGIN, None, None),
            AuditRow(name(), BEGIN, "anna", "admin", "socket", "dnc.add", CUSTOMER, {"a": 1}, None, ""),
            PauseRow(agent, BEGIN, "lunch"))


def of_shared(postgres: Postgres, table: str, columns: str = "*", order: str = "1") -> list[tuple[object, ...]]:
    return postgres.run(f"SELECT {columns} FROM {table} ORDER BY {order}", "shared")


def of_file(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def fields(row: type[tuple[object, ...]]) -> str:
    return ", ".join(f'"{field}"' for field in row._fields)  # type: ignore[attr-defined]


ALIKE = {
    "users": fields(UserRow), "tokens": fields(TokenRow), "do_not_call": fields(DoNotCallRow),
    "pauses": fields(PauseRow), "direct": fields(Record), "calls": fields(CallRow), "tasks": fields(TaskRow),
    "audit": fields(AuditRow), "policy": "version, saved_at, text, saved_by", "offers": fields(OfferCount),
    "tickets": fields(Ticket), "journal": fields(JournalRow), "attempts": fields(AttemptRow),
    "comments": "id, ticket, at, author, text", "deliveries": fields(Delivery) + ", node",
}


def test_everything_that_nodes_share_is_there_as_it_was(worlds: Worlds, postgres: Postgres, database: str) -> None:
    world = worlds()
    fill(world, 1200)
    task = a_task(group="care", options={"note": "\x00", "place": [1, None]}, declined=("201", "202"))
    world.store.put(Unit((*people(), task, a_line(task.id, "due"), a_line(task.id, "assigned", "201"),
                          CountOffer(BEGIN, "sales", SHARED), CountOffer(BEGIN, "sales", None))))
    world.commit()
    world.close()
    done = imported(world.path, database)
    assert set(done.tables) == set(TABLES) == set(ALIKE)
    assert all(counts.found == counts.taken > 0 for counts in done.tables.values()), done.tables
    for table, columns in ALIKE.items():
        there = set(of_shared(postgres, table, columns))
        assert there == set(of_file(world.path, f"SELECT {columns} FROM {table}")), table
        assert len(there) == done.tables[table].taken
    lines = f"SELECT kind FROM journal WHERE task='{task.id}' ORDER BY seq"
    assert postgres.run(lines, "shared") == of_file(world.path, lines)
    shared = PostgresWorld(database, "edge2")
    assert shared.store.callbacks.task(task.id) == task._replace(changed_by="edge1")
    assert len(shared.store.callbacks.open_tasks()) == 1201
    shared.store.put(Unit((a_ticket(), SavePolicy("three", BEGIN))))
    shared.commit()
    assert of_shared(postgres, "tickets", "max(number)") == [(1201,)], "numbers go on"
    assert of_shared(postgres, "policy", "version, text")[-1] == (3, "three")
    shared.close()


def test_whoever_says_it_again_takes_nothing_twice(worlds: Worlds, postgres: Postgres, database: str) -> None:
    world = worlds()
    fill(world, 300)
    world.store.put(Unit((*people(), CountOffer(BEGIN, "sales", SHARED))))
    world.commit()
    world.close()
    imported(world.path, database)
    before = {table: of_shared(postgres, table) for table in TABLES}
    again = imported(world.path, database)
    assert all(counts.taken == 0 < counts.found for counts in again.tables.values()), again.tables
    assert (again.doubled, again.renumbered, again.policy_stays) == (0, {}, False)
    assert {table: of_shared(postgres, table) for table in TABLES} == before


def test_whoever_is_cut_off_goes_on_where_it_was(worlds: Worlds, postgres: Postgres, database: str) -> None:
    """The server cuts it off in the middle of the tasks; the next one takes the rest, and all is there once."""
    world = worlds()
    fill(world, 450)
    world.store.put(Unit((*people(), CountOffer(BEGIN, "sales", SHARED))))
    world.commit()
    world.close()
    PostgresWorld(database).close()
    postgres.run("CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN IF (SELECT count(*) FROM tasks) > 250 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                 "END IF; RETURN NULL; END'; CREATE TRIGGER cut AFTER INSERT ON journal EXECUTE FUNCTION cut()",
                 "shared")
    try:
        with pytest.raises(ImportingError, match=r"postgresql://127\.0\.0\.1/shared: "):
            imported(world.path, database)
        partly = len(of_shared(postgres, "tasks"))
        assert 0 < partly < 450
    finally:
        postgres.run("DROP FUNCTION cut CASCADE", "shared")
    done = imported(world.path, database)
    assert done.tables["tasks"].taken == 450 - partly
    for table, columns in ALIKE.items():
        assert set(of_shared(postgres, table, columns)) == set(of_file(world.path, f"SELECT {columns} FROM {table}"))
        assert len(of_shared(postgres, table)) == done.tables[table].found


def test_a_rehearsal_changes_nothing(worlds: Worlds, postgres: Postgres, tmp_path: Path) -> None:
    world = worlds()
    fill(world, 600)
    world.store.put(Unit((*people(), CountOffer(BEGIN, "sales", SHARED))))
    world.commit()
    world.close()
    before = world.path.read_bytes()
    where = postgres.create("rehearsed")
    try:
        told = imported(world.path, where, rehearse=True)
        assert postgres.run("SELECT relname FROM pg_class WHERE relnamespace='public'::regnamespace", "rehearsed") == []
        assert imported(world.path, where) == told
        assert imported(world.path, where, rehearse=True) == imported(world.path, where)
    finally:
        postgres.drop("rehearsed")
    assert world.path.read_bytes() == before


def two(worlds: Worlds, tmp_path: Path) -> tuple[World, World]:
    """Files of two nodes, which were born at different moments."""
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    return worlds(folder=folders[0]), worlds(folder=folders[1])


def both(one: World, other: World, database: str) -> Imported:
    """Close and take in both; what came of the second."""
    for world in (one, other):
        world.commit()
        world.close()
    imported(one.path, database)
    with pytest.raises(ImportingError, match="is not empty"):
        imported(other.path, database, "edge2")
    return imported(other.path, database, "edge2", merge=True)


def test_one_promise_of_two_stands_for_both(worlds: Worlds, postgres: Postgres, tmp_path: Path, database: str) -> None:
    """Whoever was missed at both nodes is called back once, and for the missed calls of both."""
    one, other = two(worlds, tmp_path)
    first, second = a_task(missed=2, missed_at=BEGIN + 50), a_task(missed=3, state="held", reason="operator")
    elsewhere, over = a_task(group="care"), a_task(state="done", reason="talked", ended_at=BEGIN)
    one.store.put(Unit((first, a_line(first.id))))
    attempt = an_attempt(second, customer_at=BEGIN, engages="201")
    other.store.put(Unit((second, a_line(second.id), elsewhere, over)))
    other.store.put(Unit((attempt,)))
    done = both(one, other, database)
    assert (done.doubled, done.tables["tasks"].taken) == (1, 3)
    shared = PostgresWorld(database, "edge3")
    callbacks = shared.store.callbacks
    assert {task.id for task in callbacks.open_tasks()} == {first.id, elsewhere.id}
    assert callbacks.task(first.id) == first._replace(missed=5, missed_at=BEGIN, version=2, changed_by="(import)")
    assert callbacks.task(second.id) == second._replace(
        state="cancelled", ended_at=NOW, due_at=None, version=2, changed_by="(import)")
    assert [line.kind for line in callbacks.journal(second.id)] == ["missed", "ended"]
    assert callbacks.journal(second.id)[-1].data["stands"] == first.id
    [ended] = callbacks.attempts_of(second.id)
    assert (ended.ended_at, ended.result) == (BEGIN, "crashed")
    assert callbacks.open_attempts() == []
    shared.close()
    assert of_shared(postgres, "attempts", "dialled_at") == [(BEGIN,)], "it was dialled then, not now"
    again = imported(other.path, database, "edge2")
    assert (again.doubled, again.tables["tasks"].taken) == (0, 0)
    assert postgres.run(f"SELECT missed FROM tasks WHERE id='{first.id}'", "shared") == [(5,)], "added once"


def test_an_agent_and_a_customer_are_engaged_once(worlds: Worlds, tmp_path: Path, database: str) -> None:
    """What crashes have left open: of one agent, and of one customer in two groups."""
    one, other = two(worlds, tmp_path)
    tasks = [a_task(), a_task(customer=number(1)), a_task(group="care")]
    attempts = [an_attempt(task, engages="201") for task in tasks]
    one.store.put(Unit((tasks[0],)))
    one.store.put(Unit((attempts[0],)))
    other.store.put(Unit((*tasks[1:],)))
    other.store.put(Unit((attempts[1],)))
    other.store.put(Unit((attempts[2]._replace(agent="202", engages="202"),)))
    both(one, other, database)
    shared = PostgresWorld(database, "edge3")
    assert {row.id: row.engages for row in shared.store.callbacks.open_attempts()} == {
        attempts[0].id: "201", attempts[1].id: None}
    assert [row.result for row in shared.store.callbacks.attempts_of(tasks[2].id)] == ["crashed"]
    shared.close()


def test_tickets_keep_their_numbers_or_say_so(worlds: Worlds, postgres: Postgres, tmp_path: Path,
                                              database: str) -> None:
    one, other = two(worlds, tmp_path)
    for world in (one, other):
        for index in range(130):
            ticket = a_ticket(subject=f"{world.path.parent.name} {index}")
            world.store.put(Unit((ticket, a_comment(ticket), a_delivery(ticket))))
        world.commit()
    for index in range(5):
        other.store.put(Unit((a_ticket(subject=f"b {130 + index}"),)))
    done = both(one, other, database)
    assert done.renumbered == {number: number + 135 for number in range(1, 131)}
    there = of_shared(postgres, "tickets", "number, subject", "number")
    assert there[:131] == [*((index + 1, f"a {index}") for index in range(130)), (131, "b 130")]
    assert there[134:137] == [(135, "b 134"), (136, "b 0"), (137, "b 1")]
    said = postgres.run("SELECT text FROM comments JOIN tickets ON tickets.id=ticket WHERE number=137 "
                        "ORDER BY seq", "shared")
    assert said == [("noted",), ("This was ticket 2 at edge2.",)]
    assert imported(other.path, database, "edge2").renumbered == {}
    shared = PostgresWorld(database, "edge3")
    shared.store.put(Unit((a_ticket(),)))
    shared.commit()
    shared.close()
    assert of_shared(postgres, "tickets", "max(number)") == [(266,)]


def test_what_two_files_say_of_one_thing(worlds: Worlds, postgres: Postgres, tmp_path: Path, database: str) -> None:
    """The record touched last, whoever asked first not to be called, the policy and the users that are there."""
    one, other = two(worlds, tmp_path)
    old, new = Record(CUSTOMER, "201", 1, BEGIN, BEGIN, 2e9), Record(CUSTOMER, "201", 2, BEGIN + 5, BEGIN + 9, 3e9)
    one.store.put(Unit((SavePolicy("one", BEGIN), old, new._replace(agent="202"),
                        DoNotCallRow(CUSTOMER, BEGIN, "first"), *people(), CountOffer(BEGIN, "sales", SHARED))))
    other.store.put(Unit((SavePolicy("two", BEGIN), SavePolicy("three", BEGIN), new, old._replace(agent="202"),
                          DoNotCallRow(CUSTOMER, BEGIN + 1, "second"), DoNotCallRow(number(7), BEGIN, "too"),
                          UserRow("anna201", "admin", None, None, "other", BEGIN, None),
                          CountOffer(BEGIN, "sales", SHARED), CountOffer(BEGIN, "sales", SHARED))))
    done = both(one, other, database)
    assert done.touched_later == 1
    assert done.policy_stays
    assert done.tables["policy"] == (2, 0)
    assert of_shared(postgres, "direct", "*", "agent") == [tuple(new), tuple(new._replace(agent="202"))]
    assert of_shared(postgres, "do_not_call", "customer, reason") == [(number(7), "too"), (CUSTOMER, "first")]
    assert of_shared(postgres, "policy", "version, text") == [(1, "one")]
    assert of_shared(postgres, "users", "name, role") == [("anna201", "supervisor")]
    assert of_shared(postgres, "offers", "made") == [(3,)]
    imported(other.path, database, "edge2")
    assert of_shared(postgres, "offers", "made") == [(3,)]


def test_a_call_of_two_nodes_is_one(worlds: Worlds, postgres: Postgres, tmp_path: Path, database: str) -> None:
    """Begun at one, hung up at another: who called is known from the first, how it ended from the second."""
    one, other = two(worlds, tmp_path)
    begun = call(1)._replace(answered_at=BEGIN + 5, ended_at=None, cause=None, ended_by=None)
    adopted = begun._replace(reason="adopted", customer=None, number=None, group=None, answered_at=None, node="edge2",
                             ended_at=BEGIN + 30, cause=200, ended_by="caller")
    one.store.put(Unit((begun,)))
    other.store.put(Unit((adopted, call(2))))
    done = both(one, other, database)
    assert done.tables["calls"] == (2, 1)
    merged = of_shared(postgres, "calls", "reason, customer, ended_by, answered_at", "id")[0]
    assert merged == ("shared", number(1), "caller", BEGIN + 5)
    imported(one.path, database)
    assert of_shared(postgres, "calls", "reason, customer, ended_by, answered_at", "id")[0] == merged


def test_what_goes_on_is_this_nodes(worlds: Worlds, postgres: Postgres, database: str) -> None:
    """Whoever renames a node has its calls in progress, its promises and its deliveries under the new name."""
    world = worlds()
    ended, open_call = call(1), call(2)._replace(ended_at=None, cause=None)
    task, ticket = a_task(), a_ticket()
    world.store.put(Unit((ended, open_call, task, ticket, a_delivery(ticket), PauseRow("201", BEGIN, ""))))
    world.commit()
    world.close()
    imported(world.path, database, "renamed")
    assert of_shared(postgres, "calls", "ended_at IS NULL, node") == [(False, "edge1"), (True, "renamed")]
    for table, column in (("tasks", "changed_by"), ("deliveries", "node"), ("pauses", "node")):
        assert of_shared(postgres, table, column) == [("renamed",)]


def test_text_that_postgresql_has_no_words_for(worlds: Worlds, postgres: Postgres, database: str) -> None:
    world = worlds()
    world.store.put(Unit((DoNotCallRow(CUSTOMER, BEGIN, "no\0thing"),)))
    world.commit()
    world.close()
    with contextlib.closing(sqlite3.connect(world.path, isolation_level=None)) as db:
        db.execute("INSERT INTO do_not_call VALUES (?, 1.0, CAST(x'61ff62' AS TEXT))", (number(1),))
    imported(world.path, database)
    assert of_shared(postgres, "do_not_call", "reason", "customer") == [("a\ufffdb",), ("no\ufffdthing",)]


def test_what_is_refused(worlds: Worlds, postgres: Postgres, tmp_path: Path, database: str) -> None:
    world = worlds()
    world.commit()
    world.close()
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    with pytest.raises(ImportingError, match="there is no database"):
        imported(tmp_path / "none.db", database)
    with pytest.raises(ImportingError, match="is no database of Boomerang"):
        imported(empty, database, rehearse=True)
    with pytest.raises(ImportingError, match=r"postgresql://127\.0\.0\.1/nowhere: .*does not exist"):
        imported(world.path, postgres.url("nowhere", "secret"))
    with pytest.raises(ImportingError) as refused:
        imported(world.path, "postgresql://u:topsecret@127.0.0.1:1/x")
    assert "topsecret" not in str(refused.value)
    where = postgres.create("theirs")
    try:
        postgres.run("CREATE TABLE calls (x int)", "theirs")
        with pytest.raises(ImportingError, match="tables that are not Boomerang's"):
            imported(world.path, where)
    finally:
        postgres.drop("theirs")
    PostgresWorld(database).close()
    postgres.run("INSERT INTO schema_steps (name, is_beside) VALUES ('999_later', false)", "shared")
    try:
        with pytest.raises(ImportingError, match="of a later version"):
            imported(world.path, database)
    finally:
        postgres.run("DELETE FROM schema_steps WHERE name='999_later'", "shared")
    with contextlib.closing(sqlite3.connect(world.path, isolation_level=None)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('boomerang', 'm999', 'x')")
    for rehearse in (False, True):
        with pytest.raises(ImportingError, match="of a later version"):
            imported(world.path, database, rehearse=rehearse)


def test_a_file_that_is_shared_already(worlds: Worlds, postgres: Postgres, database: str) -> None:
    """What it held before is taken, once nothing of it waits any more; what it has of others is not said again."""
    world = worlds()
    task = a_task()
    world.store.put(Unit((task, a_line(task.id), call(1), CountOffer(BEGIN, "sales", SHARED))))
    world.commit()
    world.close()
    store = sqlite_store(world.path, world.loop.post, lambda: BEGIN + 9, "edge1", Told(), sharing=lambda: None)
    store.put(Unit((a_ticket(),)))
    store.close()
    world.loop.run()
    with pytest.raises(ImportingError, match="1 changes of this node wait to be shared"):
        imported(world.path, database)
    with contextlib.closing(sqlite3.connect(world.path, isolation_level=None)) as db:
        db.execute("DELETE FROM to_share")
        db.execute("UPDATE sharing SET mark='7'")
        db.execute("INSERT INTO calls SELECT id || 'x', sip_call_id, direction, trunk, pbx, customer, number, dialled, "
                   'agent, evidence, "group", reason, tried, started_at, answered_at, session_s, ended_at, cause, '
                   "ended_by, talk_s, 'edge2', epoch, attempt, task, grounds, judged FROM calls")
    done = imported(world.path, database)
    assert (done.tables["tasks"], done.tables["journal"], done.tables["calls"]) == ((1, 1), (1, 1), (1, 1))
    assert done.tables["offers"] == (1, 0)
    assert of_shared(postgres, "calls", "node") == [("edge1",)]


MANY = 100_000
ROOM_MB = 40


def test_a_large_file_takes_no_memory(worlds: Worlds, postgres: Postgres, database: str) -> None:
    """100,000 calls, of which not more than a page is in memory at a time."""
    world = worlds()
    world.commit()
    world.close()
    row = call(1)
    with contextlib.closing(sqlite3.connect(world.path)) as db:
        columns, places = ", ".join(f'"{field}"' for field in CallRow._fields), ", ".join("?" * len(row))
        db.executemany(f"INSERT INTO calls ({columns}) VALUES ({places})", ((name(), *row[1:]) for _ in range(MANY)))
        db.commit()
    code = ("import resource, sys\nfrom pathlib import Path\nfrom routing.store.postgres.connection import Address\n"
            "from routing.store.postgres.importing import take_in\n"
            "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = most()\n"
            "done = take_in(Path(sys.argv[1]), Address(sys.argv[2], 't'), 'edge1', 1e9)\n"
            "print(done.tables['calls'].taken, (most() - before) // 1024)")
    done = subprocess.run([sys.executable, "-c", code, str(world.path), database], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    taken, grown = map(int, done.stdout.split())
    assert taken == MANY
    assert grown < ROOM_MB, f"{grown} MB"
