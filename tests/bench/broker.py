"""The broker that elements tell of calls: a mosquitto that counts what it is told."""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.mosquitto import MOSQUITTO, MOSQUITTO_SUB
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.waiting import eventually

READER = "bench-reader"
"""Who reads the counter, at the broker."""
COUNTED_EVERY = 1
"""Seconds between two counts of its own."""


class Broker:
    """One mosquitto that logs connections alone, for its log of messages would be work too."""

    def __init__(self, port: int, process: Process) -> None:
        self.port, self._process = port, process

    def received(self) -> int:
        """Messages that it was told so far, when its counter has seen all of them."""
        time.sleep(COUNTED_EVERY + 0.5)
        return self.count("publish/messages/received")

    def count(self, what: str) -> int:
        """Read one of its own counters; a second old at most."""
        assert MOSQUITTO_SUB is not None
        done = subprocess.run(
            [MOSQUITTO_SUB, "-h", LOOPBACK, "-p", str(self.port), "-i", READER, "-C", "1", "-W", "5",
             "-t", f"$SYS/broker/{what}"],
            text=True, capture_output=True, check=False)
        return int((done.stdout.split() or ["0"])[0])

    def wait_for_element(self) -> None:
        """Wait until somebody has connected who does not read the counter."""
        self._process.wait_for(rf"New client connected from .* as (?!{READER} )")


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A running one, stopped at the end."""
    assert MOSQUITTO is not None, "mosquitto is not installed"
    port = free_port()
    user = pwd.getpwuid(os.geteuid()).pw_name  # started by root it would become somebody else
    (folder / "mosquitto.conf").write_text(
        f"listener {port} {LOOPBACK}\nallow_anonymous true\nuser {user}\nlog_dest stderr\nlog_type notice\n"
        f"sys_interval {COUNTED_EVERY}\n")
    with Process([MOSQUITTO, "-c", folder / "mosquitto.conf"]) as process:
        found = Broker(port, process)
        eventually(lambda: found.count("uptime"), "mosquitto counts", every=0.2)
        yield found
