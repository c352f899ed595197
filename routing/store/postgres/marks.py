"""How far a node has read what others changed, as a text that it keeps with what it has taken.

Transactions overtake one another, so no number says how far one is: it is a snapshot of the server's, which names the
transactions that were over (`pg_snapshot`: `xmin:xmax:xip`). What is over later and was not over then is new, however
long the others take.

A server that crashes may forget its last transactions, and give their numbers to others. So marks of a while ago are
kept: whoever has lost the connection reads on from one that was `PROVEN` seconds old by then.
"""

import json
from typing import Any, Final, NamedTuple

PROVEN: Final = 30.0
"""Seconds after which a server has written what it had committed: a transaction that nobody waits for is written within
three pauses of its writer (`wal_writer_delay`, at most 10 s)."""

_SPACING: Final = 10.0
"""Seconds between two marks that are kept."""


class Point(NamedTuple):
    """A moment of a server."""

    snapshot: str
    at: float
    """By the server's clock, seconds since the epoch."""

    @property
    def first(self) -> int:
        """The first transaction that may not have been over."""
        return int(self.snapshot.partition(":")[0])

    @property
    def end(self) -> int:
        """The first one that had not begun."""
        return int(self.snapshot.split(":")[1])


class Copying(NamedTuple):
    """How far a copy of everything is."""

    kind: str
    after: tuple[str, ...]
    """Key of the last row of this kind that was copied; empty: none was."""
    before: float
    """When it began, by the node's clock."""
    at: float
    """When it was read on last, by the server's."""


class Mark(NamedTuple):
    """How far a node has read."""

    server: str
    """Which one counts so: another one's transactions have other numbers."""
    points: tuple[Point, ...]
    """Where it was, the oldest first. All that was over at the last of them is taken, once nothing is copied."""
    upto: Point | None = None
    """Where it will be once all pages up to there are read."""
    after: tuple[int, int] = (0, 0)
    """The last entry of the log that was read on the way: transaction, number."""
    copying: Copying | None = None

    @property
    def base(self) -> Point:
        """Where it is."""
        return self.points[-1]

    def reached(self, point: Point) -> "Mark":
        """Return the mark of whoever has read everything up to there."""
        kept = list(self.points)
        if len(kept) > 1 and kept[-1].at < kept[-2].at + _SPACING:
            kept.pop()
        kept.append(point)
        while len(kept) > 1 and kept[1].at <= point.at - PROVEN:
            del kept[0]
        return Mark(self.server, tuple(kept))

    def proven(self) -> "Mark | None":
        """Return where to read on from when the server may have crashed since; None: nowhere."""
        last = self.base.at if self.copying is None else self.copying.at
        found = [point for point in self.points if point.at <= last - PROVEN]
        return Mark(self.server, (found[-1],), copying=self.copying) if found else None

    def to_text(self) -> str:
        """Return it as it is kept."""
        return json.dumps(self, separators=(",", ":"))


def read_mark(text: str) -> Mark | None:
    """Return the mark of a text; None: it is none that can be read, and so nothing is known."""
    try:
        server, points, upto, after, copying = json.loads(text)
        mark = Mark(str(server), tuple(_point(point) for point in points), None if upto is None else _point(upto),
                    (int(after[0]), int(after[1])), None if copying is None else _copying(copying))
        return mark if mark.base.end else None
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _point(found: Any) -> Point:
    point = Point(str(found[0]), float(found[1]))
    return point if point.first <= point.end else _point(None)


def _copying(found: Any) -> Copying:
    kind, after, before, at = found
    return Copying(str(kind), tuple(map(str, after)), float(before), float(at))
