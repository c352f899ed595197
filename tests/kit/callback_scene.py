"""A real Boomerang that calls customers back, between a PBX and a carrier that act by themselves (`far_end`)."""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import Loop
from tests.kit.far_login import Login
from tests.kit.far_phones import FarPhones
from tests.kit.ports import free_port
from tests.kit.site import SHARED, peer
from tests.kit.waiting import PATIENCE, eventually

CUSTOMER, AGENT, GROUP = "+36201234567", "201", "sales"
AGENT_TONE, CUSTOMER_TONE = 440.0, 1000.0
MEDIA_PORTS = 40
LOGIN = Login("acme", "trunk secret")
ACCEPTS = Plan(keys=((0.05, "1"), (1.0, "1"), (3.0, "1")), tone=AGENT_TONE)
"""An agent who takes every callback, and presses again in case the answer was not known yet when the key came."""
TALKS = Plan(tone=CUSTOMER_TONE)
"""A customer who answers and leaves it to the other side to hang up."""
NOBODY = Plan(answer=None)
GIVES_UP = 1.0
"""Seconds after which a customer whom nobody answers hangs up; their call rings long before."""


def policy(agents: tuple[str, ...] = (AGENT,), missed: Mapping[str, Any] | None = None,
           callback: Mapping[str, Any] | None = None, **tables: Mapping[str, Any]) -> dict[str, Any]:
    """A policy with one group that calls back; further `tables` by name."""
    return {
        "number": {SHARED: {"group": GROUP}},
        "group": {GROUP: {"agents": list(agents),
                          "missed_callback": {"enabled": True, "window": "24h", "attempts": 4, **(missed or {})},
                          "callback": {"min_talk": "1s", **(callback or {})}}},
        **tables,
    }


