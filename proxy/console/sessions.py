"""Who has logged in: sessions, of which the browser has a random cookie and we its hash alone.

A session ends by log-out, by not being used for `IDLE`, after `LONGEST` in any case, and at once when its user is
disabled, removed or gets another password: it holds a proof of the row that it was made for.
"""

import contextlib
import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from proxy.console.console_database import ConsoleDatabase

IDLE: Final = 12 * 3600.0
"""Seconds without a request after which a session is over: longer than a shift with its break."""
LONGEST: Final = 7 * 86_400.0
"""Seconds after which one logs in again in any case."""
MARK_PAUSE: Final = 60.0
"""Seconds between two marks that a session or a token is used: not every request is a write."""
TOKEN_BYTES: Final = 32
TEXT: Final = 200
"""Characters that are kept of what a browser calls itself."""


class Session(NamedTuple):
    """One session, as it may be shown."""

    id: str
    """By which it can be ended; not what the browser holds."""
    user: str
    made: float
    used: float
    address: str
    browser: str


class Sessions:
    """All sessions of one console."""

    def __init__(self, database: ConsoleDatabase, wall: Callable[[], float]) -> None:
        """`wall`: seconds since the epoch."""
        self._database, self._wall = database, wall

    def begin(self, user: str, proof: bytes, address: str, browser: str) -> str:
        """Begin a session; what the browser is to hold. Raises sqlite3.Error."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._wall()
        self._database.write("DELETE FROM sessions WHERE used < ? OR made < ?", (now - IDLE, now - LONGEST))
        self._database.write("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", (
            _hash(token), user, proof, now, now, address, browser[:TEXT]))
        return token

    def find(self, token: str) -> tuple[str, bytes] | None:
        """Return user and proof of the session that a browser holds; None: there is none (any more)."""
        now = self._wall()
        rows = self._database.read("SELECT user, proof, made, used FROM sessions WHERE hash = ?", (_hash(token),))
        if not rows:
            return None
        user, proof, made, used = rows[0]
        if not (made <= now + MARK_PAUSE and now - used < IDLE and now - made < LONGEST):
            self.end(token)
            return None
        if now - used > MARK_PAUSE:
            with contextlib.suppress(sqlite3.Error):  # a full disk throws nobody out
                self._database.write("UPDATE sessions SET used = ? WHERE hash = ?", (now, _hash(token)))
        return user, proof

    def end(self, token: str) -> None:
        """Log out."""
        self._database.write("DELETE FROM sessions WHERE hash = ?", (_hash(token),))

    def revoke(self, session: str) -> bool:
        """End a session by its id; whether there was one."""
        try:
            key = bytes.fromhex(session)
        except ValueError:
            return False
        return self._database.write("DELETE FROM sessions WHERE hash = ?", (key,)) > 0

    def revoke_all(self, user: str) -> int:
        """End every session of a user; how many there were."""
        return self._database.write("DELETE FROM sessions WHERE user = ?", (user,))

    def of(self, user: str) -> list[Session]:
        """Return a user's sessions, the one that was used last first."""
        now = self._wall()
        rows = self._database.read(
            "SELECT hash, user, made, used, address, browser FROM sessions WHERE user = ? AND used > ? AND made > ? "
            "ORDER BY used DESC", (user, now - IDLE, now - LONGEST))
        return [Session(key.hex(), *rest) for key, *rest in rows]

    def mark_token(self, token: str) -> None:
        """Write down that an API token is used now, once a minute at most."""
        now = self._wall()
        with contextlib.suppress(sqlite3.Error):  # a full disk refuses nobody
            self._database.write(
                "INSERT INTO token_uses VALUES (?, ?) ON CONFLICT (token) DO UPDATE SET used = excluded.used "
                "WHERE excluded.used - used > ?", (token, now, MARK_PAUSE))

    def token_uses(self) -> dict[str, float]:
        """Return when each API token was used last, by its id as text."""
        return dict(self._database.read("SELECT token, used FROM token_uses"))


def id_of(token: str) -> str:
    """Return the id of the session that a browser holds."""
    return _hash(token).hex()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
