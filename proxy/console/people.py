"""What the console must know of users and API tokens: rows of the daemon's database, which are only read here."""

from typing import Protocol

from proxy.verbs.shapes.verb import Role


class Known(Protocol):
    """A row of whoever may come in."""

    @property
    def name(self) -> str:
        """A user's: by which they log in; a token's: what it is called."""

    @property
    def role(self) -> Role:
        """What they may do."""

    @property
    def groups(self) -> frozenset[str] | None:
        """Of a supervisor: theirs; None: every one."""

    @property
    def agent(self) -> str | None:
        """Extension of an agent."""


class User(Known, Protocol):
    """A user's row."""

    @property
    def password(self) -> str:
        """Its hash (Argon2id, in the usual notation)."""

    @property
    def disabled(self) -> bool:
        """They may not come in."""


class Token(Known, Protocol):
    """An API token's row."""

    @property
    def id(self) -> str:
        """By which it is known, and not what it shows."""

    @property
    def expires(self) -> float | None:
        """Seconds since the epoch; None: never."""

    @property
    def revoked(self) -> bool:
        """It lets nobody in any more."""


class People(Protocol):
    """Finds users and tokens."""

    def user(self, name: str) -> User | None:
        """Return the user of that name. Raises sqlite3.Error or OSError where the database cannot be read."""

    def token(self, sha256: str) -> Token | None:
        """Return the token with that hash (hexadecimal). Raises as `user` does."""
