"""Facts as they are told to the world: one value per fact, one JSON text per value (contract.md)."""

import json
import re
from collections.abc import Mapping
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

SCHEMA: Final = 1

Kind = Literal[
    "call.started", "call.answered", "call.ended",
    "direct.created", "direct.refreshed", "direct.used", "direct.removed", "direct.expired",
    "callback.queued", "callback.due", "callback.assigned", "callback.released", "callback.attempted",
    "callback.connected", "callback.done", "callback.failed", "callback.expired", "callback.cancelled",
    "ticket.opened",
    "queue.offered", "queue.requested", "place.held", "place.taken", "place.lost", "place.returned",
    "agent.state", "trunk.state", "pbx.state", "alarm.raised", "alarm.cleared",
]

NUMBER: Final = re.compile(r"(?<![0-9A-Za-z-])(\+?[0-9]{2})([0-9]{3,})([0-9]{2})(?![0-9A-Za-z-])")
"""Seven digits or more that stand alone: a phone number. Extensions are shorter; parts of a UUID touch a hyphen."""

class Outbox(IntEnum):
    """Whether events are kept until somebody has fetched them, and in which form."""

    OFF = 0
    PLAIN = 1
    MASKED = 2
    """Numbers in them show their first and last digits only."""


write_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON, the same everywhere."""


def masked(value: Any) -> Any:
    """`value` with every phone number in it reduced to its first and last two digits, however deep it stands."""
    if isinstance(value, str):
        return NUMBER.sub(lambda match: match[1] + "*" * len(match[2]) + match[3], value)
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def write_answer(value: Any) -> str:
    """Write what a command answers. A list row by row: one call for a thousand rows keeps other threads waiting."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{write_json(key)}:{write_answer(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_json, value)) + "]"
    return write_json(value)


EPOCH: Final = date(1970, 1, 1).toordinal()
FIRST: Final = -62_135_596_800.0
"""The beginning of the year 1, seconds since the epoch."""
LAST: Final = 253_402_300_799.0
"""The last second of the year 9999: RFC 3339 writes no later one."""


def rfc3339(at: float) -> str:
    """Return a time in UTC to the millisecond, as RFC 3339 section 5.6 writes it.

    A time that it cannot write becomes the nearest one that it can: an absurd value does not hide what is beside it.
    """
    at = min(max(FIRST, at), LAST)
    seconds, milliseconds = divmod(int(at * 1000), 1000)
    day, second = divmod(seconds, 86_400)
    return f"{_day(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{milliseconds:03d}Z"


@lru_cache(maxsize=1024)
def _day(day: int) -> str:
    """Return the date of a day, counted from the epoch: many times share one."""
    return date.fromordinal(EPOCH + day).isoformat()


class Event(NamedTuple):
    """One fact."""

    kind: str
    """One of `Kind`; plain text because later versions of the database may hold others."""
    time: float
    """When it happened, seconds since the epoch."""
    id: str
    """UUID version 7: the same fact told twice has the same one."""
    data: dict[str, Any]
    """Plain JSON values; numbers of customers and ours only here."""
    node: str
    seq: int = 0
    """Position in the outbox, growing; 0 while it has none."""

    def to_json(self) -> str:
        """Return the text that is published."""
        return write_json({"schema": SCHEMA, "id": self.id, "seq": self.seq, "time": rfc3339(self.time),
                           "kind": self.kind, "node": self.node, "data": self.data})


class EventText(NamedTuple):
    """An event as it goes out."""

    seq: int
    kind: str
    text: str
    """What `Event.to_json` gives."""
    is_masked: bool = False
    """Whether numbers were masked when it was written."""
