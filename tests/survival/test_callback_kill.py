"""`kill -9` at random moments of callbacks: whatever the moment, nothing that was promised is broken.

    python -m pytest tests/survival/test_callback_kill.py                          # 10 rounds
    BOOMERANG_KILLS=50 BOOMERANG_SEED=7 python -m pytest tests/survival/test_callback_kill.py -s
"""

import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.kit.callback_scene import ACCEPTS, AGENT_TONE, CUSTOMER_TONE, CallbackScene, alive, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.tones import heard
from tests.kit.waiting import eventually

ROUNDS = int(os.environ.get("BOOMERANG_KILLS", "10"))
SEED = int(os.environ.get("BOOMERANG_SEED", "20"))
AT_MOST = 1.2
"""Seconds after the missed call in which it is killed: a callback is over in about as long."""
TWICE = 0.2
"""How often it is killed once more before it is up again, or just then."""
ATTEMPTS = 3
WINDOW = 30
"""Seconds: one attempt in ten."""
SOON = 5.0
"""Seconds within which nothing is due when all is looked at."""
AGENTS = ("201", "202")

AGENT_PLANS = (
    ACCEPTS, ACCEPTS, ACCEPTS,
    Plan(answer=0.02, keys=((0.02, "1"),), tone=AGENT_TONE),
    Plan(keys=((0.05, "1"),), hang_up=0.3),
    Plan(keys=((0.05, "2"),)),
    Plan(status=486),
)
CUSTOMER_PLANS = (
    Plan(tone=CUSTOMER_TONE, hang_up=0.5), Plan(hang_up=0.45), Plan(), Plan(answer=0.3, hang_up=0.4),
    Plan(status=486), Plan(status=486, answer=0.02), Plan(answer=None), Plan(hang_up=0.1), Plan(status=404),
)


class Rounds:
    """One daemon that is killed again and again."""

    def __init__(self, scene: CallbackScene, seed: int) -> None:
        self.scene, self.random = scene, random.Random(seed)
        self.customers: list[FarCall] = []
        self.unwritten: set[str] = set()
        """Who was not on disk yet when their call was killed with the process. What a response repeats of such a call
        does not say whether its caller wanted to be known, so nobody is called back on that."""
        self.told: list[str] = []
        self.up_again: list[float] = []

    def play(self, number: int) -> None:
        """A customer calls in vain, and somewhere in what follows the daemon is killed."""
        scene, chance = self.scene, self.random
        for agent in AGENTS:
            scene.pbx.plans[agent] = chance.choice(AGENT_PLANS)
        customer = f"+362012{number:05}"
        scene.carrier.plans[customer] = chance.choice(CUSTOMER_PLANS)
        call = scene.miss(customer, answered=False)
        self.customers.append(call)
        moment = chance.uniform(0, AT_MOST)
        time.sleep(moment)
        self.told.append(f"{number}: {customer} killed at {moment:.3f}")
        if chance.random() < 0.5:
            scene.kill9()
        else:
            scene.boomerang.kill9()  # its media process with it
        if not scene.boomerang.sql("SELECT 1 FROM calls WHERE sip_call_id=? AND customer=?", call.call_id, customer):
            self.unwritten.add(customer)
        if chance.random() < TWICE:
            scene.boomerang.start(ready=False)
            time.sleep(chance.uniform(0.4, 2.0))
            scene.kill9()
        begun = time.monotonic()
        scene.restart()
        self.up_again.append(time.monotonic() - begun)

    def settle(self) -> None:
        """Let everything that is due be done, with people who are reached at once."""
        scene = self.scene
        for agent in AGENTS:
            scene.pbx.plans[agent] = ACCEPTS
        for end in (scene.carrier, scene.pbx):
            for call in end.open_calls():
                if call.plan.hang_up is None and call.state == "up":
                    scene.hang_up(call)
        for customer in list(scene.carrier.plans):
            if scene.carrier.plans[customer].answer is None or scene.carrier.plans[customer].hang_up is None:
                scene.carrier.plans[customer] = Plan(hang_up=0.5)

        def nothing_due() -> bool:
            """Whether it stays so while it is looked at."""
            rows = scene.boomerang.sql("SELECT due_at FROM tasks WHERE state='open' AND due_at < ?", time.time() + SOON)
            running = scene.boomerang.sql("SELECT id FROM attempts WHERE ended_at IS NULL")
            legs = scene.boomerang.sql("SELECT id FROM calls WHERE ended_at IS NULL AND reason='callback'")
            up = [*scene.pbx.open_calls(), *scene.carrier.open_calls()]
            return not rows and not running and not legs and not up

        try:
            eventually(nothing_due, "nothing is due and nothing runs")
        except AssertionError as error:
            error.add_note(scene.ladder())
            raise


