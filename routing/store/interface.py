"""The store as the rules see it: plain values in, plain values out, so that another engine can stand behind it.

Writing is a queue. `put` never blocks and never raises; what was put is visible to `records` at once and is committed
soon. All of one `Unit` is committed or none of it; an empty one makes the engine look whether its database is well.
While the database is in trouble units wait (bounded, the oldest are dropped), an alarm is up, and nobody is kept
waiting for a commit.
Reading happens in the proxy's thread and raises `StoreError` where the database cannot be read now.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from routing.direct import Record
from routing.events import Event
from routing.facts import Direction, Side


class StoreError(Exception):
    """The database cannot be read now."""


class CallRow(NamedTuple):
    """One call as it is kept. Times in seconds since the epoch."""

    id: str
    sip_call_id: str
    direction: Direction
    trunk: str
    pbx: str
    customer: str | None
    """E.164; None: withheld or unreadable."""
    number: str | None
    """Our number in E.164: the one dialled (inbound) or shown (outbound)."""
    dialled: str
    agent: str | None
    """Who called (outbound) or answered (inbound)."""
    evidence: str | None
    group: str | None
    reason: str
    tried: str | None
    """The agent whom direct callback tried first."""
    started_at: float
    answered_at: float | None
    session_s: float | None
    """Session-Expires as last agreed, seconds."""
    ended_at: float | None
    cause: int | None
    ended_by: Side | None
    talk_s: float | None
    """Seconds from answer to end; None: never answered, or answered while we were down."""


class PolicyVersion(NamedTuple):
    """One policy that was in force."""

    version: int
    saved_at: float
    text: str


class Unit(NamedTuple):
    """What belongs together: committed as one."""

    calls: tuple[CallRow, ...] = ()
    records: tuple[Record, ...] = ()
    """Made or replaced."""
    removed: tuple[Record, ...] = ()
    events: tuple[Event, ...] = ()
    policy: tuple[str, float] | None = None
    """A new policy's text and when it was saved."""
    published: int | None = None
    """Outbox events up to this seq have been delivered and may go."""
    durable: bool = False
    """Must outlive a loss of power, not only of the process."""


class Counts(NamedTuple):
    """Calls of a stretch of time."""

    calls: int = 0
    inbound: int = 0
    outbound: int = 0
    answered: int = 0
    direct: int = 0


class Fault(NamedTuple):
    """An alarm of the store going up (`text`) or down (`text` None)."""

    alarm: str
    """`database`, `database_queue` or `outbox`."""
    text: str | None
    at: float


class Store(Protocol):
    """State behind one door. All methods are called in the proxy's thread; all callbacks come there."""

    outbox: bool
    """Whether events are kept in the outbox; without it they only reach `on_events`."""
    on_fault: Callable[[Fault], None]
    on_events: Callable[[Sequence[Event]], None]
    """Told after their commit, in order, with their seq."""

    def records(self, customer: str) -> list[Record]:
        """Return every record of a customer, expired ones that were not tidied yet included."""

    def record(self, customer: str, agent: str) -> Record | None:
        """Return one record, expired or not."""

    def expired(self, now: float, limit: int) -> list[Record]:
        """Return some records that have expired, oldest expiry first."""

    def newest_records(self, now: float, limit: int) -> list[Record]:
        """Return live records, the one touched last first, as far as they are committed. Slow: for the operator."""

    def count_records(self) -> int:
        """Return how many records there are, expired ones that were not tidied yet included. Slow: for status."""

    def put(self, unit: Unit, done: Callable[[], None] | None = None) -> None:
        """Queue a unit; `done` is called once, after the commit, or at once while the store is in trouble."""

    def release(self) -> None:
        """Call every `done` that has waited since the last time this was called: a disk that hangs holds no call.

        To be called by a timer; what it is set to is the longest that a `done` is waited for, twice over.
        """

    def open_calls(self) -> list[CallRow]:
        """Return the calls that have not ended."""

    def calls(self, limit: int, customer: str | None = None) -> list[CallRow]:
        """Return the newest calls, newest first, of one customer where one is given."""

    def counts(self, since: float) -> Counts:
        """Count the calls that began at or after `since`."""

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Return events of the outbox in order."""

    def delete_events_upto(self, seq: int) -> None:
        """Forget events that were delivered."""

    def load_policy(self) -> str | None:
        """Return the policy in force; None: the database holds none."""

    def save_policy(self, text: str, now: float, done: Callable[[], None] | None = None) -> None:
        """Keep a new policy; the older ones stay as history."""

    def policy_history(self, limit: int) -> list[PolicyVersion]:
        """Return the newest policies, newest first."""

    def close(self) -> None:
        """Commit what waits, as far as the database lets it, and stop."""
