"""A call in progress, as small as it can be: ten thousand of them are kept."""

from typing import Any, Final

from config.policy import SHARED, Number
from routing.callbacks.facts import OwnCall
from routing.dialogs import Dialog, Dialogs
from routing.facts import NORMAL_TARGETS, Ending, Target
from routing.identity import Proof
from routing.rows import CallRow, Direction, EndedBy

LONGEST_CALL: Final = 24 * 3600.0
"""Seconds after which a call that nobody ended is taken for lost."""

RESTORED_UNANSWERED: Final = 3600.0
"""Seconds that a call that rang when we crashed may go on unseen: whether it was answered, only its BYE can tell."""

OWN: Final = "callback"
"""Reason of a leg of ours, and evidence of a customer's call that such a leg was joined with."""

ON_BEHALF: Final = "on_behalf"
"""Reason of a call that a PBX places for a customer who is in a call with it: to a member of its queue who is reached
through the trunk, or wherever a phone forwards. It is no agent's call, and no call of the number that is dialled."""

SIGNS_MAX: Final = 32
"""Phones of one call that are remembered; a queue may try every agent of a house."""


class Call:
    """What must be known of a call until it ends. Times in seconds since the epoch."""

    __slots__ = (
        "agent", "answered_at", "asked", "attempt", "behalf_of", "customer", "dialled", "dialogs", "direction",
        "evidence", "group", "held", "hung_up", "id", "live", "number", "number_facts", "own", "pbx", "picked_at",
        "picked_by", "queued", "rang", "reason", "restored_at", "rung", "sign_at", "signs", "sip_call_id", "started_at",
        "targets", "tried", "tried_status", "trunk", "waits",
    )

    def __init__(self, name: str, sip_call_id: str, direction: Direction, trunk: str, pbx: str, dialled: str,
                 now: float) -> None:
        self.id, self.sip_call_id, self.direction = name, sip_call_id, direction
        self.trunk, self.pbx, self.dialled = trunk, pbx, dialled
        self.started_at = now
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
        self.dialogs = Dialogs()
        """Its answers: one for most calls, more where one was forked."""
        self.hung_up: tuple[EndedBy, float] | None = None
        """Who ended one of several dialogs last, and when."""
        self.restored_at: float | None = None
        """When it was read back after a restart."""
        self.own = False
        """A leg of ours: it cannot outlive the process that placed it."""
        self.attempt: str | None = None
        """The attempt of ours that it belongs to."""
        self.behalf_of: str | None = None
        """The customer's call that it is placed for (`ON_BEHALF`)."""
        self.rang = False
        self.queued = False
        """What answered may be a queue: an agent takes the call later, or never."""
        self.picked_at: float | None = None
        """When an agent took it: with the answer, or where a queue answered, when that was seen."""
        self.picked_by: Proof | None = None
        """Who took it, seen before the answer came."""
        self.signs: dict[str, float] | None = None
        """Agents whose phones were shown as the ones that it is connected to, and when last."""
        self.sign_at: float | None = None
        """When dialogs last showed that somebody may have taken it from the phone that rang for it."""
        self.asked = False
        """The customer was promised a callback by the key they pressed."""
        self.waits = False
        """Counted among the callers who wait for an agent."""

    @classmethod
    def placed(cls, order: OwnCall, target: str | None, now: float) -> "Call":
        """Make the entry of a leg of ours; `target`: extension of the group's queue."""
        to_agent = order.direction == "inbound"
        dialled = (order.agent or target or "") if to_agent else order.customer
        call = cls(order.id, order.id, order.direction, order.trunk, order.pbx, dialled, now)
        call.own, call.reason, call.attempt = True, OWN, order.attempt
        call.customer, call.number, call.group = order.customer, order.number, order.group
        if to_agent:
            call.targets = (Target(order.agent),)
        elif order.agent is not None:
            call.agent, call.evidence = order.agent, OWN
        return call

    @classmethod
    def restored(cls, row: CallRow, now: float) -> "Call":
        """Read back a call that went on while we were down."""
        call = cls(row.id, row.sip_call_id, row.direction, row.trunk, row.pbx, row.dialled, row.started_at)
        call.customer, call.number, call.group, call.reason = row.customer, row.number, row.group, row.reason
        call.agent, call.evidence, call.tried = row.agent, row.evidence, row.tried
        call.answered_at, call.restored_at = row.answered_at, now
        call.dialogs = Dialogs(() if row.answered_at is None else (Dialog.read_back(row.session_s, now),), known=False)
        call.own = OWN in (row.reason, row.evidence)
        return call

    @property
    def leg(self) -> bool:
        """Whether it is a leg of ours and no call of a customer's or an agent's; also of one that was read back."""
        return self.reason == OWN

    @property
    def to_agent(self) -> bool:
        """Whether it is our leg to an agent: a call of the customer's only in what the agent is shown."""
        return self.own and self.direction == "inbound" and self.reason == OWN

    def lost(self, now: float) -> bool:
        """Whether it must be taken for over although nobody said so."""
        if now - self.started_at >= LONGEST_CALL:
            return True
        if self.answered_at is None:
            return self.restored_at is not None and now - self.restored_at >= RESTORED_UNANSWERED
        return self.dialogs.silent(now)

    def left(self, now: float) -> bool:
        """Whether it ended when one of its answers was hung up: the others turn out to be nobody's."""
        return self.hung_up is not None and self.dialogs.only_unacknowledged(now)

    def talk(self, now: float) -> float | None:
        """Return the seconds since the answer, or since an agent had the call, where that was seen apart from it.

        None where there was no answer that we saw, or nobody knows how long it lived on.
        """
        if self.answered_at is None or (self.own and self.restored_at is not None):
            return None
        if self.picked_at is not None:
            return max(0.0, now - self.picked_at)
        return 0.0 if self.own and not self.to_agent else max(0.0, now - self.answered_at)

    def talked(self, min_talk: float, ending: Ending, now: float) -> bool | None:
        """Whether it was a talk; None where only the answer can have been missed while we were down."""
        talk = self.talk(now)
        if talk is not None:
            return talk >= min_talk
        return None if ending.cause == 200 or ending.by == "lost" else False

    def row(self, ended_at: float | None = None, cause: int | None = None, ended_by: EndedBy | None = None) -> CallRow:
        """Return the call as it is kept."""
        return CallRow(
            self.id, self.sip_call_id, self.direction, self.trunk, self.pbx, self.customer, self.number, self.dialled,
            self.agent, self.evidence, self.group, self.reason, self.tried, self.started_at, self.answered_at,
            self.dialogs.session, ended_at, cause, ended_by, None if ended_at is None else self.talk(ended_at),
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
