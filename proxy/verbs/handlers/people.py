"""Who may log in, and what programs show instead: made, changed and taken back here, read everywhere.

Of a password its hash by argon2 is kept, made in another thread, one at a time (each takes 19 MiB and some tens of
milliseconds of one core); of a token, which is random, its SHA-256.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Collection
from typing import Final

from config.duration import parse_duration
from config.policy import Policy
from proxy.control_client import ControlError
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import people as shapes
from proxy.verbs.shapes.errors import ArgumentError, UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.rows import token_of, user_of
from proxy.verbs.shapes.verb import Bound, Role
from routing.rows import TokenRow, UserRow
from routing.storage import Store
from routing.store.reader import Reader
from routing.writes import Unit

TOKEN_PREFIX: Final = "bmr_"
"""Says of a text found somewhere that it is a token of this program."""
TOKEN_BYTES: Final = 32
PASSWORD_BYTES: Final = 12
PASSES: Final = 2
MEMORY_KIB: Final = 19_456
"""With one lane: the least that OWASP's cheat sheet on storing passwords asks of argon2id."""
LONGEST_SPAN: Final = 3660 * 86_400.0
"""Seconds that a token may be good."""


def hashed(password: str) -> str:
    """Return the hash of a password, as argon2 writes it. Slow: for another thread."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1).hash(password)


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class PeopleAnswers:
    """Answers `users.*`, `account.*` and `tokens.*`. Nobody else writes users and tokens, so they are read once."""

    def __init__(self, store: Store, reader: Reader, policy: Callable[[], Policy], name: Callable[[float], str],
                 wall: Callable[[], float]) -> None:
        """`reader`: a strict one; `name` gives a new UUID of a moment; `wall`: seconds since the epoch."""
        self._store, self._reader, self._policy, self._name, self._wall = store, reader, policy, name, wall
        self._users: dict[str, UserRow] | None = None
        self._tokens: dict[str, TokenRow] | None = None
        self._one_at_a_time = asyncio.Lock()

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.USERS.by(self.users), shapes.ADD_USER.by(self.add_user), shapes.CHANGE_USER.by(self.change_user),
                shapes.PASSWD.by(self.passwd), shapes.DISABLE.by(self.disable), shapes.ENABLE.by(self.enable),
                shapes.OWN_PASSWORD.by(self.own_password),
                shapes.TOKENS.by(self.tokens), shapes.ADD_TOKEN.by(self.add_token), shapes.REVOKE.by(self.revoke)]

    # Users

    async def users(self, args: object) -> list[shapes.User]:
        """Every user, by name."""
        return [user_of(row) for _, row in sorted((await self._all_users()).items())]

    async def add_user(self, args: shapes.AddUser) -> shapes.NewUser:
        """Let somebody log in."""
        _good_name(args.name)
        groups, agent = self._theirs(args.role, args.groups, args.agent)
        async with self._one_at_a_time:
            if args.name in await self._all_users():
                raise ControlError(f"there is a user {shown(args.name)} already")
            password = _password(args.password)
            kept = await asyncio.to_thread(hashed, password)
            row = UserRow(args.name, args.role, groups, agent, kept, self._wall(), None)
            self._put(row)
        return {**user_of(row), "password": None if args.password is not None else password}

    async def change_user(self, args: shapes.ChangeUser) -> shapes.User:
        """Give a user another role, groups or extension."""
        groups, agent = self._theirs(args.role, args.groups, args.agent)
        row = await self._user(args.name)
        if args.role != "admin":
            await self._want_another_admin(row)
        row = row._replace(role=args.role, groups=groups, agent=agent)
        self._put(row)
        return user_of(row)

    async def passwd(self, args: shapes.SetPassword) -> shapes.NewUser:
        """Give a user another password."""
        row, password = await self._with_password(args.name, args.password)
        return {**user_of(row), "password": None if args.password is not None else password}

    async def own_password(self, args: shapes.OwnPassword) -> shapes.User:
        """Give somebody the password that they chose; that it is they who ask is checked before (`verbs/scope.py`)."""
        row, _ = await self._with_password(args.name, args.password)
        return user_of(row)

    async def _with_password(self, name: str, given: str | None) -> tuple[UserRow, str]:
        async with self._one_at_a_time:
            await self._user(name)
            password = _password(given)
            kept = await asyncio.to_thread(hashed, password)
            row = (await self._user(name))._replace(password=kept)
            self._put(row)
        return row, password

    async def disable(self, args: shapes.OneUser) -> shapes.User:
        """Let a user not log in any more."""
        row = await self._user(args.name)
        await self._want_another_admin(row)
        if not row.disabled:
            row = row._replace(disabled_at=self._wall())
            self._put(row)
        return user_of(row)

    async def enable(self, args: shapes.OneUser) -> shapes.User:
        """Let a user log in again."""
        row = await self._user(args.name)
        if row.disabled:
            row = row._replace(disabled_at=None)
            self._put(row)
        return user_of(row)

    async def _want_another_admin(self, row: UserRow) -> None:
        others = [one for one in (await self._all_users()).values()
                  if one.role == "admin" and not one.disabled and one.name != row.name]
        if row.role == "admin" and not row.disabled and not others:
            raise ControlError(f"{row.name} is the only admin who may log in: make another one first")

    async def _all_users(self) -> dict[str, UserRow]:
        if self._users is None:
            found = await look_up(self._reader.people.users)
            if self._users is None:
                self._users = {row.name: row for row in found}
        return self._users

    async def _user(self, name: str) -> UserRow:
        row = (await self._all_users()).get(name)
        if row is None:
            raise UnknownError(f"there is no user {shown(name)}")
        return row

    def _put(self, row: UserRow) -> None:
        assert self._users is not None
        self._users[row.name] = row
        self._store.put(Unit((row,), durable=True))

    # Tokens

    async def tokens(self, args: object) -> list[shapes.Token]:
        """Every token, the oldest first; those that are good no more too."""
        return [token_of(row) for row in (await self._all_tokens()).values()]

    async def add_token(self, args: shapes.AddToken) -> shapes.NewToken:
        """Make a token."""
        _good_name(args.name)
        groups, agent = self._theirs(args.role, args.groups, args.agent)
        known, now = await self._all_tokens(), self._wall()
        if any(one.name == args.name and _good(one, now) for one in known.values()):
            raise ControlError(f"there is a token {shown(args.name)} already: revoke it first")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        row = TokenRow(self._name(now), args.name, args.role, groups, agent, digest(token), now,
                       _expiry(args.expires, now), None)
        self._put_token(row)
        return {**token_of(row), "token": token}

    async def revoke(self, args: shapes.OneToken) -> shapes.Token:
        """Take a token back: the good one of a name, or any by its id."""
        known, now = await self._all_tokens(), self._wall()
        named = [one for one in known.values() if one.name == args.name]
        row = known.get(args.name) or next((one for one in named if _good(one, now)), None) or next(iter(named), None)
        if row is None:
            raise UnknownError(f"there is no token {shown(args.name)}")
        if not row.revoked:
            row = row._replace(revoked_at=now)
            self._put_token(row)
        return token_of(row)

    async def _all_tokens(self) -> dict[str, TokenRow]:
        if self._tokens is None:
            found = await look_up(self._reader.people.tokens)
            if self._tokens is None:
                self._tokens = {row.id: row for row in found}
        return self._tokens

    def _put_token(self, row: TokenRow) -> None:
        assert self._tokens is not None
        self._tokens[row.id] = row
        self._store.put(Unit((row,), durable=True))

    # Both

    def _theirs(self, role: Role, groups: Collection[str], agent: str | None) -> tuple[frozenset[str] | None,
                                                                                      str | None]:
        """Return groups and extension as a row has them. ArgumentError where they do not go with the role."""
        if groups and role != "supervisor":
            raise ArgumentError("groups", f"groups: a supervisor has groups, {role} has none")
        if agent is not None and role != "agent":
            raise ArgumentError("agent", f"agent: an agent has an extension, {role} has none")
        unknown = [name for name in groups if name not in self._policy().group]
        if unknown:
            known = ", ".join(self._policy().group) or "none"
            raise ArgumentError("groups", f"groups: the policy lists no group {shown(unknown[0])}: {known}")
        return frozenset(groups) if role == "supervisor" else None, agent


def _good(row: TokenRow, now: float) -> bool:
    return not row.revoked and (row.expires_at is None or now < row.expires_at)


def _good_name(name: str) -> None:
    if name != name.strip():
        raise ArgumentError("name", f"name: {shown(name)} begins or ends with a blank")


def _password(given: str | None) -> str:
    if given is None:
        return secrets.token_urlsafe(PASSWORD_BYTES)
    if len(given) < shapes.SHORTEST_PASSWORD:
        raise ArgumentError("password", f"password has {len(given)} characters, {shapes.SHORTEST_PASSWORD} at least")
    return given


def _expiry(span: str | None, now: float) -> float | None:
    if span is None:
        return None
    try:
        seconds = parse_duration(span)
    except ValueError as error:
        raise ArgumentError("expires", f"expires: {error}") from None
    if not 0 < seconds <= LONGEST_SPAN:
        raise ArgumentError("expires", f"expires: {shown(span)} is not from 1s to 3660d")
    return now + seconds
