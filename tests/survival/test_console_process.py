"""The console's process lives and dies beside a real daemon, which does not notice."""

import os
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.console import Visitor, wait_for_console, with_console
from tests.kit.ports import LOOPBACK
from tests.kit.waiting import eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Boomerang, int]]:
    daemon, port = with_console(tmp_path_factory.mktemp("console"))
    try:
        daemon.start()
        wait_for_console(port)
        yield daemon, port
    finally:
        daemon.stop()


def console_of(daemon: Boomerang) -> int | None:
    """Process id of the daemon's console."""
    assert daemon.process is not None
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if b"proxy.console" in words and parent == str(daemon.process.pid):
            return int(entry.name)
    return None


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_console_that_was_killed_is_there_again(running: tuple[Boomerang, int]) -> None:
    daemon, port = running
    before = console_of(daemon)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    # What comes now waits in the socket: it is answered, and not refused.
    assert Visitor(port).get("/login").status == 200
    assert console_of(daemon) not in (None, before)
    assert daemon.get("/readyz")[0] == 200


def test_a_console_that_is_stuck_is_ended(running: tuple[Boomerang, int]) -> None:
    daemon, port = running
    before = console_of(daemon)
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: console_of(daemon) not in (None, before), "another console", timeout=90.0)
    wait_for_console(port)


def test_the_console_ends_with_a_daemon_that_was_killed(tmp_path: Path) -> None:
    daemon, port = with_console(tmp_path)
    try:
        daemon.start()
        wait_for_console(port)
        console = console_of(daemon)
        assert console is not None
        daemon.kill9()
        eventually(partial(is_gone, console), "no console")
        daemon.restart()
        wait_for_console(port)
        console = console_of(daemon)
        assert console is not None
        daemon.stop()
        assert is_gone(console)
    finally:
        daemon.stop()


def test_a_port_that_is_taken_is_an_alarm_and_no_end(tmp_path: Path) -> None:
    daemon, port = with_console(tmp_path)
    with socket.create_server((LOOPBACK, port)):
        daemon.start()
        eventually(lambda: any("alarm.raised" in line and "pages and API have no address" in line
                               for line in daemon.log), "an alarm", timeout=60.0)
        assert daemon.get("/readyz")[0] == 200
    try:
        wait_for_console(port)
        eventually(lambda: any("alarm.cleared" in line and "console" in line for line in daemon.log), "its end")
    finally:
        daemon.stop()
