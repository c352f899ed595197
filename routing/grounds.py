"""Why a call went where it went, as far as direct callback is the reason: what is kept with the call's row, so that
somebody who asks next week is told which record it was, though that is gone by then. Pure.

Only a call of a customer who had a record has grounds; why all others went where they did is said by their number,
group and reason.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, get_args

from routing.direct import live
from routing.events import write_json
from routing.rows import Record

Why = Literal["followed", "dialled", "expired", "off", "elsewhere"]
"""`followed`: the record's agent was tried. `dialled`: that agent was dialled anyhow. `expired`: the record was no
more. `off`: the agent's setting is type 0. `elsewhere`: the agent is none of the PBX that the call went to."""
WHYS: Final = frozenset(get_args(Why))


class Grounds(NamedTuple):
    """Which record counted, and what came of it. Times in seconds since the epoch."""

    why: Why
    agent: str
    type: int
    """In force for the agent when the call came."""
    made_at: float
    """When the call ended of which the record was made."""
    touched_at: float
    expires_at: float

    def written(self) -> str:
        """Return the text that `read` reads."""
        return write_json(self)


def of(records: Sequence[Record], followed: Record | None, type_of: Callable[[str], int], dialled: str,
       now: float) -> Grounds:
    """Say what became of a customer's records, of which there is one at least, when their call was decided.

    `followed`: the one that the call goes by. `type_of(agent)`: the type in force.
    """
    record = followed or max(records, key=lambda one: (live(one, now), one.touched_at, one.made_at))
    kind = type_of(record.agent)
    why: Why = "followed" if followed is not None else "expired" if not live(record, now) else \
        "off" if kind == 0 else "dialled" if record.agent == dialled else "elsewhere"
    return Grounds(why, record.agent, kind, record.made_at, record.touched_at, record.expires_at)


def read(text: str | None) -> Grounds | None:
    """Return what `written` wrote; None where there is nothing that can be read."""
    try:
        why, agent, kind, made_at, touched_at, expires_at = json.loads(text or "")
        found = Grounds(why, str(agent), int(kind), float(made_at), float(touched_at), float(expires_at))
    except (ValueError, TypeError):
        return None
    return found if isinstance(why, str) and why in WHYS else None
