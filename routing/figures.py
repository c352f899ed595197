"""What became of callbacks in one day: of all, and by group, by our number, by campaign and by kind. Read from the
database, so a restart changes nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from routing.rows import TaskKind, TaskState


class Tally(NamedTuple):
    """Callbacks of one day."""

    offers_made: int = 0
    """Callers who were told in a queue that they may ask for one, each once."""
    offers_taken: int = 0
    """Tasks made because a caller in a queue asked for one."""
    promised: int = 0
    """Tasks made."""
    dialled: int = 0
    """Attempts that came to dial the customer."""
    kept: int = 0
    """Tasks that ended with a talk that a callback brought about, whenever they were promised."""
    called_meanwhile: int = 0
    """Tasks that ended because customer and house talked in another call."""
    tickets: int = 0
    """Tasks in whose place a ticket was opened."""
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    waited_s: float = 0.0
    """Of those kept: from the missed call, or from the request in the queue, to the talk, in all."""
    in_queue: int = 0
    """Tasks that are open or held now, whenever they were promised."""

    @property
    def average_wait_s(self) -> float | None:
        """Seconds from the missed call or the request to the talk; None: none was kept."""
        return round(self.waited_s / self.kept, 1) if self.kept else None

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of both."""
        return Tally._make(one + more for one, more in zip(self, other, strict=True))


NONE: Final = Tally()

Owner = tuple[str, str | None, str | None, TaskKind]
"""Group, number of ours and campaign of a task, None: of none; and what it came of."""


class DayFigures(NamedTuple):
    """One day of callbacks."""

    since: float = 0.0
    """When the day began, seconds since the epoch."""
    total: Tally = NONE
    groups: Mapping[str, Tally] = {}
    numbers: Mapping[str, Tally] = {}
    campaigns: Mapping[str, Tally] = {}
    kinds: Mapping[str, Tally] = {}
    released: Mapping[str, int] = {}
    """By agent: tasks that were taken from them because they let them wait."""


class Counts(NamedTuple):
    """What happened in a stretch of time to callbacks, and to the calls that they come of."""

    missed: int = 0
    """Calls of customers who reached nobody."""
    offers_made: int = 0
    offers_taken: int = 0
    promised: int = 0
    dialled: int = 0
    kept: int = 0
    kept_in_time: int = 0
    """Of those kept: before the end of what was promised, the window or the limit of a request."""
    called_meanwhile: int = 0
    tickets: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    declined: int = 0
    """Times that an agent declined."""
    released: int = 0
    """Tasks that were taken from their responsible because they let them wait."""
    tickets_opened: int = 0
    """Tickets opened, for whatever reason; `tickets` are those in whose place a callback ended."""
    direct_used: int = 0
    """Calls of customers that direct callback sent to an agent."""

    def plus(self, other: "Counts") -> "Counts":
        """Return the sum of both."""
        return Counts._make(one + more for one, more in zip(self, other, strict=True))


class Cell(NamedTuple):
    """What happened of one group, number, campaign and agent."""

    group: str | None
    number: str | None
    """Ours, E.164."""
    campaign: str | None
    agent: str | None
    """Who did it, of what agents do; None: nobody did, or nobody knows who."""
    counts: Counts
    waits: tuple[float, ...] = ()
    """Seconds that each of the kept waited: as in `Tally.waited_s`."""


class Origin(NamedTuple):
    """Which database something was counted in."""

    restored: int
    """When a backup took the place of the one before, seconds since the epoch; 0: none did."""
    oldest: float | None
    """When the oldest call began that it has; None: it has none."""


def gather(since: float, offered: Iterable[tuple[Any, ...]], promised: Iterable[tuple[Any, ...]],
           dialled: Iterable[tuple[Any, ...]], ended: Iterable[tuple[Any, ...]], kept: Iterable[tuple[Any, ...]],
           released: Mapping[str, int], opened: Iterable[tuple[Any, ...]] = ()) -> DayFigures:
    """Add up what the database counted.

    Each row begins with an Owner. Then `offered`, `promised`, `dialled`, `opened` (now): how many; `ended`: state,
    reason, how many; `kept`: how many, and the seconds that they waited in all.
    """
    tallies: dict[Owner, Tally] = {}

    def add(of: list[Any], tally: Tally) -> None:
        group, number, campaign, kind = of
        owner = group, number, campaign, kind
        tallies[owner] = tallies.get(owner, NONE).plus(tally)

    for *owner, count in offered:
        add(owner, Tally(offers_made=count))
    for *owner, count in promised:
        add(owner, Tally(promised=count, offers_taken=count if owner[-1] == "queue" else 0))
    for *owner, count in dialled:
        add(owner, Tally(dialled=count))
    for *owner, state, reason, count in ended:
        field = ended_field(state, reason)
        if field is not None:
            add(owner, Tally(**{field: count}))
    for *owner, count, waited in kept:
        add(owner, Tally(kept=count, waited_s=waited))
    for *owner, count in opened:
        add(owner, Tally(in_queue=count))
    total = NONE
    for tally in tallies.values():
        total = total.plus(tally)
    return DayFigures(since, total, _by(tallies, lambda owner: owner[0]), _by(tallies, lambda owner: owner[1]),
                      _by(tallies, lambda owner: owner[2]), _by(tallies, lambda owner: owner[3]), released)


def ended_field(state: TaskState, reason: str) -> str | None:
    """Return the field of a tally that counts a task which ended so; of those that callbacks kept `kept` tells."""
    if state == "done":
        return {"talk": "called_meanwhile", "ticket": "tickets"}.get(reason)
    return state if state in ("failed", "expired", "cancelled") else None


def _by(tallies: Mapping[Owner, Tally], of: Callable[[Owner], str | None]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for owner, tally in tallies.items():
        name = of(owner)
        if name is not None:
            found[name] = found.get(name, NONE).plus(tally)
    return found
