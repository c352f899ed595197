"""A call in progress, as small as it can be: ten thousand of them are kept."""

from typing import Any, Final

from config.policy import SHARED, Number
from routing.callbacks.facts import OwnCall
from routing.dialogs import Dialog, Dialogs
from routing.facts import NORMAL_TARGETS, Ending, NewCall, Target
from routing.identity import Proof
from routing.ids import time7
from routing.rows import ADOPTED, IN_QUEUE, OWN, CallRow, Direction, EndedBy

LONGEST_CALL: Final = 24 * 3600.0
"""Seconds after which a call that nobody ended is taken for lost."""

RESTORED_UNANSWERED: Final = 3600.0
"""Seconds that a call that rang when we crashed may go on unseen: whether it was answered, only its BYE can tell."""

HEARD_OF: Final = 60.0
"""Seconds for which a call that was read back is not taken for lost: another node may have ended it, and whatever it
has written comes here a moment after the start."""

LEGS: Final = frozenset((OWN, IN_QUEUE))
"""The reasons of legs of ours."""
ON_BEHALF: Final = "on_behalf"
"""Reason of a call that a PBX places for a customer who is in a call with it: to a member of its queue who is reached
through the trunk, or wherever a phone forwards. It is no agent's call, and no call of the number that is dialled."""

SIGNS_MAX: Final = 32
"""Phones of one call that are remembered; a queue may try every agent of a house."""


class Sent:
    """Where a call was sent, and why there."""

    __slots__ = ("grounds", "live", "number_facts", "targets", "tried_status")

    def __init__(self) -> None:
        self.number_facts: Number = SHARED
        self.targets: tuple[Target, ...] = NORMAL_TARGETS
        self.grounds: str | None = None
        """What direct callback had to do with it, as it is kept (`routing.grounds`)."""
        self.live: tuple[str, ...] = ()
        """Agents whose records of this customer lived when the call began."""
        self.tried_status: int | None = None
        """How the try of the agent whom it was sent to first failed."""


class Seen:
    """What was seen of who takes a call. Times in seconds since the epoch."""

    __slots__ = ("asker", "handed", "held", "picked_at", "picked_by", "queued", "rang", "rung", "sign_at", "signs",
                 "since", "taken", "waits")

    def __init__(self, since: float) -> None:
        self.asker: str | None = None
        """Of a place: under which number the PBX may show it beside that of `customer`."""
        self.handed: str | None = None
        """Of a call to a service number: the customer's call that the PBX hands over."""
        self.since = since
        """When whoever is in the call began to wait: of a place, when its caller did."""
        self.rang = False
        self.rung: str | None = None
        """The agent at whom it rings now, as the board counts it."""
        self.held: str | None = None
        """The agent whom it engages, as the board counts it."""
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
        self.taken = False
        """An agent was seen to take it, known or not."""
        self.waits = False
        """Counted among the callers who wait for an agent."""

    def move(self, seconds: float) -> None:
        """Follow the wall clock, which was set forward by so many seconds (back: negative)."""
        self.since += seconds
        self.picked_at, self.sign_at = _moved(self.picked_at, seconds), _moved(self.sign_at, seconds)
        if self.signs is not None:
            self.signs = {agent: at + seconds for agent, at in self.signs.items()}


def _moved(moment: float | None, seconds: float) -> float | None:
    return None if moment is None else moment + seconds


class Call:
    """What must be known of a call until it ends. Times in seconds since the epoch."""

    __slots__ = (
        "agent", "answered_at", "asked", "attempt", "behalf_of", "customer", "dialled", "dialogs",
        "direction", "evidence", "group", "id", "number", "own", "pbx", "reason", "restored_at", "seen",
        "sent", "sip_call_id", "started_at", "task", "tried", "trunk",
    )

    def __init__(self, name: str, sip_call_id: str, direction: Direction, trunk: str, pbx: str, dialled: str,
                 now: float) -> None:
        self.id, self.sip_call_id, self.direction = name, sip_call_id, direction
        self.trunk, self.pbx, self.dialled = trunk, pbx, dialled
        self.started_at = now
        self.customer: str | None = None
        self.number: str | None = None
        self.agent: str | None = None
        self.evidence: str | None = None
        self.group: str | None = None
        self.reason = "normal"
        self.tried: str | None = None
        self.answered_at: float | None = None
        self.sent, self.seen = Sent(), Seen(now)
        self.dialogs = Dialogs()
        """Its answers: one for most calls, more where one was forked."""
        self.restored_at: float | None = None
        """When it was read back after a restart, or found under way."""
        self.own = False
        """A leg of ours: it cannot outlive the process that placed it."""
        self.attempt: str | None = None
        """The attempt of ours that it belongs to."""
        self.behalf_of: str | None = None
        """The customer's call that it is placed for (`ON_BEHALF`)."""
        self.asked = False
        """The customer was promised a callback by the key they pressed."""
        self.task = ""
        """The request whose place it is: a leg of ours that waits in a PBX's queue; or the one to whose place the
        customer has come back, or that was made while their PBX had handed this call over."""

    @classmethod
    def placed(cls, order: OwnCall, target: str | None, now: float) -> "Call":
        """Make the entry of a leg of ours; `target`: extension of the group's queue."""
        to_agent = order.direction == "inbound"
        dialled = (order.agent or target or "") if to_agent else order.customer or ""
        call = cls(order.id, order.id, order.direction, order.trunk, order.pbx, dialled, now)
        call.own, call.attempt, call.task = True, order.attempt, order.task
        call.reason = IN_QUEUE if order.attempt is None else OWN
        call.seen.since = now if order.began_at is None else order.began_at
        call.seen.asker = order.asker
        call.customer, call.number, call.group = order.customer, order.number, order.group
        if to_agent:
            call.sent.targets = (Target(order.agent),)
        elif order.agent is not None:
            call.agent, call.evidence = order.agent, OWN
        return call

    @property
    def leg(self) -> bool:
        """Whether it is a leg of ours and no call of a customer's or an agent's; also of one that was read back."""
        return self.reason in LEGS

    @property
    def to_agent(self) -> bool:
        """Whether it is our leg to an agent: a call of the customer's only in what the agent is shown."""
        return self.own and self.direction == "inbound" and self.leg

    def lost(self, now: float) -> bool:
        """Whether it must be taken for over although nobody said so."""
        if self.restored_at is not None and now - self.restored_at < HEARD_OF:
            return False
        if now - self.started_at >= LONGEST_CALL:
            return True
        if self.answered_at is None:
            return self.restored_at is not None and now - self.restored_at >= RESTORED_UNANSWERED
        return self.dialogs.silent(now)

    def talk(self, now: float) -> float | None:
        """Return the seconds since the answer, or since an agent had the call, where that was seen apart from it.

        None where there was no answer that we saw, or nobody knows how long it lived on.
        """
        if self.answered_at is None or (self.own and self.restored_at is not None):
            return None
        if self.seen.picked_at is not None:
            return max(0.0, now - self.seen.picked_at)
        return 0.0 if self.own and not self.to_agent else max(0.0, now - self.answered_at)

    def talked(self, min_talk: float, ending: Ending, now: float) -> bool | None:
        """Whether it was a talk; None where only the answer can have been missed while we were down."""
        talk = self.talk(now)
        if talk is not None:
            return talk >= min_talk
        return None if ending.cause == 200 or ending.by == "lost" else False


