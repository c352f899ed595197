"""What callbacks cost: so many in conversation at a time, with audio, while SIPp calls pass through the same daemon.

    python -m tests.bench.callbacks [--talking 50] [--rate 50] [--seconds 30] [--tasks 10000] [--agents 200] [--talk 10]

A real daemon with its media process, a database that holds `--tasks` promises which are all due, and `--agents` agents
who accept at once; a share of them is in callbacks at a time. Every customer answers, and customer and agent speak with
a tone until the customer hangs up. Beside it SIPp calls SIPp, `--rate` times a second. Prints how many talked and what
failed, CPU of signalling and media, what became of the RTP packets, and the desk's turn. Not a test.
"""

import argparse
import asyncio
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from routing.events import Outbox
from routing.ids import uuid7
from routing.rows import TaskRow
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.bench.boomerang_element import environment
from tests.bench.load import sipp
from tests.bench.media import cpu_seconds, memory_mb
from tests.bench.records import CHUNK
from tests.kit.boomerang import Boomerang
from tests.kit.callback_scene import AGENT_TONE, CUSTOMER_TONE, GROUP, CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.rtp_phone import PAYLOAD_TYPES, PTIME
from tests.kit.site import SHARED
from tests.kit.told import Told
from tests.kit.waiting import eventually

FIRST_AGENT = 200
CUSTOMERS = "+36207{:06}"
PROXIED = "+3614449999"
"""The number that SIPp calls: it has a trunk and a PBX of its own."""
STARTING = 100
"""Turns until everything that became due at the start has been looked at; shown by themselves."""
MEDIA_PORTS = "16384-17383"
"""The daemon's own default: more than the tests' ports have in a row."""
GAP = 0.06
"""Seconds between two packets that a listener hears as a gap: two are missing or late."""


class Measured(Boomerang):
    """The daemon with a stop-watch at its desk, its log at level warning."""

    def launch(self) -> Process:
        argv = [sys.executable, "-m", "tests.bench.measured", str(self.folder / "turns"), "run", "-c", str(self.config)]
        return Process(argv, name="boomerang", cwd=self.folder, env=environment(self.code))


