"""A real mosquitto broker on a free loopback port, and mosquitto_sub to listen to it."""

import json
import os
import pwd
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
MOSQUITTO_SUB = shutil.which("mosquitto_sub")

MISSING = None if MOSQUITTO and MOSQUITTO_SUB else "mosquitto or mosquitto-clients is not installed"
"""Why tests that need the broker are skipped."""


class Mosquitto:
    """One broker; `stop` and `start` again keep the port and forget everything."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        """`settings`: what stands in mosquitto.conf besides the listener and where its log goes."""
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        # Started by root it would become somebody else, who may not read a test's folder.
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._config.write_text(f"listener {self.port} {LOOPBACK}\nuser {user}\nlog_dest stderr\n{settings}\n")
        self.process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        assert MOSQUITTO is not None
        self.process = Process([MOSQUITTO, "-c", self._config, "-v"])
        eventually(self._accepts, f"mosquitto accepts on port {self.port}")

    def _accepts(self) -> bool:
        assert self.process is not None
        assert self.process.running, self.process.report()
        with socket.socket() as sock:
            return sock.connect_ex((LOOPBACK, self.port)) == 0

    def stop(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.kill9()
            self.process = None

    def stop_cleanly(self) -> None:
        """End it as an operator would: with `persistence true` it remembers sessions and what they are owed."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def freeze(self) -> None:
        """Let the kernel go on accepting connections that nobody answers: a hung broker."""
        assert self.process is not None
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.signal(signal.SIGCONT)


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
        self.process = Process([MOSQUITTO_SUB, "-h", LOOPBACK, "-p", str(port), "-V", version, "-q", "1", "-t", topic,
                                "-F", "%r\t%t\t%p", *arguments])  # fmt: skip

    @property
    def heard(self) -> list[Heard]:
        """Everything heard so far, in order."""
        split = (line.split("\t", 2) for line in list(self.process.lines))
        return [Heard(parts[1], parts[2], parts[0] == "1") for parts in split if len(parts) == 3]

    def topics(self) -> dict[str, str]:
        """Last payload of each topic heard so far."""
        return {message.topic: message.payload for message in self.heard}

    def of(self, part: str) -> list[Heard]:
        """Messages heard so far whose topic contains `part`."""
        return [message for message in self.heard if part in message.topic]

    def wait_for(self, topic: str, payload: str | None = None, timeout: float = PATIENCE) -> Heard:
        """Wait for a message on `topic`, with this payload where one is given, and give the last such."""
        def found() -> Heard | None:
            return next((m for m in reversed(self.heard) if m.topic == topic and payload in (None, m.payload)), None)

        message = eventually(found, f"{topic} {payload or ''} is heard", timeout)
        assert message is not None
        return message


@contextmanager
def broker(folder: Path, settings: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    """A running mosquitto, stopped at the end."""
    server = Mosquitto(folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def listening(port: int, topic: str = "#", version: str = "5", arguments: tuple[str, ...] = ()) -> Iterator[Subscriber]:
    """A running mosquitto_sub, stopped at the end."""
    subscriber = Subscriber(port, topic, version, arguments)
    with subscriber.process:
        yield subscriber
