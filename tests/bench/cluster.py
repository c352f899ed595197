"""What several nodes cost: SIPp calls SIPp through one node, through one behind the Kamailio of docker/cluster, through
two behind it, and through two that share a database.

    python -m tests.bench.cluster [--rate 100] [--seconds 20] [--repeat 3]

Prints a line for each turn: milliseconds of CPU for each call of the whole, by node, and the dispatcher apart;
PostgreSQL's own is not counted. Then the least of all nodes together over the turns, which other work on the machine
changes less than medians. Not a test.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench.job import Job, new_job
from tests.bench.load import call, callee
from tests.bench.usage import since, usage
from tests.kit.boomerang import Boomerang
from tests.kit.cluster import ClusterSite
from tests.kit.postgres import server
from tests.kit.process import Process
from tests.kit.site import peer

QUIET = {"log": {"level": "warning"}}
SETTLE = 4.0
"""Seconds until the dispatcher knows who lives."""


class Setup(NamedTuple):
    """Who is there."""

    nodes: str
    """Behind the dispatcher; none: one node without it."""
    shares: bool = False
    """Whether they have a database in common."""


SETUPS = {"one node": Setup(""), "one behind Kamailio": Setup("a"), "two behind Kamailio": Setup("ab"),
          "two that share": Setup("ab", True)}


def begin(stack: ExitStack, job: Job, setup: Setup) -> tuple[int, Mapping[str, Process]]:
    """Start a setup; return the port where calls come in, and its processes by name."""
    if not setup.nodes:
        alone = stack.enter_context(Boomerang(
            job.folder, trunks={"main": peer(job.carrier)}, pbxs={"office": peer(job.pbx)}, port=job.element,
            extra=QUIET))
        assert alone.process is not None
        return job.element, {"node": alone.process}
    found: dict[str, Process] = {}
    database = stack.enter_context(server(settings="")) if setup.shares else None
    site = ClusterSite(job.folder, carrier=job.carrier, pbx=job.pbx, database=database.url() if database else None)
    for name in setup.nodes:
        node = stack.enter_context(site.node(name, more=QUIET))
        assert node.process is not None
        found[f"node {name}"] = node.process
    found["dispatcher"] = stack.enter_context(site.dispatcher())
    time.sleep(SETTLE)
    return site.front, found


def take(name: str, rate: int, seconds: int) -> float:
    """Make calls through one setup and print what they cost; return the CPU a call of its nodes, milliseconds."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        job = new_job(folder, records=0)
        stack.enter_context(Process(callee(job), cwd=folder))
        entry, processes = begin(stack, job, SETUPS[name])
        before = {each: usage(process.pid) for each, process in processes.items()}
        made = call(job._replace(element=entry), rate, seconds, 0, lambda: None)
        cost = {each: 1000 * sum(used.cpu for used in since(before[each], usage(process.pid)).values()) / made.calls
                for each, process in processes.items()}
    parts = "  ".join(f"{each}={cpu:.3f}" for each, cpu in cost.items())
    print(f"{name:20} rate={rate}  calls={made.calls}  failed={made.failed}  ms a call: {parts}", flush=True)
    return sum(cpu for each, cpu in cost.items() if each.startswith("node"))


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    least = dict.fromkeys(SETUPS, float("inf"))
    for _ in range(options.repeat):
        for name in SETUPS:
            least[name] = min(least[name], take(name, options.rate, options.seconds))
    print("\n" + "\n".join(f"{name:20} {cpu:.2f} ms of all nodes a call" for name, cpu in least.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
