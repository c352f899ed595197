"""Models of what the outside reads: retained MQTT topics and the answers of probes. They are the documentation; the
tests hold what is really published against them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from proxy.status.source import AgentWord

Time = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339, UTC, milliseconds"}),
]
Count = Annotated[int, Field(ge=0)]


class Model(BaseModel):
    """Base of all: a field that nobody described is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PeerStatus(Model):
    """A trunk or a PBX, as its answers to OPTIONS show it."""

    state: Literal["up", "down"]
    since: Time
    latency_ms: float | None = Field(description="Of the last answered OPTIONS; null before the first")


class AgentStatus(Model):
    """What an extension is doing."""

    state: AgentWord = Field(description="paused: they said that they are not to be rung; away: their phone was called "
                             "and is not there; unknown: no call of theirs passed yet that would show it")
    since: Time | None = Field(description="null: never seen")
    name: str = Field(description="From the policy; empty where the extension is not listed")
    groups: list[str] = Field(description="Groups that list the extension")
    with_: str | None = Field(alias="with", description="E.164 of the customer whom a call engages them with, or rings "
                              "them for; null: nobody, withheld, or not known")
    released_today: Count = Field(description="Callbacks that were taken from them today because they let them wait")
    reason: str = Field(default="", description="Of the pause that they asked for, which begins once nothing engages "
                        "them; without this key there is none")


class GroupStatus(Model):
    """A group of agents."""

    calls: Count = Field(description="Calls in progress to or from the group's numbers and agents; no legs of ours")
    waiting: Count = Field(description="Callers who wait for an agent")
    longest_wait_s: Count = Field(description="How long the first of them has waited, rounded down to 5 s; 0: nobody "
                                  "waits")
    estimated_wait_s: Count | None = Field(description="How long who rings in now has to wait, by how fast callers "
                                           "were taken within the last hour, rounded to 5 s; null: nothing is known")
    places_held: Count = Field(description="Legs of ours that stand in the PBX's queue for somebody who asked for a "
                               "callback there")
    agents_free: Count
    agents_busy: Count = Field(description="Ringing, talking or wrapping up")
    agents_paused: Count = Field(description="They said that they are not to be rung")
    agents_away: Count = Field(description="Their phones are not there: not registered")
    agents_unknown: Count
    callbacks_in_queue: Count = Field(description="Callback tasks that are open or held")
    callbacks_due: Count = Field(description="Of them, those that wait for an agent now")
    callbacks_running: Count = Field(description="Attempts under way")
    offers_made: Count = Field(description="Callers who were told today that they may ask for a callback, each once: "
                               "since midnight in the policy's time zone, over restarts; as the figures that follow")
    offers_taken: Count = Field(description="Callbacks that callers in the queue asked for")
    callbacks_total: Count = Field(description="Callbacks promised, those among them")
    callbacks_dialled: Count = Field(description="Attempts that came to dial their customer")
    callbacks_kept: Count = Field(description="Callbacks that ended with a talk that they brought about, whenever they "
                                  "were promised")
    average_callback_wait_s: float | None = Field(description="Of those: seconds to that talk from the missed call, "
                                                  "or from the request in the queue; null: none yet")


class CallsStatus(Model):
    """Calls of customers now and since midnight in the policy's time zone; callbacks are counted apart from them."""

    active: Count
    today: Count
    answered_today: Count
    inbound_today: Count
    outbound_today: Count
    direct_today: Count = Field(description="Calls that went to an agent by direct callback, answered there or not")
    callbacks_active: Count = Field(description="Callbacks of which a leg is up, each once")
    callbacks_dialled_today: Count = Field(description="Times that a callback dialled its customer")
    callbacks_answered_today: Count = Field(description="Of those, how many the customer answered")


class AlarmStatus(Model):
    """Something that needs a person."""

    name: str = Field(description="One word: database, mqtt, ...")
    text: str
    since: Time


class AlarmsStatus(Model):
    """Every alarm that stands; an empty list is good news."""

    alarms: list[AlarmStatus]
