"""How many calls there were today, by the policy's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from routing.calls import ON_BEHALF, Call
from routing.storage import Counts


def day_of(now: float, timezone: str) -> tuple[float, float]:
    """Return the midnights between which a moment lies in a time zone (IANA name), seconds since the epoch."""
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(now, zone).date()
    first, last = (datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()
                   for each in (day, day + timedelta(days=1)))
    return first, last


class Today:
    """Counts the calls that began since midnight, legs of ours apart from calls of customers."""

    __slots__ = ("_begin", "_counts", "_end", "_missing_until", "_timezone")

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._begin = self._end = 0.0
        self._counts = Counts()
        self._missing_until: float | None = None
        """Before then calls of this day were not counted here; None: all of them were."""

    def timezone(self, name: str) -> None:
        """Count by another clock: its day began at another moment, so what was counted is `missing`."""
        if name != self._timezone:
            self._timezone = name
            self._begin = self._end = 0.0

    def begin(self, now: float) -> float:
        """Return when today began, seconds since the epoch; a new day counts from nought."""
        if not self._begin <= now < self._end:
            self._missing_until = None if 0 < self._end <= now else now
            self._begin, self._end = day_of(now, self._timezone)
            self._counts = Counts()
        return self._begin

    def started(self, call: Call, now: float) -> None:
        """Count a new call; of the legs of a callback only the one to the customer; what a PBX places for a customer
        is a part of that customer's call."""
        self.begin(now)
        if call.reason == ON_BEHALF:
            return
        counts = self._counts
        if call.leg:
            if call.direction == "outbound":
                self._counts = counts._replace(dialled=counts.dialled + 1)
            return
        self._counts = counts._replace(
            calls=counts.calls + 1, inbound=counts.inbound + (call.direction == "inbound"),
            outbound=counts.outbound + (call.direction == "outbound"), direct=counts.direct + (call.tried is not None))

    def answered(self, call: Call, now: float) -> None:
        """Count an answer, where the call was counted too."""
        if call.started_at < self.begin(now) or call.reason == ON_BEHALF:
            return
        counts = self._counts
        if not call.leg:
            self._counts = counts._replace(answered=counts.answered + 1)
        elif call.direction == "outbound":
            self._counts = counts._replace(dialled_answered=counts.dialled_answered + 1)

    def missing(self, now: float) -> tuple[float, float] | None:
        """Return from when until when today's calls were not counted here; None: nothing is missing."""
        begin = self.begin(now)
        return None if self._missing_until is None else (begin, self._missing_until)

    def add(self, counts: Counts) -> None:
        """Add what the database counted of the stretch that is missing."""
        self._missing_until = None
        self._counts = Counts(*(one + other for one, other in zip(self._counts, counts, strict=True)))

    def counts(self, now: float) -> Counts:
        """Return today's counts."""
        self.begin(now)
        return self._counts
