"""The tables, as named steps that are only ever appended to; each is applied once and recorded by sqlite-utils.

Times are REAL, seconds since the epoch, UTC. Tables that are looked up by their key alone are WITHOUT ROWID, so that a
look-up walks one tree.
"""

import sqlite3
from typing import Final

from sqlite_utils import Database, Migrations

from routing.store.interface import CallRow

migrations: Final = Migrations("boomerang")


@migrations()
def m001_calls(db: Database) -> None:
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


@migrations()
def m002_direct(db: Database) -> None:
    """The direct callbacks: calls of this customer go to this agent."""
    db.execute(
        """CREATE TABLE direct (
            customer TEXT NOT NULL, agent TEXT NOT NULL, type INTEGER NOT NULL, made_at REAL NOT NULL,
            touched_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (customer, agent)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX direct_expires ON direct (expires_at)")


@migrations()
def m003_policy(db: Database) -> None:
    """Every policy that was ever in force; the newest is."""
    db.table("policy").create({"version": int, "saved_at": float, "text": str}, pk="version",
                              not_null={"saved_at", "text"})


@migrations()
def m004_outbox(db: Database) -> None:
    """Events that wait for the broker. AUTOINCREMENT: a seq is never given twice, also after all rows are gone."""
    db.execute(
        """CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
            data TEXT NOT NULL
        )"""
    )


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every step that is missing; `sqlite3.Error` where the database does not let us."""
    migrations.apply(Database(connection, execute_plugins=False))


_LATER: Final = ("agent", "evidence", "answered_at", "session_s", "ended_at", "cause", "ended_by", "talk_s")
"""Columns of a call that become known after it began."""

PUT_CALL: Final = "INSERT INTO calls VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}".format(
    ",".join("?" * len(CallRow._fields)), ",".join(f"{name}=excluded.{name}" for name in _LATER)
)
PUT_RECORD: Final = (
    "INSERT INTO direct VALUES (?,?,?,?,?,?) ON CONFLICT (customer, agent) DO UPDATE SET type=excluded.type, "
    "made_at=excluded.made_at, touched_at=excluded.touched_at, expires_at=excluded.expires_at"
)
REMOVE_RECORD: Final = "DELETE FROM direct WHERE customer=? AND agent=?"
PUT_EVENT: Final = "INSERT INTO outbox VALUES (?,?,?,?,?)"
DROP_EVENTS: Final = "DELETE FROM outbox WHERE seq<=?"
PUT_POLICY: Final = "INSERT INTO policy (saved_at, text) VALUES (?,?)"

RECORDS: Final = "SELECT * FROM direct WHERE customer=?"
EXPIRED: Final = "SELECT * FROM direct WHERE expires_at<=? ORDER BY expires_at LIMIT ?"
NEWEST: Final = "SELECT * FROM direct WHERE expires_at>? ORDER BY touched_at DESC LIMIT ?"
COUNT_LIVE: Final = "SELECT count(*) FROM direct WHERE expires_at>?"
COUNT_RECORDS: Final = "SELECT count(*) FROM direct"
OPEN_CALLS: Final = "SELECT * FROM calls WHERE ended_at IS NULL ORDER BY id"
CALLS: Final = "SELECT * FROM calls ORDER BY id DESC LIMIT ?"
CALLS_OF: Final = "SELECT * FROM calls WHERE customer=? ORDER BY id DESC LIMIT ?"
COUNTS: Final = (
    "SELECT count(*), count(*) FILTER (WHERE direction='inbound'), count(*) FILTER (WHERE direction='outbound'), "
    "count(answered_at), count(tried) FROM calls WHERE id>=? AND started_at>=?"
)
EVENTS: Final = "SELECT kind, time, id, data, seq FROM outbox WHERE seq>? ORDER BY seq LIMIT ?"
POLICIES: Final = "SELECT version, saved_at, text FROM policy ORDER BY version DESC LIMIT ?"
EVENT_RANGE: Final = (
    "SELECT (SELECT min(seq) FROM outbox), (SELECT seq FROM sqlite_sequence WHERE name='outbox')"
)
START_EVENTS_AT: Final = "INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)"
