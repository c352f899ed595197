"""`kill -9` while callers wait in the queue room and requests hold places: both sides end, requests are kept, once.

    python -m pytest tests/survival/test_queue_kill.py -s
    BOOMERANG_KILLS=30 BOOMERANG_SEED=7 python -m pytest tests/survival/test_queue_kill.py -s -k random
"""

import os
import random
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.kit.callback_scene import ACCEPTS, CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

ROUNDS = int(os.environ.get("BOOMERANG_KILLS", "6"))
SEED = int(os.environ.get("BOOMERANG_SEED", "9"))
AGENTS = ("201", "202")
WAITS = Plan()
"""A caller who presses nothing."""
ASKS = Plan(keys=tuple((0.5 * press, "1") for press in range(1, 30)))
"""A caller who asks for a callback on their own number, and insists; we hang up."""
TALKS = Plan(hang_up=2.0)
"""A customer who answers, and talks for much longer than a call must last to count."""
SETTLED = 180.0
"""Seconds in which everything that is due must be done: it bounds a failure alone."""
QUEUE = Plan(answer=0.05)
ACCEPTED = Plan(answer=0.05, keys=((2.5, "1"),))
"""By an agent who takes the place when its caller has left it."""
PLACES = (QUEUE, ACCEPTED, ACCEPTED, Plan(answer=0.05, keys=((2.5, "2"),)),
          Plan(answer=0.05, keys=((2.5, "7"),), hang_up=3.0))
CUSTOMERS = (Plan(hang_up=0.5), Plan(), Plan(status=486), Plan(answer=None))


class QueueKills:
    """A daemon with a queue behind its number."""

    def __init__(self, folder: Path, **queue: Any) -> None:
        callback = {"min_talk": "300ms", "customer_ring_for": "5s", "agent_ring_for": "5s", "accept_within": "5s",
                    "retry_busy": "1s", "retry_agent": "1s", "wrap_up": "0s"}
        settings = policy(AGENTS, {"enabled": False}, callback, guard={"number_per_hour": 20, "number_per_day": 20},
                          queue_callback={"enabled": True, "offer_after": "100ms",
                                          **queue})
        self.scene = CallbackScene(folder, policy=settings, office={"answers": "before_queue"}, media_ports=120)
        self.scene.pbx.plans[SHARED] = QUEUE
        for agent in AGENTS:
            self.scene.pbx.plans[agent] = Plan(answer=None)
        self.scene.carrier.default = TALKS

    def calls(self, customer: str, plan: Plan) -> FarCall:
        scene = self.scene
        return scene.loop.do(lambda: scene.carrier.dial(SHARED, customer, scene.boomerang.hop, plan))

    def requests(self) -> list[dict[str, Any]]:
        return [row for row in self.scene.tasks() if row["kind"] == "queue"]

    def asked(self, customer: str) -> int:
        """How often somebody has asked, whatever became of it."""
        return sum(row["customer"] == customer for row in self.requests())

    def promises(self, customer: str | None = None) -> list[dict[str, Any]]:
        """Requests, of one customer or of all, but for those that were taken back because the disk was too slow."""
        return [row for row in self.requests()
                if row["reason"] != "database" and customer in (None, row["customer"])]

    def asks(self, customer: str) -> FarCall:
        """Somebody asks for a callback; done when it is promised on disk.

        Before the media process is there their call goes its normal way: then they hang up and call again, as they do
        where the agent was quicker.
        """
        while True:
            before = self.asked(customer)
            call = self.scene.until(self.calls(customer, ASKS), "up")
            if call.call_id in [place.call_id for place in self.scene.pbx.to(SHARED)]:
                self.scene.hang_up(call)
                continue
            eventually(lambda call=call, before=before:  # type: ignore[misc]
                       self.asked(customer) > before or call.state == "over", f"a request of {customer}")
            if self.asked(customer) > before:
                return call

    def asks_and_leaves(self, customer: str) -> None:
        """Somebody asks until it is promised, and we hang up.

        Where the disk is too slow for a promise, the request is taken back at once and its caller waits on.
        """
        while True:
            call = self.asks(customer)
            eventually(lambda call=call: call.state == "over" or not self.promises(customer),  # type: ignore[misc]
                       f"{customer} is told")
            if call.state == "over":
                return
            self.scene.hang_up(call)

    def settle(self) -> None:
        """Agents take what we ring them for, customers answer: all that is due is done."""
        scene = self.scene
        for agent in AGENTS:
            scene.pbx.plans[agent] = ACCEPTS
        for call in scene.carrier.open_calls():
            if call.caller:
                scene.hang_up(call)

        def nothing_due() -> bool:
            running = scene.boomerang.sql("SELECT id FROM attempts WHERE ended_at IS NULL")
            return not running and all(row["state"] != "open" for row in self.requests())

        eventually(nothing_due, "every request is done", SETTLED)
        scene.all_quiet()

    def check(self) -> None:
        """Nobody was dialled twice for one attempt, or without one; nobody in two calls of ours at a time."""
        scene = self.scene
        for row in self.requests():
            attempts = [one for one in scene.attempts(row["customer"]) if one["customer_at"] is not None]
            dials = scene.carrier.to(row["customer"])
            assert len(dials) <= len(attempts), (row, scene.ladder())
            assert row["attempts"] == len(attempts) <= row["attempts_max"], row
            for first, second in pairwise(dials):
                assert first.over_at is not None
                assert first.over_at <= second.began_at, scene.ladder()
        assert scene.boomerang.sql("SELECT * FROM calls WHERE ended_at IS NULL AND reason='callback'") == []
        assert scene.boomerang.sql("PRAGMA integrity_check")[0][0] == "ok"


