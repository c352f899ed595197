"""Everything that is compared beside Kamailio, one bench after the other, each line under its command.

    python -m tests.bench.lines [--compiled FOLDER] [--before FOLDER] [--limit 800] [--short]

Start and rest; calls; calls with MQTT; missed calls; agents' calls that fail; 10,000 calls held; the queue room; more
calls than can be carried, `--limit` being what passes without a refusal. About eight minutes with `--compiled` on a
machine that does nothing else; `--short`: the same for a moment each, to see that all of it works. Not a test.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.kit.boomerang import ROOT


class Bench(NamedTuple):
    """One command."""

    words: str
    code: Path = ROOT
    """Folder in which it runs."""


def benches(options: argparse.Namespace) -> Iterator[Bench]:
    """What is run, in its order."""
    few = options.short
    folders = {"compiled": options.compiled, "before": options.before}
    others = "".join(f" --{name} {shlex.quote(str(folder.resolve()))}" for name, folder in folders.items() if folder)
    yield Bench(f"start --repeat {'1 --rest 1 --records 1000' if few else '2 --rest 3'}{others}")
    turns = " --seconds 2 --repeat 1 --records 1000" if few else " --seconds 4 --repeat 2"
    yield Bench(f"calls --rates 100,300{turns}{others}")
    yield Bench(f"calls --rates 100,300{turns}{others} --mqtt")
    once = turns if few else " --seconds 4 --repeat 1"
    yield Bench(f"calls --rates 100{once}{others} --missed")
    yield Bench(f"calls --rates 100{once}{others} --outbound")
    yield Bench(f"calls --rates {'100 --hold 200' if few else '600 --hold 10000'} --repeat 1{others}")
    room = "room --callers 20 --seconds 2 --alone 2" if few else "room --callers 100 --seconds 6 --alone 6"
    yield Bench(room)
    if options.compiled:
        yield Bench(room, options.compiled.resolve())
    limit = 50 if few else options.limit
    yield Bench(f"overload --rates {limit},{3 * limit} --seconds {2 if few else 3} --records 1000{others}")


def main() -> int:
    """Read the options and run them; the exit status is that of the first that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiled", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--limit", type=int, default=800)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    began, failed = time.monotonic(), 0
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    for bench in benches(options):
        here = "" if bench.code == ROOT else f"   # in {bench.code}"
        print(f"\n## {time.monotonic() - began:.0f} s: python -m tests.bench.{bench.words}{here}", flush=True)
        argv = [sys.executable, "-m", *shlex.split(f"tests.bench.{bench.words}")]
        done = subprocess.run(argv, cwd=bench.code, env={**os.environ, "PYTHONPATH": str(bench.code)}, check=False)
        failed = failed or done.returncode
    print(f"\n{time.monotonic() - began:.0f} s in all", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
