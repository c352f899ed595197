"""What the daemon counts while it works: plain integers, raised in the hot path and read by a scrape.

Only the daemon's own thread writes; the status thread reads. A read may miss the last few steps, never tear: an int
is replaced whole, and a table is copied in one step before anybody walks over it.
No label is a number, and a sender cannot make labels without end: a table that is full counts under `OTHER`.
"""

from bisect import bisect_left
from typing import Final

MAX_LABELS: Final = 64
"""Different labels in one table; what comes later is counted as `OTHER`."""

OTHER: Final = "other"

METHODS: Final = {name.encode(): name for name in (
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE",
    "REGISTER", "PUBLISH")}
"""Methods that are counted by name."""

DECISION_BOUNDS: tuple[float, ...] = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05)
"""Upper bounds, in seconds, of the buckets for the time one routing decision takes."""

SETUP_BOUNDS: tuple[float, ...] = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
"""Upper bounds, in seconds, of the buckets for the time from an INVITE's arrival to its departure."""


class Tally(dict[str, int]):
    """How often each label was seen; a label is a word from a small set, never a phone number.

    Labels of a set that is fixed are counted without a call: `tally[label] += 1`.
    """

    __slots__ = ()

    def __missing__(self, label: str) -> int:
        return 0

    def add(self, label: str, by: int = 1) -> None:
        """Count `label` once, or `by` times."""
        if label in self:
            self[label] += by
        elif len(self) < MAX_LABELS:
            self[label] = by
        else:
            self[OTHER] = self.get(OTHER, 0) + by


class Histogram:
    """Observations in buckets; the bucket counts are not cumulative here, the scrape adds them up."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation; a value equal to a bound belongs to that bound's bucket."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counters:
    """One of these per daemon; every part that counts gets it when it is built."""

    __slots__ = (
        "breakers",
        "calls",
        "decision_seconds",
        "direct_used",
        "fail_open",
        "log_lines_lost",
        "parse_errors",
        "received_requests",
        "received_responses",
        "refused",
        "retransmissions_absorbed",
        "sent_requests",
        "sent_responses",
        "setup_seconds",
        "taken_up",
        "transactions",
    )

    def __init__(self) -> None:
        self.received_requests = Tally()
        """By method."""
        self.received_responses = Tally()
        """By status class: `1xx` to `6xx`."""
        self.sent_requests = Tally()
        """By method."""
        self.sent_responses = Tally()
        """By status class."""
        self.parse_errors = Tally()
        """By the one-word reason the parser gives."""
        self.refused = Tally()
        """By reason: `source`, `token`, `rate`, `method`, ..."""
        self.calls = Tally()
        """By `DIRECTION.OUTCOME`: `inbound.answered`, `outbound.failed`, ..."""
        self.fail_open = Tally()
        """Calls that took their normal route because something of ours failed, by what failed."""
        self.taken_up = 0
        """Responses and CANCELs of calls that a process before this one began."""
        self.breakers: dict[str, bool] = {}
        """Circuit breaker per next-hop address (`udp:10.0.0.10:5060`): True while it is open."""
        self.retransmissions_absorbed = 0
        self.log_lines_lost = 0
        """Lines that nobody read in time."""
        self.direct_used = 0
        self.transactions = 0
        """In progress now: goes up and down."""
        self.decision_seconds = Histogram(DECISION_BOUNDS)
        self.setup_seconds = Histogram(SETUP_BOUNDS)

    def call_ended(self, direction: str, outcome: str) -> None:
        """Count a call that is over; `outcome`: `answered`, `failed` or `cancelled`."""
        self.calls.add(f"{direction}.{outcome}")


def status_class(status: int) -> str:
    """Label of a SIP status: `2xx` for 200 to 299; `OTHER` outside 100 to 699."""
    return STATUS_CLASSES.get(status // 100, OTHER)


STATUS_CLASSES: Final = {n: f"{n}xx" for n in range(1, 7)}
