"""The console's process lives and dies beside a real daemon, which does not notice."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.call import Outgoing, incoming
from tests.kit.console import Visitor, wait_for_console, with_console
from tests.kit.ports import LOOPBACK
from tests.kit.sip_socket import SipSocket
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually
from tests.survival.test_handover import another, running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Boomerang, int]]:
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


def test_a_console_that_was_killed_is_there_again(served: tuple[Boomerang, int]) -> None:
    daemon, port = served
    before = console_of(daemon)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    # What comes now waits in the socket: it is answered, and not refused.
    assert Visitor(port).get("/login").status == 200
    assert console_of(daemon) not in (None, before)
    assert daemon.get("/readyz")[0] == 200


def test_the_console_steps_back_before_calls(served: tuple[Boomerang, int]) -> None:
    daemon, _ = served
    console = console_of(daemon)
    assert console is not None
    assert daemon.process is not None
    score = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (console, daemon.process.pid)]
    nice = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (console, daemon.process.pid)]
    assert score[0] == min(1_000, score[1] + 500)
    assert nice[0] == min(19, nice[1] + 5)


def test_a_console_that_is_stuck_is_ended(served: tuple[Boomerang, int]) -> None:
    daemon, port = served
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
        eventually(partial(is_gone, console), "no console")
    finally:
        daemon.stop()


def test_a_port_that_is_taken_is_an_alarm_and_no_end(tmp_path: Path) -> None:
    daemon, port = with_console(tmp_path)
    with socket.create_server((LOOPBACK, port)):
        daemon.start()
        eventually(lambda: any("alarm.raised" in line and "pages and API have no address" in line
                               for line in daemon.log), "an alarm")
        assert daemon.get("/readyz")[0] == 200
    try:
        wait_for_console(port)
        eventually(lambda: any("alarm.cleared" in line and "console" in line for line in daemon.log), "its end")
    finally:
        daemon.stop()


class Asking:
    """People who open pages without a pause, in threads."""

    def __init__(self, port: int, people: int) -> None:
        self.answers: list[float] = []
        """Seconds that each answer took."""
        self.refused = 0
        self._port, self._over = port, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(people)]

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                Visitor(self._port).get("/login")
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, http.client.HTTPException):
                continue  # in the middle of it the process was killed
            self.answers.append(time.monotonic() - began)

    def __enter__(self) -> "Asking":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()


@contextmanager
def with_peers(folder: Path) -> Iterator[tuple[Boomerang, int, SipSocket, SipSocket]]:
    with SipSocket() as carrier, SipSocket() as pbx:
        daemon, port = with_console(folder, trunks={"main": peer(carrier.port)}, pbxs={"office": peer(pbx.port)})
        try:
            daemon.start()
            wait_for_console(port)
            yield daemon, port, carrier, pbx
        finally:
            daemon.stop()


def test_calls_pass_while_the_console_is_killed_under_load(tmp_path: Path) -> None:
    with with_peers(tmp_path) as (daemon, port, carrier, pbx), Asking(port, 4) as asking:
        for number in range(3):
            before = console_of(daemon)
            assert before is not None
            os.kill(before, signal.SIGKILL)
            call = Outgoing(carrier, daemon.hop, SHARED, f"+3620123450{number}")
            there = incoming(pbx, call_id=call.call_id)
            there.ring()
            there.pick_up_with(call)
            call.request("BYE")
            there.hung_up()
            call.bye_answered()
            wait_for_console(port)
            assert console_of(daemon) not in (None, before)
        count = len(asking.answers)
        eventually(lambda: len(asking.answers) > count + 10, "pages as before")
    assert asking.refused == 0, "the daemon holds the socket"


def test_pages_wait_for_the_process_that_takes_over(tmp_path: Path) -> None:
    daemon, port = with_console(tmp_path)
    try:
        daemon.start()
        wait_for_console(port)
        old = daemon.process
        assert old is not None
        with another(daemon, "--take-over") as new:
            with Asking(port, 2) as asking:
                assert old.wait() == 0
                running(new)
                wait_for_console(port)
            assert asking.refused == 0, "what comes meanwhile waits in the socket"
            assert asking.answers
            assert not new.said("alarm.raised.*console")
    finally:
        daemon.stop()

