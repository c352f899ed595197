"""The benches' own arithmetic, and that their yardstick starts: what measures wrongly fails nowhere else."""

import math
import shutil
import subprocess
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.counters import SETUP_BOUNDS, Histogram
from tests.bench.job import Calls, new_job
from tests.bench.kamailio_element import arguments, configure
from tests.bench.room import STAMP, Heard, passed
from tests.bench.setup_times import quantile_ms, read
from tests.bench.usage import Used, since
from tests.kit.rtp_phone import FRAME, packet

KAMAILIO = shutil.which("kamailio")


def times_of(histogram: Histogram) -> dict[float, float]:
    """What /metrics would say of it."""
    counts = map(float, accumulate(histogram.buckets))
    return dict(zip((*histogram.bounds, math.inf), counts, strict=True))


@given(earlier=st.lists(st.floats(0, 0.4)), seconds=st.lists(st.floats(0, 0.4), min_size=1),
       share=st.sampled_from((0.5, 0.9, 0.99)))
def test_a_quantile_lies_in_the_bucket_of_the_one_that_it_is(
    earlier: list[float], seconds: list[float], share: float
) -> None:
    histogram = Histogram(SETUP_BOUNDS)
    for value in earlier:
        histogram.observe(value)
    before = times_of(histogram)
    for value in seconds:
        histogram.observe(value)
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    upper = min(bound for bound in SETUP_BOUNDS if exact <= bound)
    lower = max((bound for bound in SETUP_BOUNDS if bound < exact), default=0.0)
    assert 1000 * lower <= quantile_ms(before, times_of(histogram), share) <= 1000 * upper + 1e-9


def test_where_no_invite_came_there_is_no_quantile() -> None:
    assert math.isnan(quantile_ms({}, {}, 0.5))
    assert math.isnan(quantile_ms({0.1: 5.0, math.inf: 5.0}, {0.1: 5.0, math.inf: 5.0}, 0.5))


def test_threads_of_one_name_are_added_up_and_a_new_one_counts_from_nothing() -> None:
    before = {(1, 1): ("main", Used(1.0, 0.5, 10, 1)), (1, 2): ("store", Used(2.0, 1.0, 5, 5))}
    after = {(1, 1): ("main", Used(1.5, 0.75, 12, 4)), (1, 2): ("store", Used(2.5, 1.0, 6, 5)),
             (1, 3): ("store", Used(0.25, 0.0, 1, 0))}
    assert since(before, after) == {"main": Used(0.5, 0.25, 2, 3), "store": Used(0.75, 0.0, 2, 0)}


def test_the_daemon_says_what_is_read() -> None:
    text = "\n".join(('boomerang_setup_seconds_bucket{le="0.001"} 3.0', 'boomerang_setup_seconds_bucket{le="+Inf"} 4.0',
                      "boomerang_setup_seconds_sum 0.1", "boomerang_setup_seconds_count 4.0"))
    assert read(f"# TYPE boomerang_setup_seconds histogram\n{text}\n") == {0.001: 3.0, math.inf: 4.0}


@pytest.mark.skipif(KAMAILIO is None, reason="Kamailio is not installed")
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("calls", ["answered", "missed", "outbound"])
@pytest.mark.parametrize("broker", [None, 1883])
def test_kamailio_understands_every_form_of_its_script(
    tmp_path: Path, broker: int | None, calls: Calls, held: bool
) -> None:
    job = new_job(tmp_path, calls, records=0, held=held, broker=broker)
    try:
        configure(job, tmp_path / "sticky.db")
    except SystemExit as missing:
        pytest.skip(str(missing))
    done = subprocess.run(["kamailio", "-c", *arguments(job)], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


SENT = 10**9


def heard(*numbers: int, source: int = 7) -> list[Heard]:
    """Packets of one stream, 20 ms apart, each 5 ms on its way."""
    payload = (STAMP + SENT.to_bytes(8, "big")).ljust(FRAME, b"x")
    found = [Heard.read(SENT + 5_000_000 + 20_000_000 * place, packet(8, number, 0, source, payload))
             for place, number in enumerate(numbers)]
    return [one for one in found if one is not None]


@pytest.mark.parametrize(("numbers", "missing"), [
    ((65_534, 65_535, 0, 1), 0), ((1, 2, 5, 6), 2), ((1, 3, 2, 4), 0), ((2, 1, 4), 1), ((1, 1, 2), 0),
    ((32_000, 64_000), 31_999),
])  # fmt: skip
def test_packets_are_missing_within_a_stream(numbers: tuple[int, ...], missing: int) -> None:
    assert passed([heard(*numbers)], 0)["missing"] == missing


def test_another_stream_is_no_gap_and_is_told() -> None:
    found = passed([heard(1, 2) + heard(40_000, 40_001, source=8), heard(1, 2)], 0)
    assert (found["packets"], found["missing"], found["streams_anew"]) == (6, 0, 1)


def test_reports_to_a_neighbours_port_are_part_of_no_stream() -> None:
    """A sender's report looks like a packet whose number is the report's length."""
    assert Heard.read(SENT, bytes.fromhex("81c8000c") + bytes(48)) is None
    assert Heard.read(SENT, packet(8, 12, 0, 7, b"x" * FRAME, marker=True)) == Heard(SENT, 12, 7, None)
