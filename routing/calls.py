"""A call in progress, as small as it can be: ten thousand of them are kept."""

from typing import Any, Final

from config.policy import SHARED, Number
from routing.facts import NORMAL_TARGETS, Direction, Ending, Side, Target
from routing.store.interface import CallRow

LONGEST_CALL: Final = 24 * 3600.0
"""Seconds after which a call that nobody ended is taken for lost."""

RESTORED_UNANSWERED: Final = 3600.0
"""Seconds that a call that rang when we crashed may go on unseen: whether it was answered, only its BYE can tell."""

SESSION_FACTOR: Final = 1.5
SESSION_GRACE: Final = 30.0
"""A session is refreshed at half its interval (RFC 4028 section 10); this much without a sign of life is too long."""


class Call:
    """What must be known of a call until it ends. Times in seconds since the epoch."""

    __slots__ = (
        "agent", "alive_at", "answered_at", "customer", "dialled", "direction", "evidence", "group", "held", "id",
        "live", "number", "number_facts", "pbx", "reason", "restored_at", "rung", "session", "sip_call_id",
        "started_at", "targets", "tried", "tried_status", "trunk",
    )

    def __init__(self, name: str, sip_call_id: str, direction: Direction, trunk: str, pbx: str, dialled: str,
                 now: float) -> None:
        self.id, self.sip_call_id, self.direction = name, sip_call_id, direction
        self.trunk, self.pbx, self.dialled = trunk, pbx, dialled
        self.started_at = self.alive_at = now
        self.customer: str | None = None
        self.number: str | None = None
        self.number_facts: Number = SHARED
        self.agent: str | None = None
        self.evidence: str | None = None
        self.group: str | None = None
        self.reason = "normal"
        self.targets: tuple[Target, ...] = NORMAL_TARGETS
        self.tried: str | None = None
        self.tried_status: int | None = None
        """How the try of `tried` failed."""
        self.live: tuple[str, ...] = ()
        """Agents whose records of this customer lived when the call began."""
        self.rung: str | None = None
        """The agent at whom it rings now, as the board counts it."""
        self.held: str | None = None
        """The agent whom it engages, as the board counts it."""
        self.answered_at: float | None = None
        self.session: float | None = None
        self.restored_at: float | None = None
        """When it was read back after a restart."""

    @classmethod
    def restored(cls, row: CallRow, now: float) -> "Call":
        """Read back a call that went on while we were down."""
        call = cls(row.id, row.sip_call_id, row.direction, row.trunk, row.pbx, row.dialled, row.started_at)
        call.customer, call.number, call.group, call.reason = row.customer, row.number, row.group, row.reason
        call.agent, call.evidence, call.tried = row.agent, row.evidence, row.tried
        call.answered_at, call.session = row.answered_at, row.session_s
        call.alive_at = call.restored_at = now
        return call

    def lost(self, now: float) -> bool:
        """Whether it must be taken for over although nobody said so."""
        if now - self.started_at >= LONGEST_CALL:
            return True
        if self.answered_at is None:
            return self.restored_at is not None and now - self.restored_at >= RESTORED_UNANSWERED
        return self.session is not None and now - self.alive_at >= self.session * SESSION_FACTOR + SESSION_GRACE

    def talk(self, now: float) -> float | None:
        """Return the seconds since the answer; None where there was none that we saw."""
        return None if self.answered_at is None else max(0.0, now - self.answered_at)

    def talked(self, min_talk: float, ending: Ending, now: float) -> bool | None:
        """Whether it was a talk; None where only the answer can have been missed while we were down."""
        talk = self.talk(now)
        if talk is not None:
            return talk >= min_talk
        return None if ending.cause == 200 or ending.by == "lost" else False

    def row(self, ended_at: float | None = None, cause: int | None = None, ended_by: Side | None = None) -> CallRow:
        """Return the call as it is kept."""
        return CallRow(
            self.id, self.sip_call_id, self.direction, self.trunk, self.pbx, self.customer, self.number, self.dialled,
            self.agent, self.evidence, self.group, self.reason, self.tried, self.started_at, self.answered_at,
            self.session, ended_at, cause, ended_by, None if ended_at is None else self.talk(ended_at),
        )

    def end_data(self, ending: Ending, now: float) -> dict[str, Any]:
        """Return what the event of its end says."""
        talk = self.talk(now)
        return {**self.data(), "cause": ending.cause, "by": ending.by,
                "talk_s": None if talk is None else round(talk, 3), "duration_s": round(now - self.started_at, 3),
                "tried_status": self.tried_status}

    def data(self) -> dict[str, Any]:
        """Return what every event of a call says."""
        return {
            "call": self.id, "direction": self.direction, "customer": self.customer, "number": self.number,
            "dialled": self.dialled, "agent": self.agent, "evidence": self.evidence, "group": self.group,
            "trunk": self.trunk, "pbx": self.pbx, "reason": self.reason, "tried": self.tried,
        }
