"""A real mosquitto broker on a free loopback port, and mosquitto_sub to listen to it."""

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

START_TIME = 10.0
WAIT = 15.0
"""Seconds after which a wait has failed."""
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
MOSQUITTO_SUB = shutil.which("mosquitto_sub")


def installed() -> bool:
    """Whether Debian's mosquitto and mosquitto-clients are there."""
    return MOSQUITTO is not None and MOSQUITTO_SUB is not None


def free_port() -> int:
    """A TCP port that nobody has at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_until(true: Callable[[], Any], what: str, seconds: float = WAIT) -> None:
    """Return as soon as `true()` is; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Mosquitto:
    """One broker; `stop` and `start` again keep the port and forget everything."""

    def __init__(self, folder: Path, port: int | None = None, extra: str = "") -> None:
        """`extra`: more lines of mosquitto.conf; without it anybody may do anything."""
        self.port = port or free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\n{extra or 'allow_anonymous true'}\n")
        self._log = folder / f"mosquitto-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        assert MOSQUITTO is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config), "-v"], stdout=log, stderr=log)
        wait_until(self._accepts, f"mosquitto on port {self.port}: {self.log()[-500:]}", START_TIME)

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it by its process id."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_TIME)
            self._process = None

    def freeze(self) -> None:
        """Let it go on accepting connections without ever answering: what a hung broker looks like."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text() if self._log.exists() else ""


class Heard(NamedTuple):
    """One message that mosquitto_sub heard."""

    topic: str
    payload: str
    retained: bool
    """It was waiting at the broker when we subscribed."""

    def json(self) -> Any:
        """The payload, parsed."""
        return json.loads(self.payload)


class Subscriber:
    """mosquitto_sub in a process of its own."""

    def __init__(self, port: int, topic: str = "#", version: str = "5", arguments: tuple[str, ...] = ()) -> None:
        assert MOSQUITTO_SUB is not None
        self._process = subprocess.Popen(
            [MOSQUITTO_SUB, "-h", "127.0.0.1", "-p", str(port), "-V", version, "-q", "1", "-t", topic,
             "-F", "%r\t%t\t%p", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.heard: list[Heard] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            parts = line.rstrip("\n").split("\t", 2)
            if len(parts) == 3:
                self.heard.append(Heard(parts[1], parts[2], parts[0] == "1"))

    def topics(self) -> dict[str, str]:
        """Last payload of each topic heard so far."""
        return {message.topic: message.payload for message in list(self.heard)}

    def of(self, part: str) -> list[Heard]:
        """Messages heard so far whose topic contains `part`."""
        return [message for message in list(self.heard) if part in message.topic]

    def wait_for(self, topic: str, payload: str | None = None) -> None:
        """Wait until a message on `topic` was heard, with this payload where one is given."""
        wait_until(lambda: any(m.topic == topic and payload in (None, m.payload) for m in list(self.heard)),
                   f"{topic} {payload or ''}; heard {self.topics()}")

    def stop(self) -> None:
        """End it by its process id."""
        self._process.terminate()
        self._process.wait(START_TIME)
        self._reader.join(START_TIME)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def broker(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """A running mosquitto, stopped at the end."""
    server = Mosquitto(folder, extra=extra)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


@contextmanager
def listening(port: int, topic: str = "#", version: str = "5", arguments: tuple[str, ...] = ()) -> Iterator[Subscriber]:
    """A running mosquitto_sub, stopped at the end."""
    subscriber = Subscriber(port, topic, version, arguments)
    try:
        yield subscriber
    finally:
        subscriber.stop()
