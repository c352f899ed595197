"""The tables in PostgreSQL, as named steps that are only ever appended to; each is applied once and recorded.

Nodes of two neighbouring versions run side by side. So a step says whether a version that does not know it may go on
beside it: it may where the step adds something that older statements need not name. One that changes or removes what
they name may not be taken before no such version runs any more; they leave such a database alone.

Times are double precision, seconds since the epoch, UTC. Lists and details are JSON as text, as it was written: nothing
is looked for within, and jsonb would refuse what JSON may hold and PostgreSQL's text may not (U+0000, half a
surrogate). Text is compared byte for byte (collation "C"), whatever language the server speaks: ids say by their order
when something began.
"""

from typing import Final, NamedTuple

import psycopg

from routing.store.postgres import change_log
from routing.store.postgres.connection import Connection

TEXT: Final = 'text COLLATE "C"'


class Step(NamedTuple):
    """One change of the tables."""

    name: str
    """Its own, for ever."""
    statements: tuple[str, ...]
    is_beside: bool = True
    """Whether versions that do not know it may go on."""


_TABLES: Final = (
    """CREATE TABLE calls (
        id TEXT PRIMARY KEY, sip_call_id TEXT NOT NULL, direction TEXT NOT NULL, trunk TEXT NOT NULL,
        pbx TEXT NOT NULL, customer TEXT, number TEXT, dialled TEXT NOT NULL, agent TEXT, evidence TEXT,
        "group" TEXT, reason TEXT NOT NULL, tried TEXT, started_at REAL NOT NULL, answered_at REAL, session_s REAL,
        ended_at REAL, cause INTEGER, ended_by TEXT, talk_s REAL, node TEXT NOT NULL DEFAULT '',
        epoch INTEGER NOT NULL DEFAULT 0, attempt TEXT, task TEXT, grounds TEXT, judged TEXT
    )""",
    "CREATE INDEX calls_open ON calls (node, id) WHERE ended_at IS NULL",
    "CREATE INDEX calls_customer ON calls (customer, id) WHERE customer IS NOT NULL",
    "CREATE INDEX calls_of_attempt ON calls (attempt) WHERE attempt IS NOT NULL",
    "CREATE INDEX calls_of_task ON calls (task) WHERE task IS NOT NULL",
    """CREATE TABLE direct (
        customer TEXT NOT NULL, agent TEXT NOT NULL, type INTEGER NOT NULL, made_at REAL NOT NULL,
        touched_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (customer, agent)
    )""",
    "CREATE INDEX direct_expires ON direct (expires_at)",
    "CREATE INDEX direct_agent ON direct (agent, touched_at)",
    "CREATE INDEX direct_touched ON direct (touched_at)",
    """CREATE TABLE policy (
        version INTEGER PRIMARY KEY, saved_at REAL NOT NULL, text TEXT NOT NULL, saved_by TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
        node TEXT NOT NULL, form INTEGER NOT NULL
    )""",
    "CREATE INDEX outbox_node ON outbox (node, seq)",
    """CREATE TABLE tasks (
        id TEXT PRIMARY KEY, customer TEXT NOT NULL, "group" TEXT NOT NULL, campaign TEXT, kind TEXT NOT NULL,
        number TEXT, pbx TEXT NOT NULL, trunk TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
        created_at REAL NOT NULL, missed_at REAL NOT NULL, missed INTEGER NOT NULL, expires_at REAL NOT NULL,
        due_at REAL, attempts INTEGER NOT NULL, attempts_max INTEGER NOT NULL, responsible_kind TEXT NOT NULL,
        responsible TEXT, responsible_since REAL, released_at REAL, declined TEXT NOT NULL, options TEXT NOT NULL,
        ended_at REAL, version INTEGER NOT NULL DEFAULT 1, changed_by TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE UNIQUE INDEX tasks_one ON tasks (customer, "group") WHERE state IN ('open', 'held')""",
    "CREATE INDEX tasks_open ON tasks (id) WHERE state IN ('open', 'held')",
    "CREATE INDEX tasks_state ON tasks (state, id)",
    "CREATE INDEX tasks_customer ON tasks (customer, id)",
    'CREATE INDEX tasks_group ON tasks ("group", id)',
    "CREATE INDEX tasks_ended ON tasks (ended_at, id) WHERE ended_at IS NOT NULL",
    """CREATE TABLE attempts (
        id TEXT PRIMARY KEY, task TEXT NOT NULL, customer TEXT NOT NULL, serial INTEGER NOT NULL, agent TEXT,
        node TEXT NOT NULL, step TEXT NOT NULL, claimed_at REAL NOT NULL, customer_at REAL, answered_at REAL,
        ended_at REAL, result TEXT, cause INTEGER, talk_s REAL, engages TEXT, epoch INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX attempts_one_customer ON attempts (customer) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempts_one_task ON attempts (task) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempts_one_agent ON attempts (engages) WHERE ended_at IS NULL AND engages IS NOT NULL",
    "CREATE INDEX attempts_task ON attempts (task, serial)",
    "CREATE INDEX attempts_dialled ON attempts (customer_at, customer) WHERE customer_at IS NOT NULL",
    """CREATE TABLE legs (
        call TEXT PRIMARY KEY, attempt TEXT NOT NULL, role TEXT NOT NULL, memory TEXT NOT NULL,
        node TEXT NOT NULL DEFAULT '', epoch INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX legs_node ON legs (node, call)",
    """CREATE TABLE journal (
        seq INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, task TEXT NOT NULL, at REAL NOT NULL,
        kind TEXT NOT NULL, agent TEXT, data TEXT NOT NULL
    )""",
    "CREATE INDEX journal_task ON journal (task, seq)",
    "CREATE INDEX journal_released ON journal (at, agent) WHERE kind='released'",
    """CREATE TABLE tickets (
        id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, task TEXT, customer TEXT NOT NULL, "group" TEXT,
        agent TEXT, subject TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, closed_at REAL
    )""",
    "CREATE INDEX tickets_customer ON tickets (customer, number)",
    "CREATE INDEX tickets_task ON tickets (task, number) WHERE task IS NOT NULL",
    "CREATE INDEX tickets_closed ON tickets (closed_at, id) WHERE closed_at IS NOT NULL",
    """CREATE TABLE comments (
        seq INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL,
        at REAL NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL, internal BOOLEAN NOT NULL
    )""",
    "CREATE INDEX comments_ticket ON comments (ticket, seq)",
    """CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id TEXT NOT NULL UNIQUE, ticket TEXT NOT NULL,
        comment TEXT, channel TEXT NOT NULL, tries INTEGER NOT NULL, next_at REAL, delivered_at REAL,
        error TEXT NOT NULL, node TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX deliveries_due ON deliveries (node, next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX deliveries_ticket ON deliveries (ticket, channel, seq)",
    "CREATE TABLE do_not_call (customer TEXT PRIMARY KEY, added_at REAL NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE alarms (name TEXT PRIMARY KEY, text TEXT NOT NULL, raised_at REAL NOT NULL)",
    """CREATE TABLE offers (
        quarter REAL NOT NULL, "group" TEXT NOT NULL, number TEXT NOT NULL, made INTEGER NOT NULL,
        PRIMARY KEY (quarter, "group", number)
    )""",
    """CREATE TABLE users (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, "groups" TEXT, agent TEXT, password TEXT NOT NULL,
        created_at REAL NOT NULL, disabled_at REAL
    )""",
    """CREATE TABLE tokens (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, "groups" TEXT, agent TEXT,
        hash TEXT NOT NULL UNIQUE, created_at REAL NOT NULL, expires_at REAL, revoked_at REAL
    )""",
    """CREATE TABLE audit (
        id TEXT PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, door TEXT NOT NULL,
        verb TEXT NOT NULL, about TEXT NOT NULL, before TEXT, after TEXT, refused TEXT NOT NULL
    )""",
    "CREATE TABLE pauses (agent TEXT PRIMARY KEY, since REAL NOT NULL, reason TEXT NOT NULL, node TEXT NOT NULL)",
    # Room in each page for the next state of the row: these two change with every commit.
    """CREATE TABLE nodes (
        name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, started_at REAL NOT NULL, commits INTEGER NOT NULL
    ) WITH (fillfactor=20)""",
    "CREATE TABLE numbers (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITH (fillfactor=20)",
    "INSERT INTO numbers VALUES ('events', 0), ('policies', 0), ('tickets', 0)",
)

# Room in each page, too: a lease is renewed every few seconds.
_LEASES: Final = (
    """CREATE TABLE leases (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL, until REAL NOT NULL
    ) WITH (fillfactor=20)""",
)
"""Who does what one node at a time does. `until`: by the server's clock, seconds since the epoch. `epoch`: grows with
each change of the holder."""

_DIAL_SLOT: Final = 900
"""Seconds of a row of `dialled`; `statements` counts by them."""

_DIALS_NOBODY: Final = "NEW.customer_at IS NULL AND NEW.result IS DISTINCT FROM 'unknown'"

_CAPS: Final = (
    "ALTER TABLE attempts ADD COLUMN dialled_at REAL, ADD COLUMN trunk TEXT",
    "CREATE INDEX attempts_on_trunk ON attempts (trunk) WHERE ended_at IS NULL AND trunk IS NOT NULL",
    "CREATE INDEX attempts_counted ON attempts (dialled_at) WHERE dialled_at IS NOT NULL",
    "CREATE INDEX attempts_counted_of ON attempts (customer, dialled_at) WHERE dialled_at IS NOT NULL",
    """CREATE TABLE dialled (
        slot INTEGER NOT NULL, node TEXT NOT NULL, made INTEGER NOT NULL, PRIMARY KEY (slot, node)
    ) WITH (fillfactor=50)""",
    # By triggers, so that a version which does not know them counts too.
    f"""CREATE FUNCTION note_dial() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.dialled_at := CASE WHEN {_DIALS_NOBODY} THEN NULL
            WHEN TG_OP = 'INSERT' THEN least(NEW.customer_at, extract(epoch FROM clock_timestamp()))
            ELSE coalesce(OLD.dialled_at, extract(epoch FROM clock_timestamp())) END;
        RETURN NEW;
    END $$""",
    f"""CREATE TRIGGER note_dial BEFORE INSERT OR UPDATE ON attempts FOR EACH ROW
        WHEN (({_DIALS_NOBODY}) <> (NEW.dialled_at IS NULL)) EXECUTE FUNCTION note_dial()""",
    f"""CREATE FUNCTION count_dial() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.dialled_at IS NULL THEN
            UPDATE dialled SET made=made-1 WHERE node=OLD.node
                AND slot=floor(OLD.dialled_at/{_DIAL_SLOT})*{_DIAL_SLOT};
        ELSIF NEW.dialled_at > extract(epoch FROM clock_timestamp())-90000 THEN
            INSERT INTO dialled AS known (slot, node, made)
                VALUES (floor(NEW.dialled_at/{_DIAL_SLOT})*{_DIAL_SLOT}, NEW.node, 1)
                ON CONFLICT (slot, node) DO UPDATE SET made=known.made+1;
            DELETE FROM dialled WHERE node=NEW.node AND slot<extract(epoch FROM clock_timestamp())-90000;
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER count_fresh_dial AFTER INSERT ON attempts FOR EACH ROW
        WHEN (NEW.dialled_at IS NOT NULL) EXECUTE FUNCTION count_dial()""",
    """CREATE TRIGGER count_dial AFTER UPDATE ON attempts FOR EACH ROW
        WHEN ((OLD.dialled_at IS NULL) <> (NEW.dialled_at IS NULL)) EXECUTE FUNCTION count_dial()""",
    "UPDATE attempts SET customer_at=customer_at WHERE customer_at IS NOT NULL",
)
"""`attempts.dialled_at`: when the server heard that an attempt dials its customer, by the server's clock, which is one
for all nodes; of one that it hears of only then, when it did. Empty while it dials nobody, and where that was taken
back; one of a dead node of which nobody knows (`unknown`) counts, until that node says what became of it. `dialled`:
how many of each node's there are in each quarter of an hour of the last day, by when that begins: a node counts in rows
of its own, so that none waits for another. `attempts.trunk`: the trunk of one that was claimed."""

_IMPORTS: Final = (
    "CREATE TABLE imports (file TEXT PRIMARY KEY, node TEXT NOT NULL, begun_at REAL NOT NULL, done_at REAL)",
)
"""Which nodes' files were taken in, and when; `done_at` is null until all of one is."""

_BEATS: Final = (
    # Beside `nodes`, whose rows are locked for as long as a batch takes.
    """CREATE TABLE beats (
        node TEXT PRIMARY KEY, start INTEGER NOT NULL, seen_at REAL NOT NULL, version TEXT NOT NULL,
        draining BOOLEAN NOT NULL, wants TEXT NOT NULL
    ) WITH (fillfactor=20)""",
    "ALTER TABLE leases SET (fillfactor=20)",
)
"""`start`: which start of the node it was, counted by its beats. `wants`: leases that it could have, as JSON."""

_BEATS_TELL: Final = (
    "ALTER TABLE beats ADD COLUMN started_at REAL, ADD COLUMN push_lag REAL, ADD COLUMN pull_lag REAL",
)
"""What a node says of itself for others to look at: since when it lives, by the server's clock, and how many seconds it
was behind when it beat. Empty of a version that does not say it."""

STEPS: Final = (
    Step("001_tables", _TABLES, False), Step("002_leases", _LEASES), Step("003_caps", _CAPS),
    Step("004_changes", change_log.STATEMENTS), Step("005_imports", _IMPORTS), Step("006_beats", _BEATS),
    Step("007_beats_tell", _BEATS_TELL))

_TYPES: Final = {"TEXT": TEXT, "REAL": "double precision", "INTEGER": "bigint"}

PATIENCE: Final = 600
"""Seconds that a step may take, and that whoever begins meanwhile waits for it."""

_MIGRATING: Final = 7_036_874_417_001
"""The advisory lock of whoever changes tables: any number that is nobody else's in this database."""

_STEPS_TABLE: Final = (
    f"CREATE TABLE IF NOT EXISTS schema_steps (name {TEXT} PRIMARY KEY, is_beside boolean NOT NULL, "
    "applied_at timestamptz NOT NULL DEFAULT now())"
)


class LaterVersionError(psycopg.DatabaseError):
    """The database was changed by a later version, which this one cannot run beside."""


def migrate(connection: Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Apply every step that is missing, all in one transaction; of several nodes that begin at once one does it.

    LaterVersionError where steps that are not known here do not bear this version beside them.
    """
    if not _missing(_applied(connection), steps):
        return
    patience, connection.patience = connection.patience, PATIENCE
    with connection.transaction():
        connection.execute(f"SET LOCAL statement_timeout={PATIENCE}000; SET LOCAL lock_timeout={PATIENCE}000")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
        connection.execute(_STEPS_TABLE)
        for step in _missing(_applied(connection), steps):
            for statement in step.statements:
                connection.execute(typed(statement))
            connection.execute("INSERT INTO schema_steps (name, is_beside) VALUES (%s,%s)", (step.name, step.is_beside))
    connection.patience = patience


def is_behind(connection: Connection, steps: tuple[Step, ...] = STEPS) -> bool:
    """Whether a step is missing. LaterVersionError as `migrate`."""
    return bool(_missing(_applied(connection), steps))


def _applied(connection: Connection) -> dict[str, bool]:
    """Return the steps that were applied, each with whether others may go on beside it."""
    if connection.execute("SELECT to_regclass('schema_steps')").fetchone() == (None,):
        return {}
    return dict(connection.execute("SELECT name, is_beside FROM schema_steps"))


def _missing(applied: dict[str, bool], steps: tuple[Step, ...]) -> list[Step]:
    known = {step.name for step in steps}
    later = sorted(name for name, is_beside in applied.items() if name not in known and not is_beside)
    if later:
        raise LaterVersionError(f"it is of a later version (it has {later[-1]}, this one ends with {steps[-1].name}): "
                                "no node of this version can run beside that one")
    return [step for step in steps if step.name not in applied]


def typed(statement: str) -> str:
    """Return a statement with PostgreSQL's words for the types in it."""
    return " ".join(_in_own_words(word) for word in statement.split())


def _in_own_words(word: str) -> str:
    kind = word.rstrip(",)")
    return _TYPES[kind] + word[len(kind):] if kind in _TYPES else word
