"""How long INVITEs were with Boomerang, as it says itself: the histogram `boomerang_setup_seconds` of /metrics."""

import math
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

NAME = "boomerang_setup_seconds"
SetupTimes = Mapping[float, float]
"""INVITEs so far that took at most so many seconds."""


def read(text: str) -> SetupTimes:
    """Read what /metrics answers."""
    return {float(sample.labels["le"]): sample.value for family in text_string_to_metric_families(text)
            if family.name == NAME for sample in family.samples if sample.name.endswith("_bucket")}


def quantile_ms(before: SetupTimes, after: SetupTimes, share: float) -> float:
    """What a share of the INVITEs between the two did not pass, in milliseconds; nan where there were none.

    Within a bucket it is read off a straight line, as Prometheus does; above the last bound it is that bound.
    """
    counts = {bound: count - before.get(bound, 0) for bound, count in sorted(after.items())}
    wanted = share * max(counts.values(), default=0)
    low = below = 0.0
    for bound, count in counts.items():
        if count >= wanted > 0:
            return 1000 * (low if bound == math.inf else low + (bound - low) * (wanted - below) / (count - below))
        low, below = bound, count
    return math.nan
