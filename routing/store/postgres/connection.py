"""Connections to a PostgreSQL server, none of which waits for ever: not to be made, nor for an answer.

libpq does the finding: of several hosts the one that writes, by `target_session_attrs`. What the address says itself
is left as it is.
"""

import logging
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8Dumper

CONNECT: Final = 3
"""Seconds that one host may take until it is connected; libpq takes no fewer than two."""

SILENCE_MS: Final = 5000
"""Milliseconds for which what was sent may stay unacknowledged by the other machine."""

logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of is raised, too, and told by us

T = TypeVar("T")

_OURS: Final[dict[str, str | int]] = {
    "target_session_attrs": "read-write", "connect_timeout": CONNECT, "keepalives": 1, "keepalives_idle": 5,
    "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": SILENCE_MS,
}


class Address:
    """Where a database is."""

    def __init__(self, text: str, program: str) -> None:
        """`text`: a `postgresql://` URL, or `key=value` as libpq has it. `program`: what the server lists us as.

        Raises ValueError, which does not repeat the text: there may be a password in it.
        """
        try:
            given = conninfo_to_dict(text)
        except psycopg.Error:
            raise ValueError("it is no address that libpq can read (postgresql://user@host/database)") from None
        self._password = str(given.get("password") or "")
        self._conninfo = make_conninfo("", **{**_OURS, "application_name": program, **given})
        self.name = f"postgresql://{given.get('host') or 'localhost'}/{given.get('dbname') or ''}"
        """What it is called where something is said of it: never with a password."""

    def connect(self, patience: float, settings: str) -> "Connection":
        """Connect; `patience`: seconds that any answer may take, `settings`: statements that set the session up.

        Raises psycopg.Error, or OSError.
        """
        connection: Connection = Connection.connect(self._conninfo, autocommit=True)
        connection.patience = patience
        connection.adapters.register_dumper(int, Int8Dumper)  # one type for all, so that one plan serves all
        try:
            connection.execute(settings)
        except BaseException:
            connection.close()
            raise
        return connection

    def describe(self, error: BaseException) -> str:
        """Say what is wrong, on one line and without a password."""
        text = f"{self.name}: {' '.join(str(error).split()) or type(error).__name__}"
        return text.replace(self._password, "***") if self._password else text


class SilenceError(psycopg.OperationalError):
    """The server has not answered in time; whatever it was asked may be done yet."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for an answer no longer than its patience, and is closed where none comes.

    In `pipeline()` nothing is waited for but what is fetched; all that was asked before is done by then.
    """

    patience = 5.0
    """Seconds."""

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            found: T = super().wait(_within(gen, self.patience if timeout is None else timeout), interval)
        except SilenceError:
            self.close()  # nothing more can be said on it; the server gives up whatever it was in the middle of
            raise
        return found

    def settle(self) -> None:
        """Wait until all is done that was asked in a pipeline, and raise what is wrong with it."""
        pipeline = self._pipeline
        if pipeline is not None and (pipeline.command_queue or pipeline.result_queue):
            pipeline.sync()


def _within(steps: Generator[Any, Any, T], patience: float) -> Generator[Any, Any, T]:
    """Go through the steps of a conversation; SilenceError where nothing is heard and the time is over."""
    until = time.monotonic() + patience
    try:
        wanted = next(steps)
        while True:
            heard = yield wanted
            if not heard and time.monotonic() >= until:
                raise SilenceError(f"no answer within {patience:g} s")
            wanted = steps.send(heard)
    except StopIteration as end:
        found: T = end.value
        return found
