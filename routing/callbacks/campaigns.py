"""Which callback comes first, and how many at a time.

- Among campaigns the smaller rank goes first; campaigns of one rank share the calls by their parity. Callbacks of no
  campaign go before all of them.
- Agents share, reserve and priority say how many agents callbacks may have (product.md sections 5 and 6).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from config.callbacks import Sort
from config.policy import Callback, Campaign

NO_CAMPAIGN: Final = ""
"""Stands among ids for the callbacks that belong to no campaign."""


def active(campaign: Campaign, now: float, zone: str) -> bool:
    """Say whether a campaign runs at all today, by the calendar of its group's zone; its hours are not asked."""
    if not campaign.enabled:
        return False
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    first, last = campaign.first_day, campaign.last_day
    return (first is None or first <= today) and (last is None or today <= last)


def adds(campaign: Campaign, waited: float, key: str | None = None) -> bool:
    """Say whether a caller joins a campaign: who waited long enough, or pressed its key; without either, everybody.

    `waited`: seconds in the queue until they hung up. `key`: what they pressed, which is for the campaign of that key
    and no other.
    """
    if key is not None:
        return key == campaign.add_key
    if campaign.add_after is not None:
        return waited >= campaign.add_after
    return campaign.add_key is None


def sort_key(order: Sort, missed_at: float, chance: float) -> float:
    """Return what callbacks of one campaign are sorted by, smaller first; `chance`: a random number of this one."""
    return {"oldest": missed_at, "newest": -missed_at, "random": chance}[order]


def share(weights: Mapping[str, int], credit: Mapping[str, float]) -> tuple[str, dict[str, float]]:
    """Choose one of several by their weights, so that in the long run each gets its share, evenly mixed.

    `credit` is what each is owed, as the last call returned it; who is not there keeps theirs. Everybody gets their
    weight, and who is chosen pays for all. Equals are served by name.
    """
    owed = {name: credit.get(name, 0.0) + weight for name, weight in sorted(weights.items())}
    chosen = max(owed, key=lambda name: owed[name])
    owed[chosen] -= sum(weights.values())
    return chosen, {**credit, **owed}


def choose(candidates: Mapping[str, Campaign | None], credit: Mapping[str, float]) -> tuple[str, dict[str, float]]:
    """Choose whose callback goes next, of those that have one due: by rank, then by parity.

    `candidates`: campaigns by id; `NO_CAMPAIGN` (with None) goes first. ValueError where there is none.
    """
    if not candidates:
        raise ValueError("nothing to choose from")
    ranks = {name: campaign.rank if campaign is not None else 0 for name, campaign in candidates.items()}
    first = min(ranks.values())
    weights = {
        name: campaign.parity if campaign is not None else 1
        for name, campaign in candidates.items()
        if ranks[name] == first
    }
    if len(weights) == 1:
        return next(iter(weights)), dict(credit)
    return share(weights, credit)


def max_legs(agents: int, percent: int) -> int:
    """Return how many of a group's agents may be in callbacks at a time: the share rounded down, at least one."""
    return max(1, agents * percent // 100) if agents > 0 else 0


class Crowd(NamedTuple):
    """Who is there at the moment, seen from one group."""

    agents: int
    """Agents of the group; 0: it has a queue extension only."""
    free: int
    """Of them, those that may be rung now (of unknown state included where `ring_unknown`)."""
    running: int
    """Callbacks of the group that run."""
    waiting: int
    """Callers who wait for the group."""
    waiting_anywhere: int
    """Callers who wait in any queue."""
    running_share: int | None = None
    """Of `running`, those that `agents_share` is counted on (a campaign's own); None: all."""


def room(crowd: Crowd, settings: Callback) -> int:
    """Return how many callbacks may begin now: never more than free agents less the reserve.

    `agents_free` leaves one free agent for each caller who waits; `queue_empty` begins none while anybody waits.
    """
    if settings.priority == "queue_empty" and crowd.waiting_anywhere > 0:
        return 0
    if crowd.agents == 0:
        crowded = settings.priority == "agents_free" and crowd.waiting > 0
        return 0 if crowded else max(0, settings.queue_legs - crowd.running)
    running = crowd.running if crowd.running_share is None else crowd.running_share
    allowed = min(crowd.free - settings.reserve, max_legs(crowd.agents, settings.agents_share) - running)
    if settings.priority == "agents_free":
        allowed = min(allowed, crowd.free - crowd.waiting)
    return max(0, allowed)


Hindrance = Literal["queue_empty", "agents_free", "queue_legs", "no_agent", "share", "reserve"]
"""What keeps callbacks from beginning: the priority (callers wait somewhere, or as many as agents are free), calls into
the queue extension, no agent who may be rung, the share of agents, the reserve."""


def hindrance(crowd: Crowd, settings: Callback) -> Hindrance | None:
    """Return why `room` leaves none; None: it does."""
    if room(crowd, settings) > 0:
        return None
    if settings.priority == "queue_empty" and crowd.waiting_anywhere > 0:
        return "queue_empty"
    if crowd.agents == 0:
        return "agents_free" if settings.priority == "agents_free" and crowd.waiting > 0 else "queue_legs"
    if crowd.free == 0:
        return "no_agent"
    running = crowd.running if crowd.running_share is None else crowd.running_share
    if running >= max_legs(crowd.agents, settings.agents_share):
        return "share"
    return "reserve" if crowd.free <= settings.reserve else "agents_free"
