"""The calls that are made through an element: SIPp on both its sides, and what SIPp says of them."""

import csv
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.job import NUMBER, Calls, Job
from tests.kit.ports import LOOPBACK, free_port

SCENARIOS = Path(__file__).parents[1] / "peers" / "sipp"
TALK_MS = 200
"""How long a call lasts unless it is held."""
HELD_MORE_MS = 5_000
"""How long the last call is held once all are there."""
LOOK = 1.0
"""Seconds between two looks at what is measured beside."""
CUSTOMERS = 100_000
CUSTOMER = "+36201{:06}"
"""Customers, one after the other, of calls of which something is remembered."""
SIDES: dict[Calls, tuple[str, str]] = {
    "answered": ("caller", "callee"), "missed": ("caller_refused", "callee_refuses"),
    "outbound": ("caller_refused", "callee_refuses")}
"""Scenario of who calls and of who is called."""


class Made(NamedTuple):
    """What became of the calls of one turn."""

    calls: int
    failed: int
    retransmissions: int


def sipp(folder: Path, scenario: str, port: int, *more: str, calls: Calls = "answered") -> list[str]:
    """Command line of one SIPp."""
    text = (SCENARIOS / f"{scenario}.xml").read_text().replace("[status]", "486 Busy Here")
    text = text.replace("[contact_port]", str(port)).replace("sip:[caller]@", "sip:[caller_number]@")
    customer = "+36201[call_number]"
    if calls != "answered" and scenario == SIDES[calls][0]:  # who is remembered has a number that can be dialled
        customer = "[field0]"
        (folder / "customers.csv").write_text("\n".join(("SEQUENTIAL", *map(CUSTOMER.format, range(CUSTOMERS)), "")))
        more = ("-inf", str(folder / "customers.csv"), *more)
    text = text.replace("[caller_number]", "201" if calls == "outbound" else customer)
    text = text.replace("[service]", customer if calls == "outbound" else NUMBER)
    (folder / f"{scenario}.xml").write_text(text)
    return ["sipp", "-i", LOOPBACK, "-p", str(port), "-sf", str(folder / f"{scenario}.xml"), "-nostdin", "-aa",
            "-mi", LOOPBACK, "-mp", str(free_port(room=8)), "-cp", str(free_port()), "-timeout", "900", *more]


def callee(job: Job) -> list[str]:
    """Command line of who is called."""
    port = job.carrier if job.calls == "outbound" else job.pbx
    return sipp(job.folder, SIDES[job.calls][1], port, calls=job.calls)


def call(job: Job, rate: int, seconds: int, hold: int, beside: Callable[[], None]) -> Made:
    """Make calls for so many seconds, or `hold` calls that are all in progress at a time; look at what is beside."""
    count = hold or rate * seconds
    pause = int(1000 * hold / rate) + HELD_MORE_MS if hold else TALK_MS
    report = job.folder / f"{rate}.csv"
    argv = sipp(
        job.folder, SIDES[job.calls][0], job.pbx if job.calls == "outbound" else job.carrier, "-r", str(rate),
        "-m", str(count), "-d", str(pause), "-l", "100000", "-trace_stat", "-stf", str(report), "-fd", "1",
        f"{LOOPBACK}:{job.element}", calls=job.calls)
    caller = subprocess.Popen(argv, cwd=job.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while caller.poll() is None:
        beside()
        time.sleep(LOOK)
    with report.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    good, bad = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    return Made(good + bad, bad, int(last["Retransmissions(C)"]))
