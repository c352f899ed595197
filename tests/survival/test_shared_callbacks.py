"""Two daemons that share a database call back: each promise is kept once, whoever dies, is stopped or wakes."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.callback_scene import ACCEPTS, AGENT, GROUP, CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.leases import holder_of, settled_holder
from tests.kit.postgres import MISSING, server
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

FIRST, SECOND = "+36201234567", "+36207654321"
DESK = f"desk/{GROUP}"
HANGS_UP = Plan(hang_up=0.5)
"""A customer who has heard enough by then: their callback is done."""
POLICY = policy(callback={"min_talk": "100ms", "agent_ring_for": "2m", "retry_agent": "1s", "retry_busy": "1s"})


class Pair:
    """Daemons `a` and `b` on one server, each between a carrier and a PBX of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres = stack.enter_context(server(settings=""))
        key, address = folder / "node.key", folder / "database"
        key.write_text("5a" * 32)
        key.chmod(0o600)
        address.write_text(self.postgres.url())
        self.nodes: dict[str, CallbackScene] = {}
        for name in "ab":
            extra: dict[str, Any] = {
                "node": {"name": name, "data": folder / name / "data", "signing_key": f"file:{key}"},
                "cluster": {"database": f"file:{address}"}}
            scene = CallbackScene(folder / name, policy=POLICY, login=None, extra=extra)
            scene.carrier.default = HANGS_UP
            self.nodes[name] = stack.enter_context(scene)

    def holder(self) -> str:
        """Return who has the lease; an empty text: nobody."""
        return holder_of(self.postgres, DESK)

    def ends(self) -> tuple[CallbackScene, CallbackScene]:
        """Wait until both know of each other and one of them calls back for the group; return who does, and the other.
        """
        name = settled_holder(self.postgres, DESK, self.nodes)
        return self.nodes[name], self.nodes["b" if name == "a" else "a"]

    def to_agent(self) -> list[FarCall]:
        """Return every call to the agent, at either node."""
        return [call for scene in self.nodes.values() for call in scene.pbx.to(AGENT)]

    def to(self, customer: str) -> list[FarCall]:
        """Return every call to a customer, at either node."""
        return [call for scene in self.nodes.values() for call in scene.carrier.to(customer)]

    def kept(self, customer: str) -> None:
        """Wait until a promise is kept, as the shared database says."""
        state = f"SELECT state FROM tasks WHERE customer='{customer}'"
        eventually(lambda: self.postgres.run(state) == [("done",)], f"{customer} was called back")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def pause(*scenes: CallbackScene) -> None:
    """The agent takes nothing: the first of these is told, and all know it."""
    scenes[0].boomerang.cli("agents", "pause", AGENT)
    eventually(lambda: all(scene.boomerang.cli("agents")[0]["state"] == "paused" for scene in scenes),
               "the agent is not called", every=0.5)


def waits(*scenes: CallbackScene) -> None:
    """The callback is known to all of these."""
    for scene in scenes:
        scene.task(lambda row: row["state"] == "open", "it waits", FIRST)


def test_who_missed_is_called_once_wherever_they_called(pair: Pair) -> None:
    desk, other = pair.ends()
    other.miss(FIRST)
    desk.miss(SECOND)
    pair.kept(FIRST)
    pair.kept(SECOND)
    for scene in (desk, other):
        scene.all_quiet()
        scene.task(lambda row: row["state"] == "done", "each node knows it")
    assert (len(pair.to(FIRST)), len(pair.to(SECOND)), len(pair.to_agent())) == (1, 1, 2)


def test_the_desk_is_killed_before_it_calls(pair: Pair) -> None:
    desk, other = pair.ends()
    pause(desk, other)
    desk.miss(FIRST)
    waits(desk, other)
    desk.kill9()
    other.boomerang.cli("agents", "resume", AGENT)
    pair.kept(FIRST)
    other.all_quiet()
    desk.restart()
    desk.task(lambda row: row["state"] == "done", "who comes back is told", FIRST)
    assert (len(other.carrier.to(FIRST)), len(other.pbx.to(AGENT))) == (1, 1)
    assert (len(pair.to(FIRST)), len(pair.to_agent())) == (1, 1)


def test_the_desk_is_stopped_before_it_calls_and_wakes(pair: Pair) -> None:
    desk, other = pair.ends()
    pause(desk, other)
    desk.miss(FIRST)
    waits(desk, other)
    stopped = pair.holder()
    process = desk.boomerang.process
    assert process is not None
    process.signal(signal.SIGSTOP)
    try:
        other.boomerang.cli("agents", "resume", AGENT)
        pair.kept(FIRST)
        assert pair.holder() != stopped
    finally:
        process.signal(signal.SIGCONT)
    desk.task(lambda row: row["state"] == "done", "who wakes is told", FIRST)
    other.all_quiet()
    assert (len(other.carrier.to(FIRST)), len(other.pbx.to(AGENT))) == (1, 1)
    assert (len(pair.to(FIRST)), len(pair.to_agent())) == (1, 1)


def test_an_agent_answers_a_desk_that_was_stopped_and_wakes(pair: Pair) -> None:
    """By then the other one has called the customer: whoever takes the old call is not put through to them again."""
    desk, other = pair.ends()
    desk.pbx.plans[AGENT] = Plan(answer=None, keys=ACCEPTS.keys)
    desk.miss(FIRST)
    rings = desk.agent_call()
    waits(other)
    process = desk.boomerang.process
    assert process is not None
    process.signal(signal.SIGSTOP)
    try:
        pair.kept(FIRST)
        other.all_quiet()
        desk.loop.do(rings.final)
    finally:
        process.signal(signal.SIGCONT)
    desk.until(rings, "over")
    assert (rings.up_at is not None, rings.ended_by) == (True, "far"), "they had answered, and were let go"
    desk.task(lambda row: row["state"] == "done", "who wakes is told", FIRST)
    desk.all_quiet()
    assert (len(desk.carrier.to(FIRST)), len(other.carrier.to(FIRST))) == (0, 1)
    assert (len(desk.pbx.to(AGENT)), len(other.pbx.to(AGENT))) == (1, 1)
