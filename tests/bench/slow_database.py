"""What a slow database costs the calls of a node that shares one: SIPp calls SIPp through one node, with no database,
with one beside it, and with one behind a wire on which all that is said takes 200 ms.

    python -m tests.bench.slow_database [--rate 50] [--seconds 20] [--repeat 3]

Prints for each turn how long INVITEs were with the node, as it says itself. Not a test.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import setup_times
from tests.bench.job import new_job
from tests.bench.load import call, callee
from tests.kit.boomerang import Boomerang
from tests.kit.postgres import server
from tests.kit.postgres_relay import relay
from tests.kit.process import Process
from tests.kit.site import peer
from tests.kit.waiting import eventually

DELAY = 0.2
"""Seconds."""


class Setup(NamedTuple):
    """What a node shares."""

    database: bool = False
    delay: float = 0.0


SETUPS = {"no database": Setup(), "a near one": Setup(True), "a slow one": Setup(True, DELAY)}


def take(name: str, rate: int, seconds: int) -> None:
    """Make calls through one setup, and print what was added to their INVITEs."""
    setup = SETUPS[name]
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        job = new_job(folder, records=0)
        stack.enter_context(Process(callee(job), cwd=folder))
        extra: dict[str, Any] = {"log": {"level": "warning"}}
        if setup.database:
            database = stack.enter_context(server(settings=""))
            wire = stack.enter_context(relay(database.port))
            (folder / "database").write_text(database.url(port=wire.port))
            (folder / "node.key").write_text("5a" * 32)
            (folder / "node.key").chmod(0o600)
            extra |= {"cluster": {"database": f"file:{folder / 'database'}"},
                      "node": {"name": "edge1", "data": folder / "data", "signing_key": f"file:{folder / 'node.key'}"}}
        node = stack.enter_context(Boomerang(
            folder, trunks={"main": peer(job.carrier)}, pbxs={"office": peer(job.pbx)}, port=job.element, extra=extra))
        if setup.database:
            eventually(lambda: database.run("SELECT to_regclass('beats')") != [(None,)], "the tables are made")
            wire.slow_down(setup.delay)
        before = setup_times.read(node.get("/metrics")[1])
        made = call(job, rate, seconds, 0, lambda: None)
        after = setup_times.read(node.get("/metrics")[1])
    p50, p99 = (setup_times.quantile_ms(before, after, share) for share in (0.5, 0.99))
    print(f"{name:12} rate={rate}  calls={made.calls}  failed={made.failed}  retransmitted={made.retransmissions}  "
          f"added ms: {p50:.2f} (median)  {p99:.2f} (p99)", flush=True)


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for _ in range(options.repeat):
        for name in SETUPS:
            take(name, options.rate, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