def test_ten_callers_and_five_requests(tmp_path: Path) -> None:
    """All of them end on both sides, within seconds of the next process; each request is kept, and dialled once."""
    kills = QueueKills(tmp_path)
    with kills.scene as scene:
        askers = [f"+3620123400{number}" for number in range(5)]
        for customer in askers:
            kills.asks_and_leaves(customer)
        callers = [kills.calls(f"+3620123450{number}", WAITS) for number in range(10)]
        for call in callers:
            scene.until(call, "up")
        eventually(lambda: sum(call.state == "up" for call in scene.pbx.to(SHARED)) == 15, "fifteen places")
        eventually(lambda: len(scene.boomerang.sql("SELECT call FROM legs")) == 25, "twenty-five legs on disk")
        scene.kill9()
        killed = time.monotonic()
        scene.restart()
        up = time.monotonic()

        def all_over() -> bool:
            return all(call.state == "over" for call in (*callers, *scene.pbx.to(SHARED)))

        eventually(all_over, "callers and places are over")
        assert [call.ended_by for call in callers] == 10 * ["far"]
        last = max(call.over_at or 0.0 for call in (*callers, *scene.pbx.to(SHARED)))
        print(f"back after {up - killed:.2f} s, everybody out {last - killed:.2f} s after the kill")
        kills.settle()
        kills.check()
        assert [row["state"] for row in kills.promises()] == 5 * ["done"]
        assert [len(scene.carrier.to(customer)) for customer in askers] == 5 * [1]
        assert {row["customer"] for row in kills.requests()} == set(askers), "who only waited asked for nothing"


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """A caller asks, agents take their place and press anything, and somewhere in it the daemon dies."""
    chance = random.Random(SEED)
    kills = QueueKills(tmp_path)
    told = []
    with kills.scene as scene:
        promised: set[str] = set()
        for number in range(ROUNDS):
            scene.pbx.plans[SHARED] = chance.choice(PLACES)
            customer = f"+362012{number:05}"
            scene.carrier.plans[customer] = chance.choice(CUSTOMERS)
            if chance.random() < 0.3:
                kills.calls(f"+362013{number:05}", WAITS)
            asked = chance.random() < 0.7
            if asked:  # and then somewhere in the life of the request
                kills.asks(customer)
            else:
                kills.calls(customer, ASKS)
            moment = chance.uniform(0.0, 4.0)
            time.sleep(moment)
            told.append(f"{number}: {customer} killed {moment:.3f} s after {'the promise' if asked else 'their call'}")
            promised |= {row["customer"] for row in kills.promises()}
            scene.kill9()
            scene.restart()
            scene.carrier.plans[customer] = TALKS
        try:
            kills.settle()
            kills.check()
            assert promised <= {row["customer"] for row in kills.promises()}
            assert all(row["state"] in ("done", "failed") for row in kills.promises())
        except AssertionError as error:
            error.add_note("\n".join([*told, *(str(row) for row in kills.requests() if row["state"] == "open")]))
            raise
        assert promised
        states = [row["state"] for row in kills.requests()]
        print({name: states.count(name) for name in sorted(set(states))},
              [row["result"] for row in scene.attempts()])
