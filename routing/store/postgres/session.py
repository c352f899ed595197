"""The writing connection of one node: opening, whose turn it is, and whether what was sent before it broke was done.

Each transaction changes the row of its node, where this start of the node and the number of its commits stand:
- a process whose node was started again since writes nothing any more;
- others see by it that something was written, and do so no sooner than they see what was;
- where the connection broke while a commit was on its way, the number says whether it came through.
"""

import contextlib
from collections.abc import Callable, Iterator, Set
from enum import Enum
from typing import Any, Final

import psycopg

from routing.store.batch import Stamp
from routing.store.postgres import schema
from routing.store.postgres import statements as sql
from routing.store.postgres.change_log import NODE_SETTING
from routing.store.postgres.connection import SILENCE_MS, Address, Connection, SilenceError
from routing.writes import TICKET_SLOTS

WRITE: Final = 5.0
"""Seconds that the server may take for one statement or a commit. StoreQueue lets nobody wait that long."""

LOCK: Final = 2.0
"""Seconds that a write may wait for what another node writes."""

READ: Final = 0.5
"""Seconds that a look may take: whoever reads waits with it."""

IDLE_MS: Final = 10_000
"""Milliseconds after which the server gives up a transaction of ours that nothing is heard of."""

LOCKS_MAX: Final = 500
"""Customers and agents that one batch locks one by one; above, it waits until nobody has any, and nobody gets one
meanwhile. A server holds some thousands of locks in all."""

_ALWAYS: Final = f"SET client_encoding='UTF8'; SET tcp_user_timeout={SILENCE_MS}; "
_WRITING: Final = (
    f"SET idle_in_transaction_session_timeout={IDLE_MS}; SET statement_timeout={{}}; SET lock_timeout={{}}; "
    "SET synchronous_commit=off")
_READING: Final = "SET default_transaction_read_only=on; SET statement_timeout={}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


class Counting(Enum):
    """How a transaction that claims counts what is dialled by all."""

    NOTHING = ""
    """It has no caps to keep within."""
    TOGETHER = f", pg_advisory_xact_lock_shared({sql.DIALLED})"
    """Beside others: while more may be dialled than all of them could begin at once."""
    ALONE = f", pg_advisory_xact_lock({sql.DIALLED})"
    """After the commit of whoever counts, before that of whoever will."""


class OutdatedError(psycopg.OperationalError):
    """Another process has begun as this node since."""


class UncertainError(Exception):
    """Whether a commit came through is not known: the connection broke while it was on its way."""

    def __init__(self, number: int, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.number, self.error = number, error


class Session:
    """Used by the thread that writes; every method may raise psycopg.Error or OSError."""

    def __init__(self, address: Address, node: str, wall: Callable[[], float]) -> None:
        """`wall`: seconds since the epoch."""
        self.address = address
        self.epoch = 0
        """Which start of the node this is, as the database counts them; 0: not known yet."""
        self.commits = 0
        """Of this node that are known to have come through."""
        self.opened = 0
        """Grows with every opening."""
        self.is_behind = False
        """Whether the database that was opened last lacks commits which had come through."""
        self.slot: int | None = None
        """Which of the nodes that number tickets by themselves this is; None: not known yet, or there are too many."""
        self.seq = 0
        """The last one that an event of ours has got."""
        self._node, self._wall = node, wall
        self._connection: Connection | None = None

    @property
    def stamp(self) -> Stamp:
        """What rows are marked with."""
        return Stamp(self._node, self.epoch)

    def ready(self) -> Connection:
        """Return the connection, opened where there is none."""
        if self._connection is None or self._connection.closed:
            self._open()
        assert self._connection is not None
        return self._connection

    def reading(self) -> Connection:
        """Return a new connection to read with."""
        return self.address.connect(READ, _ALWAYS + _READING.format(_ms(READ)))

    def _open(self) -> None:
        self._connection = None
        connection = self.address.connect(WRITE, _ALWAYS + _WRITING.format(_ms(WRITE), _ms(LOCK)))
        try:
            connection.execute("SELECT set_config(%s, %s, false)", (NODE_SETTING, self._node))
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise psycopg.OperationalError(f"its encoding is {encoding}: UTF8 is needed")
            schema.migrate(connection)
            with connection.transaction():
                connection.execute("SET LOCAL synchronous_commit=on")
                self._take_up(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self.opened += 1

    def _take_up(self, connection: Connection) -> None:
        """Count this start of the node, unless it is counted; see what has come through."""
        found = connection.execute(sql.NODE, (self._node,)).fetchone()
        epoch, commits, self.slot = found if found is not None else (0, 0, None)
        if self.epoch == 0:
            self.epoch, self.commits = epoch + 1, commits
        elif epoch > self.epoch:
            raise OutdatedError(f"another process has begun as {self._node} since: two nodes must not have one name")
        elif epoch == self.epoch and commits >= self.commits:
            self.commits = commits
            return
        else:
            self.is_behind = True
        connection.execute(sql.PUT_NODE, (self._node, self.epoch, self._wall(), self.commits))
        if self.slot is None:
            connection.execute(sql.TAKING_SLOT)
            [self.slot] = connection.execute(sql.TAKE_SLOT, (TICKET_SLOTS - 1, self._node)).fetchone() or (None,)
        connection.execute(sql.RAISE_NUMBER, (self.seq, "events", self.seq))

    @contextlib.contextmanager
    def transaction(self, durable: bool = False, locks: Set[str] = frozenset(), counting: Counting = Counting.NOTHING,
                    is_told: bool = False, in_one_go: bool = False) -> Iterator[Connection]:
        """Do something as one transaction, alone with these customers and agents; `durable`: it outlives a loss of
        power; `is_told`: it wakes who reads changes; `in_one_go`: in a pipeline, where nothing is waited for but what
        is fetched. Rolled back where anything is raised within.

        UncertainError where the commit itself fails: once `ready` has returned, `commits` says whether it came through.
        """
        connection = self.ready()
        number, is_sent = self.commits + 1, False
        try:
            with connection.pipeline() if in_one_go else contextlib.nullcontext():
                counted = self._begin(connection, number, durable, locks, counting)
                yield connection
                connection.settle()
                if counted.fetchone() is None:
                    raise OutdatedError("the row of this node is another one's, or gone")
                is_sent = True
                connection.execute("COMMIT", prepare=False)
                if is_told:
                    connection.execute(sql.TELL, (self._node,))
        except BaseException as error:
            if is_sent and isinstance(error, psycopg.Error):
                self.drop()
                raise UncertainError(number, error) from error
            if isinstance(error, SilenceError):
                self.drop()
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise
        self.commits = number

    def _begin(self, connection: Connection, number: int, durable: bool, locks: Set[str],
               counting: Counting) -> psycopg.Cursor[tuple[Any, ...]]:
        """Open a transaction and wait for our turn; what is returned has a row where this is still the node."""
        shares = len(locks) <= LOCKS_MAX
        connection.execute(sql.BEGIN)
        connection.execute(sql.OPEN.format(
            "on" if durable else "off", "pg_advisory_xact_lock_shared" if shares else "pg_advisory_xact_lock",
            sql.ALL_CUSTOMERS, counting.value))
        counted = connection.execute(sql.COUNT_COMMIT, (number, self._node, self.epoch))
        if locks and shares:
            connection.execute(sql.LOCK, (list(locks),))
        return counted

    def drop(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()
