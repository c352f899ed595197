"""The real Boomerang of the demo: a process of its own with its files in a temporary folder."""

import asyncio
import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

import proxy
from proxy.control_client import ControlClient, ControlError, NotRunningError
from proxy.demo.endpoint import LOOPBACK
from proxy.demo.waiting import DemoError

START_WITHIN: Final = 20.0
"""Seconds until it must be up, with both peers reachable."""
STOP_WITHIN: Final = (3.0, 5.0)
"""Seconds from SIGTERM to its end; where it waits for a call to end, from the second one on, which ends calls."""
LOOK_AGAIN: Final = 0.1
ANSWER_WITHIN: Final = 5.0
"""Seconds for an answer on the control socket."""
LOG_LINES: Final = 12
"""Lines of its log that a failure shows."""
PORTS: Final = range(20_000, 32_000)
"""Below those that the kernel hands out by itself: a port that is free now stays so over a restart."""
_PR_SET_PDEATHSIG: Final = 1

CONFIG: Final = """\
[node]
name = "demo"
data = {data}

[[listen]]
uri = "udp://{host}:{port}"

[trunk.carrier]
peers = ["sip:{host}:{carrier}"]

[pbx.office]
peers = ["sip:{host}:{pbx}"]
extensions = "^2[0-9]{{2}}$"

[mqtt]
url = "embedded://{host}:{mqtt}"

[policy]
seed = "policy.toml"

[log]
format = "console"
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free for UDP and TCP; DemoError where there is none."""
    for port in random.sample(PORTS, 200):
        with contextlib.suppress(OSError):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((LOOPBACK, port))
            return port
    raise DemoError(f"no free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


class Node:
    """`boomerang run` between the two ends."""

    def __init__(self, folder: Path, carrier: int, pbx: int, policy: str, more: str = "") -> None:
        """Write its files into `folder`. `carrier`, `pbx`: ports of the two ends; `more`: further tables of
        boomerang.toml.
        """
        self.port, self.mqtt = free_port(), free_port()
        self._config = folder / "boomerang.toml"
        self._log = folder / "boomerang.log"
        self._folder = folder
        self._config.write_text(CONFIG.format(
            data=json.dumps(str(folder / "data"), ensure_ascii=False), host=LOOPBACK, port=self.port, carrier=carrier,
            pbx=pbx, mqtt=self.mqtt) + more, encoding="utf-8")
        (folder / "policy.toml").write_text(policy, encoding="utf-8")
        self.data = folder / "data"
        """Its data folder."""
        self._client = ControlClient(self.data / "control.sock", ANSWER_WITHIN)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> int:
        """Start it, wait until both peers are reachable, and return its process id."""
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C is for the demo, which then ends this process in order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "proxy", "run", "-c", str(self._config), cwd=self._folder, env=_environment(),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None)
        try:
            async with asyncio.timeout(START_WITHIN):
                while not await self._up():
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError:
            raise DemoError(f"Boomerang was not up within {START_WITHIN:g} s") from None
        return self._process.pid

    async def _up(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise DemoError("Boomerang ended while it started")
        try:
            status = await asyncio.to_thread(self._client.call, "status")
        except NotRunningError:
            return False
        except ControlError as error:
            raise DemoError(f"the control socket said: {error}") from None
        peers = [*status["trunks"].values(), *status["pbxs"].values()]
        return status["state"] == "running" and len(peers) == 2 and all(peer["state"] == "up" for peer in peers)

    async def ask(self, verb: str, **args: Any) -> Any:
        """Ask by the control socket, as `boomerang status` and its like do."""
        try:
            return await asyncio.to_thread(self._client.call, verb, **args)
        except ControlError as error:
            raise DemoError(f"the control socket said to {verb}: {error}") from None

    async def kill(self) -> None:
        """End it as a power cut would: kill -9."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> int | None:
        """Ask it to end, and make it where it does not; return its exit code (negative: the signal that ended it)."""
        process = self._process
        if process is None:
            return None
        for patience in STOP_WITHIN:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await process.wait()
        if process.returncode is None:
            await self.kill()
        return process.returncode

    def log(self) -> str:
        """Return the end of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-LOG_LINES:]) or "    (it wrote no log)"


def _environment() -> dict[str, str]:
    """Our environment; in a checkout that is not installed also where the package is."""
    where = str(Path(next(iter(proxy.__path__))).parent)
    if where in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return dict(os.environ)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (where, os.environ.get("PYTHONPATH"))))}


def _die_with_parent() -> None:
    """Have the kernel end the process when the demo is gone, however that ended (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