class CallbackScene(FarPhones):
    """`with CallbackScene(...) as scene:`. The PBX's agent takes every callback, nobody answers the front desk."""

    def __init__(self, folder: Path, *, policy: Mapping[str, Any], login: Login | None = LOGIN, mqtt: str = "off",
                 media_ports: int = MEDIA_PORTS, extra: Mapping[str, Any] | None = None,
                 trunks: Mapping[str, Any] | None = None, pbxs: Mapping[str, Any] | None = None,
                 office: Mapping[str, Any] | None = None, daemon: type[Boomerang] = Boomerang) -> None:
        """`trunks`, `pbxs`: further ones. `office`: further keys of the PBX's table. `daemon`: how it is started."""
        self.folder, self._stack = folder, ExitStack()
        self.loop = self._stack.enter_context(Loop())
        self.carrier, self.pbx = self.loop.open(login), self.loop.open()
        account: dict[str, Any] = {}
        if login is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "password").write_text(login.password)
            account = {"username": login.username, "password": f"file:{folder / 'password'}"}
        first = free_port(media_ports)
        self.boomerang = daemon(
            folder, trunks={"main": {**peer(self.carrier.port), **account}, **(trunks or {})},
            pbxs={"office": {**peer(self.pbx.port), **(office or {})}, **(pbxs or {})}, policy=policy, mqtt=mqtt,
            extra={"media": {"ports": f"{first}-{first + media_ports - 1}"}, **(extra or {})})
        self.pbx.plans[SHARED] = NOBODY
        self.pbx.plans[AGENT] = ACCEPTS
        self.carrier.default = TALKS

    # What happens

    def dial(self, customer: str = CUSTOMER, dialled: str = SHARED, tone: float = 0.0) -> FarCall:
        """A customer calls, and speaks with a tone where one is given."""
        plan = Plan(tone=tone, media=bool(tone))
        return self.loop.do(lambda: self.carrier.dial(dialled, customer, self.boomerang.hop, plan))

    def miss(self, customer: str = CUSTOMER, dialled: str = SHARED, *, answered: bool = True) -> FarCall:
        """A customer calls, nobody answers, they hang up; `answered`: their CANCEL is, for the daemon lives on."""
        call = self.dial(customer, dialled)
        eventually(lambda: 180 in call.statuses, f"the call of {customer} rings")
        self.hang_up(call)
        if answered:
            eventually(lambda: call.state == "over", f"the call of {customer} is over")
        return call

    # What is waited for

    def agent_call(self, number: int = 1, agent: str = AGENT, timeout: float = PATIENCE) -> FarCall:
        """The n-th call to an agent."""
        return self.rings(agent, number, timeout)

    def customer_call(self, number: int = 1, customer: str = CUSTOMER, timeout: float = PATIENCE) -> FarCall:
        """The n-th call to a customer."""
        return self.reaches(customer, number, timeout)

    def all_quiet(self, timeout: float = PATIENCE) -> None:
        """Wait until no phone is in a call."""
        def quiet() -> bool:
            return not self.pbx.open_calls() and not self.carrier.open_calls()

        try:
            eventually(quiet, "no phone is in a call", timeout)
        except AssertionError as error:
            error.add_note(self.ladder())
            raise

    # What Boomerang says

    def tasks(self, customer: str | None = None) -> list[dict[str, Any]]:
        """Rows of tasks in the database, the oldest first."""
        rows = [dict(row) for row in self.boomerang.sql("SELECT * FROM tasks ORDER BY id")]
        return [row for row in rows if customer in (None, row["customer"])]

    def task(self, fits: Callable[[dict[str, Any]], object], what: str, customer: str = CUSTOMER,
             timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until the newest task of a customer fits, in the database."""
        def found() -> dict[str, Any] | None:
            rows = self.tasks(customer)
            return rows[-1] if rows and fits(rows[-1]) else None

        row = eventually(found, what, timeout)
        assert row is not None
        return row

    def attempts(self, customer: str | None = None) -> list[dict[str, Any]]:
        """Rows of attempts, the oldest first."""
        rows = [dict(row) for row in self.boomerang.sql("SELECT * FROM attempts ORDER BY id")]
        return [row for row in rows if customer in (None, row["customer"])]

    def journal(self, task: str) -> list[str]:
        """Kinds of the lines of a task's journal."""
        return [row["kind"] for row in self.boomerang.sql("SELECT kind FROM journal WHERE task=? ORDER BY seq", task)]

    # Its process

    def media_processes(self) -> list[int]:
        """Process ids of the daemon's children."""
        assert self.boomerang.process is not None
        return children(self.boomerang.process.pid)

    def kill9(self) -> None:
        """Kill the daemon alone, and see that its children go by themselves."""
        left = self.media_processes()
        assert self.boomerang.process is not None
        os.kill(self.boomerang.process.pid, signal.SIGKILL)
        self.died(left)

    def died(self, left: list[int], timeout: float = PATIENCE) -> None:
        """Wait for the end of a daemon that is killed from within, and of the children that it leaves."""
        process = self.boomerang.process
        assert process is not None
        assert process.wait(timeout) == -signal.SIGKILL, process.report()
        eventually(lambda: not any(map(alive, left)), f"children {left} of the killed daemon have ended")

    def take_what_has_come(self) -> None:
        """Wait until the phones have read what was sent to them before this."""
        for _ in range(2):  # a turn of their loop may have looked at its sockets just before
            self.loop.do(lambda: None)

    def restart(self) -> None:
        """Start it again, and wait no longer than until it takes calls."""
        self.boomerang.start(ready=False)
        assert self.boomerang.process is not None
        self.boomerang.process.wait_for('"event":"running"')

    def ladder(self) -> str:
        """Every call at both ends, with how it went."""
        lines = []
        for name, end in (("pbx", self.pbx), ("carrier", self.carrier)):
            for call in end.calls:
                times = [None if at is None else round(at - call.began_at, 2) for at in (call.up_at, call.over_at)]
                way = f"{call.shown} dials {call.user}" if call.caller else f"{call.user} rung by {call.shown}"
                lines.append(f"{call.began_at:.2f} {name}: {way} {call.call_id} {call.state} {call.ended_by} {times} "
                             f"{call.statuses} {call.reason}")
        return "\n".join(sorted(lines))

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(self.boomerang)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AssertionError):
            error.add_note(self.ladder())
        self._stack.__exit__(type(error) if error else None, error, None)


def children(pid: int) -> list[int]:
    """Process ids of a process's children, of all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be looked at does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
