"""Beats and leases in the shared database, each change a short transaction of its own.

All times are the database's. A lease is taken where nobody has it, its time is over, or one of our name has it, which
is a process before this one; its epoch grows with each taking. `routing.duty` says who should.
"""

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

import psycopg

from routing.duty import LIFE, Beat, Lease
from routing.nodes_seen import Lag
from routing.store.engine import TroubleError
from routing.store.postgres import schema
from routing.store.postgres.connection import SILENCE_MS, Address, Connection

PATIENCE: Final = 3.0
"""Seconds that the server may take for one statement: what it does after that is nobody's any more."""

ADOPTED: Final = 100
"""Deliveries of dead nodes that are taken over at once."""

_SETTINGS: Final = (
    f"SET client_encoding='UTF8'; SET tcp_user_timeout={SILENCE_MS}; SET statement_timeout={{0}}; "
    "SET lock_timeout={0}; SET default_transaction_isolation='read committed'")

_CLOCK: Final = "extract(epoch FROM clock_timestamp())::double precision"

_SAID: Final = (
    "version=excluded.version, draining=excluded.draining, wants=excluded.wants, push_lag=excluded.push_lag, "
    "pull_lag=excluded.pull_lag")
_BEGIN: Final = (
    "INSERT INTO beats (node, start, seen_at, version, draining, wants, started_at, push_lag, pull_lag) "
    f"VALUES (%(node)s, 1, {_CLOCK}, %(version)s, %(draining)s, %(wants)s, {_CLOCK}, %(push)s, %(pull)s) "
    f"ON CONFLICT (node) DO UPDATE SET start=beats.start+1, seen_at={_CLOCK}, started_at={_CLOCK}, {_SAID} "
    "RETURNING start, seen_at")
_BEAT: Final = (
    "INSERT INTO beats (node, start, seen_at, version, draining, wants, push_lag, pull_lag) "
    f"VALUES (%(node)s, %(start)s, {_CLOCK}, %(version)s, %(draining)s, %(wants)s, %(push)s, %(pull)s) "
    f"ON CONFLICT (node) DO UPDATE SET start=excluded.start, seen_at={_CLOCK}, {_SAID} "
    "WHERE beats.start<=excluded.start RETURNING start, seen_at")
_BEATS: Final = "SELECT node, start, seen_at, draining, wants, version, started_at, push_lag, pull_lag FROM beats"
_LEASES: Final = "SELECT name, holder, epoch, until FROM leases"
_MINE: Final = (" WHERE holder=%(node)s AND (name, epoch) IN "
                "(SELECT * FROM unnest(%(names)s::text[], %(epochs)s::bigint[])) RETURNING name")
_RENEW: Final = f"UPDATE leases SET until={_CLOCK}+{LIFE}{_MINE}"
_GIVE: Final = f"UPDATE leases SET until=0{_MINE}"
_TAKE: Final = (
    f"INSERT INTO leases (name, holder, epoch, until) SELECT name, %(node)s, 1, {_CLOCK}+{LIFE} "
    "FROM unnest(%(names)s::text[]) AS name ORDER BY name ON CONFLICT (name) DO UPDATE "
    "SET holder=excluded.holder, epoch=leases.epoch+1, until=excluded.until "
    f"WHERE leases.holder=excluded.holder OR leases.until<={_CLOCK} RETURNING name, epoch")
_LEAVE: Final = "UPDATE beats SET seen_at=0, draining=true WHERE node=%(node)s AND start=%(start)s"
_ADOPT: Final = (
    "UPDATE deliveries SET node=%(node)s WHERE seq IN (SELECT seq FROM deliveries WHERE node=ANY(%(gone)s) "
    "AND next_at IS NOT NULL ORDER BY seq LIMIT %(most)s FOR UPDATE SKIP LOCKED)")

_OF_DATABASE: Final = (psycopg.Error, OSError)


class OtherProcessError(TroubleError):
    """Another process has begun as this node since: this one has no duty any more."""


class Standing(NamedTuple):
    """What is in the database after a beat."""

    clock: float
    """Of the database, when it took the beat."""
    beats: list[Beat]
    leases: list[Lease]


class LeaseTable:
    """Used by one thread. Every method may raise TroubleError."""

    def __init__(self, address: Address, node: str, version: str) -> None:
        self._address, self._node, self._version = address, node, version
        self._connection: Connection | None = None
        self._start = 0
        """Which start of the node this is; 0: it has not been counted yet."""

    def beat(self, wants: Collection[str], draining: bool, lag: Lag) -> Standing:
        """Say that this node lives, which leases it could have, and how far behind it is; return how all stand.

        Raises OtherProcessError.
        """
        with self._trouble() as connection:
            said = {"node": self._node, "start": self._start, "version": self._version, "draining": draining,
                    "wants": json.dumps(sorted(wants)), "push": lag.push, "pull": lag.pull}
            found = connection.execute(_BEAT if self._start else _BEGIN, said).fetchone()
            if found is None:
                raise OtherProcessError(f"another process has begun as {self._node} since", True)
            self._start = int(found[0])
            beats = [Beat(node, start, seen_at, draining, frozenset(json.loads(wants)), *told)
                     for node, start, seen_at, draining, wants, *told in connection.execute(_BEATS)]
            return Standing(float(found[1]), beats, [Lease(*row) for row in connection.execute(_LEASES)])

    def renew(self, held: Mapping[str, int]) -> frozenset[str]:
        """Have leases for as long as they last, from now; return which of them are ours still."""
        return frozenset(name for [name] in self._change(_RENEW, held))

    def give(self, held: Mapping[str, int]) -> None:
        """Give leases back: whoever should have them may take them at once."""
        self._change(_GIVE, held)

    def take(self, names: Collection[str]) -> dict[str, int]:
        """Take leases; return those that we have got, with their epochs."""
        if not names:
            return {}
        with self._trouble() as connection:
            return dict(connection.execute(_TAKE, {"node": self._node, "names": list(names)}).fetchall())

    def adopt(self, gone: Collection[str]) -> int:
        """Take over what dead nodes were to deliver, as much as fits; return how much that was."""
        with self._trouble() as connection:
            return connection.execute(_ADOPT, {"node": self._node, "gone": list(gone), "most": ADOPTED}).rowcount

    def leave(self) -> None:
        """Say that this node is not there any more, and close the connection."""
        with self._trouble() as connection:
            connection.execute(_LEAVE, {"node": self._node, "start": self._start})
        self.close()

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _change(self, statement: str, held: Mapping[str, int]) -> list[Any]:
        if not held:
            return []
        with self._trouble() as connection:
            return connection.execute(statement, {
                "node": self._node, "names": list(held), "epochs": list(held.values())}).fetchall()

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[Connection]:
        """Do something on the connection, opened where there is none; closed where anything is wrong: whatever was
        asked may be done or not, and the next beat shows it."""
        try:
            yield self._ready()
        except TroubleError:
            raise
        except _OF_DATABASE as error:
            self.close()
            raise TroubleError(self._address.describe(error)) from error

    def _ready(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = self._address.connect(PATIENCE, _SETTINGS.format(int(PATIENCE * 1000)))
            try:
                schema.migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
