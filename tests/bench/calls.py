"""What a call costs: SIPp calls SIPp through Boomerang, and through Kamailio doing the same job by hand, in one run.

    python -m tests.bench.calls [--rates 100,300] [--seconds 10] [--records 100000] [--repeat 3] [--hold 0]
                                [--outbound | --missed] [--callbacks] [--mqtt] [--only boomerang]
                                [--compiled FOLDER] [--before FOLDER]

Prints a line for each element and rate, then the medians as a table, with each thread's part, and their ratios.
Machines differ and are noisy: the elements take turns, `--repeat` times, and only figures of one run are compared.

`--hold N`: N calls at a time, each of them kept for as long as it takes to have that many; Kamailio keeps them with its
module `dialog`. `--outbound`: the PBX calls out and every customer is busy, so that each call is remembered.
`--callbacks`: the number belongs to a group whose missed calls are called back. `--missed`: so it does, and the PBX is
busy, so that each call is a promise; nobody is dialled meanwhile, and Kamailio writes a row. `--mqtt`: a mosquitto is
told of each call's beginning, answer and end, by Kamailio too (its module `mqtt`, QoS 1).
`--compiled FOLDER`: a tree with the compiled rooms, such as `.venv-tests/compiled` of `tests/run`, takes its turns too.
`--before FOLDER`: so does another checkout. Not a test: nothing here fails on a slow machine.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.boomerang_element import boomerang
from tests.bench.broker import broker
from tests.bench.element import Begin
from tests.bench.job import Calls, new_job
from tests.bench.kamailio_element import kamailio
from tests.bench.load import callee
from tests.bench.turns import Turn, table, take
from tests.kit.process import Process

YARDSTICK = "kamailio"


def run(name: str, begin: Begin, options: argparse.Namespace) -> list[Turn]:
    """Start one element and measure it at every rate."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    calls: Calls = "outbound" if options.outbound else "missed" if options.missed else "answered"
    found = []
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        told = stack.enter_context(broker(folder)) if options.mqtt else None
        job = new_job(folder, calls, records=options.records, callbacks=options.callbacks, held=bool(options.hold),
                      broker=told.port if told else None)
        element = begin(stack, job)
        if told:
            told.wait_for_element()
        stack.enter_context(Process(callee(job), cwd=folder))
        for rate in map(int, options.rates.split(",")):
            found.append(take(element, job, told, rate, options.seconds, options.hold))
            print(found[-1].line(name), flush=True)
    return found


def elements(options: argparse.Namespace) -> dict[str, Begin]:
    """Who takes turns, by name."""
    found: dict[str, Begin] = {YARDSTICK: kamailio, "boomerang": boomerang}
    if options.only:
        found = {options.only: found[options.only]}
    for name in ("compiled", "before"):
        folder = getattr(options, name)
        if folder:
            found[name] = partial(boomerang, code=folder.resolve())
    return found


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="100,300")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hold", type=int, default=0)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--outbound", action="store_true")
    kind.add_argument("--missed", action="store_true")
    parser.add_argument("--callbacks", action="store_true")
    parser.add_argument("--mqtt", action="store_true")
    parser.add_argument("--only", choices=["boomerang", "kamailio"])
    parser.add_argument("--compiled", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    chosen = elements(options)
    turns: dict[str, list[Turn]] = {name: [] for name in chosen}
    for _ in range(options.repeat):
        for name, begin in chosen.items():
            turns[name] += run(name, begin, options)
    print(f"\n{table(turns, YARDSTICK)}\n")
    ours = next((name for name in ("boomerang", "compiled") if name in chosen), "")
    for other in chosen if ours else ():
        for rate in map(int, options.rates.split(",")) if other != ours else ():
            one, two = (median(turn.cpu_ms for turn in turns[name] if turn.rate == rate) for name in (ours, other))
            print(f"rate={rate}  {ours} {one:.2f} ms, {other} {two:.2f} ms: {one / two:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