def writable(text: str) -> str:
    """Make text that came over the wire fit for UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def follow_clock(call: Call, seconds: float) -> None:
    """Move a call with the wall clock, which was set forward by so many seconds (back: negative): it is as old as it
    was. Otherwise a clock that is set right would end calls that go on, or keep for ever those that nobody ended."""
    call.started_at += seconds
    call.answered_at, call.restored_at = _moved(call.answered_at, seconds), _moved(call.restored_at, seconds)
    call.seen.move(seconds)
    call.dialogs.move(seconds)


def is_leaving(call: Call) -> bool:
    """Whether the caller of a call is promised a callback, which is on disk, and waits no longer."""
    return call.asked and not call.seen.waits


def read_back(row: CallRow, now: float) -> Call:
    """Make the entry of a call that went on while we were down."""
    call = Call(row.id, row.sip_call_id, row.direction, row.trunk, row.pbx, row.dialled, row.started_at)
    call.customer, call.number, call.group, call.reason = row.customer, row.number, row.group, row.reason
    call.agent, call.evidence, call.tried = row.agent, row.evidence, row.tried
    call.answered_at, call.restored_at = row.answered_at, now
    call.dialogs = Dialogs(() if row.answered_at is None else (Dialog.read_back(row.session_s, now),), known=False)
    call.own = row.reason in LEGS or row.evidence == OWN
    call.sent.grounds = row.grounds
    return call


def found_under_way(call: NewCall, answered: bool, now: float) -> Call:
    """Make the entry of a call that another node began, or that was lost before it was written: it began when its name
    was given. `answered`: it was, by now at the latest."""
    found = Call(call.id, writable(call.sip_call_id), call.direction, call.trunk, call.pbx, writable(call.dialled),
                 min(time7(call.id), now))
    found.reason, found.restored_at = ADOPTED, now
    found.answered_at = now if answered else None
    found.dialogs = Dialogs((Dialog.read_back(None, now),) if answered else (), known=False)
    return found


def take_for_answered(call: Call, now: float) -> None:
    """Take a call for answered by now, though nobody here has seen the answer."""
    call.answered_at = now
    call.dialogs = Dialogs((Dialog.read_back(None, now),), known=False)


def take_origin(call: Call, row: CallRow) -> None:
    """Take what the node that began a call has written of it, for one that was found under way."""
    call.customer, call.number, call.group, call.reason = row.customer, row.number, row.group, row.reason
    call.dialled, call.tried, call.started_at = row.dialled, row.tried, row.started_at
    call.sent.grounds = row.grounds
    if call.agent is None:
        call.agent, call.evidence = row.agent, row.evidence
    if row.answered_at is not None:
        call.answered_at = min(row.answered_at, call.answered_at or row.answered_at)


def row_of(call: Call, ended_at: float | None = None, cause: int | None = None,
           ended_by: EndedBy | None = None) -> CallRow:
    """Return a call as it is kept."""
    return CallRow(
        call.id, call.sip_call_id, call.direction, call.trunk, call.pbx, call.customer, call.number, call.dialled,
        call.agent, call.evidence, call.group, call.reason, call.tried, call.started_at, call.answered_at,
        call.dialogs.session, ended_at, cause, ended_by, None if ended_at is None else call.talk(ended_at), "", 0,
        call.attempt, call.task or None, call.sent.grounds,
    )


def call_data(call: Call) -> dict[str, Any]:
    """Return what every event of a call says."""
    return {
        "call": call.id, "direction": call.direction, "customer": call.customer, "number": call.number,
        "dialled": call.dialled, "agent": call.agent, "evidence": call.evidence, "group": call.group,
        "trunk": call.trunk, "pbx": call.pbx, "reason": call.reason, "tried": call.tried,
    }


def end_data(call: Call, ending: Ending, now: float) -> dict[str, Any]:
    """Return what the event of its end says."""
    talk = call.talk(now)
    return {**call_data(call), "cause": ending.cause, "by": ending.by,
            "talk_s": None if talk is None else round(talk, 3), "duration_s": round(now - call.started_at, 3),
            "tried_status": call.sent.tried_status}
