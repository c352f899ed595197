"""The rows that are kept, one value for each: of calls, callbacks and tickets. Whoever writes or reads one asks here.

All times are seconds since the epoch, UTC.
"""

from typing import Any, Final, Literal, NamedTuple

Direction = Literal["inbound", "outbound"]
"""`inbound`: from a trunk to a PBX; `outbound`: the other way round."""

EndedBy = Literal["caller", "callee", "proxy", "operator", "lost"]
"""Who ended a call. `proxy`: ourselves (timeout, refusal, the end of a leg of ours); `operator`: ourselves, because
somebody said that a call that passes is to end; `lost`: no sign of life, closed by the sweep."""

TaskState = Literal["open", "held", "done", "failed", "expired", "cancelled"]
"""`open`: promised; `held`: an operator stopped it for now; the others are final. `done`: they talked, or a ticket was
wanted instead (reason `ticket`). `failed`: its attempts are used up, or its number can never be reached. `expired`: its
window is over, or it was too old."""

TaskKind = Literal["missed", "campaign", "manual", "queue"]
"""`missed`: missed_callback of a group; `campaign`; `manual`: an operator or the API; `queue`: asked for in a queue."""

UserRole = Literal["agent", "supervisor", "admin"]
"""The least first."""

ResponsibleRule = Literal["none", "last_talk", "fixed", "current", "group"]

Step = Literal["claimed", "agent", "accepted", "customer", "answered", "talked", "ended"]
"""How far an attempt is, each written before the next thing is sent. `claimed`: nothing was sent. `agent`: the agent's
INVITE may have left. `accepted`: the agent pressed 1. `customer`: the customer's INVITE may have left. `answered`: the
customer answered. `talked`: for min_talk, so the promise is kept. Customer first: `customer` comes before `agent`."""

Result = Literal[
    "talked", "short", "declined", "agent_no_answer", "agent_busy", "agent_failed", "agent_silent", "agent_left",
    "customer_no_answer", "customer_busy", "customer_failed", "customer_left", "no_key", "refused", "glare", "stopped",
    "crashed", "unknown",
]
"""How an attempt ended. `short`: answered for less than min_talk. `agent_silent`: answered, pressed nothing.
`agent_left`: hung up before the customer answered. `customer_left`: customer first, hung up before an agent took it.
`no_key`: the customer did not press the key that proves a person. `refused`: by the guard. `glare`: the customer rang
in first and was joined. `stopped`: by an operator, a talk meanwhile, or the drain. `crashed`: we died in the middle.
`unknown`: another node did, and how it ended there nobody can tell."""


# Calls

OWN: Final = "callback"
"""Reason of a leg of ours, and evidence of a customer's call that such a leg was joined with."""

ADOPTED: Final = "adopted"
"""Reason of a call that was found under way: where it went, and why, was decided at another node, or is lost."""

IN_QUEUE: Final = "in_queue"
"""The reason of a leg of ours that was placed to stand in a PBX's queue, in the place of who asked for a callback."""


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
    ended_by: EndedBy | None
    talk_s: float | None
    """Seconds from answer to end; None: never answered, or answered while we were down."""
    node: str = ""
    """The node that it began at; given by the store when it is first written, as the next one."""
    epoch: int = 0
    """Which start of that node."""
    attempt: str | None = None
    """The attempt of ours that it belongs to: a leg of it, or a customer's call that was joined with it."""
    task: str | None = None
    """The request whose place it is, or to whose place its customer came back."""
    grounds: str | None = None
    """What direct callback had to do with where it went (`grounds.read`); None: nothing."""
    judged: str | None = None
    """What it was to the customer once it was over: `missed.Kind`; None: it goes on, or ended before this was kept."""


class Record(NamedTuple):
    """Calls of this customer go to this agent. Times in seconds since the epoch."""

    customer: str
    agent: str
    type: int
    """The type in force when it was last written."""
    made_at: float
    touched_at: float
    """The last time anything happened between the two that concerns it: among several the newest wins."""
    expires_at: float


