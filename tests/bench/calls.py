"""What a call costs: SIPp calls SIPp through Boomerang, and through Kamailio doing the same job by hand, in one run.

    python -m tests.bench.calls [--rates 100,300] [--seconds 10] [--records 100000] [--repeat 3] [--hold 0]
                                [--outbound] [--callbacks] [--mqtt] [--only boomerang] [--before FOLDER]

Prints for each element and rate: calls, failures, retransmissions, CPU milliseconds a call of all its processes, and
its memory; then the ratio of the medians. Machines differ and are noisy: the elements take turns, `--repeat` times, and
only figures of one run are compared. `--hold N`: N calls at a time, each of them kept for as long as it takes to have
that many. `--outbound`: the PBX calls out and every customer is busy, so that each call is remembered. `--callbacks`:
the number belongs to a group whose missed calls are called back. `--mqtt`: every event goes to a mosquitto.
`--before FOLDER`: the Boomerang of another checkout takes its turns too. Not a test: nothing here fails on a slow
machine.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from routing.events import Outbox
from routing.rows import Record
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.told import Told
from tests.kit.waiting import eventually

SCENARIOS = Path(__file__).parents[1] / "peers" / "sipp"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CHUNK = 5_000
"""Records written in one go."""
NUMBER = "+3614445555"
"""Our number, which customers call."""
TALK_MS = 200
"""How long a call lasts unless `--hold` says otherwise."""


class Ports:
    """Who listens where."""

    def __init__(self) -> None:
        self.element, self.carrier, self.pbx = free_port(), free_port(), free_port()


def processes(leader: int) -> Iterator[list[str]]:
    """Fields of /proc/PID/stat, from the state on, of every process in the leader's session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                yield fields


def cpu_seconds(leader: int) -> float:
    """CPU time that the element has spent."""
    return sum(int(fields[11]) + int(fields[12]) for fields in processes(leader)) / TICKS


def memory_mb(leader: int) -> float:
    """Resident memory of the element, shared pages counted in each of its processes."""
    return sum(int(fields[21]) for fields in processes(leader)) * PAGE / 1e6


