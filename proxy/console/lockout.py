"""Whoever guesses passwords waits: longer with each wrong one, per name and per address, over restarts too.

A name is locked for whoever asks by it, whether or not there is such a user, so the wait tells nothing. It never grows
beyond a quarter of an hour: whoever locks somebody else out has to go on, and is seen in the log.
"""

import contextlib
import ipaddress
import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from proxy.console.console_database import ConsoleDatabase

FORGET: Final = 3600.0
"""Seconds after the last wrong password in which nothing else was tried, after which all is forgotten."""
LONGEST: Final = 900.0
"""Seconds of the longest wait."""
NAME: Final = 200
"""Characters of a name that are told apart."""


class Limit(NamedTuple):
    """How much is let pass."""

    free: int
    """Wrong passwords that cost nothing."""
    first: float
    """Seconds of the first wait, doubled with each further wrong one."""

    def wait(self, failures: int) -> float:
        """Return for how long nothing is tried after so many wrong ones."""
        over = failures - self.free
        return 0.0 if over < 0 else min(LONGEST, self.first * 2.0 ** min(over, 20))


BY_NAME: Final = Limit(5, 5.0)
BY_ADDRESS: Final = Limit(20, 5.0)
"""An address may be a whole office."""


class Lockout:
    """Counts wrong passwords."""

    def __init__(self, database: ConsoleDatabase, wall: Callable[[], float]) -> None:
        """`wall`: seconds since the epoch."""
        self._database, self._wall = database, wall

    def wait(self, name: str, address: str) -> float:
        """Return for how many seconds no password is looked at; 0: it may be tried."""
        return max(self._left(key, limit) for key, limit in _keys(name, address))

    def failed(self, name: str, address: str) -> float:
        """A password was wrong; for how many seconds none is looked at now."""
        now = self._wall()
        for key, _ in _keys(name, address):
            with contextlib.suppress(sqlite3.Error):  # a full disk lets nobody in, and locks nobody out
                self._database.write("DELETE FROM lockouts WHERE last < ?", (now - FORGET,))
                self._database.write(
                    "INSERT INTO lockouts VALUES (?, 1, ?) ON CONFLICT (who) DO UPDATE SET failures = failures + 1, "
                    "last = excluded.last", (key, now))
        return self.wait(name, address)

    def passed(self, name: str) -> None:
        """A password was right. What its address did by other names stays."""
        with contextlib.suppress(sqlite3.Error):
            self._database.write("DELETE FROM lockouts WHERE who = ?", (_name_key(name),))

    def _left(self, key: str, limit: Limit) -> float:
        now = self._wall()
        rows = self._database.read("SELECT failures, last FROM lockouts WHERE who = ?", (key,))
        for failures, last in rows:
            if 0 <= now - last < FORGET:  # a clock that was set back locks nobody out
                return max(0.0, float(last) + limit.wait(failures) - now)
        return 0.0


def _keys(name: str, address: str) -> tuple[tuple[str, Limit], tuple[str, Limit]]:
    return (_name_key(name), BY_NAME), (f"address {_network(address)}", BY_ADDRESS)


def _name_key(name: str) -> str:
    return f"name {name[:NAME].casefold()}"


def _network(address: str) -> str:
    """Return what of an address somebody has: of IPv6 a whole /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else address
