"""Who has logged in: sessions, of which the browser has a random cookie and we its hash alone.

A session ends by log-out, by not being used for `IDLE`, after `LONGEST` in any case, and at once when its user is
disabled, removed or gets another password: it holds a proof of the row that it was made for.
"""

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
    """All sessions of one console. What begins or ends one writes, so an event loop asks for it in another thread."""

    def __init__(self, database: ConsoleDatabase, wall: Callable[[], float]) -> None:
        """`wall`: seconds since the epoch."""
        self._database, self._wall = database, wall
        self._ended: set[bytes] = set()
        self._all_ended: dict[str, float] = {}
        """What has ended and could not be deleted: sessions by their hash, and when all of a user did."""

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
        if not rows or _hash(token) in self._ended:
            return None
        user, proof, made, used = rows[0]
        if made <= self._all_ended.get(user, 0.0):
            return None
        if not (made <= now + MARK_PAUSE and now - used < IDLE and now - made < LONGEST):
            self._database.mark("DELETE FROM sessions WHERE hash = ?", (_hash(token),))
            return None
        if now - used > MARK_PAUSE:
            self._database.mark("UPDATE sessions SET used = ? WHERE hash = ?", (now, _hash(token)))
        return user, proof

    def end(self, token: str) -> None:
        """Log out. A full disk keeps nobody in."""
        self._delete(_hash(token))

    def revoke(self, session: str) -> bool:
        """End a session by its id; whether there was one."""
        try:
            key = bytes.fromhex(session)
        except ValueError:
            return False
        return self._delete(key)

    def revoke_all(self, user: str) -> int:
        """End every session of a user; how many there were."""
        try:
            return self._database.write("DELETE FROM sessions WHERE user = ?", (user,))
        except sqlite3.Error:
            known = len(self.of(user))
            self._all_ended[user] = self._wall()
            return known

    def _delete(self, key: bytes) -> bool:
        try:
            return self._database.write("DELETE FROM sessions WHERE hash = ?", (key,)) > 0
        except sqlite3.Error:
            self._ended.add(key)
            return True

    def of(self, user: str) -> list[Session]:
        """Return a user's sessions, the one that was used last first."""
        now = self._wall()
        rows = self._database.read(
            "SELECT hash, user, made, used, address, browser FROM sessions WHERE user = ? AND used > ? AND made > ? "
            "ORDER BY used DESC", (user, now - IDLE, now - LONGEST))
        return [Session(key.hex(), *rest) for key, *rest in rows
                if key not in self._ended and rest[1] > self._all_ended.get(user, 0.0)]

    def mark_token(self, token: str) -> None:
        """Write down that an API token is used now, once a minute at most."""
        now = self._wall()
        self._database.mark(
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
