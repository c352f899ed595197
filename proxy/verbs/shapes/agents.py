"""An agent at their desk: what is before them, their card after a call, their pause."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.callbacks import Card, Task
from proxy.verbs.shapes.direct import Direct
from proxy.verbs.shapes.fields import line_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.queues import Agent
from proxy.verbs.shapes.verb import In, Verb


class PauseAsked(TypedDict):
    """A pause that an agent has asked for."""

    since: Annotated[Moment, "When they said it; what engages them then goes on before it begins"]
    reason: str


class Desk(TypedDict):
    """What is before one agent."""

    agent: Agent
    pause: Annotated[PauseAsked | None, "null: they may be rung"]
    wrap_up_until: Annotated[Moment | None, "Until when they count as busy with the card of their last callback; null: "
                                            "they do not"]
    cards: Annotated[list[Card], "The newest first: an attempt under way, a place that they picked up, and the last "
                                 "callback as long as its wrap-up runs"]
    callbacks: Annotated[list[Task], "Open and held ones that wait for them as their responsible, the one due first "
                                     "first"]
    direct: Annotated[list[Direct], "Live direct callbacks to them, the one touched last first"]


class OneAgent(In):
    """Which agent."""

    agent: str = line_field("Extension of the agent.", required=True, place="AGENT")


class Pause(OneAgent):
    """Which agent, and why."""

    reason: str = line_field("What they do meanwhile, such as lunch.", default="")


DESK: Final = Verb("agents.desk", OneAgent, Desk, "agent",
                   "What is before one agent: cards, wrap-up, own callbacks and direct callbacks", key="agent")
DONE: Final = Verb("agents.done", OneAgent, Agent, "agent",
                   "End an agent's wrap-up at once; without one nothing happens", changes=True, key="agent")
PAUSE: Final = Verb("agents.pause", Pause, Agent, "agent",
                    "Do not ring an agent until they resume; what engages them goes on before that", changes=True,
                    key="agent")
RESUME: Final = Verb("agents.resume", OneAgent, Agent, "agent", "Let an agent be rung again", changes=True, key="agent")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (DESK, DONE, PAUSE, RESUME)