def check(rounds: Rounds) -> None:
    """Everything that must hold whatever happened."""
    scene = rounds.scene
    tasks, attempts = {row["id"]: row for row in scene.tasks()}, scene.attempts()
    shift = time.time() - time.monotonic()

    for call in rounds.customers:  # who was told 487 is remembered, if their call ever was
        found = [row for row in tasks.values() if row["customer"] == call.shown]
        assert found or 487 not in call.statuses or call.shown in rounds.unwritten, f"{call.shown} is lost"
        assert len(found) <= 1, found
    for task in tasks.values():
        dialled = [row for row in attempts if row["task"] == task["id"] and row["customer_at"] is not None]
        assert len(dialled) == task["attempts"] <= task["attempts_max"] == ATTEMPTS, (task, dialled)
        assert (task["state"] == "open") == (task["ended_at"] is None), task
        assert task["state"] != "open" or task["due_at"] is not None, task
        assert task["state"] in ("open", "done", "failed", "expired"), task
        assert task["state"] != "expired" or task["ended_at"] >= task["expires_at"] - WINDOW / ATTEMPTS, task
        assert task["state"] != "failed" or task["attempts"] == ATTEMPTS or task["reason"] == "number", task
    assert [row for row in attempts if row["ended_at"] is None] == []
    cut_off = {row["id"] for row in attempts if row["result"] in ("crashed", "talked")}
    cut_off |= {row["attempt"] for row in scene.boomerang.sql(  # whoever declined still heard the last words
        "SELECT legs.attempt FROM legs LEFT JOIN calls ON calls.id=legs.call WHERE calls.id IS NULL"
        " OR ended_by='lost'")}
    kept = {row["attempt"] for row in scene.boomerang.sql("SELECT attempt FROM legs")}
    assert kept <= cut_off, "legs that a crash left are remembered for a minute after their end, and no others"
    assert scene.boomerang.sql("SELECT * FROM calls WHERE ended_at IS NULL AND reason='callback'") == []
    assert scene.boomerang.sql("PRAGMA integrity_check")[0][0] == "ok"
    for customer in {row["customer"] for row in attempts}:
        calls = scene.carrier.to(customer)
        own = [row for row in attempts if row["customer"] == customer]
        for before, after in pairwise(own):
            assert before["ended_at"] <= after["claimed_at"], (before, after)
        for first, second in pairwise(calls):
            assert first.over_at is not None
            assert first.over_at <= second.began_at, f"two calls at a time to {customer}"
        attempt_of = [_attempt_of(call, own, shift) for call in calls]
        assert len(set(attempt_of)) == len(attempt_of), f"one attempt dialled {customer} twice: {attempt_of}"


def _attempt_of(call: FarCall, attempts: list[dict[str, Any]], shift: float) -> str:
    """The attempt that a call to a customer belongs to: the one written down last before it."""
    before = [row for row in attempts if row["customer_at"] is not None and row["customer_at"] <= call.began_at + shift]
    assert before, f"{call.user} was dialled before it was written down"
    return str(before[-1]["id"])


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Round after round: a missed call, a callback, kill -9 anywhere in it, and a start."""
    callback = {"min_talk": "300ms", "customer_ring_for": "1s", "agent_ring_for": "1s", "accept_within": "2s",
                "retry_busy": "1s", "retry_agent": "1s"}
    missed = {"attempts": ATTEMPTS, "window": f"{WINDOW}s"}
    settings = policy(AGENTS, missed, callback, guard={"number_per_hour": 20, "number_per_day": 20})
    with CallbackScene(tmp_path, policy=settings) as scene:
        rounds = Rounds(scene, SEED)
        try:
            for number in range(ROUNDS):
                rounds.play(number)
            rounds.settle()
            check(rounds)
        except AssertionError as error:
            error.add_note("\n".join(rounds.told))
            raise
        results = [row["result"] for row in scene.attempts()]
        states = [row["state"] for row in scene.tasks()]
        print({name: results.count(name) for name in sorted(set(results))},
              {name: states.count(name) for name in sorted(set(states))}, f"slowest start {max(rounds.up_again):.1f} s",
              f"not written {sorted(rounds.unwritten)}")
        assert "crashed" in results
        scene.carrier.plans["+36201239999"] = Plan(hang_up=0.6)
        scene.miss("+36201239999")  # and all goes on
        scene.task(lambda row: row["state"] == "done", "a callback after all that", "+36201239999")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_media_process_ends_or_hangs(tmp_path: Path, number: signal.Signals) -> None:
    """A talk goes on: the next media process takes it over, and both hear each other again."""
    with CallbackScene(tmp_path, policy=policy(callback={"min_talk": "300ms"})) as scene:
        scene.pbx.plans["201"], scene.carrier.default = ACCEPTS, Plan(tone=CUSTOMER_TONE)
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        customer = scene.until(scene.customer_call(), "up")
        scene.task(lambda row: row["state"] == "done", "they talk")
        assert agent.rtp is not None
        assert customer.rtp is not None
        ends = (agent.rtp, CUSTOMER_TONE), (customer.rtp, AGENT_TONE)
        (media,) = scene.media_processes()
        os.kill(media, number)
        eventually(lambda: not alive(media), "it is gone")
        since = [len(rtp.heard) for rtp, _ in ends]
        eventually(lambda: all(len(rtp.heard) > at + 60 for (rtp, _), at in zip(ends, since, strict=True)),
                   "they hear something again")
        for (rtp, tone), at in zip(ends, since, strict=True):
            assert heard(rtp.audio(at + 30), tone)
        assert (agent.state, customer.state) == ("up", "up")
        other = "+36201234568"
        scene.hang_up(customer)
        scene.until(agent, "over")
        scene.miss(other)
        again = scene.until(scene.customer_call(customer=other), "up")
        scene.task(lambda row: row["state"] == "done", "the next one talks", other)
        assert len(scene.attempts(other)) == 1  # nothing failed for want of media
        scene.hang_up(again)
        scene.all_quiet()
