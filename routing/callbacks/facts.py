"""The values of callbacks: tasks, attempts, their journal, and what the runner of an attempt is told and tells back.

All times are seconds since the epoch, UTC. Rows are what the store keeps; everything else lives in between.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from routing.rows import LegRow, PauseRow, Result, Step


class AttemptOrder(NamedTuple):
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


class Going(NamedTuple):
    """How far an attempt under way is, for who looks at it."""

    phase: str
    """`preview`, `agent_rings`, `agent_asked`, `customer_rings`, `customer_asked`, `customer_rings_in`, `talking` or
    `ending`; `claimed`: the runner has not begun it."""
    agent: str | None
    """Who took it, as far as it is known."""


class Orders(Protocol):
    """The runner of attempts, as the desk sees it. All in the proxy's thread; nothing calls back before it returns."""

    def begin(self, order: AttemptOrder, now: float) -> None:
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

    def not_dialled(self, attempt: str, now: float) -> None:
        """`go(True)` was told of the step `customer` when nobody waited for it any more: no INVITE has left, and it
        counts as no dial."""

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


# What the ledger tells the desk, and what the desk asks of what goes on


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


class NewCaller(NamedTuple):
    """A customer whose call begins."""

    customer: str
    group: str | None
    """The group that they are on their way to."""


class QueuedCaller(NamedTuple):
    """A customer who waits for an agent."""

    customer: str | None
    """E.164; None: withheld or unreadable."""
    group: str
    number: str | None
    """Our number that they dialled."""
    call: str = ""
    """Name of their call."""
    began_at: float = 0.0
    """When they began to wait."""


class PastTalk(NamedTuple):
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
    """`inbound`: to a PBX (the agent's leg, a place in a queue); `outbound`: to a trunk (the customer's)."""
    trunk: str
    pbx: str
    customer: str | None
    """None: a place of a caller whose number is withheld."""
    number: str | None
    agent: str | None
    group: str | None
    attempt: str | None
    """None: a place, as long as no attempt has it."""
    task: str = ""
    """The request whose place it is."""
    began_at: float | None = None
    """Since when that place is held, seconds since the epoch; None: it is new."""
    asker: str | None = None
    """E.164 of whom its INVITE showed, where the PBX was told of another number since; it need not heed that."""


class LiveState(Protocol):
    """What goes on now, as the dispatcher must know it."""

    def agent_state(self, agent: str) -> str:
        """`free`, `ringing`, `busy`, `wrap_up`, `paused`, `away` or `unknown`."""

    def agent_since(self, agent: str) -> float | None:
        """Since when; None: never seen."""

    def pauses(self) -> tuple[PauseRow, ...]:
        """Return the pauses that agents have asked for."""

    def engaged(self, customer: str) -> bool:
        """Whether the customer is in a call with us that is no attempt of ours."""

    def waiting(self, group: str) -> int:
        """Callers of the group who wait for an agent now."""

    def estimated_wait(self, group: str, call: str | None, now: float) -> float | None:
        """Seconds that the caller of a call has still to wait, or one who came now (None), by how fast the group's
        callers were taken within the last hour; None: nothing is known."""

    def taken(self, group: str) -> int:
        """Live callers of a group whom agents have taken since the start."""

    def on_trunk(self, trunk: str) -> int:
        """Calls that the trunk carries now, ours included."""

    def wrap_up(self, agent: str, until: float, now: float) -> None:
        """Count an agent as busy with the card until then (state `wrap_up`)."""


class LegRecords(Protocol):
    """The ledger as the runner sees it: a leg of ours is a call like any other."""

    def place(self, call: OwnCall, now: float) -> None:
        """Open the entry of a leg, before its INVITE leaves."""