def promise(path: Path, count: int) -> None:
    """Put open tasks into a database, all of them due."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite_store(path, lambda done: done(), time.time, "edge1", Told(outbox=Outbox.OFF))
    now = time.time()
    for first in range(0, count, CHUNK):
        store.put(Unit((*(
            TaskRow(uuid7(now, os.urandom), CUSTOMERS.format(number), GROUP, None, "missed", SHARED, "office",
                    "main", "open", "", now, now, 1, now + 86_400, now, 0, 4, "none", None, None, None, (), {}, None)
            for number in range(first, min(first + CHUNK, count))),)))
    store.close()


def scene(folder: Path, options: argparse.Namespace, caller: int, callee: int) -> CallbackScene:
    """Everything but SIPp."""
    agents = tuple(str(FIRST_AGENT + number) for number in range(options.agents))
    share = max(1, min(100, round(100 * (options.talking + options.talking // 10 + 1) / options.agents)))
    table: Mapping[str, Any] = policy(
        agents, callback={"agents_share": share, "retry_agent": "1s"},
        guard={"all_per_hour": 100_000, "all_per_day": 100_000})
    table["number"][PROXIED] = {"trunk": "load", "pbx": "load"}
    found = CallbackScene(
        folder, policy=table, daemon=Measured, extra={"log": {"level": "warning"}, "media": {"ports": MEDIA_PORTS}},
        trunks={"load": {"peers": [f"sip:{LOOPBACK}:{caller}"]}},
        pbxs={"load": {"peers": [f"sip:{LOOPBACK}:{callee}"]}})
    for agent in agents:
        found.pbx.plans[agent] = Plan(answer=0.1, keys=((0.1, "1"),), tone=AGENT_TONE)
    for number in range(options.tasks):  # as long as they like: not all at the same moment
        hang_up = options.talk * (0.5 + number % 101 / 100)
        found.carrier.plans[CUSTOMERS.format(number)] = Plan(answer=0.2, tone=CUSTOMER_TONE, hang_up=hang_up)
    promise(found.boomerang.data / "boomerang.db", options.tasks)
    return found


async def lateness(found: list[float]) -> None:
    """How late the phones themselves are: whoever speaks late is heard late."""
    while True:
        due = time.monotonic() + PTIME
        await asyncio.sleep(PTIME)
        found.append(time.monotonic() - due)


def talking(site: CallbackScene) -> int:
    """Customers who are in a conversation."""
    return sum(1 for call in site.carrier.open_calls() if call.state == "up")


def packets(calls: list[FarCall]) -> dict[str, object]:
    """What became of the audio that was sent to these phones."""
    came = lost = gaps = 0
    pauses: list[float] = []
    for call in calls:
        heard = [one for one in (call.rtp.heard if call.rtp else []) if one.payload_type == PAYLOAD_TYPES["PCMA"]]
        came += len(heard)
        for before, after in pairwise(heard):
            lost += max(0, ((after.sequence - before.sequence) & 0xFFFF) - 1) if not after.marker else 0
            pauses.append(after.at - before.at)
            gaps += pauses[-1] > GAP
    return {"came": came, "lost": lost, f"gaps_over_{1000 * GAP:.0f}_ms": gaps, **spread(pauses)}


def spread(seconds: list[float]) -> dict[str, object]:
    """Quantiles in milliseconds."""
    cuts = quantiles(seconds, n=1000) if len(seconds) > 1000 else [0.0] * 999
    return {f"p{name}_ms": round(1000 * cuts[place], 1) for name, place in (("50", 499), ("99", 989), ("99.9", 998))}


def run(folder: Path, options: argparse.Namespace) -> None:
    """Start everything, measure for so many seconds, and print."""
    caller, callee = free_port(), free_port()
    with (
        scene(folder / "node", options, caller, callee) as site,
        Process(sipp(folder, "callee", callee), cwd=folder),
    ):
        assert site.boomerang.process is not None
        eventually(lambda: talking(site) >= options.talking, f"{options.talking} conversations", 60)
        daemon, (media,) = site.boomerang.process.pid, site.media_processes()
        late: list[float] = []
        site.loop.do(lambda: site.carrier.keep(lateness(late)))
        report = folder / "sipp.csv"
        argv = [word.replace(SHARED, PROXIED) for word in sipp(folder, "caller", caller)]
        scenario = folder / "caller.xml"
        scenario.write_text(scenario.read_text().replace(SHARED, PROXIED))
        argv += ["-r", str(options.rate), "-m", str(options.rate * options.seconds), "-d", "200", "-l", "100000",
                 "-trace_stat", "-stf", str(report), "-fd", "1", f"{LOOPBACK}:{site.boomerang.port}"]
        before, begun, known = (cpu_seconds(daemon), cpu_seconds(media)), time.monotonic(), len(site.carrier.calls)
        caller_process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        counts = []
        while caller_process.poll() is None:
            counts.append(talking(site))
            time.sleep(0.2)
        passed = time.monotonic() - begun
        spent = [after - first for after, first in zip((cpu_seconds(daemon), cpu_seconds(media)), before, strict=True)]
        calls = [call for call in list(site.carrier.calls)[known:] if not call.caller]
        over = [call for call in calls if call.state == "over" and call.ended_by == "us"]
        with report.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        show("conversations", least=min(counts), median=median(counts), most=max(counts), begun=len(calls),
             to_their_end=len(over))
        show("attempts", **Counter(row["result"] or "running" for row in site.attempts()))
        show("proxied", calls=int(last["SuccessfulCall(C)"]) + int(last["FailedCall(C)"]),
             failed=int(last["FailedCall(C)"]), retransmissions=int(last["Retransmissions(C)"]))
        for name, pid, cost in (("signalling", daemon, spent[0]), ("media", media, spent[1])):
            show(name, cpu=f"{100 * cost / passed:.1f} % of a core", memory=f"{memory_mb(pid):.0f} MB")
        show("rtp to customers", **packets(over))
        show("phones' lateness", **spread(late))
        show("rtp to agents", **packets([call for call in site.pbx.calls if call.state == "over"]))
        turns = [tuple(map(float, line.split())) for line in (folder / "node" / "turns").read_text().splitlines()]
        for place, what in enumerate(("cpu", "time")):
            ordered = sorted(turn[place] for turn in turns[STARTING:] or turns)
            show(f"desk's turn, {what}", turns=len(ordered), p50_ms=ordered[len(ordered) // 2],
                 p99_ms=ordered[len(ordered) * 99 // 100], most_ms=ordered[-1])
        show("the first turns", most_cpu_ms=max(turn[0] for turn in turns[:STARTING]))
        show("open tasks", count=site.boomerang.sql("SELECT count(*) FROM tasks WHERE state='open'")[0][0])


def show(name: str, **figures: object) -> None:
    """Print one line."""
    sys.stdout.write(f"{name:18} " + "  ".join(f"{key}={value}" for key, value in figures.items()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("talking", 50), ("rate", 50), ("seconds", 30), ("tasks", 10_000), ("agents", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--talk", type=float, default=10.0)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(Path(folder), parser.parse_args())


if __name__ == "__main__":
    main()
