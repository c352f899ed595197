"""A task and an attempt while they live: their row, and what is not worth remembering across a restart."""

from typing import Any, Final, Literal, NamedTuple

from routing.callbacks.facts import AttemptOrder, Outcome
from routing.callbacks.refusal import Refusal
from routing.events import rfc3339
from routing.rows import AttemptRow, Step, TaskRow

FURTHEST: Final = 32_503_680_000.0
"""The year 3000, seconds since the epoch: a calendar reckons that far from any moment before it."""


STEPS: Final[dict[Step, int]] = {
    "claimed": 0, "agent": 1, "accepted": 2, "customer": 3, "answered": 4, "talked": 5, "ended": 6,
}
"""How far each step is."""


PAUSED: Final = "paused"
"""Why an attempt is stopped whose agent is not to be rung: somebody else is, at once."""


class Attempt:
    """An attempt that has not ended."""

    __slots__ = ("begun", "connected", "dialling", "from_place", "let_go", "order", "row", "stopped_at", "stopping",
                 "task", "why_not")

    def __init__(self, row: AttemptRow, order: AttemptOrder, task: "Task", from_place: bool = False) -> None:
        self.row, self.order, self.task = row, order, task
        self.from_place = from_place
        """Whether its agent had picked up the task's place in a PBX's queue, and is on the line."""
        self.begun = False
        """Whether its claim is committed and the runner has it."""
        self.dialling = False
        """Whether the step that dials waits for its commit: nothing has left yet."""
        self.connected = False
        """Whether agent and customer hear each other, or did."""
        self.let_go = False
        """Whether the agent has nothing to do with it any more."""
        self.stopping = ""
        """Why it is to end before the customer answers; empty: it goes on."""
        self.stopped_at: float | None = None
        """When the runner was told so."""
        self.why_not: Refusal | None = None
        """Why the customer could not be dialled when it came to that: reason, text, and when it may be asked again."""

    @property
    def dialled(self) -> bool:
        """Whether the customer's INVITE may have left: it counts from then on."""
        return self.row.customer_at is not None

    @property
    def joined(self) -> bool:
        """Whether the customer answered."""
        return self.row.answered_at is not None

    @property
    def talked(self) -> bool:
        """Whether they have talked for long enough: what answered before may be a voicemail."""
        return STEPS[self.row.step] >= STEPS["talked"]


class Place:
    """The place of a request in a PBX's queue, held by this process. Times in seconds since the epoch."""

    __slots__ = ("call", "renew_at", "round", "since", "taken_at", "taken_by", "way")

    def __init__(self, call: str, since: float) -> None:
        """`call`: name of the leg that holds it."""
        self.call, self.since = call, since
        self.way: Literal["held", "taken", "returning", "accepted"] = "held"
        """`taken`: an agent has picked it up; `returning`: they did not accept, and another one is on its way;
        `accepted`: they did, and the claim is not committed yet."""
        self.round = 1
        """Which agent's turn it is: one more with each who does not accept."""
        self.taken_at: float | None = None
        self.taken_by: str | None = None
        """The agent of this round, as far as that is proved."""
        self.renew_at = 0.0
        """When it is to be written down again that it is held."""


class Held(NamedTuple):
    """What the row of a task says of its place, for other processes."""

    node: str
    since: float
    until: float
    """When it is taken for gone, should nothing be heard of it until then."""


def held(row: TaskRow) -> Held | None:
    """Return what a row says of its place; None: there is none."""
    found = row.options.get("place")
    try:
        return None if found is None else Held(str(found["node"]), float(found["since"]), float(found["until"]))
    except (KeyError, TypeError, ValueError):
        return Held("", 0.0, 0.0)  # nobody's: it is taken for gone


class Task:
    """A task that is open or held."""

    __slots__ = ("attempt", "entry", "forced", "last", "not_before", "place", "ready", "refused", "row", "serial",
                 "urgent")

    def __init__(self, row: TaskRow) -> None:
        self.row = row
        self.attempt: Attempt | None = None
        self.ready = False
        """It is due, and waits for an agent."""
        self.entry: object = None
        """Its entry in the queue it stands in; None: it stands in none."""
        self.place: Place | None = None
        """What holds its place in a PBX's queue; None: nothing of this process does."""
        self.urgent = False
        """An operator wants it called before the others."""
        self.forced = False
        """And although it is closed."""
        self.last: tuple[Outcome, float] | None = None
        """How the last attempt that counted ended, and when; None: not known since the restart, or there was none."""
        self.not_before = 0.0
        """Until when the customer is left alone, whatever the plan says: they have just rung in."""
        self.refused = ""
        """Why it was refused last: the same again is not told again."""
        self.serial: int | None = None
        """Attempts that were made, whether they counted or not; None: not known since the restart."""

    @property
    def open(self) -> bool:
        """Whether it may be tried."""
        return self.row.state == "open"

    @property
    def asked(self) -> bool:
        """Whether it is the request of a caller who waited in a queue."""
        return self.row.kind == "queue"

    @property
    def caller(self) -> str | None:
        """Who asked for it, where it is a request and they were not withheld."""
        return self.row.options.get("caller") if self.asked else None

    @property
    def responsible(self) -> str | None:
        """Whom it is held for now: an extension, or a group's name where that is its kind."""
        row = self.row
        return row.responsible if row.released_at is None else None


def task_data(row: TaskRow, agent: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what every event of a task says, and what is special to this one."""
    return {
        "task": row.id, "customer": row.customer, "number": row.number, "group": row.group, "campaign": row.campaign,
        "kind": row.kind, "state": row.state, "reason": row.reason, "attempts": row.attempts,
        "attempts_max": row.attempts_max, "due_at": _when(row.due_at), "expires_at": _when(row.expires_at),
        "responsible": row.responsible, "agent": agent, **more,
    }


def within_reach(row: TaskRow, now: float) -> TaskRow:
    """Return the row of a task as it can be lived with: one whose moments no calendar can reckon with ends now.

    So it is told and seen as one that has expired, and the tasks beside it are not held up by it.
    """
    if all(_reachable(at) for at in (row.created_at, row.missed_at, row.expires_at, row.due_at or 0.0)):
        return row
    return row._replace(created_at=row.created_at if _reachable(row.created_at) else now,
                        missed_at=row.missed_at if _reachable(row.missed_at) else now, expires_at=now,
                        due_at=row.due_at if _reachable(row.due_at or 0.0) else now)


def _reachable(at: object) -> bool:
    return isinstance(at, int | float) and 0 <= at < FURTHEST


def _when(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