class PauseRow(NamedTuple):
    """An agent who is not to be rung until they say so."""

    agent: str
    """Extension."""
    since: float
    """When they said it, seconds since the epoch."""
    reason: str
    """In their words, or one of those that the house has; may be empty."""
    node: str = ""
    """The node that they said it at; given by the store when it is written."""


# Callbacks


class TaskRow(NamedTuple):
    """A promise to call a customer."""

    id: str
    """UUID version 7."""
    customer: str
    """E.164."""
    group: str
    campaign: str | None
    """Five-digit id; None: not of a campaign."""
    kind: TaskKind
    number: str | None
    """Our number that they dialled and will be shown; None: the group's."""
    pbx: str
    trunk: str
    state: TaskState
    reason: str
    """Why it ended or is held, one word or short words; empty while it is open."""
    created_at: float
    missed_at: float
    """The first missed call, from which window and spread are counted."""
    missed: int
    """Missed calls that it stands for."""
    expires_at: float
    """End of its window."""
    due_at: float | None
    """When it may be tried next; None: never again, or a place in a PBX's queue is held for it."""
    attempts: int
    """Counted attempts made."""
    attempts_max: int
    responsible_kind: ResponsibleRule
    responsible: str | None
    """Extension, or for `group` a group's name; None: nobody is."""
    responsible_since: float | None
    """When it became due with this responsible: the wait runs from here."""
    released_at: float | None
    """When the responsible's time was over; it is anybody's since."""
    declined: tuple[str, ...]
    """Agents who declined it in this round."""
    options: dict[str, Any]
    """What only this task says: `responsible_wait` (seconds), `language`, `note`, `preview` (seconds), ...; of a
    request from a queue `caller` (E.164 of who asked, unless withheld) and `place` (who holds one:
    `callbacks.task.Held`)."""
    ended_at: float | None
    version: int = 1
    """Grows with each change."""
    changed_by: str = ""
    """The node that changed it last; empty: this one."""


class AttemptRow(NamedTuple):
    """One try to bring an agent and a customer together. While `ended_at` is None no other may begin for them."""

    id: str
    task: str
    customer: str
    serial: int
    """1 for the first attempt of the task, those that did not count included."""
    agent: str | None
    """Whom it rings; None: whoever takes it at the group's queue extension."""
    node: str
    step: Step
    claimed_at: float
    customer_at: float | None
    """When the customer's INVITE may have left: the attempt counts from then on."""
    answered_at: float | None
    """When the customer answered."""
    ended_at: float | None
    result: Result | None
    cause: int | None
    """Final SIP status of the leg that decided it."""
    talk_s: float | None
    engages: str | None = None
    """Extension that no other attempt may ring; None: nobody's, or the agent has nothing to do with it any more."""
    epoch: int = 0
    """Which start of its node; given by the store when it is first written."""


class LegRow(NamedTuple):
    """A leg of ours that may be up: what is needed to end it after a crash."""

    call: str
    """Our name of it, as in the ledger."""
    attempt: str
    role: Literal["agent", "customer", "incoming", "waiting", "place"]
    """`waiting`: a caller whose keys are heard; `place`: theirs at the PBX. These belong to no attempt (empty)."""
    memory: str
    """What the user agent needs to find it again; not read here."""
    node: str = ""
    """Whose it is; given by the store when it is first written, as the next one."""
    epoch: int = 0
    """Which start of that node."""


JournalKind = Literal[
    "missed", "queued", "asked", "due", "assigned", "agent", "accepted", "attempt", "answered", "declined", "result",
    "refused", "released", "closed", "held", "resumed", "recovered", "replanned", "moved", "renumbered", "reassigned",
    "ticket", "ended", "call_now", "stale", "requested", "asked_again", "stands", "place_held", "place_taken",
    "place_returned", "place_lost", "finished",
]
"""What a line of a task's journal is about. The steps of an attempt are among them; of a request from a queue there are
`requested`, `asked_again`, `stands` (that came to nothing) and `place_...`. `finished`: an agent ended their wrap-up
before its time."""


class JournalRow(NamedTuple):
    """One line of a task's journal."""

    task: str
    at: float
    kind: str
    """A `JournalKind`; another version may have written others."""
    agent: str | None
    data: dict[str, Any]
    """Details: status, text, planned time, call ids, evidence and its weight."""


