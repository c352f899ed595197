"""Groups with their callers and callbacks, and agents."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.callbacks import Task
from proxy.verbs.shapes.fields import limit_field, line_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import In, Nothing, Verb

Agent = TypedDict("Agent", {
    "extension": str, "name": str | None, "groups": list[str],
    "type": Annotated[int, "Of direct callback, as it is in force for them"],
    "state": Annotated[str, "free, ringing, busy, wrap_up, paused, away or unknown"],
    "since": Annotated[Moment | None, "null: never seen"],
    "with": Annotated[str | None, "E.164 of the customer whom a call engages them with, or rings them for"],
    "released_today": Annotated[int, "Tasks that were taken from them because they let them wait"],
    "reason": Annotated[str | None, "Of the pause that they asked for, which begins once nothing engages them; null: "
                                    "they did not"],
})
Agent.__doc__ = "An agent who is listed or was seen."


class Queue(TypedDict):
    """A group in short."""

    group: str
    target: Annotated[str | None, "Queue extension on the PBX"]
    calls: Annotated[int, "Calls in progress to or from its numbers and agents; no legs of ours"]
    waiting: Annotated[int, "Callers who wait for an agent"]
    longest_wait_s: Annotated[float, "Of the first of them; 0: nobody waits"]
    estimated_wait_s: Annotated[float | None, "Of who rings in now, by how fast callers were taken within the last "
                                              "hour; null: nothing is known"]
    places_held: Annotated[int, "Legs of ours that stand in the PBX's queue for somebody who asked for a callback"]
    offers_made: Annotated[int, "Callers who were told today that they may ask for one, each once"]
    offers_taken: Annotated[int, "Callbacks that callers asked for today"]
    agents_free: int
    agents_busy: int
    agents_paused: Annotated[int, "They said that they are not to be rung"]
    agents_away: int
    agents_unknown: int
    callbacks_in_queue: Annotated[int, "Tasks that are open or held"]
    callbacks_due: int
    callbacks_running: int
    callbacks_total: Annotated[int, "Promised today, in the policy's time zone; as those that follow"]
    callbacks_dialled: int
    callbacks_kept: int
    average_callback_wait_s: Annotated[float | None, "Of those kept: from the missed call, or from the request in "
                                                     "the queue; null: none yet"]


class Caller(TypedDict):
    """Who waits for an agent."""

    call: Annotated[str, "UUID version 7"]
    customer: str | None
    number: Annotated[str | None, "Our number that they dialled"]
    since: Moment
    wait_s: float


class QueueDetail(Queue):
    """A group with each of its callers and agents, and the callbacks that come first."""

    callers: Annotated[list[Caller], "The first first"]
    agents: list[Agent]
    callbacks: Annotated[list[Task], "The one due first first"]


class OneQueue(In):
    """Which group, and how many of its callbacks."""

    group: str = line_field("Of the policy.", required=True, place="GROUP")
    limit: int = limit_field("At most so many of its callbacks.")


AGENTS: Final = Verb("agents.list", Nothing, list[Agent], "agent",
                     "Agents, what they do, and tasks they were not free for in time")
LIST: Final = Verb("queues.list", Nothing, list[Queue], "agent",
                   "Groups: who waits, who is there, and how their callbacks stand")
SHOW: Final = Verb("queues.show", OneQueue, QueueDetail, "agent",
                   "One group with each caller and agent, and the callbacks that come first", key="group")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (AGENTS, LIST, SHOW)
