"""Boomerang as an element: `boomerang run` of any checkout or build, started as its users start it."""

import os
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench import setup_times
from tests.bench.element import Element
from tests.bench.job import NUMBER, Job
from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.ports import LOOPBACK
from tests.kit.process import Process

FILL = """
import sys
from pathlib import Path
try:
    from tests.bench.records import fill
except ImportError:  # a version that had it elsewhere
    from tests.bench.calls import fill
fill(Path(sys.argv[1]), int(sys.argv[2]))
"""
MANY = 1_000_000


class Fresh(Boomerang):
    """A daemon that has begun as an interpreter of its own: what it shares with nobody is its own memory and CPU."""

    def launch(self) -> Process:
        argv = [sys.executable, "-m", "proxy", "run", "-c", str(self.config)]
        return Process(argv, name="boomerang", cwd=self.folder, env=environment(self.code))


@cache
def environment(code: Path) -> dict[str, str]:
    """What a process is told that runs the code of a folder: its bytecode is there already, as it is once installed."""
    folder = ROOT / ".venv-tests" / "bytecode"
    told = {"PYTHONPATH": str(code), "PYTHONPYCACHEPREFIX": str(folder), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-m", "compileall", "-q", "config", "routing", "proxy"], cwd=code, check=True,
                   env={**os.environ, **told})
    return told


def policy(job: Job) -> dict[str, Any]:
    """Our number, shared; or one of a group that is called back. Nobody who is missed is dialled meanwhile."""
    if not job.callbacks:
        return {"number": {NUMBER: {"kind": "shared"}}}
    missed = {"enabled": True, "window": "24h", "attempts": 4}
    table = {"number": {NUMBER: {"kind": "shared", "group": "sales"}},
             "group": {"sales": {"target": "600", "agents": ["201", "202"], "missed_callback": missed}}}
    if job.calls == "missed":
        table["guard"] = {"stop": True, "open_tasks": MANY, "tasks_per_hour": MANY}
    return table


def daemon_for(job: Job, code: Path = ROOT, mqtt: str = "off") -> Fresh:
    """A daemon of the code in a folder, not started yet, with its records in its database and its log at warning."""
    data = job.folder / "data" / "boomerang.db"
    subprocess.run([sys.executable, "-c", FILL, data, str(job.records)], check=True, cwd=code,
                   env={**os.environ, **environment(code)})
    return Fresh(
        job.folder, port=job.element, trunks={"main": {"peers": [f"sip:{LOOPBACK}:{job.carrier}"]}},
        pbxs={"office": {"peers": [f"sip:{LOOPBACK}:{job.pbx}"], "extensions": "^[2-7][0-9]{2}$"}},
        policy=policy(job), mqtt=mqtt, extra={"log": {"level": "warning"}}, code=code)


def boomerang(stack: ExitStack, job: Job, code: Path = ROOT) -> Element:
    """Start the Boomerang of a folder."""
    daemon = daemon_for(job, code, f"mqtt://{LOOPBACK}:{job.broker}" if job.broker else "off")
    stack.enter_context(daemon)
    assert daemon.process is not None
    return Element(daemon.process, lambda: setup_times.read(daemon.get("/metrics")[1]))
