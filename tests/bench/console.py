"""What the console costs calls: SIPp calls SIPp through Boomerang, alone, and while browsers follow and one exports.

    python -m tests.bench.console [--rate 50] [--seconds 20] [--repeat 3] [--streams 50] [--calls 1000000]
                                  [--callbacks 10000]

Prints the CPU milliseconds a call of the SIP process alone, of each turn: without anybody at the console; beside a
stranger, a process that has nothing to do with Boomerang and keeps a core as busy as an export does; and with so many
event streams and exports of all calls, one after the other. Then the ratios of the medians, what streams and exports
got, and how long a list of callbacks takes to open. The stranger tells what any neighbour costs: shared caches. The
clients are a process of their own. Not a test: nothing here fails on a slow machine.
"""

import argparse
import asyncio
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from proxy.demo.company.house import CUSTOMERS
from proxy.demo.company.past import DAY, Past
from tests.bench.boomerang_element import Fresh
from tests.bench.job import NUMBER
from tests.bench.load import sipp
from tests.kit.boomerang import ROOT
from tests.kit.callback_scene import children
from tests.kit.console_site import ADMIN, TOKEN, ConsoleSite
from tests.kit.ports import free_port
from tests.kit.process import Process

TICKS: Final = os.sysconf("SC_CLK_TCK")
EVENTS, EXPORT, LIST = "/api/v1/events", "/api/v1/calls/export?format=csv", "/api/v1/callbacks"
TALK_MS: Final = 200
STRANGER: Final = """
import json, os
os.nice(5)
rows = [{"name": number, "text": str(number)} for number in range(20_000)]
while True:
    json.loads(json.dumps(rows))
"""
"""At the console's priority, with work of its kind."""
WARM: Final = 3.0
"""Seconds that streams and export have run before it is measured."""
OPENED: Final = 15
"""Times that the list is opened."""


def cpu_seconds(pid: int) -> float:
    """CPU time of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def command_of(pid: int) -> str:
    """Command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")


class Clients:
    """Those at the console: run in a process of their own (`--client`), and said what became of them at the end."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(60, pool=None),
            limits=httpx.Limits(max_connections=None))
        self.streams: list[int] = []
        """Events that each got."""
        self.exports: list[tuple[int, float]] = []
        """Rows and seconds of each; the last one may have been cut by the end."""
        self.failed: list[str] = []

    async def run(self, streams: int) -> None:
        """Follow and export until cancelled."""
        async with self._client, asyncio.TaskGroup() as group:
            for _ in range(streams):
                group.create_task(self._follow())
            group.create_task(self._export())

    async def _follow(self) -> None:
        place = len(self.streams)
        self.streams.append(0)
        try:
            async with self._client.stream("GET", EVENTS) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    self.streams[place] += line.startswith("data:")
            self.failed.append("a stream ended")
        except httpx.HTTPError as error:
            self.failed.append(f"a stream: {error!r}")

    async def _export(self) -> None:
        while True:
            began, rows = time.monotonic(), 0
            try:
                async with self._client.stream("GET", EXPORT) as answer:
                    answer.raise_for_status()
                    async for piece in answer.aiter_bytes():
                        rows += piece.count(b"\n")
            except httpx.HTTPError as error:
                self.failed.append(f"an export: {error!r}")
                return
            finally:
                self.exports.append((rows, round(time.monotonic() - began, 1)))


async def be_clients(url: str, token: str, streams: int) -> None:
    """Follow and export until the standard input ends; print what came as one line of JSON."""
    clients = Clients(url, token)
    running = asyncio.create_task(clients.run(streams))
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    print(json.dumps({"streams": clients.streams, "exports": clients.exports, "complaints": clients.failed}))


def turn(site: ConsoleSite, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Call for a while; return what a call cost the SIP process."""
    pid, report = site.boomerang.process.pid if site.boomerang.process else 0, folder / "calls.csv"
    count = options.rate * options.seconds
    argv = sipp(folder, "caller", site.carrier.port, "-r", str(options.rate), "-m", str(count), "-d", str(TALK_MS),
                "-l", "100000", "-trace_stat", "-stf", str(report), "-fd", "1", f"127.0.0.1:{site.boomerang.port}")
    console = next((child for child in children(pid) if "proxy.console" in command_of(child)), pid)
    before, its, began = cpu_seconds(pid), cpu_seconds(console), time.monotonic()
    subprocess.run(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    spent, its = cpu_seconds(pid) - before, cpu_seconds(console) - its
    with report.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return {"calls": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"]),
            "retransmissions": int(last["Retransmissions(C)"]),
            "cpu_ms_per_call": round(1000 * spent / max(1, int(last["SuccessfulCall(C)"])), 3),
            "console_cores": round(its / (time.monotonic() - began), 2)}


def beside_stranger(site: ConsoleSite, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Call while a process has a core that is none of ours."""
    with subprocess.Popen([sys.executable, "-c", STRANGER]) as stranger:
        time.sleep(WARM)
        try:
            return turn(site, folder, options)
        finally:
            stranger.kill()


def watched(site: ConsoleSite, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Do the same while the clients are there."""
    argv = [sys.executable, "-m", "tests.bench.console", "--client", site.url, TOKEN, "--streams", str(options.streams)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        time.sleep(WARM)
        found = turn(site, folder, options)
        found |= json.loads(clients.communicate("")[0])
    return found


def opened(site: ConsoleSite) -> list[float]:
    """Open the list of callbacks again and again; milliseconds of each."""
    took: list[float] = []
    browser = site.client(ADMIN)
    for _ in range(OPENED):
        began = time.perf_counter()
        browser.get(LIST).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    return took


def say(what: str, **figures: object) -> None:
    """Print one line."""
    print(f"{what:12} " + "  ".join(f"{key}={value}" for key, value in figures.items()), flush=True)


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--callbacks", type=int, default=10_000)
    parser.add_argument("--client", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        url, token = options.client
        asyncio.run(be_clients(url, token, options.streams))
        return 0
    now, past = time.time(), Past(random.Random(7), CUSTOMERS)
    units = (unit for told in (past.callbacks(now - 30 * DAY, now, options.callbacks, options.callbacks // 2),
                               past.calls(now - 300 * DAY, now, options.calls)) for unit in told)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with ConsoleSite(folder / "site", past=units, policy=POLICY, daemon=Fresh,
                         extra={"log": {"level": "warning"}}) as site:
            took = sorted(opened(site))
            say("list", callbacks=options.callbacks, median_ms=round(median(took), 1), most_ms=round(took[-1], 1))
            port = site.pbx.port
            site.pbx.close()
            site.carrier.close()
            with Process(sipp(folder, "callee", port, "-mp", str(free_port(room=8))), cwd=folder):
                turn(site, folder, options)  # what is done once is done
                rounds = [(turn(site, folder, options), beside_stranger(site, folder, options),
                           watched(site, folder, options)) for _ in range(options.repeat)]
        for alone, stranger, beside in rounds:
            say("alone", **alone)
            say("stranger", **stranger)
            streams = beside.pop("streams")
            say("watched", **beside, streams=len(streams), events_least=min(streams), events_most=max(streams))
        without, other, within = (median(each[place]["cpu_ms_per_call"] for each in rounds) for place in range(3))
        say("SIP process", alone_ms=without, stranger_ms=other, watched_ms=within, ratio=round(within / without, 3),
            ratio_to_stranger=round(within / other, 3))
    return 0


POLICY: Final = f'region = "HU"\ntimezone = "Europe/Budapest"\n[number."{NUMBER}"]\nkind = "shared"\n'

if __name__ == "__main__":
    sys.exit(main())
