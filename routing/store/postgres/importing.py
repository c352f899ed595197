"""What a single node has in its SQLite file, taken into the database that several nodes share.

Page by page, each a transaction of its own: others who write meanwhile wait for one page at the most, and what they
change is seen by all as soon as ever. Whoever is cut off begins anew: a row that is there already is not taken twice,
for each has its key. What has none (the counts of offers) is taken once for each file, which `imports` says.

The file is read as it is, by one who has the lock of its folder; nothing in it changes but for steps of the schema that
it lacks. Rows go as they stand: both hold the same values, JSON as the same text. A file that is shared already is
taken in too, for what it held before; what is of other nodes, or cannot be told apart, stays out.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from routing.events import write_json
from routing.ids import uuid7
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.store import schema as sqlite_schema
from routing.store.postgres import schema
from routing.store.postgres import statements as sql
from routing.store.postgres.connection import Address, Connection
from routing.store.salvage import connect

PAGE: Final = 2000
"""Rows of one transaction; of tasks and tickets a twentieth of it, for each brings others along."""

PATIENCE: Final = 120
"""Seconds that one statement may take, and that a page waits for what another node has locked."""

ONE_AT_A_TIME: Final = 5.0
"""Seconds for which another import is waited for: the server may not have noticed yet that it is gone."""

NOBODY: Final = "(import)"
"""Who is said to have changed a row of another node's last: no name of a node, so that every node takes it anew."""

_IMPORTING: Final = 7_036_874_417_003
"""The advisory lock of whoever imports: one at a time."""

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "users": UserRow._fields, "tokens": TokenRow._fields, "do_not_call": DoNotCallRow._fields,
    "pauses": PauseRow._fields, "direct": Record._fields, "calls": CallRow._fields, "tasks": TaskRow._fields,
    "attempts": AttemptRow._fields, "journal": JournalRow._fields, "tickets": Ticket._fields,
    "comments": TicketComment._fields, "deliveries": (*Delivery._fields, "node"), "audit": AuditRow._fields,
    "policy": ("version", "saved_at", "text", "saved_by"), "offers": ("quarter", "group", "number", "made"),
}
TABLES: Final = tuple(_FIELDS)
"""What is taken, in the order in which it is told."""

_DERIVED: Final = {"attempts": (", dialled_at", ", customer_at"), "calls": (", writer", ", %s")}
"""Columns that are of no row: when an attempt dialled, which the database else fills with its own clock, and who put a
call."""

_SAME: Final = {
    "calls": sql.PUT_CALL.partition(" ON CONFLICT ")[2] + " WHERE calls.writer<>excluded.writer",
    "offers": '(quarter, "group", number) DO UPDATE SET made=offers.made+excluded.made',
}
"""What becomes of rows that are there already: of a call that two nodes have told of one row; the others stay."""

_LIVE: Final = "('open', 'held')"


class ImportingError(Exception):
    """It cannot be done; the text is for whoever asked for it."""


class Taken(NamedTuple):
    """Rows of one table."""

    found: int = 0
    """In the file."""
    taken: int = 0
    """That were not in the database before."""


class Imported(NamedTuple):
    """What was taken, or would be."""

    database: str
    """What it is called, without a password."""
    tables: dict[str, Taken]
    doubled: int
    """Open callbacks whose customer has one of the same group there: that one stands, these were cancelled."""
    touched_later: int
    """Direct callbacks that were touched later there, and stand as they are there."""
    renumbered: dict[int, int]
    """Tickets whose number another one has there: the number in the file, and the new one; 0: not given yet."""
    policy_stays: bool
    """Whether the file's policies were left out, because one is in force there."""


def file_name(file: sqlite3.Connection) -> str:
    """Return what a database file is known by: its first step's moment, which copies and later versions keep. Empty: it
    is no database of ours.
    """
    found = file.execute("SELECT applied_at FROM _sqlite_migrations WHERE migration_set=? AND name=?",
                         (sqlite_schema.SET, sqlite_schema.NAMES[0])).fetchone()
    return str(found[0]) if found is not None else ""


