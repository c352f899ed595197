"""A restart by day, with calls coming in all the while: none is refused, none is lost, every row is closed."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.ports import free_port
from tests.kit.process import Process
from tests.kit.service_manager import ServiceManager
from tests.kit.sipp import Sipp
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("sipp")

RATE: Final = 50
"""Calls a second."""
CALLS: Final = 400
RESTART_AT: Final = 100
"""Calls that have begun when it is restarted."""
TALK_MS: Final = 1_000
PATIENT: Final = '{"proxy.core.overload:PATIENCE": 600, "proxy.daemon:LAG_OVERLOAD": 600}'
"""What has waited is worked off, however slow the machine is with it: what is refused then is tested elsewhere."""


class Stand:
    """SIPp calls SIPp, and a daemon between them that another one follows."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.callee = stack.enter_context(Sipp("callee", folder))
        self.caller_port = free_port()
        self.boomerang = Boomerang(folder / "node", trunks={"main": peer(self.caller_port)},
                                   pbxs={"office": peer(self.callee.port)}, extra={"log": {"level": "info"}})
        stack.callback(self.boomerang.stop)

    def start(self, *arguments: str, before: tuple[str, ...] = (), descriptors: tuple[int, ...] = (),
              environment: dict[str, str] | None = None) -> Process:
        """Start a daemon, and take it for the present one."""
        argv = [*before, sys.executable, "-m", "tests.survival.faulty", PATIENT, "run", "-c",
                str(self.boomerang.config), *arguments]
        process = Process(argv, name="boomerang", cwd=self.boomerang.folder, descriptors=descriptors,
                          env={"PYTHONPATH": str(ROOT), **(environment or {})})
        self.stack.callback(process.stop)
        self.boomerang.process = process
        return process

    def call(self) -> Sipp:
        """Begin to call, and wait until the moment of the restart has come."""
        caller = Sipp("caller", self.folder, port=self.caller_port, remote=self.boomerang.port, service=SHARED,
                      keys={"caller": "+36201234567"}, calls=CALLS, rate=RATE, pause_ms=TALK_MS)
        self.stack.enter_context(caller)
        eventually(lambda: self._rows("1") >= RESTART_AT, "calls have begun")
        return caller

    def all_passed(self, caller: Sipp) -> None:
        """Every call of SIPp went by its scenario, and the database says nothing else of them."""
        caller.finish()
        eventually(lambda: self._rows("cause = 200") == self._rows("1"), "every row is closed")

    def all_are_written(self) -> None:
        """After an end in order every call has its row."""
        assert self._rows("1") == CALLS

    def _rows(self, where: str) -> int:
        return int(self.boomerang.sql(f"SELECT count(*) FROM calls WHERE {where}")[0][0])


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with ExitStack() as stack:
        yield Stand(tmp_path, stack)


def test_a_new_process_takes_over(stand: Stand) -> None:
    """Without a service manager: the new one asks the old one, which ends by itself."""
    old = stand.start()
    stand.boomerang.wait_ready()
    caller = stand.call()
    new = stand.start("--take-over")
    assert old.wait() == 0
    assert old.said('"event":"stopped","sockets":"handed over"')
    new.wait_for('"event":"running"')
    stand.all_passed(caller)
    stand.all_are_written()


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_the_service_manager_keeps_the_sockets(stand: Stand, tmp_path: Path, how: str) -> None:
    """What comes while there is no process waits in the kernel; no matter whether it ended in order."""
    with ServiceManager(tmp_path) as manager:
        old = stand.start(environment=dict(manager.environment))
        stand.boomerang.wait_ready()
        caller = stand.call()
        if how == "restart":
            old.signal(signal.SIGUSR2)
            assert old.wait() == 0
        else:
            old.kill9()
        told = len(manager.told)
        before, descriptors = manager.passing()
        assert len(descriptors) == 1
        stand.start(before=before, descriptors=descriptors, environment=dict(manager.environment))
        manager.wait_for("READY", after=told)
        stand.all_passed(caller)
        if how == "restart":
            stand.all_are_written()
