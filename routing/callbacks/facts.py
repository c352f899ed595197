"""The values of callbacks: tasks, attempts, their journal, and what the runner of an attempt is told and tells back.

All times are seconds since the epoch, UTC. Rows are what the store keeps; everything else lives in between.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

TaskState = Literal["open", "held", "done", "failed", "expired", "cancelled"]
"""`open`: promised; `held`: an operator stopped it for now; the others are final. `done`: they talked, or a ticket was
wanted instead (reason `ticket`). `failed`: its attempts are used up, or its number can never be reached. `expired`: its
window is over, or it was too old."""

Origin = Literal["missed", "campaign", "manual", "queue"]
"""`missed`: missed_callback of a group; `campaign`; `manual`: an operator or the API; `queue`: asked for in a queue."""

ResponsibleKind = Literal["none", "last_talk", "fixed", "current", "group"]

Step = Literal["claimed", "agent", "accepted", "customer", "answered", "talked", "ended"]
"""How far an attempt is, each written before the next thing is sent. `claimed`: nothing was sent. `agent`: the agent's
INVITE may have left. `accepted`: the agent pressed 1. `customer`: the customer's INVITE may have left. `answered`: the
customer answered. `talked`: for min_talk, so the promise is kept. Customer first: `customer` comes before `agent`."""

Result = Literal[
    "talked", "short", "declined", "agent_no_answer", "agent_busy", "agent_failed", "agent_silent", "agent_left",
    "customer_no_answer", "customer_busy", "customer_failed", "customer_left", "no_key", "refused", "glare", "stopped",
    "crashed",
]
"""How an attempt ended. `short`: answered for less than min_talk. `agent_silent`: answered, pressed nothing.
`agent_left`: hung up before the customer answered. `customer_left`: customer first, hung up before an agent took it.
`no_key`: the customer did not press the key that proves a person. `refused`: by the guard. `glare`: the customer rang
in first and was joined. `stopped`: by an operator, a talk meanwhile, or the drain. `crashed`: we died in the middle."""


class TaskRow(NamedTuple):
    """A promise to call a customer."""

    id: str
    """UUID version 7."""
    customer: str
    """E.164."""
    group: str
    campaign: str | None
    """Five-digit id; None: not of a campaign."""
    origin: Origin
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
    """When it may be tried next; None: never again."""
    attempts: int
    """Counted attempts made."""
    attempts_max: int
    responsible_kind: ResponsibleKind
    responsible: str | None
    """Extension, or for `group` a group's name; None: nobody is."""
    responsible_since: float | None
    """When it became due with this responsible: the wait runs from here."""
    released_at: float | None
    """When the responsible's time was over; it is anybody's since."""
    declined: tuple[str, ...]
    """Agents who declined it in this round."""
    options: dict[str, Any]
    """What only this task says: `responsible_wait` (seconds), `language`, `note`, `preview` (seconds), ..."""
    ended_at: float | None


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


class LegRow(NamedTuple):
    """A leg of ours that may be up: what is needed to end it after a crash."""

    call: str
    """Our name of it, as in the ledger."""
    attempt: str
    role: Literal["agent", "customer", "incoming", "waiting", "place"]
    """`waiting`: a caller whose keys are heard; `place`: theirs at the PBX. These belong to no attempt (empty)."""
    memory: str
    """What the user agent needs to find it again; not read here."""


class JournalRow(NamedTuple):
    """One line of a task's journal."""

    task: str
    at: float
    kind: str
    """`missed`, `due`, `assigned`, `preview`, `declined`, `attempt`, `result`, `refused`, `released`, `closed`,
    `held`, `resumed`, `recovered`, `replanned`, `moved`, `ticket`, `ended`, ..."""
    agent: str | None
    data: dict[str, Any]
    """Details: status, text, planned time, call ids, evidence and its weight."""


class Order(NamedTuple):
    """What the runner is told to do: one attempt, committed already (step `claimed`)."""

    attempt: str
    task: str
    serial: int
    customer: str
    number: str | None
    """Our number the customer is shown; None: the trunk's own."""
    group: str
    campaign: str | None
    pbx: str
    trunk: str
    agent: str | None
    """Extension to ring; None: `target`."""
    target: str
    """What is dialled at the PBX: the extension, or the group's queue."""
    preview: float
    """Seconds between the card (event `callback.assigned`, told already) and the agent's INVITE."""
    agent_ring_for: float
    accept_within: float
    """Seconds the agent has for 1 or 2 once they answered."""
    customer_ring_for: float
    min_talk: float
    confirm_key: str
    """Key that the customer must press to prove a person; empty: none."""
    customer_first: bool
    language: str
    record: bool
    missed_at: float
    note: str
    """What the card says beside."""


class Outcome(NamedTuple):
    """How an attempt ended, as the runner tells it."""

    result: Result
    cause: int | None = None
    """Final status of the leg that decided it."""
    agent: str | None = None
    """Who took it, where that was found out."""
    answered_at: float | None = None
    talk_s: float | None = None
    retry_after: float | None = None
    """Seconds that the far end asked to wait."""
    text: str = ""
    """In words, for the journal."""
    recording: str | None = None
    """File name below the recordings folder."""