def take_in(path: Path, address: Address, node: str, now: float, *, merge: bool = False,
            rehearse: bool = False) -> Imported:
    """Take everything that nodes share out of a node's file, whose folder is locked by whoever calls this.

    `node`: its name. `now`: seconds since the epoch. `merge`: the database may hold what others have written.
    `rehearse`: nothing is changed, in either of the two. Raises ImportingError.
    """
    if not path.exists():
        raise ImportingError(f"there is no database {path}")
    try:
        with contextlib.closing(_open_file(path, rehearse)) as file, \
                contextlib.closing(_open_database(address)) as there:
            return _Import(file, there, address.name, node, now, rehearse).run(merge)
    except (psycopg.Error, OSError) as error:
        raise ImportingError(address.describe(error)) from error
    except sqlite3.Error as error:
        raise ImportingError(f"{path}: {error}") from error


def _open_file(path: Path, rehearse: bool) -> sqlite3.Connection:
    file = connect(path, "ro" if rehearse else "rw")
    try:
        if not sqlite_schema.applied_steps(file):
            raise ImportingError(f"{path} is no database of Boomerang")
        if rehearse:
            sqlite_schema.refuse_later(file)
            if sqlite_schema.applied_steps(file) != list(sqlite_schema.NAMES):
                raise ImportingError(f"{path} is of an earlier version: start this one with it once, or import without "
                                     "a rehearsal, which brings it up")
        else:
            sqlite_schema.migrate(file)
        file.text_factory = _text
    except BaseException:
        file.close()
        raise
    return file


def _text(octets: bytes) -> str:
    """PostgreSQL's text holds no U+0000, and nothing that is no UTF-8."""
    return octets.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _open_database(address: Address) -> Connection:
    there = address.connect(PATIENCE, f"SET client_encoding='UTF8'; SET statement_timeout={PATIENCE}000; "
                                      f"SET lock_timeout={PATIENCE}000")
    try:
        encoding = there.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise ImportingError(f"{address.name}: its encoding is {encoding}: UTF8 is needed")
    except BaseException:
        there.close()
        raise
    return there


