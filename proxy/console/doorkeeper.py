"""Who asks: by the cookie of a session, or by a bearer token; and how somebody logs in and out.

Role, groups and extension are read from the user's row at each request, so what changes there holds at once. Cookies
are HttpOnly and SameSite=Lax (a link in a ticket's mail opens its page), Secure and named `__Host-…` wherever browsers
come by https.
"""

import asyncio
import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from proxy.console.console_database import ConsoleDatabase
from proxy.console.lockout import Lockout
from proxy.console.passwords import BusyError, Passwords
from proxy.console.people import People, User
from proxy.console.sessions import LONGEST, Sessions
from proxy.logger import get_logger
from proxy.verbs.shapes.caller import Caller

COOKIE: Final = "boomerang_session"
SECURE_COOKIE: Final = "__Host-boomerang_session"
BEARER: Final = "bearer "
SECRET: Final = "forms"
"""Name of the secret behind the tokens of forms."""
CALLER: Final = "boomerang.caller"
"""Key of a request's scope: who asks, once it was found out."""

Refused = Literal["wrong", "locked", "busy", "unreadable"]

log = get_logger()


class LogIn(NamedTuple):
    """What became of a try to log in."""

    token: str | None
    """What the browser is to hold; None: they may not come in."""
    refused: Refused | None = None
    wait: float = 0.0
    """Seconds until it may be tried again."""


class _Looked(NamedTuple):
    """What became of looking at a password."""

    user: User | None
    """Whose it is; None: it is nobody's, or was not looked at."""
    refused: Refused | None = None
    wait: float = 0.0


class SessionDoorkeeper:
    """Knows who asks."""

    def __init__(self, database: ConsoleDatabase, people: People, sessions: Sessions,
                 wall: Callable[[], float] = time.time) -> None:
        """`wall`: seconds since the epoch."""
        self._people, self._sessions, self._wall = people, sessions, wall
        self._lockout = Lockout(database, wall)
        self._passwords = Passwords()
        self._secret = _secret(database)

    def who(self, request: Request) -> Caller | None:
        """Return whoever has logged in, or shows a token; None: nobody knows. Found out once a request.

        Raises sqlite3.Error or OSError where the database cannot be read.
        """
        found: Caller | None
        if CALLER in request.scope:
            found = request.scope[CALLER]
        else:
            found = request.scope[CALLER] = self.look(request)
        return found

    def look(self, request: Request) -> Caller | None:
        """Find out who asks, as it is now. Raises as `who` does."""
        token = token_of(request)
        if token is not None:
            return self._by_token(token)
        cookie = session_of(request)
        found = None if cookie is None else self._sessions.find(cookie)
        if found is None:
            return None
        name, proof = found
        user = self._people.user(name)
        if user is None or user.disabled or not hmac.compare_digest(_proof(user), proof):
            return None
        return Caller(user.name, user.role, "console", user.groups, user.agent)

    async def log_in(self, name: str, password: str, address: str, browser: str) -> LogIn:
        """Look at a name and a password. Raises sqlite3.Error where the session cannot be written down."""
        user, refused, wait = await self._looked(name, password, address, "login_refused")
        if user is None:
            return LogIn(None, refused, wait)
        log.info("logged_in", user=user.name, source=address)
        return LogIn(await asyncio.to_thread(self._sessions.begin, user.name, _proof(user), address, browser))

    async def prove(self, name: str, password: str, address: str) -> LogIn:
        """Look at the password of somebody who has logged in, as closely as when they did; no session begins.

        `refused` is None where it is theirs.
        """
        _, refused, wait = await self._looked(name, password, address, "old_password_refused")
        return LogIn(None, refused, wait)

    async def begin_again(self, name: str, address: str, browser: str) -> str | None:
        """End every session of somebody and begin one, as they have another password; None: they may not come in.

        Raises sqlite3.Error or OSError.
        """
        user = self._people.user(name)
        await asyncio.to_thread(self._sessions.revoke_all, name)
        if user is None or user.disabled:
            return None
        return await asyncio.to_thread(self._sessions.begin, user.name, _proof(user), address, browser)

    async def _looked(self, name: str, password: str, address: str, event: str) -> _Looked:
        """Look at a name and a password in their turn. `event`: how the log calls a wrong one."""
        if wait := self._lockout.wait(name, address):
            return _Looked(None, "locked", wait)
        try:
            async with self._passwords.turn():
                if wait := self._lockout.wait(name, address):  # others may have guessed meanwhile
                    return _Looked(None, "locked", wait)
                user = self._people.user(name)
                hashed = None if user is None or user.disabled else user.password
                fits = await self._passwords.fits(hashed, password)
                if user is None or not fits:
                    wait = await asyncio.to_thread(self._lockout.failed, name, address)
                    log.warning(event, source=address, user=name, locked_for=wait or None)
                    return _Looked(None, "wrong", wait)
        except BusyError:
            return _Looked(None, "busy", 1.0)
        except (sqlite3.Error, OSError) as error:
            log.error("users_cannot_be_read", reason=str(error))
            return _Looked(None, "unreadable")
        await asyncio.to_thread(self._lockout.passed, name)
        return _Looked(user)

    async def log_out(self, request: Request) -> None:
        """End the session of whoever asks."""
        token = session_of(request)
        if token is not None:
            await asyncio.to_thread(self._sessions.end, token)

    def form_token(self, request: Request) -> str:
        """Return what a form of this session shows: proof that the page that it stands on is ours."""
        token = session_of(request) or ""
        return hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()

    def _by_token(self, shown: str) -> Caller | None:
        row = self._people.token(hashlib.sha256(shown.encode()).hexdigest())
        if row is None or row.revoked or (row.expires is not None and row.expires <= self._wall()):
            return None
        self._sessions.mark_token(row.id)
        return Caller(row.name, row.role, "api", row.groups, row.agent)


def token_of(request: Request) -> str | None:
    """Return the bearer token that whoever asks shows, which may be empty; None: they show none."""
    authorization = request.headers.get("authorization", "")
    return authorization[len(BEARER):].strip() if authorization[:len(BEARER)].lower() == BEARER else None


def session_of(request: Request) -> str | None:
    """Return the cookie of whoever asks."""
    return request.cookies.get(SECURE_COOKIE if is_secure(request) else COOKIE)


def is_secure(request: Request) -> bool:
    """Whether the browser came by https."""
    return bool(request.scope["scheme"] == "https")


def set_session(request: Request, response: Response, token: str) -> None:
    """Have the browser hold a session."""
    secure = is_secure(request)
    response.set_cookie(SECURE_COOKIE if secure else COOKIE, token, max_age=int(LONGEST), path="/", secure=secure,
                        httponly=True, samesite="lax")


def drop_session(request: Request, response: Response) -> None:
    """Have the browser forget its session."""
    secure = is_secure(request)
    response.delete_cookie(SECURE_COOKIE if secure else COOKIE, path="/", secure=secure, httponly=True, samesite="lax")


def _proof(user: User) -> bytes:
    return hashlib.sha256(user.password.encode()).digest()


def _secret(database: ConsoleDatabase) -> bytes:
    database.write("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (SECRET, secrets.token_bytes(32)))
    value: bytes = database.read("SELECT value FROM secrets WHERE name = ?", (SECRET,))[0][0]
    return value
