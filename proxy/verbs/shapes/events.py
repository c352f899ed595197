"""What happens, as it happens, and how much the log says."""

from typing import Annotated, Any, Final, Literal, TypedDict, get_args

from proxy.verbs.shapes.fields import one_of_field, words_field
from proxy.verbs.shapes.kinds import Facts, Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, SOCKET, In, Verb

MOST_KINDS: Final = 100
"""Words that a follower may name."""
Level = Literal["debug", "info", "warning", "error"]


class EventItem(TypedDict, total=False):
    """An event, as on MQTT."""

    following: Annotated[list[str], "In the first item alone: the kinds that come"]
    schema: int
    id: Annotated[str, "UUID version 7: the same fact told twice has the same one"]
    seq: int
    time: Moment
    kind: str
    node: str
    data: Facts
    missed: Annotated[int, "So many were left out before this one"]


class Follow(In):
    """Which events."""

    kinds: tuple[str, ...] = words_field("Such as call.ended, or callback for all that begin so; every event where "
                                         "none is named.", MOST_KINDS, place="KIND")


class LogLevel(In):
    """Which level."""

    level: Level | None = one_of_field("debug, info, warning or error; nothing: only say it.", get_args(Level),
                                       place="LEVEL")


class LevelNow(TypedDict):
    """How much the log says."""

    level: Level


EVENTS: Final = Verb("events", Follow, EventItem, "supervisor", "Follow events as they are committed", streams=True,
                     doors=SOCKET)
LOG_LEVEL: Final = Verb("log.level", LogLevel, LevelNow, "admin",
                        "Set the level of the log until the daemon ends, or say which it is", changes=True,
                        doors=NOT_BY_MQTT)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (EVENTS, LOG_LEVEL)
