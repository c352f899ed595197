"""The tables, as named steps that are only ever appended to; each is applied once and recorded by sqlite-utils.

That library is loaded where a step is missing, which is once a version: a start that finds them all only reads what is
recorded, and a process that runs for months does not have the library in memory.

Times are REAL, seconds since the epoch, UTC. Tables that are looked up by their key alone are WITHOUT ROWID, so that a
look-up walks one tree.
"""

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from config.numbering import read
from routing.rows import CallRow

SET: Final = "boomerang"
"""The name under which our steps are recorded."""


class Tables(Protocol):
    """What a step is given: a connection, or sqlite-utils' database on one."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> sqlite3.Cursor:
        """Run one statement."""


def m001_calls(db: Tables) -> None:
    """One row a call. The id is a UUID version 7, so that rows lie in the order in which calls began."""
    db.execute(
        """CREATE TABLE calls (
            id TEXT PRIMARY KEY, sip_call_id TEXT NOT NULL, direction TEXT NOT NULL, trunk TEXT NOT NULL,
            pbx TEXT NOT NULL, customer TEXT, number TEXT, dialled TEXT NOT NULL, agent TEXT, evidence TEXT,
            "group" TEXT, reason TEXT NOT NULL, tried TEXT, started_at REAL NOT NULL, answered_at REAL,
            session_s REAL, ended_at REAL, cause INTEGER, ended_by TEXT, talk_s REAL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX calls_open ON calls (id) WHERE ended_at IS NULL")
    db.execute("CREATE INDEX calls_customer ON calls (customer, id) WHERE customer IS NOT NULL")


def m002_direct(db: Tables) -> None:
    """The direct callbacks: calls of this customer go to this agent."""
    db.execute(
        """CREATE TABLE direct (
            customer TEXT NOT NULL, agent TEXT NOT NULL, type INTEGER NOT NULL, made_at REAL NOT NULL,
            touched_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (customer, agent)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX direct_expires ON direct (expires_at)")


def m003_policy(db: Tables) -> None:
    """Every policy that was ever in force; the newest is."""
    db.execute(
        """CREATE TABLE "policy" (
   "version" INTEGER PRIMARY KEY,
   "saved_at" REAL NOT NULL,
   "text" TEXT NOT NULL
)"""
    )


def m004_outbox(db: Tables) -> None:
    """Events that wait for the broker. AUTOINCREMENT: a seq is never given twice, also after all rows are gone."""
    db.execute(
        """CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
            data TEXT NOT NULL
        )"""
    )


def m005_tasks(db: Tables) -> None:
    """Promises to call a customer; lists and details are JSON. One that is not final a customer and group."""
    db.execute(
        """CREATE TABLE tasks (
            id TEXT PRIMARY KEY, customer TEXT NOT NULL, "group" TEXT NOT NULL, campaign TEXT, origin TEXT NOT NULL,
            number TEXT, pbx TEXT NOT NULL, trunk TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
            created_at REAL NOT NULL, missed_at REAL NOT NULL, missed INTEGER NOT NULL, expires_at REAL NOT NULL,
            due_at REAL, attempts INTEGER NOT NULL, attempts_max INTEGER NOT NULL, responsible_kind TEXT NOT NULL,
            responsible TEXT, responsible_since REAL, released_at REAL, declined TEXT NOT NULL, options TEXT NOT NULL,
            ended_at REAL
        ) WITHOUT ROWID"""
    )
    db.execute("""CREATE UNIQUE INDEX tasks_one ON tasks (customer, "group") WHERE state IN ('open', 'held')""")
    db.execute("CREATE INDEX tasks_state ON tasks (state, id)")
    db.execute("CREATE INDEX tasks_customer ON tasks (customer, id)")


def m006_attempts(db: Tables) -> None:
    """Tries to keep a promise, and the legs that may be up. One that has not ended a customer, and a task."""
    db.execute(
        """CREATE TABLE attempts (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, customer TEXT NOT NULL, serial INTEGER NOT NULL, agent TEXT,
            node TEXT NOT NULL, step TEXT NOT NULL, claimed_at REAL NOT NULL, customer_at REAL, answered_at REAL,
            ended_at REAL, result TEXT, cause INTEGER, talk_s REAL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE UNIQUE INDEX attempts_one_customer ON attempts (customer) WHERE ended_at IS NULL")
    db.execute("CREATE UNIQUE INDEX attempts_one_task ON attempts (task) WHERE ended_at IS NULL")
    db.execute("CREATE INDEX attempts_task ON attempts (task, serial)")
    db.execute("CREATE INDEX attempts_dialled ON attempts (customer_at, customer) WHERE customer_at IS NOT NULL")
    db.execute(
        """CREATE TABLE legs (
            call TEXT PRIMARY KEY, attempt TEXT NOT NULL, role TEXT NOT NULL, memory TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m007_journal(db: Tables) -> None:
    """What happened to a task, line by line; `data` is JSON."""
    db.execute(
        """CREATE TABLE journal (
            seq INTEGER PRIMARY KEY, task TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, agent TEXT,
            data TEXT NOT NULL
        )"""
    )
    db.execute("CREATE INDEX journal_task ON journal (task, seq)")
    db.execute("CREATE INDEX journal_released ON journal (at, agent) WHERE kind='released'")


def m008_tickets(db: Tables) -> None:
    """Tickets, what was written under them, and their way to other systems in the order in which they go there."""
    db.execute(
        """CREATE TABLE tickets (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, task TEXT, customer TEXT NOT NULL, "group" TEXT,
            agent TEXT, subject TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, closed_at REAL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX tickets_customer ON tickets (customer, number)")
    db.execute("CREATE INDEX tickets_task ON tickets (task, number) WHERE task IS NOT NULL")
    db.execute(
        """CREATE TABLE comments (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, at REAL NOT NULL,
            author TEXT NOT NULL, text TEXT NOT NULL, internal INTEGER NOT NULL
        )"""
    )
    db.execute("CREATE INDEX comments_ticket ON comments (ticket, seq)")
    db.execute(
        """CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL, comment TEXT,
            channel TEXT NOT NULL, tries INTEGER NOT NULL, next_at REAL, delivered_at REAL, error TEXT NOT NULL
        )"""
    )
    db.execute("CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL")
    db.execute("CREATE INDEX deliveries_ticket ON deliveries (ticket, channel, seq)")


def m009_do_not_call(db: Tables) -> None:
    """Customers who are never called back."""
    db.execute(
        """CREATE TABLE do_not_call (
            customer TEXT PRIMARY KEY, added_at REAL NOT NULL, reason TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m010_tasks_of_a_group(db: Tables) -> None:
    """The newest tasks of one group among many others, without reading those."""
    db.execute('CREATE INDEX tasks_group ON tasks ("group", id)')


def m011_history(db: Tables) -> None:
    """What ended, by when, so that what is too old is found without reading the rest. The last ticket number that was
    removed: none is given twice.
    """
    db.execute("CREATE INDEX tasks_ended ON tasks (ended_at, id) WHERE ended_at IS NOT NULL")
    db.execute("CREATE INDEX tickets_closed ON tickets (closed_at, id) WHERE closed_at IS NOT NULL")
    db.execute("CREATE TABLE ticket_numbers (last INTEGER NOT NULL)")
    db.execute("INSERT INTO ticket_numbers VALUES (0)")


def m012_spellings(db: Tables) -> None:
    """The do-not-call list as numbers are read now, so that nobody on it is called under another spelling."""
    rows = db.execute("SELECT customer, added_at, reason FROM do_not_call").fetchall()
    for customer, added_at, reason in rows:
        written = read(customer, "")
        if written is not None and written != customer:
            db.execute("INSERT OR IGNORE INTO do_not_call VALUES (?,?,?)", (written, added_at, reason))
            db.execute("DELETE FROM do_not_call WHERE customer=?", (customer,))


def m013_alarms(db: Tables) -> None:
    """Alarms that stand until an operator takes them down."""
    db.execute(
        """CREATE TABLE alarms (
            name TEXT PRIMARY KEY, text TEXT NOT NULL, raised_at REAL NOT NULL
        ) WITHOUT ROWID"""
    )


def m014_nodes(db: Tables) -> None:
    """Several nodes: who began what, and which start of theirs it was; who changed a task last. One attempt an agent.

    What is there already is nobody's (an empty name) until a node takes it over.
    """
    db.execute(
        """CREATE TABLE nodes (
            name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, started_at REAL NOT NULL
        ) WITHOUT ROWID"""
    )
    for table in ("calls", "legs"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN node TEXT NOT NULL DEFAULT ''")
        db.execute(f"ALTER TABLE {table} ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE attempts ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE attempts ADD COLUMN engages TEXT")
    db.execute("CREATE UNIQUE INDEX attempts_one_agent ON attempts (engages) "
               "WHERE ended_at IS NULL AND engages IS NOT NULL")
    db.execute("ALTER TABLE tasks ADD COLUMN version INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE tasks ADD COLUMN changed_by TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE outbox ADD COLUMN node TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE deliveries ADD COLUMN node TEXT NOT NULL DEFAULT ''")


def m015_kind_of_task(db: Tables) -> None:
    """One word for what a task came of, here as everywhere else."""
    db.execute("ALTER TABLE tasks RENAME COLUMN origin TO kind")


def m016_offers(db: Tables) -> None:
    """How often callers who waited were told that they may ask for a callback: by quarter of an hour, so that a day
    may begin at the midnight of any time zone. An empty number: nobody knows which one they dialled.
    """
    db.execute(
        """CREATE TABLE offers (
            quarter REAL NOT NULL, "group" TEXT NOT NULL, number TEXT NOT NULL, made INTEGER NOT NULL,
            PRIMARY KEY (quarter, "group", number)
        ) WITHOUT ROWID"""
    )


def m017_direct_of_an_agent(db: Tables) -> None:
    """The direct callbacks of one agent, for their desk: an index that is made later (`LATER`)."""


def m018_why_a_call_went_there(db: Tables) -> None:
    """To which attempt or request a call belongs, and what direct callback had to do with where it went."""
    for column in ("attempt", "task", "grounds"):
        db.execute(f"ALTER TABLE calls ADD COLUMN {column} TEXT")


def m019_people(db: Tables) -> None:
    """Who may log in, and what programs show instead of a name; passwords and tokens as hashes."""
    db.execute(
        """CREATE TABLE users (
            name TEXT PRIMARY KEY, role TEXT NOT NULL, "groups" TEXT, agent TEXT, password TEXT NOT NULL,
            created_at REAL NOT NULL, disabled_at REAL
        ) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE tokens (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, "groups" TEXT, agent TEXT,
            hash TEXT NOT NULL UNIQUE, created_at REAL NOT NULL, expires_at REAL, revoked_at REAL
        ) WITHOUT ROWID"""
    )


def m020_audit(db: Tables) -> None:
    """Who changed what, when, by which door, and what it was before and after."""
    db.execute(
        """CREATE TABLE audit (
            id TEXT PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, door TEXT NOT NULL,
            verb TEXT NOT NULL, about TEXT NOT NULL, before TEXT, after TEXT, refused TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m021_pauses(db: Tables) -> None:
    """Agents who are not to be rung until they say so."""
    db.execute(
        """CREATE TABLE pauses (
            agent TEXT PRIMARY KEY, since REAL NOT NULL, reason TEXT NOT NULL, node TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m022_lists(db: Tables) -> None:
    """The by-whom of each policy: empty where nobody has said it. Indexes for lists are made later (`LATER`)."""
    db.execute("ALTER TABLE policy ADD COLUMN saved_by TEXT NOT NULL DEFAULT ''")


def m023_what_calls_were(db: Tables) -> None:
    """Whether a customer was missed, as it was judged when their call ended."""
    db.execute("ALTER TABLE calls ADD COLUMN judged TEXT")


def m024_texts(db: Tables) -> None:
    """Events stand in the outbox as they go out: `form` is an `Outbox`; 0: `data` is but the data of the event."""
    db.execute("ALTER TABLE outbox ADD COLUMN form INTEGER NOT NULL DEFAULT 0")


def m025_sharing(db: Tables) -> None:
    """What waits to be shared with other nodes, in the order of its commits; what is known of sharing, one row.
    `origin`: the number of a line or a policy in the shared database; 0: it was not taken from there. Where nothing is
    shared both tables are empty.
    """
    db.execute("CREATE TABLE to_share (serial INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT NOT NULL, "
               "committed_at REAL NOT NULL)")
    db.execute("CREATE TABLE sharing (id INTEGER PRIMARY KEY CHECK (id=1), begun_at REAL NOT NULL, slot INTEGER, "
               "mark TEXT)")
    for table in ("journal", "policy"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN origin INTEGER NOT NULL DEFAULT 0")


STEPS: Final[tuple[Callable[[Tables], None], ...]] = (
    m001_calls, m002_direct, m003_policy, m004_outbox, m005_tasks, m006_attempts, m007_journal, m008_tickets,
    m009_do_not_call, m010_tasks_of_a_group, m011_history, m012_spellings, m013_alarms, m014_nodes,
    m015_kind_of_task, m016_offers, m017_direct_of_an_agent, m018_why_a_call_went_there, m019_people, m020_audit,
    m021_pauses, m022_lists, m023_what_calls_were, m024_texts,
    m025_sharing,
)
NAMES: Final = tuple(step.__name__ for step in STEPS)

LATER: Final = {
    "calls_of_attempt": "calls (attempt) WHERE attempt IS NOT NULL",
    "calls_of_task": "calls (task) WHERE task IS NOT NULL",
    "calls_agent": "calls (agent, id) WHERE agent IS NOT NULL",
    "calls_tried": "calls (tried, id) WHERE tried IS NOT NULL",
    "calls_group": 'calls ("group", id) WHERE "group" IS NOT NULL',
    "calls_number": "calls (number, id) WHERE number IS NOT NULL",
    "calls_refused": "calls (cause, id) WHERE cause<>200",
    "calls_failed": "calls (id) WHERE answered_at IS NULL AND ended_at IS NOT NULL",
    "direct_agent": "direct (agent, touched_at)",
    "direct_touched": "direct (touched_at)",
    "tasks_responsible": "tasks (responsible, id) WHERE responsible IS NOT NULL",
    "attempts_agent": "attempts (agent, task) WHERE agent IS NOT NULL",
    "journal_declined": "journal (at, agent) WHERE kind='declined'",
}
"""Indexes, each with what it is on, that people's lists alone need. Of large tables they are no steps: they are made
while calls pass already (`behind`, `catch_up`), for each takes a second a million rows. Each that a
call stands in costs every commit a page: those of how calls ended leave out the calls that were answered."""

GONE: Final = {"calls_cause": "calls", "calls_unanswered": "calls"}
"""Indexes, each with its table, that versions before have made and no list needs any more: they go in the same way."""

LARGE: Final = 20_000
"""Rows of a table from which on its indexes for lists are made later."""


class LaterVersionError(sqlite3.DatabaseError):
    """The database was changed by a later version than this one, which must not write to it."""


class OddSchemaError(sqlite3.DatabaseError):
    """Its tables are not as the steps made them: somebody changed them from outside."""


def migrate(connection: sqlite3.Connection, like: list[str] | None = None) -> None:
    """Apply every step that is missing; `sqlite3.Error` where the database does not let us. `like`: only as far as a
    database that has had these steps is. Without, indexes for lists are made too, but for those of large tables.

    LaterVersionError where steps were applied that are not known here; OddSchemaError where a step does not fit.
    """
    refuse_later(connection)
    stop = None
    if like and list(NAMES[:len(like)]) == like:  # else the list itself is broken
        stop = next(iter(NAMES[len(like):]), None)
    try:
        if not set(NAMES) <= set(applied_steps(connection)):
            _apply(connection, stop)
        if stop is None:
            for name in behind(connection):
                if not _is_large(connection, LATER[name].partition(" ")[0] if name in LATER else GONE[name]):
                    catch_up(connection, name)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
            raise
        raise OddSchemaError(f"its tables are not as they were made: {error}") from error


def _apply(connection: sqlite3.Connection, stop: str | None) -> None:
    """Apply the steps that are missing, each with its record in a transaction of its own."""
    from sqlite_utils import Database, Migrations

    steps = Migrations(SET)
    for step in STEPS:
        steps()(step)
    steps.apply(Database(connection, execute_plugins=False), stop_before=stop)


def behind(connection: sqlite3.Connection) -> list[str]:
    """Return the indexes for lists that are not there, and then those that are and are to go."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='index'")}
    return [name for name in LATER if name not in there] + [name for name in GONE if name in there]


def catch_up(connection: sqlite3.Connection, index: str) -> None:
    """Make an index for lists, or take one away that is to go."""
    connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {LATER[index]}" if index in LATER else
                       f"DROP INDEX IF EXISTS {index}")


def _is_large(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {table} LIMIT 1 OFFSET {LARGE}").fetchone() is not None


def refuse_later(connection: sqlite3.Connection) -> None:
    """LaterVersionError where a later version than this one has changed the database."""
    later = later_steps(connection)
    if later:
        raise LaterVersionError(f"it is of a later version (it has {later[-1]}, this one ends with "
                                f"{NAMES[-1]}): go back to that version, or restore a backup from before it")


def later_steps(connection: sqlite3.Connection) -> list[str]:
    """Return the steps that a later version has applied: it has applied all of ours, or the list is broken."""
    known, applied = set(NAMES), applied_steps(connection)
    return [name for name in applied if name not in known] if known <= set(applied) else []


_RECORDED: Final = "SELECT 1 FROM sqlite_schema WHERE type='table' AND name='_sqlite_migrations'"


def applied_steps(connection: sqlite3.Connection) -> list[str]:
    """Return the steps that were applied, in their order."""
    if connection.execute(_RECORDED).fetchone() is None:
        return []
    return [name for (name,) in connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set=? ORDER BY rowid", (SET,))]


class _Made(NamedTuple):
    """Something that the steps make."""

    kind: str
    name: str
    table: str
    sql: str


@functools.cache
def _made() -> tuple[tuple[_Made, ...], dict[str, tuple[str, ...]]]:
    """Return what all steps come to: tables, indexes and the like, and the columns of each table."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as pristine:
        for step in STEPS:
            step(pristine)
        made = tuple(_Made(*row) for row in pristine.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
            "AND substr(tbl_name, 1, 7) <> 'sqlite_' AND substr(tbl_name, 1, 8) <> '_sqlite_' ORDER BY rowid"))
        return made, {each.name: _columns(pristine, each.name) for each in made if each.kind == "table"}


def _columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(row[1] for row in connection.execute(f'PRAGMA table_info("{table}")'))


def tables() -> tuple[str, ...]:
    """Return the names of all tables."""
    return tuple(_made()[1])


def _gone(connection: sqlite3.Connection) -> list[_Made]:
    """Return what the steps made and is not there. OddSchemaError where a table has other columns."""
    made, columns = _made()
    there = {(kind, name) for kind, name in connection.execute("SELECT type, name FROM sqlite_schema")}
    for table, wanted in columns.items():
        found = _columns(connection, table) if ("table", table) in there else wanted
        if found != wanted:
            raise OddSchemaError(f"its table {table} has other columns: {', '.join(found)}")
    return [each for each in made if (each.kind, each.name) not in there]


_NO_NUMBER: Final = "SELECT NOT EXISTS (SELECT 1 FROM ticket_numbers)"


def lacks(connection: sqlite3.Connection) -> bool:
    """Whether something is missing that `mend` makes. OddSchemaError as there."""
    return bool(_gone(connection)) or bool(connection.execute(_NO_NUMBER).fetchone()[0])


def mend(connection: sqlite3.Connection) -> list[str]:
    """Make anew what was removed from a database that has every step; return the tables among it.

    OddSchemaError where a table has other columns, or holds rows that its indexes would refuse.
    """
    gone = _gone(connection)
    try:
        for each in gone:
            connection.execute(each.sql)
    except sqlite3.IntegrityError as error:
        raise OddSchemaError(f"its {gone[0].table} holds what cannot be: {error}") from error
    if connection.execute(_NO_NUMBER).fetchone()[0]:
        connection.execute("INSERT INTO ticket_numbers VALUES (0)")
    return [each.name for each in gone if each.kind == "table"]


def raise_sequence(connection: sqlite3.Connection, table: str, last: int) -> None:
    """Have an AUTOINCREMENT go on after `last` at least."""
    changed = connection.execute("UPDATE sqlite_sequence SET seq=max(seq, ?) WHERE name=?", (last, table))
    if not changed.rowcount:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))


def end_sharing(connection: sqlite3.Connection) -> None:
    """Leave nothing of sharing in a file that is shared no more.

    What waits to be shared is forgotten, too: by the time that the file is shared again it may long be different, and
    a promise that was kept meanwhile must not be told to others as one that is open.
    """
    connection.execute("DELETE FROM to_share")
    connection.execute("DELETE FROM sharing")


_LATER: Final = ("agent", "evidence", "reason", "answered_at", "session_s", "ended_at", "cause", "ended_by", "talk_s",
                 "judged")
"""Columns of a call that become known after it began."""

PUT_CALL: Final = (
    "INSERT INTO calls VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}, attempt=coalesce(excluded.attempt, attempt), "
    "task=coalesce(excluded.task, task)"
).format(
    ",".join("?" * len(CallRow._fields)), ",".join(f"{name}=excluded.{name}" for name in _LATER)
)
PUT_RECORD: Final = (
    "INSERT INTO direct VALUES (?,?,?,?,?,?) ON CONFLICT (customer, agent) DO UPDATE SET type=excluded.type, "
    "made_at=excluded.made_at, touched_at=excluded.touched_at, expires_at=excluded.expires_at"
)
REMOVE_RECORD: Final = "DELETE FROM direct WHERE customer=? AND agent=? AND touched_at<=?"
PUT_EVENT: Final = "INSERT INTO outbox (seq, id, time, kind, data, node, form) VALUES (?,?,?,?,?,?,?)"
LAST_EVENT: Final = "SELECT seq FROM sqlite_sequence WHERE name='outbox'"
DROP_EVENTS: Final = "DELETE FROM outbox WHERE seq<=? AND node=?"
PUT_POLICY: Final = "INSERT INTO policy (saved_at, text, saved_by) VALUES (?,?,?)"

RECORDS: Final = "SELECT * FROM direct WHERE customer=?"
EXPIRED: Final = "SELECT * FROM direct WHERE expires_at<=? ORDER BY expires_at LIMIT ?"
NEWEST: Final = "SELECT * FROM direct WHERE expires_at>? ORDER BY touched_at DESC LIMIT ?"
OF_AGENT: Final = "SELECT * FROM direct WHERE agent=? AND expires_at>? ORDER BY touched_at DESC LIMIT ?"
COUNT_LIVE: Final = "SELECT count(*) FROM direct WHERE expires_at>?"
COUNT_RECORDS: Final = "SELECT count(*) FROM direct"
OPEN_CALLS: Final = "SELECT * FROM calls WHERE ended_at IS NULL AND node=? ORDER BY id"
OPEN_ELSEWHERE: Final = (
    "SELECT * FROM calls INDEXED BY calls_open WHERE ended_at IS NULL AND sip_call_id=? AND node<>? ORDER BY id DESC")
CALL: Final = "SELECT * FROM calls WHERE id=?"
CALLS: Final = "SELECT * FROM calls ORDER BY id DESC LIMIT ?"
CALLS_OF_ATTEMPT: Final = (
    "SELECT * FROM calls WHERE attempt=:name UNION SELECT * FROM calls WHERE task=:name ORDER BY id")
CALLS_OF: Final = "SELECT * FROM calls WHERE customer=? ORDER BY id DESC LIMIT ?"
ENDED_THEN: Final = "SELECT * FROM calls WHERE customer=? AND ended_at=? ORDER BY id"
COUNTS: Final = (
    "SELECT count(*) FILTER (WHERE NOT leg), count(*) FILTER (WHERE NOT leg AND direction='inbound'), "
    "count(*) FILTER (WHERE NOT leg AND direction='outbound'), count(*) FILTER (WHERE NOT leg AND answered), "
    "count(tried) FILTER (WHERE NOT leg), count(*) FILTER (WHERE leg AND direction='outbound'), "
    "count(*) FILTER (WHERE leg AND direction='outbound' AND answered) FROM (SELECT direction, tried, "
    "reason IN ('callback', 'in_queue') AS leg, coalesce(answered_at<:before, 0) AS answered FROM calls "
    "WHERE id>=:first AND started_at>=:since AND started_at<:before AND reason<>'on_behalf' AND node=:node)"
)
TAKEN_SINCE: Final = (
    'SELECT "group", coalesce(ended_at-talk_s, answered_at) FROM calls WHERE id>=? AND node=? AND "group" IS NOT NULL '
    "AND direction='inbound' AND reason NOT IN ('callback', 'in_queue') AND agent IS NOT NULL "
    "AND answered_at IS NOT NULL ORDER BY id DESC LIMIT ?"
)
EVENTS: Final = "SELECT kind, time, id, data, node, seq, form FROM outbox WHERE +node=? AND seq>? ORDER BY seq LIMIT ?"
EVENT_TEXTS: Final = (
    "SELECT kind, time, id, data, node, seq, json_valid(data)*form FROM outbox WHERE +node=? AND seq>? "
    "ORDER BY seq LIMIT ?")
POLICIES: Final = "SELECT version, saved_at, text, saved_by FROM policy ORDER BY version DESC LIMIT ?"
POLICIES_BEFORE: Final = (
    "SELECT version, saved_at, text, saved_by FROM policy WHERE version<? ORDER BY version DESC LIMIT ?")
EVENT_RANGE: Final = (
    "SELECT (SELECT seq FROM outbox WHERE node=? ORDER BY seq LIMIT 1), "
    "(SELECT seq FROM sqlite_sequence WHERE name='outbox')"
)
ANY_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE type='table' AND substr(name, 1, 7) <> 'sqlite_' LIMIT 1"
PAUSES: Final = "SELECT agent, since, reason, node FROM pauses ORDER BY since, agent"
PUT_PAUSE: Final = (
    "INSERT INTO pauses VALUES (?,?,?,?) ON CONFLICT (agent) DO UPDATE SET since=excluded.since, "
    "reason=excluded.reason, node=excluded.node"
)
DROP_PAUSE: Final = "DELETE FROM pauses WHERE agent=?"
ALARMS: Final = "SELECT name, text, raised_at FROM alarms ORDER BY raised_at"
PUT_ALARM: Final = (
    "INSERT INTO alarms VALUES (?,?,?) ON CONFLICT (name) DO UPDATE SET text=excluded.text, "
    "raised_at=excluded.raised_at"
)
DROP_ALARM: Final = "DELETE FROM alarms WHERE name=?"
START_EVENTS_AT: Final = "INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)"

SHARING: Final = "SELECT begun_at, slot, mark FROM sharing"
"""When this file began to be shared, which numbers its node gives to tickets, up to where all is taken; one row in any
file that is shared."""
BEGIN_SHARING: Final = "INSERT INTO sharing (id, begun_at) VALUES (1,?)"
PUT_SLOT: Final = "UPDATE sharing SET slot=?"
PUT_MARK: Final = "UPDATE sharing SET mark=? WHERE mark IS ?"
FORGET_MARK: Final = "UPDATE sharing SET mark=NULL"
PUT_TO_SHARE: Final = "INSERT INTO to_share (unit, committed_at) VALUES (?,?)"
TO_SHARE: Final = "SELECT serial, committed_at, unit FROM to_share WHERE serial>? ORDER BY serial LIMIT ?"
OLDEST_TO_SHARE: Final = "SELECT committed_at FROM to_share ORDER BY serial LIMIT 1"
DROP_SHARED: Final = "DELETE FROM to_share WHERE serial<=?"
LINES_ARE_TAKEN_ONCE: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS journal_origin ON journal (origin) WHERE origin<>0")
"""Made where nodes share alone: who does not share pays for no index."""

BEGIN_EPOCH: Final = (
    "INSERT INTO nodes VALUES (?,?,?) ON CONFLICT (name) DO UPDATE SET epoch=max(epoch+?, excluded.epoch), "
    "started_at=excluded.started_at RETURNING epoch"
)
"""Parameters: name, the epoch that it has, now; 1 where it begins a new one, else 0."""
THIS_NODE: Final = "SELECT 1 FROM nodes WHERE name=?"
OTHER_NODES: Final = "SELECT 1 FROM nodes WHERE name<>? LIMIT 1"
NOBODYS: Final = (
    "SELECT 1 FROM calls WHERE ended_at IS NULL AND node='' UNION ALL SELECT 1 FROM legs WHERE node='' "
    "UNION ALL SELECT 1 FROM tasks WHERE state IN ('open', 'held') AND changed_by='' LIMIT 1"
)
"""What is under way and nobody's: a restore has taken it from a database of a version before nodes."""
ADOPT: Final = (
    "UPDATE calls SET node=:node WHERE ended_at IS NULL AND node<>:node",
    "UPDATE calls SET node=:node WHERE id>=:first AND node<>:node",
    "UPDATE tasks SET changed_by=:node WHERE state IN ('open', 'held') AND changed_by<>:node",
    "UPDATE attempts SET node=:node WHERE ended_at IS NULL AND node<>:node",
    "UPDATE legs SET node=:node WHERE node<>:node",
    "UPDATE outbox SET data=json_set(data, '$.node', :node) WHERE node<>:node AND form>0 AND json_valid(data)",
    "UPDATE outbox SET node=:node WHERE node<>:node",
    "UPDATE deliveries SET node=:node WHERE next_at IS NOT NULL AND node<>:node",
    "DELETE FROM nodes WHERE name<>:node",
)
"""Take over what a node of another name has left behind; calls that ended, as far back as they are counted."""

_FORMERS: Final = "IN (SELECT '' UNION ALL SELECT name FROM nodes WHERE name<>:node)"
ADOPT_OWN: Final = tuple(
    statement.replace("changed_by<>:node", "changed_by=''").replace("node<>:node", f"node {_FORMERS}")
    for statement in ADOPT)
"""The same in a file that is shared: there are rows of others that live. Its own former names are those that have begun
here; who changed a task last is known to the others by the name that it had."""