def fill(path: Path, records: int) -> None:
    """Put live direct callbacks into a database; none of them belongs to a caller of this bench."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite_store(path, lambda done: done(), time.time, "bench", Told(outbox=Outbox.OFF))
    now = time.time()
    for first in range(0, records, CHUNK):
        store.put(Unit((*(
            Record(f"+3630{number:08}", "201", 1, now, now, now + 8 * 3600)
            for number in range(first, min(first + CHUNK, records))),)))
        store.direct.count()
    store.close()


def policy(callbacks: bool) -> dict[str, Any]:
    """Our number, shared; or one of a group that is called back."""
    if not callbacks:
        return {"number": {NUMBER: {"kind": "shared"}}}
    missed = {"enabled": True, "window": "24h", "attempts": 4}
    return {"number": {NUMBER: {"kind": "shared", "group": "sales"}},
            "group": {"sales": {"target": "600", "agents": ["201", "202"], "missed_callback": missed}}}


def boomerang(stack: ExitStack, folder: Path, ports: Ports, options: argparse.Namespace,
              code: Path = ROOT) -> Process:
    """Start Boomerang as its users do, with its log at level warning."""
    filled = "from pathlib import Path; from tests.bench.calls import fill; "
    filled += f"fill(Path({str(folder / 'data' / 'boomerang.db')!r}), {options.records})"
    subprocess.run([sys.executable, "-c", filled], check=True, cwd=code)  # its database is of its version
    url = "off"
    if options.mqtt:
        broker = free_port()
        (folder / "mosquitto.conf").write_text(f"listener {broker} {LOOPBACK}\nallow_anonymous true\n")
        stack.enter_context(Process(["mosquitto", "-c", folder / "mosquitto.conf"]))
        url = f"mqtt://{LOOPBACK}:{broker}"
    element = Boomerang(
        folder, port=ports.element, trunks={"main": {"peers": [f"sip:{LOOPBACK}:{ports.carrier}"]}},
        pbxs={"office": {"peers": [f"sip:{LOOPBACK}:{ports.pbx}"], "extensions": "^[2-7][0-9]{2}$"}},
        policy=policy(options.callbacks), mqtt=url, extra={"log": {"level": "warning"}}, code=code)
    stack.enter_context(element)
    assert element.process is not None
    return element.process


def kamailio(stack: ExitStack, folder: Path, ports: Ports, options: argparse.Namespace) -> Process:
    """Start Kamailio with one worker and one look-up or one write in SQLite a call."""
    database = folder / "sticky.db"
    rows = "\n".join(f"insert into affinity values('+3630{number:08}','201',{int(time.time()) + 28800});"
                     for number in range(options.records))
    subprocess.run(["sqlite3", database], check=True, text=True, input=(
        "pragma journal_mode=wal; create table affinity(customer text primary key, agent text, expires integer);"
        f"begin;{rows}commit;"))
    modules = next(Path("/usr/lib").glob("**/kamailio/modules"))
    config = (Path(__file__).parent / "kamailio.cfg").read_text()
    for key, value in (("MODULES", modules), ("DATABASE", database), ("ELEMENT", ports.element),
                       ("CARRIER", ports.carrier), ("PBX", ports.pbx)):
        config = config.replace(f"@{key}@", str(value))
    (folder / "kamailio.cfg").write_text(config)
    process = stack.enter_context(Process(["kamailio", "-DD", "-E", "-m", "256", "-f", folder / "kamailio.cfg",
                                           "-Y", folder]))
    eventually(lambda: not process.running or sum(1 for _ in processes(process.child.pid)) > 3, "Kamailio's workers")
    time.sleep(1)
    return process


def sipp(folder: Path, scenario: str, port: int, *more: str) -> list[str]:
    """Command line of one SIPp."""
    text = (SCENARIOS / f"{scenario}.xml").read_text().replace("[status]", "486 Busy Here")
    text = text.replace("[contact_port]", str(port)).replace("sip:[caller]@", "sip:[caller_number]@")
    outbound = scenario == "caller_refused"
    text = text.replace("[caller_number]", "201" if outbound else "+36201[call_number]")
    text = text.replace("[service]", "+36201[call_number]" if outbound else NUMBER)
    (folder / f"{scenario}.xml").write_text(text)
    return ["sipp", "-i", LOOPBACK, "-p", str(port), "-sf", str(folder / f"{scenario}.xml"), "-nostdin", "-aa",
            "-mi", LOOPBACK, "-mp", str(free_port(room=8)), "-cp", str(free_port()), "-timeout", "900", *more]


def measure(element: Process, folder: Path, ports: Ports, rate: int, options: argparse.Namespace) -> dict[str, object]:
    """Run the callers once and say what it cost."""
    count = options.hold or rate * options.seconds
    pause = TALK_MS if not options.hold else int(1000 * options.hold / rate) + 5_000
    scenario, port = ("caller_refused", ports.pbx) if options.outbound else ("caller", ports.carrier)
    report = folder / f"{rate}.csv"
    argv = sipp(folder, scenario, port, "-r", str(rate), "-m", str(count), "-d", str(pause), "-l", "100000",
                "-trace_stat", "-stf", str(report), "-fd", "1", f"{LOOPBACK}:{ports.element}")
    before = cpu_seconds(element.child.pid)
    caller = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0.0
    while caller.poll() is None:
        most = max(most, memory_mb(element.child.pid))
        time.sleep(0.25)
    spent = cpu_seconds(element.child.pid) - before
    with report.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    good, bad = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    return {"rate": rate, "calls": good + bad, "failed": bad, "retransmissions": int(last["Retransmissions(C)"]),
            "cpu_ms_per_call": round(1000 * spent / max(1, good + bad), 3), "memory_mb": round(most, 1)}


Begin = Callable[[ExitStack, Path, Ports, argparse.Namespace], Process]
"""Starts an element, to be ended by the stack."""


def run(name: str, begin: Begin, options: argparse.Namespace) -> dict[int, float]:
    """Start one element and measure it at every rate; return its CPU milliseconds a call by rate."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    ports = Ports()
    spent: dict[int, float] = {}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        element = begin(stack, folder, ports, options)
        scenario, port = ("callee_refuses", ports.carrier) if options.outbound else ("callee", ports.pbx)
        stack.enter_context(Process(sipp(folder, scenario, port), cwd=folder))
        for rate in map(int, options.rates.split(",")):
            figures = measure(element, folder, ports, rate, options)
            spent[rate] = float(str(figures["cpu_ms_per_call"]))
            sys.stdout.write(f"{name:10} " + "  ".join(f"{key}={value}" for key, value in figures.items()) + "\n")
            sys.stdout.flush()
    return spent


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="100,300")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hold", type=int, default=0)
    parser.add_argument("--outbound", action="store_true")
    parser.add_argument("--callbacks", action="store_true")
    parser.add_argument("--mqtt", action="store_true")
    parser.add_argument("--only", choices=["boomerang", "kamailio"])
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    elements: dict[str, Begin] = {"kamailio": kamailio, "boomerang": boomerang}
    if options.before:
        elements["before"] = partial(boomerang, code=options.before.resolve())
    chosen = [name for name in elements if options.only in (None, name) or name == "before"]
    rounds = [{name: run(name, elements[name], options) for name in chosen} for _ in range(options.repeat)]
    for other in chosen if "boomerang" in chosen else ():
        for rate in rounds[0]["boomerang"] if other != "boomerang" else ():
            ours, theirs = (median(each[name][rate] for each in rounds) for name in ("boomerang", other))
            sys.stdout.write(f"rate={rate}  boomerang {ours:.2f} ms, {other} {theirs:.2f} ms: {ours / theirs:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
