"""What becomes of calls when there are more than can be carried: SIPp calls SIPp through Boomerang, at rising rates.

    python -m tests.bench.overload [--rates 300,600,900] [--seconds 10] [--records 100000] [--callbacks] [--mqtt]
                                   [--compiled FOLDER] [--before FOLDER]

The first rate is to be the limit: the most that passes without a refusal on this machine. Prints for each rate how many
calls passed, a second and in percent of what passed at the first rate; how many were refused with 503, and within
0.5 s; and how many failed otherwise. `--compiled`, `--before`: as in `tests.bench.calls`. SIPp needs CPU too: on few
cores part of what is measured is SIPp's. Not a test: nothing here fails on a slow machine.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.boomerang_element import boomerang
from tests.bench.broker import broker
from tests.bench.element import Begin, Element
from tests.bench.job import Job, new_job
from tests.bench.load import callee, sipp
from tests.bench.usage import since, usage
from tests.kit.process import Process

AT_ONCE = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 4_000)
"""Milliseconds in which a refusal is told from one that took longer."""
IN_TIME = 500
"""Milliseconds: T1, after which the caller repeats its INVITE."""


def measure(element: Element, job: Job, rate: int, seconds: int) -> dict[str, float]:
    """Call at one rate, and say what became of the calls."""
    report = job.folder / f"overload-{rate}.csv"
    argv = sipp(job.folder, "caller_overload", job.carrier, "-r", str(rate), "-m", str(rate * seconds), "-d", "200",
                "-l", "100000", "-trace_stat", "-stf", str(report), "-fd", "1", f"127.0.0.1:{job.element}")
    before, began = usage(element.process.pid), time.monotonic()
    subprocess.run(argv, cwd=job.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    took = time.monotonic() - began
    spent = sum(used.cpu for used in since(before, usage(element.process.pid)).values())
    with report.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    refused = int(last["GenericCounter1(C)"])
    passed = int(last["SuccessfulCall(C)"]) - refused
    in_time = sum(int(last[key]) for limit in AT_ONCE if limit <= IN_TIME
                  for key in last if key.startswith("ResponseTimeRepartition1") and key.endswith(f"<{limit}"))
    # SIPp may not keep the rate: what counts is how many calls it had made when it made the last one.
    made = next((float(row["ElapsedTime(C)"][6:8]) + 60 * float(row["ElapsedTime(C)"][3:5]) for row in rows
                 if int(row["TotalCallCreated"]) >= rate * seconds), took)
    return {"rate": rate, "offered_a_second": round(rate * seconds / max(made, 1)),
            "passed_a_second": round(passed / max(made, 1), 1), "passed": passed, "refused": refused,
            "refused_in_time": in_time, "failed": int(last["FailedCall(C)"]),
            "retransmissions": int(last["Retransmissions(C)"]), "cpu_s": round(spent, 1)}


def run(name: str, begin: Begin, options: argparse.Namespace) -> None:
    """Start one element and call at every rate."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        told = stack.enter_context(broker(folder)) if options.mqtt else None
        job = new_job(folder, records=options.records, callbacks=options.callbacks, broker=told.port if told else None)
        element = begin(stack, job)
        stack.enter_context(Process(callee(job), cwd=folder))
        time.sleep(6)  # a start is patient
        limit = 0.0
        rates = [int(rate) for rate in options.rates.split(",")]
        for rate in rates:
            figures = measure(element, job, rate, options.seconds)
            limit = limit or figures["passed_a_second"]
            share = 100 * figures["passed_a_second"] / max(limit, 1)
            shown = "  ".join(f"{key}={value}" for key, value in figures.items())
            print(f"{name:10} {shown}  share={share:.0f}%", flush=True)
            if rate != rates[-1]:
                time.sleep(8)


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="300,600,900")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--callbacks", action="store_true")
    parser.add_argument("--mqtt", action="store_true")
    parser.add_argument("--compiled", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    elements: dict[str, Begin] = {"boomerang": boomerang}
    for name in ("compiled", "before"):
        folder = getattr(options, name)
        if folder:
            elements[name] = partial(boomerang, code=folder.resolve())
    for name, begin in elements.items():
        run(name, begin, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
