"""The daemon in one look, and its alarms."""

from typing import Annotated, Final, Literal, TypedDict

from proxy.build import Build
from proxy.verbs.shapes.fields import line_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Nothing, Verb


class PeerNow(TypedDict):
    """A trunk or a PBX, as its answers to OPTIONS show it."""

    state: Literal["up", "down"]
    since: Moment
    latency_ms: Annotated[float | None, "Of the last answered OPTIONS; null before the first"]


class CallCounts(TypedDict):
    """Calls of customers now and since midnight in the policy's time zone; callbacks are counted apart from them."""

    active: int
    today: int
    answered_today: int
    inbound_today: int
    outbound_today: int
    direct_today: Annotated[int, "Calls that went to an agent by direct callback, answered there or not"]
    callbacks_active: Annotated[int, "Callbacks of which a leg is up, each once"]
    callbacks_dialled_today: Annotated[int, "Times that a callback dialled its customer"]
    callbacks_answered_today: Annotated[int, "Of those, how many the customer answered"]


class AlarmNow(TypedDict):
    """Something that needs a person."""

    name: Annotated[str, "One word: database, mqtt, ..."]
    text: str
    since: Moment


class DirectCount(TypedDict):
    """Direct callbacks in short."""

    live: Annotated[int | None, "Live records; null: the database cannot be read"]


class CallbackCounts(TypedDict):
    """Callbacks in short."""

    in_queue: Annotated[int, "Tasks that are open or held"]
    due: Annotated[int, "Of them, those that wait for an agent now"]
    running: Annotated[int, "Attempts under way"]
    places_held: Annotated[int, "Legs of ours that stand in a PBX's queue for somebody who asked for one"]


class QueueNow(TypedDict):
    """Who waits in a group, and what they were offered."""

    waiting: Annotated[int, "Callers who wait for an agent"]
    estimated_wait_s: Annotated[float | None, "Of who rings in now; null: nothing is known"]
    places_held: int
    offers_made: Annotated[int, "Callers who were told today that they may ask for a callback"]
    offers_taken: Annotated[int, "Callbacks that callers asked for today"]


class Status(TypedDict):
    """The daemon at one moment."""

    node: str
    version: str
    build: Annotated[Build, "Whether the rooms without I/O run as machine code, or as Python"]
    since: Annotated[Moment, "When it started"]
    state: Literal["starting", "running", "draining"]
    calls: CallCounts
    trunks: Annotated[dict[str, PeerNow], "By name"]
    pbxs: Annotated[dict[str, PeerNow], "By name"]
    alarms: list[AlarmNow]
    direct: DirectCount
    callbacks: CallbackCounts
    queues: Annotated[dict[str, QueueNow], "By group"]


class StandingAlarm(AlarmNow):
    """An alarm that is up."""

    by_hand: Annotated[bool, "It stays until somebody has seen it and clears it"]


class ClearAlarm(In):
    """Which alarm."""

    name: str = line_field("Of the alarm, as the list shows it.", required=True, place="NAME")


class Cleared(TypedDict):
    """An alarm that is down now."""

    name: str


STATUS: Final = Verb("status", Nothing, Status, "agent", "The daemon in one look", doors=NOT_BY_MQTT)
ALARMS: Final = Verb("alarms.list", Nothing, list[StandingAlarm], "supervisor",
                     "Alarms that are up, and whether each waits for an operator", doors=NOT_BY_MQTT)
CLEAR_ALARM: Final = Verb("alarms.clear", ClearAlarm, Cleared, "admin",
                          "Take down an alarm that stays until somebody has seen it", changes=True,
                          doors=NOT_BY_MQTT, key="name")

VERBS: Final = (STATUS, ALARMS, CLEAR_ALARM)
