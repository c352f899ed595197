"""kill -9 while ten callers wait in a real Asterisk's queue and five requests hold their places in it.

What is left up until the next process comes are the legs at both ends, silent; it ends them within seconds of its
start. The requests are there, an agent is rung for each, and nobody is dialled twice.
"""

from pathlib import Path

import pytest

from tests.kit.queue_center import QueueCenter, line
from tests.kit.waiting import eventually, stays
from tests.peers.test_queue_callback import asks

pytestmark = pytest.mark.usefixtures("pjsip")

ONE = line(10)
ASKED = [f"+36201770{number:03}" for number in range(5)]
WAITING = [f"+36201880{number:03}" for number in range(10)]


def test_killed_with_ten_callers_and_five_requests(asterisk: Path, tmp_path: Path) -> None:
    with QueueCenter(asterisk, tmp_path, [ONE]) as site:
        site.boomerang.cli("agents", "pause", ONE.agents[1], "--reason", "has no phone")  # or two are called at a time
        for caller in ASKED:
            asks(site, site.calls(ONE.number, caller))
        waiting = [site.calls(ONE.number, caller) for caller in WAITING]
        assert site.in_queue(ONE.queue) == 15
        site.boomerang.kill9()
        assert site.in_queue(ONE.queue) == 15
        assert all(call.state == "up" for call in waiting), "nobody has told them"
        site.boomerang.restart()
        eventually(lambda: all(call.state == "over" for call in waiting), "the callers are hung up on")
        assert {call.ended_by for call in waiting} == {"far"}
        eventually(lambda: site.in_queue(ONE.queue) == 0, "the PBX too")
        assert [row["state"] for caller in ASKED for row in site.tasks(caller)] == ["open"] * 5

        agent, seen = site.agent(ONE.agents[0], answer="auto"), 0
        called: list[str] = []
        for _ in ASKED:
            shown = agent.rings(after=seen)
            caller = next(each for each in ASKED if each in shown)
            called.append(caller)
            agent.talks(after=seen)
            seen = len(agent.lines)
            agent.press("1")
            there = site.reaches(caller)
            site.until(there, "up")
            stays(lambda: agent.running, "they talk", 1.3)
            site.hang_up(there)
            agent.ended(after=seen)
            seen = len(agent.lines)
            site.task(caller, lambda row: row["state"] == "done", "the promise is kept")
        assert called == ASKED, "in the order in which they began to wait"
        assert [len(site.carrier.to(caller)) for caller in ASKED + WAITING] == [1] * 5 + [0] * 10