class Orders(Protocol):
    """The runner of attempts, as the desk sees it. All in the proxy's thread; nothing calls back before it returns."""

    def begin(self, order: Order, now: float) -> None:
        """Run an attempt."""

    def stop(self, attempt: str, reason: str, now: float) -> None:
        """End an attempt before its customer answers; `Desk.ended` follows. One that talks already goes on."""

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        """End what a process before this one left up."""


class DeskFacts(Protocol):
    """What the runner tells the desk."""

    def step(self, attempt: str, step: Step, now: float, go: Callable[[bool], None] | None = None,
             agent: str | None = None) -> None:
        """An attempt gets further. `go(True)` is called once this is committed, and only then may be sent what the
        step stands for; `go(False)`: it must not (the database is in trouble, a talk meanwhile, the guard says no);
        the runner then ends the attempt with result `stopped` or `refused`."""

    def connected(self, attempt: str, now: float, agent: str | None = None) -> None:
        """Agent and customer hear each other: after `answered`, and later than that where one waits for the other."""

    def leg(self, row: LegRow, done: Callable[[], None] | None = None) -> None:
        """Keep what is needed to end a leg after a crash; again with each change.

        `done`: called once this is committed, or at once where it cannot be.
        """

    def leg_gone(self, call: str) -> None:
        """A leg is over."""

    def let_go(self, attempt: str, now: float) -> None:
        """The agent has nothing to do with the attempt any more; it ends when the customer's leg does."""

    def ended(self, attempt: str, outcome: Outcome, now: float) -> None:
        """The attempt is over: every leg of it is down or going down by itself, but the agent's may hear last words."""


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


class Barred(NamedTuple):
    """A number on the do-not-call list."""

    customer: str
    added_at: float
    reason: str


class PastAttempt(NamedTuple):
    """What the guard must know of an attempt that dialled a customer."""

    customer: str
    at: float


# What the ledger tells the desk, and what the desk asks of the floor


class Missed(NamedTuple):
    """An inbound call that reached nobody."""

    call: str
    customer: str
    number: str | None
    """Our number that was dialled, E.164."""
    group: str | None
    pbx: str
    trunk: str
    began_at: float
    ended_at: float
    why: Literal["hung_up", "refused", "down", "abandoned", "key"]
    """`hung_up` before the answer; `refused` by the PBX, or it timed out; `down`: no PBX answered at all; `abandoned`
    in the queue of a PBX that answers first; `key`: they asked for a callback with the key of a campaign."""
    evidence: tuple[str, ...]
    """What shows it, in words of the field: `no_answer`, `status_486`, `no_dialog_event`, `no_connected_line`, ..."""
    weight: Literal["certain", "likely"]
    key: str | None = None
    """The key that they pressed."""


class Waiter(NamedTuple):
    """A customer who waits for an agent."""

    customer: str
    group: str
    number: str | None
    """Our number that they dialled."""


class Waits(NamedTuple):
    """What a caller who waits for an agent may do beside waiting."""

    keys: str
    """Each asks for a callback."""
    prompt: str | None
    """Recording that tells them so; None: nothing is said."""
    language: str
    """In which we speak to them."""
    confirmations: tuple[tuple[str, str], ...] = ()
    """Key, and the recording that confirms it; of a key that is not among them the built-in one does."""


class Talk(NamedTuple):
    """A talk between a customer and us, at least min_talk long."""

    call: str
    customer: str
    agent: str | None
    group: str | None
    direction: Literal["inbound", "outbound"]
    began_at: float
    seconds: float
    attempt: str | None
    """The attempt of ours that it belongs to; None: somebody else's call."""


class OwnCall(NamedTuple):
    """A leg of ours as the ledger writes it down: a call like any other."""

    id: str
    """Also its Call-ID."""
    direction: Literal["inbound", "outbound"]
    """`inbound`: to a PBX (the agent's leg); `outbound`: to a trunk (the customer's)."""
    trunk: str
    pbx: str
    customer: str
    number: str | None
    agent: str | None
    group: str | None
    attempt: str


class Floor(Protocol):
    """What goes on now, as the dispatcher must know it."""

    def agent_state(self, agent: str) -> str:
        """`free`, `ringing`, `busy`, `wrap_up`, `away` or `unknown`."""

    def agent_since(self, agent: str) -> float | None:
        """Since when; None: never seen."""

    def engaged(self, customer: str) -> bool:
        """Whether the customer is in a call with us that is no attempt of ours."""

    def waiting(self, group: str) -> int:
        """Callers of the group who wait for an agent now."""

    def on_trunk(self, trunk: str) -> int:
        """Calls that the trunk carries now, ours included."""

    def wrap_up(self, agent: str, until: float, now: float) -> None:
        """Count an agent as busy with the card until then (state `wrap_up`)."""


class Books(Protocol):
    """The ledger as the runner sees it: a leg of ours is a call like any other."""

    def place(self, call: OwnCall, now: float) -> None:
        """Open the entry of a leg, before its INVITE leaves."""
