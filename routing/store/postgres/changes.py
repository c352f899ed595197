"""What other nodes have changed, read from the log of changes: each row once, as it stands now.

Whoever knows nothing, or has read nothing for longer than the log is kept, copies everything first, a page at a time,
and reads the changes since the copy began after it. What a node wrote itself is left out, unless it may not stand in
its own file as it does there: after a start, after a copy, and of rows that the read before has given, for what was
read there may have been put over what the node had written by then.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, cast

import psycopg

from routing.store.engine import TroubleError
from routing.store.postgres.change_log import CHANNEL
from routing.store.postgres.connection import SILENCE_MS, Address, Connection
from routing.store.postgres.marks import Copying, Mark, Point, read_mark
from routing.store.postgres.shared_tables import BY_KIND, OF_KEYS, SHARED_TABLES, Key, SharedTable
from routing.writes import SharedKind, TakeAway, TakeOnly, TakeRow

PATIENCE: Final = 5.0
"""Seconds that the server may take for one statement."""

PAGE: Final = 500
"""Rows that are read at once."""

OWN: Final = 0.25
"""Seconds that a wait goes on at most after this node itself has committed something: little of that comes back."""

SETTINGS: Final = (
    f"SET client_encoding='UTF8'; SET tcp_user_timeout={SILENCE_MS}; SET default_transaction_read_only=on; "
    "SET idle_in_transaction_session_timeout=10000; SET statement_timeout={}; "
    "SET enable_seqscan=off; SET enable_bitmapscan=off; LISTEN " + CHANNEL)
"""All that is asked here has an index in its order. A planner that has seen no statistics yet reads whole tables."""

_SERVER: Final = (
    "SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || "
    "(SELECT oid FROM pg_database WHERE datname=current_database())::text FROM pg_control_system()")
"""Which server, which of its time lines (each that another one of several takes its place), which database."""

_NOW: Final = "pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::double precision"
_PRUNED: Final = "(SELECT last FROM numbers WHERE name='pruned')"
_NEW: Final = ("(%(own)s::boolean OR node<>%(node)s) "
               "AND NOT pg_visible_in_snapshot(xid, %(base)s::text::pg_snapshot)")

POLL: Final = f"SELECT {_NOW}, {_PRUNED}, EXISTS (SELECT 1 FROM changes WHERE xid>=%(first)s::text::xid8 AND {_NEW})"
"""Where the server is, up to where entries were removed, and whether there is something new."""
_HERE: Final = f"SELECT {_NOW}, {_PRUNED}, false"
_BEGIN: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT {_NOW}"
ENTRIES: Final = (
    f"SELECT xid::text::bigint, seq, node, kind, key, gone FROM changes WHERE {_NEW} "
    "AND (xid, seq)>(%(xid)s::bigint::text::xid8, %(seq)s) AND xid<%(end)s::bigint::text::xid8 "
    "AND pg_visible_in_snapshot(xid, %(upto)s::text::pg_snapshot) ORDER BY changes.xid, changes.seq LIMIT %(limit)s")

_ONLY: Final = ("direct", "do_not_call", "tasks", "pauses", "users", "tokens")
"""Kinds of which a copy says what is there, so that the rest goes."""

_OF_DATABASE: Final = (psycopg.Error, OSError)


class Changes(NamedTuple):
    """A page of what there is to take."""

    mark: str
    """Where to read on from, once this is taken."""
    writes: tuple[TakeRow | TakeAway | TakeOnly, ...]
    kinds: frozenset[SharedKind]
    """Tables of which something is among it."""
    more: bool
    """Whether there is more to read at once."""
    unreadable: tuple[tuple[SharedKind, Key], ...] = ()
    """Rows that hold what cannot be read: they are left out."""


class _Page:
    """Gathers what is read."""

    def __init__(self) -> None:
        self.keys: set[tuple[str, Key]] = set()
        self._writes: list[TakeRow | TakeAway | TakeOnly] = []
        self._kinds: set[SharedKind] = set()
        self._unreadable: list[tuple[SharedKind, Key]] = []

    def take(self, table: SharedTable, rows: Iterable[Any]) -> list[tuple[Key, TakeRow | None]]:
        """Take rows as the statements of a table find them; return their keys, and what is taken of each."""
        found = [table.taken(row) for row in rows]
        for key, row in found:
            if row is None:
                self._unreadable.append((table.kind, key))
            else:
                self.add(table.kind, row)
        return found

    def add(self, kind: SharedKind, write: TakeRow | TakeAway | TakeOnly) -> None:
        self._kinds.add(kind)
        self._writes.append(write)

    def ends(self, mark: Mark, more: bool) -> Changes:
        return Changes(mark.to_text(), tuple(self._writes), frozenset(self._kinds), more, tuple(self._unreadable))


class ChangeReader:
    """Reads for one node. Used by one thread; `wake` may be called by any."""

    def __init__(self, address: Address, node: str, clock: Callable[[], float] = time.time) -> None:
        """`clock`: of the node, seconds since the epoch."""
        self._address, self._node, self._clock = address, node, clock
        self._connection: Connection | None = None
        self._server = ""
        self._is_suspect = True
        """Whether the server may have crashed since the last mark."""
        self._mark: str | None = None
        """The last one that was given."""
        self._own = True
        """Whether what this node wrote is read too."""
        self._given: set[tuple[str, Key]] = set()
        """Rows given since the point before the last one: of these, too."""
        self._giving: set[tuple[str, Key]] = set()
        """Those given on the way to the next point."""
        self._is_told = self._has_told = False
        """Whether another node has said something, and whether this one has."""
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    def read(self, mark: str | None, limit: int = PAGE) -> Changes:
        """Return what comes after a mark: that of the last page that was taken, and committed with it; None: nothing
        was. `limit`: about so many rows.

        It is read on only once the page before is taken. Raises TroubleError.
        """
        try:
            return self._read(mark, limit)
        except _OF_DATABASE as error:
            self._drop()
            raise TroubleError(self._address.describe(error)) from error

    def wait(self, seconds: float) -> None:
        """Wait until another node has committed something, `wake` is called, or the time is over; `OWN` where this node
        has committed something itself. What is said while nobody is connected is not heard: that it was is to be looked
        for from time to time."""
        until = time.monotonic() + seconds
        try:
            while not self._hears() and (left := until - time.monotonic()) > 0:
                if self._has_told:
                    self._has_told, left = False, min(left, OWN)
                    until = time.monotonic() + left
                ends: list[Any] = [self._woken] if self._connection is None else [self._woken, self._connection]
                if self._connection not in select.select(ends, [], [], left)[0]:
                    break
        except _OF_DATABASE:
            self._drop()  # the next read says what is wrong
        self._is_told = self._has_told = False
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass

    def wake(self) -> None:
        """End a wait, now or the next one. Any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"w")

    def close(self) -> None:
        """Give back everything."""
        self._drop()
        self._waker.close()
        self._woken.close()

    # The connection

    def _ready(self) -> Connection:
        connection = self._connection
        if connection is None or connection.closed:
            self._connection = None
            connection = self._address.connect(PATIENCE, SETTINGS.format(int(PATIENCE * 1000)))
            try:
                [[self._server]] = connection.execute(_SERVER).fetchall()
            except BaseException:
                connection.close()
                raise
            connection.add_notify_handler(self._on_notify)
            self._connection, self._is_suspect = connection, True
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _on_notify(self, notify: psycopg.Notify) -> None:
        self._note(notify.payload)

    def _note(self, node: str) -> None:
        if node == self._node:
            self._has_told = True
        else:
            self._is_told = True

    def _hears(self) -> bool:
        """Whether another node has said something by now."""
        if self._connection is not None:
            pgconn = self._connection.pgconn
            pgconn.consume_input()
            while notify := pgconn.notifies():
                self._note(notify.extra.decode())
        return self._is_told

    # Reading

    def _read(self, text: str | None, limit: int) -> Changes:
        connection = self._ready()
        mark = None if text is None else read_mark(text)
        if text != self._mark:
            self._own = True
        if self._is_suspect:
            self._own = True
            mark = mark and mark.proven()
        here, pruned, is_new = self._look(connection, mark)
        if mark is None or self._is_lost(mark, here, pruned):
            self._own = True
            first = Copying(SHARED_TABLES[0].kind, (), self._clock(), here.at)
            mark = Mark(self._server, (here,), copying=first)
        if mark.copying is not None:
            found = self._copy(connection, mark, mark.copying, limit)
        elif not is_new and mark.upto is None:
            self._arrive()
            found = Changes(mark.reached(here).to_text(), (), frozenset(), False)
        else:
            found = self._follow(connection, mark, limit)
        self._is_suspect, self._mark = False, found.mark
        return found

    def _look(self, connection: Connection, mark: Mark | None) -> tuple[Point, int, bool]:
        """Return where the server is, up to which transaction entries of the log were removed, and whether there are
        new ones."""
        if mark is None or mark.copying is not None or mark.upto is not None:
            found = connection.execute(_HERE).fetchone()
        else:
            found = connection.execute(POLL, self._new_since(mark)).fetchone()
        assert found is not None
        snapshot, at, pruned, is_new = found
        return Point(snapshot, at), pruned or 0, is_new

    def _new_since(self, mark: Mark) -> dict[str, object]:
        return {"first": str(mark.base.first), "base": mark.base.snapshot, "node": self._node,
                "own": self._own or bool(self._given)}

    def _is_lost(self, mark: Mark, here: Point, pruned: int) -> bool:
        """Whether nobody knows any more what has changed since. A number of another server's log is none of this
        one's."""
        return (mark.server != self._server or mark.base.end > here.end
                or mark.base.first <= pruned < here.first)

    def _arrive(self) -> None:
        """All up to a point is given."""
        self._given, self._giving, self._own = self._giving, set(), False

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[Point]:
        """See all as it was at one moment; yields that."""
        try:
            cursor = connection.execute(_BEGIN)
            cursor.nextset()
            [[snapshot, at]] = cursor.fetchall()
            yield Point(snapshot, at)
            connection.execute("COMMIT")
        except BaseException:
            self._drop()
            raise

    def _follow(self, connection: Connection, mark: Mark, limit: int) -> Changes:
        """Read what has changed."""
        page = _Page()
        with self._transaction(connection) as here:
            upto = mark.upto or here
            entries = connection.execute(ENTRIES, {
                **self._new_since(mark), "upto": upto.snapshot, "end": upto.end, "limit": limit + 1,
                "xid": mark.after[0] or mark.base.first, "seq": mark.after[1]}).fetchall()
            more = len(entries) > limit
            wanted: dict[str, dict[Key, float | None]] = {}
            for _, _, node, kind, words, gone in entries[:limit]:
                key = tuple(words)
                if (self._own or node != self._node or (kind, key) in self._given) and kind in BY_KIND:
                    of_kind = wanted.setdefault(kind, {})
                    of_kind[key] = gone if gone is not None else of_kind.get(key)
            for table in SHARED_TABLES:
                if table.kind in wanted:
                    self._take(connection, page, table, wanted[table.kind])
        if more:
            last = entries[limit - 1]
            return page.ends(mark._replace(upto=upto, after=(last[0], last[1])), True)
        self._arrive()
        return page.ends(mark.reached(upto), False)

    def _take(self, connection: Connection, page: _Page, table: SharedTable, wanted: dict[Key, float | None]) -> None:
        """Take rows as they stand, and say which are gone."""
        keys = [list(each) for each in zip(*wanted, strict=True)]
        found = page.take(table, connection.execute(OF_KEYS[table.kind], keys))
        there = {key for key, _ in found}
        for key, gone in wanted.items():
            if key not in there and gone is not None:
                page.add(table.kind, TakeAway(table.kind, key, gone))
        self._giving |= {(table.kind, key) for key in wanted}

    def _copy(self, connection: Connection, mark: Mark, copying: Copying, limit: int) -> Changes:
        """Read a page of everything."""
        page = _Page()
        kind, after, room = copying.kind, copying.after, limit
        tables = [table.kind for table in SHARED_TABLES]
        with self._transaction(connection) as here:
            while kind and room > 0:
                table = BY_KIND[cast(SharedKind, kind)]
                asked: tuple[str, list[object]] = (
                    (table.following, [*after, room]) if after else (table.first, [room]))
                found = page.take(table, connection.execute(*asked))
                is_whole = len(found) < room
                self._say_only(page, table, found, copying.before, after, is_whole)
                room -= len(found)
                if is_whole:
                    kind, after = next(iter(tables[tables.index(table.kind) + 1:]), ""), ()
                else:
                    after = found[-1][0]
        rest = Copying(kind, after, copying.before, here.at) if kind else None
        return page.ends(mark._replace(copying=rest), True)

    @staticmethod
    def _say_only(page: _Page, table: SharedTable, found: list[tuple[Key, TakeRow | None]], before: float, after: Key,
                  is_whole: bool) -> None:
        """Say which rows there are in the stretch that was read."""
        if table.kind in _ONLY:
            upto = None if is_whole else found[-1][0]
            page.add(table.kind, TakeOnly(table.kind, frozenset(key for key, _ in found), before, after, upto))