class _Import:
    """One run."""

    def __init__(self, file: sqlite3.Connection, there: Connection, name: str, node: str, now: float,
                 rehearse: bool) -> None:
        self._file, self._there, self._name, self._node, self._now = file, there, name, node, now
        self._rehearse = rehearse
        self._known_as = file_name(file)
        self._found = dict.fromkeys(TABLES, 0)
        self._taken = dict.fromkeys(TABLES, 0)
        self._doubled = self._touched_later = 0
        self._renumbered: dict[int, int] = {}
        self._policy_stays = False
        self._is_shared = file.execute("SELECT 1 FROM sharing").fetchone() is not None
        """Whether it has been filled from a shared database."""
        self._is_done = False
        """Whether all of this file was taken in before."""

    def run(self, merge: bool) -> Imported:
        self._prepare(merge)
        for table in ("users", "tokens", "do_not_call", "pauses", "direct", "calls", "audit"):
            for rows in self._pages(table):
                with self._page():
                    self._take(table, rows)
        for rows in self._pages("tasks", PAGE // 20):
            with self._page():
                self._take_tasks(rows)
        for rows in self._pages("tickets", PAGE // 20, "number"):
            with self._page():
                self._take_tickets(rows)
        with self._page():
            self._take_policies()
        with self._page(durable=True):
            self._take_offers()
        return Imported(
            self._name, {table: Taken(self._found[table], self._taken[table]) for table in TABLES}, self._doubled,
            self._touched_later, self._renumbered, self._policy_stays)

    # Whether it may begin

    def _prepare(self, merge: bool) -> None:
        execute = self._there.execute
        try:
            execute(f"SET lock_timeout={int(ONE_AT_A_TIME * 1000)}")
            execute("SELECT pg_advisory_lock(%s)", (_IMPORTING,))
        except psycopg.errors.LockNotAvailable:
            raise ImportingError(f"{self._name}: another import is under way") from None
        execute(f"SET lock_timeout={PATIENCE}000")
        [[waits]] = self._file.execute("SELECT count(*) FROM to_share").fetchall()
        if waits:
            raise ImportingError(f"{waits} changes of this node wait to be shared: let it run until they are, then "
                                 "stop it again")
        [[steps, others]] = execute(
            "SELECT to_regclass('schema_steps'), (SELECT count(*) FROM pg_class WHERE relkind='r' "
            "AND relnamespace=current_schema()::regnamespace)").fetchall()
        if steps is None and others:
            raise ImportingError(f"{self._name} is not empty: it has tables that are not Boomerang's. "
                                 "Make a database of its own")
        if self._rehearse and schema.is_behind(self._there):
            execute("BEGIN")  # what is missing is made, looked at, and gone with the connection
        schema.migrate(self._there)
        known = execute("SELECT done_at FROM imports WHERE file=%s", (self._known_as,)).fetchone()
        self._is_done = known is not None and known[0] is not None
        if known is None and not merge:
            held = [f"{table} {count}" for table in ("calls", "tasks", "direct", "policy", "tickets")
                    for [count] in execute(f"SELECT count(*) FROM {table}").fetchall() if count]
            if held:
                raise ImportingError(f"{self._name} is not empty ({', '.join(held)}): --merge adds this node's rows to "
                                     "what is there")
        with self._there.transaction():
            execute("INSERT INTO imports (file, node, begun_at) VALUES (%s,%s,%s) ON CONFLICT DO NOTHING",
                    (self._known_as, self._node, self._now))
            if self._rehearse:
                raise psycopg.Rollback
        with self._there.transaction():
            for table, fields in _FIELDS.items():
                execute(f"CREATE TEMP TABLE coming_{table} ON COMMIT DELETE ROWS AS "
                        f"SELECT 0::bigint AS ordinal, {sql.columns(fields)} FROM {table} WITH NO DATA")

    # Pages

    def _pages(self, table: str, size: int = PAGE, order: str = "") -> Iterator[list[tuple[Any, ...]]]:
        found = self._file.execute(f"SELECT {sql.columns(_FIELDS[table])} FROM {table}"
                                   + (f" ORDER BY {order}" if order else ""))
        while page := list(islice(found, size)):
            if self._is_shared and table == "calls":
                page = [row for row in page if row[CallRow._fields.index("node")] in ("", self._node)]
            self._found[table] += len(page)
            yield [self._as_ours(table, row) for row in page]

    def _belonging(self, table: str, column: str, names: Iterable[str], order: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table that belong to some of another one."""
        found = self._file.execute(
            f'SELECT {sql.columns(_FIELDS[table])} FROM {table} WHERE "{column}" IN (SELECT value FROM json_each(?)) '
            f"ORDER BY {order}", (write_json(list(names)),)).fetchall()
        return [self._as_ours(table, row) for row in found]

    def _as_ours(self, table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row with the name of this node, where it has none or goes on here: the operator has renamed it."""
        fields = _FIELDS[table]
        match table:
            case "calls" | "attempts":
                goes_on, column = row[fields.index("ended_at")] is None, fields.index("node")
            case "tasks":
                goes_on, column = row[fields.index("state")] in ("open", "held"), fields.index("changed_by")
            case "deliveries":
                goes_on, column = row[fields.index("next_at")] is not None, fields.index("node")
            case "pauses":
                goes_on, column = True, fields.index("node")
            case "comments":
                column = fields.index("internal")
                return (*row[:column], bool(row[column]), *row[column + 1:])
            case _:
                return row
        return (*row[:column], self._node, *row[column + 1:]) if goes_on or not row[column] else row

    @contextlib.contextmanager
    def _page(self, durable: bool = False) -> Iterator[None]:
        """A transaction; `durable`: it and all before are on disk afterwards."""
        with self._there.transaction():
            if not durable:
                self._there.execute("SET LOCAL synchronous_commit=off")
            yield
            if self._rehearse:
                raise psycopg.Rollback

    def _stage(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Put rows where statements can look at them."""
        with self._there.cursor() as cursor, cursor.copy(
                f"COPY coming_{table} (ordinal, {sql.columns(_FIELDS[table])}) FROM STDIN") as copy:
            for ordinal, row in enumerate(rows):
                copy.write_row((ordinal, *row))

    def _insert(self, table: str) -> int:
        """Take what is staged, in its order; return how many rows are new."""
        columns = sql.columns(_FIELDS[table])
        into, of = _DERIVED.get(table, ("", ""))
        found = self._there.execute(
            f"INSERT INTO {table} ({columns}{into}) SELECT {columns}{of} FROM coming_{table} ORDER BY ordinal "
            f"ON CONFLICT {_SAME.get(table, 'DO NOTHING')} RETURNING xmax=0",
            (self._node,) if table == "calls" else ()).fetchall()
        taken = len([row for row in found if row[0]])
        self._taken[table] += taken
        return taken

    def _take(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Take rows that stand for themselves."""
        self._stage(table, rows)
        if table != "direct":
            self._insert(table)
            return
        fresh = self._insert(table)
        # Of two the one that was touched last is in force.
        self._there.execute(
            "UPDATE direct AS d SET type=c.type, made_at=c.made_at, touched_at=c.touched_at, expires_at=c.expires_at "
            "FROM coming_direct AS c WHERE c.customer=d.customer AND c.agent=d.agent AND c.touched_at>d.touched_at")
        if fresh < len(rows):
            [[later]] = self._there.execute(
                "SELECT count(*) FROM coming_direct AS c JOIN direct AS d USING (customer, agent) "
                "WHERE d.touched_at>c.touched_at").fetchall()
            self._touched_later += later

    # What belongs together

    def _take_tasks(self, rows: list[tuple[Any, ...]]) -> None:
        """Take tasks with attempts and journals; of those that are there already nothing."""
        execute = self._there.execute
        execute("SELECT pg_advisory_xact_lock(%s)", (sql.ALL_CUSTOMERS,))
        self._stage("tasks", rows)
        execute("DELETE FROM coming_tasks AS c USING tasks AS t WHERE t.id=c.id")
        doubled = execute(
            "UPDATE coming_tasks AS c SET state='cancelled', reason='operator', ended_at=%s, due_at=NULL, "
            "version=c.version+1, changed_by=%s FROM tasks AS t WHERE t.customer=c.customer "
            f'AND t."group"=c."group" AND t.state IN {_LIVE} AND c.state IN {_LIVE} '
            "RETURNING c.id, t.id, c.missed, c.missed_at", (self._now, NOBODY)).fetchall()
        for _, stands, missed, missed_at in doubled:
            execute("UPDATE tasks SET missed=missed+%s, missed_at=least(missed_at, %s), version=version+1, "
                    "changed_by=%s WHERE id=%s", (missed, missed_at, NOBODY, stands))
        self._doubled += len(doubled)
        fresh = [name for [name] in execute("SELECT id FROM coming_tasks").fetchall()]
        self._insert("tasks")
        names = [row[0] for row in rows]
        attempts = self._belonging("attempts", "task", names, "id")
        lines = self._belonging("journal", "task", names, "seq")
        self._found["attempts"] += len(attempts)
        self._found["journal"] += len(lines)
        new = set(fresh)
        self._take_attempts([row for row in attempts if row[1] in new])
        ended = [JournalRow(name, self._now, "ended", None, {
            "state": "cancelled", "reason": "operator", "by": "cluster import", "stands": stands})
            for name, stands, _, _ in doubled]
        self._stage("journal", [row for row in lines if row[0] in new])
        self._insert("journal")
        for line in ended:
            execute(sql.PUT_JOURNAL, (*line[:4], write_json(line.data)))

    def _take_attempts(self, rows: list[tuple[Any, ...]]) -> None:
        """Take attempts. One that a crash has left open is closed where another one engages its customer or its task
        is over; an agent who is rung from elsewhere is not engaged by it."""
        execute = self._there.execute
        self._stage("attempts", rows)
        execute("UPDATE coming_attempts AS c SET step='ended', result='crashed', ended_at=c.claimed_at "
                "WHERE c.ended_at IS NULL AND (EXISTS (SELECT 1 FROM attempts AS a WHERE a.customer=c.customer "
                "AND a.ended_at IS NULL) OR NOT EXISTS (SELECT 1 FROM tasks AS t WHERE t.id=c.task "
                f"AND t.state IN {_LIVE}))")
        execute("UPDATE coming_attempts AS c SET engages=NULL WHERE c.ended_at IS NULL "
                "AND EXISTS (SELECT 1 FROM attempts AS a WHERE a.engages=c.engages AND a.ended_at IS NULL)")
        self._insert("attempts")

    def _take_tickets(self, rows: list[tuple[Any, ...]]) -> None:
        """Take tickets with comments and deliveries. One whose number another has gets the next one, and says so."""
        execute = self._there.execute
        [[last]] = execute("SELECT last FROM numbers WHERE name='tickets' FOR UPDATE").fetchall()
        self._stage("tickets", rows)
        [[highest]] = execute("SELECT greatest(%s::bigint, (SELECT max(number) FROM tickets), (SELECT max(number) "
                              "FROM coming_tickets))", (max(last, self._last_number()),)).fetchall()
        clashing = execute(
            "SELECT c.id, c.number FROM coming_tickets AS c JOIN tickets AS t USING (number) "
            "WHERE t.id<>c.id AND NOT EXISTS (SELECT 1 FROM tickets AS same WHERE same.id=c.id) ORDER BY c.number"
        ).fetchall()
        for number, (name, before) in enumerate(clashing, highest + 1):
            execute("UPDATE coming_tickets SET number=%s WHERE id=%s", (number, name))
            self._renumbered[before] = 0 if self._rehearse else number
        execute("UPDATE numbers SET last=%s WHERE name='tickets'", (highest + len(clashing),))
        self._insert("tickets")
        names = [row[0] for row in rows]
        for table in ("comments", "deliveries"):
            belonging = self._belonging(table, "ticket", names, "seq")
            self._found[table] += len(belonging)
            self._stage(table, belonging)
            self._insert(table)
        for name, before in clashing:
            execute(sql.PUT_COMMENT, (uuid7(self._now, os.urandom), name, self._now, "boomerang",
                                      f"This was ticket {before} at {self._node}.", True))

    def _last_number(self) -> int:
        """Return the highest number that was given, tickets that are gone among them."""
        [[last]] = self._file.execute("SELECT max((SELECT max(last) FROM ticket_numbers), "
                                      "(SELECT coalesce(max(number), 0) FROM tickets))").fetchall()
        return int(last)

    def _take_policies(self) -> None:
        """Take every policy that was in force, unless one is there."""
        execute = self._there.execute
        execute("SELECT last FROM numbers WHERE name='policies' FOR UPDATE")
        rows = self._file.execute(f"SELECT {sql.columns(_FIELDS['policy'])} FROM policy ORDER BY version").fetchall()
        self._found["policy"] = len(rows)
        there = execute("SELECT text FROM policy ORDER BY version DESC LIMIT 1").fetchone()
        if there is not None:
            self._policy_stays = bool(rows) and rows[-1][2] != there[0]
            return
        self._stage("policy", rows)
        self._insert("policy")
        if rows:
            execute("UPDATE numbers SET last=%s WHERE name='policies'", (rows[-1][0],))

    def _take_offers(self) -> None:
        """Add counts to those that are there, once for each file; say that it is taken in."""
        rows = self._file.execute(f"SELECT {sql.columns(_FIELDS['offers'])} FROM offers").fetchall()
        self._found["offers"] = len(rows)
        if not self._is_done:
            if not self._is_shared:
                self._stage("offers", rows)
                self._insert("offers")
            self._there.execute("UPDATE imports SET done_at=%s WHERE file=%s", (self._now, self._known_as))