class PastAttempt(NamedTuple):
    """What the guard must know of an attempt that dialled a customer."""

    customer: str
    at: float
    id: str = ""
    node: str = ""
    """Where it runs, or did."""


class EndedWith(NamedTuple):
    """What an agent has a card of: an attempt that dialled its customer, and is over; the agent has not said that they
    are done with it."""

    task: str
    agent: str
    ended_at: float
    group: str
    campaign: str | None


class DoNotCallRow(NamedTuple):
    """A number on the do-not-call list."""

    customer: str
    added_at: float
    reason: str


# Tickets


class Ticket(NamedTuple):
    """A ticket."""

    id: str
    """UUID version 7."""
    number: int
    """Counted up from 1; 0 until it is stored."""
    task: str | None
    customer: str
    group: str | None
    agent: str | None
    subject: str
    state: Literal["open", "closed"]
    created_at: float
    closed_at: float | None


class TicketComment(NamedTuple):
    """One entry under a ticket."""

    id: str
    ticket: str
    at: float
    author: str
    """`boomerang`, or the name of an operator."""
    text: str
    internal: bool
    """Not to be shown to the customer."""


class Delivery(NamedTuple):
    """A ticket, or a comment of it, on its way to somebody else's system."""

    id: str
    """UUID version 7: the receiver sees it, so that the same one twice is known."""
    ticket: str
    comment: str | None
    """None: the ticket itself."""
    channel: Literal["webhook", "smtp"]
    tries: int
    next_at: float | None
    """When it is tried next; None: delivered."""
    delivered_at: float | None
    error: str
    """What went wrong last."""


# People and programs


class UserRow(NamedTuple):
    """Somebody who may log in."""

    name: str
    role: UserRole
    groups: frozenset[str] | None
    """Of a supervisor: theirs; None: every one. Of others None."""
    agent: str | None
    """Of an agent: their extension."""
    password: str
    """Its hash, by argon2, as text."""
    created_at: float
    disabled_at: float | None
    """Since when they may not log in any more."""

    @property
    def disabled(self) -> bool:
        """Whether they may not log in."""
        return self.disabled_at is not None


class TokenRow(NamedTuple):
    """What a program shows instead of a name and a password."""

    id: str
    """UUID version 7."""
    name: str
    role: UserRole
    groups: frozenset[str] | None
    """As of a user."""
    agent: str | None
    hash: str
    """SHA-256 of the token in hex: it is random, so nothing slower keeps it any better."""
    created_at: float
    expires_at: float | None
    """None: never."""
    revoked_at: float | None

    @property
    def expires(self) -> float | None:
        """When it is good no more, seconds since the epoch."""
        return self.expires_at

    @property
    def revoked(self) -> bool:
        """Whether it was taken back."""
        return self.revoked_at is not None


class AuditRow(NamedTuple):
    """One change, or one that was refused to somebody."""

    id: str
    """UUID version 7."""
    at: float
    who: str
    role: UserRole
    door: str
    """`socket`, `mqtt`, `api`, `console`, or `file`: a seed that was read again."""
    verb: str
    about: str
    """What it was done to, in a word or two."""
    before: dict[str, Any] | None
    """What was otherwise; None: nothing was, or it is not known."""
    after: dict[str, Any] | None
    """What it is now."""
    refused: str
    """Why it was not done; empty: it was."""


# Counts


class OfferCount(NamedTuple):
    """How often callers who waited were told, in a quarter of an hour, that they may ask for a callback."""

    quarter: float
    """When it began."""
    group: str
    number: str
    """Our number that they dialled; empty: nobody knows which one."""
    made: int


# The node


class PolicyVersion(NamedTuple):
    """One policy that was in force."""

    version: int
    saved_at: float
    text: str
    saved_by: str = ""
    """Who; empty: nobody has said it."""


class StandingAlarm(NamedTuple):
    """An alarm that stands, over restarts too, until an operator takes it down."""

    name: str
    text: str
    raised_at: float
