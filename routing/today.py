"""How many calls there were today, by the policy's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from routing.calls import Call
from routing.store.interface import Counts


class Today:
    """Counts the calls that began since midnight."""

    __slots__ = ("_begin", "_counts", "_end", "_zone")

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._begin = self._end = 0.0
        self._counts = Counts()

    def timezone(self, name: str) -> None:
        """Count by another clock from the next midnight of either on."""
        self._zone = ZoneInfo(name)

    def begin(self, now: float) -> float:
        """Return when today began, seconds since the epoch; a new day counts from nought."""
        if not self._begin <= now < self._end:
            day = datetime.fromtimestamp(now, self._zone).date()
            midnights = (datetime(each.year, each.month, each.day, tzinfo=self._zone)
                         for each in (day, day + timedelta(days=1)))
            self._begin, self._end = (midnight.timestamp() for midnight in midnights)
            self._counts = Counts()
        return self._begin

    def started(self, call: Call, now: float) -> None:
        """Count a new call."""
        self.begin(now)
        calls, inbound, outbound, answered, direct = self._counts
        self._counts = Counts(calls + 1, inbound + (call.direction == "inbound"),
                              outbound + (call.direction == "outbound"), answered, direct + (call.tried is not None))

    def answered(self, now: float) -> None:
        """Count an answer."""
        self.begin(now)
        self._counts = self._counts._replace(answered=self._counts.answered + 1)

    def restored(self, counts: Counts) -> None:
        """Go on from what the database counted, unless we already count: its count may hold the same calls."""
        if not self._counts.calls:
            self._counts = counts

    def counts(self, now: float) -> Counts:
        """Return today's counts."""
        self.begin(now)
        return self._counts
