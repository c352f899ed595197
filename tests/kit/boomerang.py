"""The real daemon in a process of its own, with the files that it needs and the questions a test asks of it."""

import json
import signal
import socket
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from proxy.control_client import ControlClient
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.sip_socket import unique
from tests.kit.sip_text import build
from tests.kit.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]
ASK = 0.2
"""Seconds between two OPTIONS while it starts."""

POLICY: Mapping[str, Any] = {"region": "HU", "timezone": "Europe/Budapest"}


def toml(tables: Mapping[str, Any], above: tuple[str, ...] = ()) -> str:
    """Write nested mappings as TOML; a list of mappings becomes an array of tables."""
    plain = {k: v for k, v in tables.items() if not isinstance(v, Mapping) and not _is_tables(v)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in plain.items()]
    for key, value in tables.items():
        path = (*above, _key(key))
        if isinstance(value, Mapping):
            lines += ["", f"[{'.'.join(path)}]", toml(value, path)]
        elif _is_tables(value):
            for each in value:
                lines += ["", f"[[{'.'.join(path)}]]", toml(each, path)]
    return "\n".join(lines)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: object) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value)


class Boomerang:
    """One daemon on loopback: `with Boomerang(folder, trunk=..., pbx=...) as it:` starts it and waits until it answers.

    `trunks` and `pbxs`: their tables of boomerang.toml by name. `policy`: policy.toml beside region and time zone.
    `listen`: further listeners beside the UDP one at `port`. `extra`: further tables of boomerang.toml. `code`: folder
    of the code that runs. `prefix`: the environment that it was installed into, whose command and code run then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        trunks: Mapping[str, Mapping[str, Any]],
        pbxs: Mapping[str, Mapping[str, Any]],
        policy: Mapping[str, Any] | None = None,
        listen: Sequence[Mapping[str, Any]] = (),
        port: int | None = None,
        mqtt: str = "off",
        extra: Mapping[str, Any] | None = None,
        code: Path = ROOT,
        prefix: Path | None = None,
    ) -> None:
        self.code, self.prefix = code, prefix
        self.folder, self.port, self.http = folder, port or free_port(), free_port()
        self.name = "edge1"
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.config = folder / "boomerang.toml"
        tables = {
            "node": {"name": self.name, "data": self.data},
            "listen": [{"uri": f"udp://{LOOPBACK}:{self.port}"}, *listen],
            "trunk": trunks,
            "pbx": pbxs,
            "mqtt": {"url": mqtt},
            "http": {"listen": f"{LOOPBACK}:{self.http}"},
            "policy": {"seed": "policy.toml"},
            "log": {"mask_numbers": False, "level": "debug"},
            **(extra or {}),
        }
        self.config.write_text(toml(tables))
        (folder / "policy.toml").write_text(toml({**POLICY, **(policy or {})}))
        self.process: Process | None = None

    @property
    def hop(self) -> tuple[str, int]:
        """Address of its first UDP listener."""
        return LOOPBACK, self.port

    def start(self, *, ready: bool = True) -> Self:
        """Start it, and wait until it answers unless `ready` is false."""
        self.process = self.launch()
        if ready:
            self.wait_ready()
        return self

    def launch(self) -> Process:
        """Start its process, which begins where its imports end where it runs the code beside this one."""
        return self._process(("run", "-c", str(self.config)), "boomerang")

    def _process(self, arguments: Sequence[str], name: str) -> Process:
        if self.prefix is not None:
            argv = [str(self.prefix / "bin" / "boomerang"), *arguments]
            return Process(argv, name=name, cwd=self.folder, env={"PYTHONPATH": ""})
        argv = [sys.executable, "-m", "proxy", *arguments]
        return Process(argv, name=name, cwd=self.folder, env={"PYTHONPATH": str(self.code)}, fork=self.code == ROOT)

    def wait_ready(self) -> None:
        """Wait until /readyz says 200 and OPTIONS over UDP gets 200."""
        running = self._running
        eventually(
            lambda: not running.running or (self.get("/readyz")[0] == 200 and self._answers_options()),
            "a Boomerang that is ready",
        )
        assert running.running, running.report()

    def _answers_options(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
            ask.settimeout(ASK)
            ask.connect(self.hop)
            at = f"{LOOPBACK}:{ask.getsockname()[1]}"
            uri = f"sip:{LOOPBACK}:{self.port}"
            lines = [f"Via: SIP/2.0/UDP {at};branch={unique('z9hG4bK')};rport", f"From: <sip:kit@{at}>;tag=k"]
            lines += [f"To: <{uri}>", f"Call-ID: {unique('ask')}", "CSeq: 1 OPTIONS", "Max-Forwards: 70"]
            try:
                ask.send(build(f"OPTIONS {uri} SIP/2.0", lines))
                # A stranger may be met with silence: an answer of any kind, or /readyz alone, must do.
                ask.recv(65_535)
            except ConnectionRefusedError:
                return False
            except TimeoutError:
                return True
        return True

    @property
    def _running(self) -> Process:
        assert self.process is not None, "Boomerang was not started"
        return self.process

    def kill9(self) -> None:
        """End it between two messages, as a power cut would."""
        self._running.kill9()

    def terminate(self) -> None:
        """Send SIGTERM: it drains."""
        self._running.signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it, drained or not."""
        if self.process is not None:
            self.process.stop()

    def restart(self) -> None:
        """Start it again with the same files, after `kill9` or `stop`."""
        self.start()

    @property
    def log(self) -> list[str]:
        """Lines it has logged since its last start."""
        return list(self._running.lines)

    def get(self, path: str) -> tuple[int, str]:
        """HTTP status and text of one of its probes; status 0 where nobody listens."""
        try:
            url = f"http://{LOOPBACK}:{self.http}{path}"
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def sql(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Ask its database, read-only."""
        connection = sqlite3.connect(f"file:{self.data / 'boomerang.db'}?mode=ro", uri=True, timeout=PATIENCE)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def ask(self, verb: str, /, **args: Any) -> Any:
        """Say a verb at the control socket, as an operator does, and return its data; raises ControlError."""
        return ControlClient(self.data / "control.sock").call(verb, **args)

    def cli(self, *arguments: str) -> Any:
        """Run `boomerang ARGUMENTS --json` beside it and read what it prints; AssertionError where it fails."""
        with self._process((*arguments, "-c", str(self.config), "--json"), "boomerang cli") as command:
            assert command.wait() == 0, command.report()
            return json.loads("\n".join(command.lines))

    def report(self) -> str:
        """What it logged last."""
        return self.process.report() if self.process else "(Boomerang never started)"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException as error:
            self.__exit__(None, error, None)
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.stop()
        if isinstance(error, AssertionError):
            error.add_note(self.report())
