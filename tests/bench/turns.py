"""One turn: calls at one rate through one element, and what was measured. And the table of all of them."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.bench import setup_times
from tests.bench.broker import Broker
from tests.bench.element import Element
from tests.bench.job import Job
from tests.bench.load import Made, call
from tests.bench.usage import Used, memory_mb, since, usage

NOTHING = Used()


class Turn(NamedTuple):
    """What was measured."""

    rate: int
    made: Made
    threads: dict[str, Used]
    """Of all the element's processes, by their names."""
    memory_mb: float
    setup_ms: tuple[float, float]
    """Within which half and 99 % of the INVITEs left the element, as it says itself; nan where it does not."""
    messages: int
    """Taken by the broker meanwhile."""

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU a call."""
        return 1000 * sum(used.cpu for used in self.threads.values()) / max(1, self.made.calls)

    def line(self, name: str) -> str:
        """All of it on one line."""
        figures: dict[str, object] = {
            "rate": self.rate, "calls": self.made.calls, "failed": self.made.failed,
            "retransmissions": self.made.retransmissions, "cpu_ms_per_call": round(self.cpu_ms, 3),
            "memory_mb": round(self.memory_mb, 1)}
        if not math.isnan(self.setup_ms[0]):
            figures |= {"added_p50_ms": round(self.setup_ms[0], 2), "added_p99_ms": round(self.setup_ms[1], 2)}
        if self.messages:
            figures["messages_per_call"] = round(self.messages / max(1, self.made.calls), 2)
        return f"{name:10} " + "  ".join(f"{key}={value}" for key, value in figures.items())


def take(element: Element, job: Job, broker: Broker | None, rate: int, seconds: int, hold: int) -> Turn:
    """Make calls and measure."""
    leader = element.process.pid
    most = [memory_mb(leader)]
    told = broker.received() if broker else 0
    times = element.setup_times() if element.setup_times else {}
    before = usage(leader)
    made = call(job, rate, seconds, hold, lambda: most.append(memory_mb(leader)))
    threads = since(before, usage(leader))
    later = element.setup_times() if element.setup_times else {}
    p50, p99 = (setup_times.quantile_ms(times, later, share) for share in (0.5, 0.99))
    return Turn(rate, made, threads, max(most), (p50, p99), (broker.received() if broker else 0) - told)


HEAD = ("element", "calls/s", "failed of", "CPU ms a call", "of Kamailio's", "loop (of it system)", "store", "status",
        "others", "wake-ups a call", "pushed off a call", "added to an INVITE ms, p50 / p99", "messages a call", "MB")


def table(turns: Mapping[str, Sequence[Turn]], yardstick: str) -> str:
    """Medians of each element's turns at each rate, as a table for a page; CPU by threads where it has some."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for rate in dict.fromkeys(turn.rate for several in turns.values() for turn in several):
        for name, several in turns.items():
            beside = [turn.cpu_ms for turn in turns.get(yardstick, ()) if turn.rate == rate]
            rows.append(_row(name, [turn for turn in several if turn.rate == rate], beside))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, turns: Sequence[Turn], beside: Sequence[float]) -> tuple[str, ...]:
    calls = sum(turn.made.calls for turn in turns)
    cpu = median(turn.cpu_ms for turn in turns)

    def spent(*names: str) -> float:
        return median(1000 * sum(turn.threads.get(each, NOTHING).cpu for each in names) / max(1, turn.made.calls)
                      for turn in turns)

    def switched(pushed: bool) -> str:
        each = (sum(used.pushed if pushed else used.waited for used in turn.threads.values()) / max(1, turn.made.calls)
                for turn in turns)
        return f"{median(each):.2f}"

    system = median(1000 * turn.threads.get("main", NOTHING).system / max(1, turn.made.calls) for turn in turns)
    has_threads = any("store" in turn.threads for turn in turns)
    others = {each for turn in turns for each in turn.threads} - {"main", "store", "status"}
    by_thread = (f"{spent('main'):.2f} ({system:.2f})",
                 *(f"{each:.3f}" for each in (spent("store"), spent("status"), spent(*others))))
    added = " / ".join(f"{median(turn.setup_ms[place] for turn in turns):.2f}" for place in (0, 1))
    return (
        name, str(turns[0].rate), f"{sum(turn.made.failed for turn in turns)} of {calls}", f"{cpu:.2f}",
        f"{cpu / median(beside):.2f}" if beside else "",
        *(by_thread if has_threads else ("",) * len(by_thread)),
        switched(pushed=False), switched(pushed=True), "" if "nan" in added else added,
        f"{sum(turn.messages for turn in turns) / max(1, calls):.2f}", f"{max(turn.memory_mb for turn in turns):.0f}")
