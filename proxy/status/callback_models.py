"""Models of the events of callbacks and tickets."""

from typing import Annotated, Final, Literal

from pydantic import Field

from proxy.status.models import Count, Model, Time
from routing.rows import Direction, Result, TaskKind, TaskState

TaskId = Annotated[str, Field(description="The callback task: UUID version 7")]
AttemptId = Annotated[str, Field(description="The attempt: UUID version 7")]


class CallbackQueued(Model):
    """A callback was promised to a customer."""

    task: TaskId
    customer: str = Field(description="E.164 of the customer")
    number: str | None = Field(description="Our number that they dialled and are shown, E.164; null: the group's")
    group: str
    campaign: str | None = Field(description="Five-digit id; null: of no campaign")
    kind: TaskKind
    state: TaskState
    reason: str = Field(description="Why it ended or is held; empty while it is open")
    attempts: Count = Field(description="Attempts made that count")
    attempts_max: Count
    due_at: Time | None = Field(description="When it is tried next; null: never again")
    expires_at: Time | None = Field(description="End of its window")
    responsible: str | None = Field(description="Extension or group that it is held for; null: nobody")
    agent: str | None = Field(description="The agent whom this is about; null: nobody")


class CallbackDue(CallbackQueued):
    """A callback waits for an agent from now on."""


class CallbackAssigned(CallbackQueued):
    """The card: this agent is about to be rung for this customer."""

    attempt: AttemptId
    preview_s: float = Field(ge=0, description="Seconds until the agent's phone rings")
    missed: Count = Field(description="Missed calls that the task stands for")
    note: str = Field(description="What whoever asked for the callback wrote")


class CallbackReleased(CallbackQueued):
    """The responsible's time is over: anybody may take it."""

    waited_s: float | None = Field(description="Seconds it waited for the responsible; null: it was not due yet")
    why: str


class CallbackAttempted(CallbackQueued):
    """An attempt is over, or was refused before it began."""

    attempt: AttemptId | None = Field(description="The attempt; null: it was refused before it began")
    result: Result
    cause: int | None = Field(description="Final SIP status of the leg that decided it")
    talk_s: float | None = Field(description="Seconds that the two talked")
    counted: bool = Field(description="It used up one of the task's attempts")
    refused: str | None = Field(default=None, description="Why it was refused: the guard's word")
    text: str | None = Field(default=None, description="The same in words")
    until: Time | None = Field(default=None, description="From when on it may be asked again")


class CallbackConnected(CallbackQueued):
    """Agent and customer hear each other."""

    attempt: AttemptId


class CallbackDone(CallbackQueued):
    """The promise is kept: they talked, or a ticket stands in for the call."""

    attempt: AttemptId | None = Field(default=None, description="The attempt that did it; null: another call")
    call: str | None = Field(default=None, description="The call in which they talked")
    direction: Direction | None = None


class CallbackFailed(CallbackQueued):
    """The promise cannot be kept."""

    task: TaskId | None  # type: ignore[assignment]  # null: refused before a task was made of the missed call
    cause: int | None = Field(default=None, description="Final SIP status of the last attempt")
    text: str | None = Field(default=None, description="Why it is refused, in words")


class CallbackExpired(CallbackQueued):
    """Its window is over."""

    cause: int | None = Field(default=None, description="Final SIP status of the last attempt")
    text: str | None = Field(default=None, description="Why it was refused last, in words")


class CallbackCancelled(CallbackQueued):
    """Somebody took the promise back."""

    by: str | None = Field(default=None, description="Who")


class TicketOpened(Model):
    """A ticket was opened."""

    ticket: str = Field(description="UUID version 7")
    ticket_number: Count = Field(description="Number of the ticket, counted up")
    task: str | None = Field(description="The callback task behind it")
    customer: str
    group: str | None
    agent: str | None
    subject: str
    reason: Literal["closed", "unreached", "expired", "guard", "started", "campaign", "missed"]
    created_at: Time


DATA: Final[dict[str, type[Model]]] = {
    "callback.queued": CallbackQueued,
    "callback.due": CallbackDue,
    "callback.assigned": CallbackAssigned,
    "callback.released": CallbackReleased,
    "callback.attempted": CallbackAttempted,
    "callback.connected": CallbackConnected,
    "callback.done": CallbackDone,
    "callback.failed": CallbackFailed,
    "callback.expired": CallbackExpired,
    "callback.cancelled": CallbackCancelled,
    "ticket.opened": TicketOpened,
}
"""The model of every kind's data."""
