"""Models of the events: one for each kind's `data`, and the envelope around them all.

Numbers of customers and ours stand in `customer`, `number` and `dialled` alone, save where an alarm quotes one.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from proxy.status import callback_models, queue_models
from proxy.status.models import Model, Time
from proxy.status.source import AgentWord
from routing.events import Event
from routing.rows import Direction, EndedBy

CallId = Annotated[str, Field(description="Boomerang's own name of the call: UUID version 7, as in the log")]
Customer = Annotated[str | None, Field(description="E.164 of the outside party; null: withheld or unreadable")]


class CallStarted(Model):
    """A call reached the proxy and was decided."""

    call: CallId
    direction: Direction
    customer: Customer
    number: str | None = Field(description="Our number, E.164: dialled by the customer or shown by the agent")
    dialled: str = Field(description="What was dialled, as it stood in the request")
    agent: str | None = Field(description="Extension that calls (outbound) or answered (inbound); null: not known")
    evidence: str | None = Field(description="What shows it: a header's name, dialled, number, identity, dialog_event, "
                                 "pickup or callback; connected_line without an agent: a phone rang, nobody knows "
                                 "more; outside_phone: somebody whom the PBX called through us")
    group: str | None
    trunk: str
    pbx: str
    reason: str = Field(description="Why it goes where it goes: normal, direct, withheld, on_behalf (the PBX calls "
                                    "a member of its queue for a customer who waits), callback (a leg of ours), "
                                    "in_queue (one that stands in the PBX's queue for who asked for a callback), place "
                                    "(who asked is back, and takes that place), adopted (found under way: another "
                                    "node began it, and what it wrote has not come), ...")
    tried: str | None = Field(description="Extension that direct callback tries first")


class CallAnswered(CallStarted):
    """The first 200 of a call."""

    target: int = Field(ge=0, description="Which of the places it was sent to answered, counted from 0")
    wait_s: float = Field(ge=0, description="Seconds from the beginning to the answer")


class CallEnded(CallStarted):
    """A call is over, reached or not."""

    cause: int = Field(ge=100, le=699, description="Final SIP status; 200: answered and ended by a BYE")
    by: EndedBy = Field(description="Who ended it; proxy: ourselves; operator: ourselves, because somebody said so; "
                                 "lost: no sign of life any more")
    talk_s: float | None = Field(description="Seconds from answer to end; null: never answered")
    duration_s: float = Field(description="Seconds from the beginning to the end")
    tried_status: int | None = Field(description="How the try of direct callback failed, SIP status; 408: it rang out")
    verdict: Literal["talked", "missed", "neither", "uncertain"] = Field(description="What it was to the customer")
    missed_why: Literal["hung_up", "refused", "down", "abandoned"] | None = Field(
        description="Of a missed one: hung up before the answer, refused by the PBX, no PBX answered, abandoned in a "
        "queue that answers first")
    shown_by: list[str] = Field(description="What shows it: rang, status_486, no_dialog_event, no_connected_line, ...")
    weight: Literal["certain", "likely"] | None = Field(description="How sure it is that the call was missed")


class DirectRecord(Model):
    """A direct callback: calls of this customer go to this agent."""

    call: CallId | None = Field(description="The call that did it; null: it expired by itself")
    customer: Customer
    agent: str
    type: int = Field(ge=0, le=4, description="The type in force for this agent")
    made_at: Time
    touched_at: Time
    expires_at: Time


class DirectUsed(DirectRecord):
    """A call goes to the agent of a direct callback."""

    dialled: str = Field(description="The number the customer dialled")


class AgentChanged(Model):
    """An extension does something else now."""

    agent: str
    name: str = Field(description="From the policy; empty where the extension is not listed")
    state: AgentWord
    since: Time
    call: CallId | None = Field(description="The call that changed it")
    reason: str = Field(default="", description="Of a pause; the other states have none")


class PeerChanged(Model):
    """A trunk or a PBX went up or down."""

    name: str
    state: Literal["up", "down"]
    since: Time
    latency_ms: float | None = Field(description="Of the last answered OPTIONS")


class AlarmChanged(Model):
    """Something needs a person, or no longer does."""

    alarm: str = Field(description="One word: database, mqtt, ...")
    text: str | None = Field(description="What is wrong; null: it is over")
    since: Time = Field(description="When it was raised")


DATA: Final[dict[str, type[Model]]] = {
    "call.started": CallStarted,
    "call.answered": CallAnswered,
    "call.ended": CallEnded,
    "direct.created": DirectRecord,
    "direct.refreshed": DirectRecord,
    "direct.used": DirectUsed,
    "direct.removed": DirectRecord,
    "direct.expired": DirectRecord,
    **callback_models.DATA,
    **queue_models.DATA,
    "agent.state": AgentChanged,
    "trunk.state": PeerChanged,
    "pbx.state": PeerChanged,
    "alarm.raised": AlarmChanged,
    "alarm.cleared": AlarmChanged,
}
"""The model of every kind's data."""


class Envelope(Model):
    """What every event looks like from outside."""

    schema_: Literal[1] = Field(alias="schema", description="Version of this envelope")
    id: str = Field(description="UUID version 7: the same however often the event is sent")
    seq: int = Field(ge=1, description="Grows from event to event of a node; gaps are allowed")
    time: Time = Field(description="When it happened")
    kind: str
    node: str
    data: dict[str, Any]


def check_event(event: Event) -> None:
    """Hold an event against its model. Raises `pydantic.ValidationError`, and KeyError for an unknown kind."""
    Envelope.model_validate_json(event.to_json())
    DATA[event.kind].model_validate(event.data)
