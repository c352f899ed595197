"""A customer whom nobody reached is called back, by the real daemon on real sockets, with audio that passes."""

import time
import wave
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.kit.callback_scene import (
    AGENT,
    AGENT_TONE,
    CUSTOMER,
    CUSTOMER_TONE,
    GROUP,
    CallbackScene,
    policy,
)
from tests.kit.far_call import FarCall, Plan
from tests.kit.mosquitto import MISSING, Subscriber, broker, listening
from tests.kit.site import SHARED
from tests.kit.tones import heard, loudness, power
from tests.kit.waiting import eventually

EVENTS = "boomerang/edge1/event/callback."
SPEAKS = Plan(tone=AGENT_TONE)
"""An agent who answers, and presses what the test says."""


def prompt_is_heard(scene: CallbackScene, call: FarCall) -> None:
    """Speech: loud, and no tone of ours."""
    def speech() -> bool:
        pcm = scene.heard(call, 0.3)
        return loudness(pcm) > 300 and power(pcm, CUSTOMER_TONE) < 0.5 and power(pcm, 425) < 0.5

    eventually(speech, f"{call.user} hears a prompt")


def they_talk(scene: CallbackScene, agent: FarCall, customer: FarCall) -> None:
    """Each hears the other's tone, and not its own."""
    for call, hears, says in ((agent, CUSTOMER_TONE, AGENT_TONE), (customer, AGENT_TONE, CUSTOMER_TONE)):
        eventually(lambda: heard(scene.heard(call), hears, [says]), f"{call.user} hears {hears:g} Hz")  # noqa: B023


def told(subscriber: Subscriber, kind: str) -> list[dict[str, Any]]:
    """Data of the events of one kind so far."""
    return [dict(one.json()["data"]) for one in subscriber.of(EVENTS + kind)]


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_a_whole_callback(tmp_path: Path) -> None:
    """Missed call, agent's phone, prompt, 1, the customer's phone at a carrier that demands digest, a talk, the end."""
    with (
        broker(tmp_path) as server,
        CallbackScene(tmp_path / "node", policy=policy(), mqtt=f"mqtt://127.0.0.1:{server.port}") as scene,
        listening(server.port) as subscriber,
    ):
        subscriber.wait_for("boomerang/edge1/status", "online")
        scene.pbx.plans[AGENT] = SPEAKS
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        assert agent.shown == CUSTOMER
        prompt_is_heard(scene, agent)
        assert scene.carrier.to(CUSTOMER) == []  # not before the agent has accepted
        scene.press(agent, "1")
        customer = scene.until(scene.customer_call(), "up")
        assert customer.shown == SHARED
        assert customer.login == "SHA-256"  # the strongest of what the carrier offered
        they_talk(scene, agent, customer)
        assert scene.boomerang.cli("agents")[0]["state"] == "busy"
        time.sleep(2.0)
        scene.hang_up(customer)
        scene.until(agent, "over")
        assert agent.ended_by == "far"
        scene.all_quiet()
        eventually(lambda: scene.attempts()[0]["ended_at"], "the attempt is over in the database")

        row = scene.task(lambda one: one["state"] == "done", "the task is done")
        assert (row["reason"], row["attempts"], row["due_at"]) == ("talked", 1, None)
        (attempt,) = scene.attempts()
        assert (attempt["step"], attempt["result"], attempt["agent"]) == ("ended", "talked", AGENT)
        assert attempt["talk_s"] > 1.0
        eventually(lambda: not scene.boomerang.sql("SELECT 1 FROM legs"), "no leg is remembered")
        detail = scene.boomerang.cli("callbacks", "show", row["id"])
        assert detail["state"] == "done"
        assert [one["result"] for one in detail["tries"]] == ["talked"]
        kinds = [line["kind"] for line in detail["journal"]]
        assert [kind for kind in kinds if kind in ("missed", "due", "assigned", "accepted", "answered", "ended")] == [
            "missed", "due", "assigned", "accepted", "answered", "ended"]
        eventually(lambda: not scene.boomerang.sql("SELECT 1 FROM calls WHERE ended_at IS NULL"), "every row is closed")
        calls = scene.boomerang.sql("SELECT * FROM calls ORDER BY id")
        assert [(one["direction"], one["reason"], one["cause"]) for one in calls[1:]] == [
            ("inbound", "callback", 200), ("outbound", "callback", 200)]

        wanted = ["queued", "due", "assigned", "connected", "done", "attempted"]
        eventually(lambda: told(subscriber, "attempted"), "the event of the attempt")
        topics = [one.topic.removeprefix(EVENTS) for one in subscriber.of(EVENTS)]
        assert [topic for topic in topics if topic in wanted] == wanted
        sequence = [one.json()["seq"] for one in subscriber.of("/event/")]
        assert all(left < right for left, right in pairwise(sequence))
        done = told(subscriber, "done")[0]
        assert (done["task"], done["customer"], done["group"], done["state"]) == (row["id"], CUSTOMER, GROUP, "done")


def test_the_agent_hangs_up_and_the_recording_is_whole(tmp_path: Path) -> None:
    """Hanging up from the agent's side ends both; two channels were written, the agent on the left."""
    with CallbackScene(tmp_path, policy=policy(callback={"record": True})) as scene:
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        customer = scene.until(scene.customer_call(), "up")
        they_talk(scene, agent, customer)
        time.sleep(2.0)
        scene.hang_up(agent)
        scene.until(customer, "over")
        assert customer.ended_by == "far"
        scene.task(lambda one: one["state"] == "done", "the task is done")
        found = eventually(lambda: list((scene.boomerang.data / "recordings").rglob("*.wav")), "a recording")
        with wave.open(str(found[0])) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
            samples = array("h", file.readframes(file.getnframes()))
        middle = len(samples) // 4 * 2
        left, right = (array("h", samples[middle + side : middle + 8000 + side : 2]).tobytes() for side in (0, 1))
        assert heard(left, AGENT_TONE, [CUSTOMER_TONE])
        assert heard(right, CUSTOMER_TONE, [AGENT_TONE])


def test_who_declines_is_not_rung_again_and_the_next_one_is(tmp_path: Path) -> None:
    """2 sends it on to somebody else in the same round; that was no attempt."""
    with CallbackScene(tmp_path, policy=policy(agents=("201", "202"))) as scene:
        scene.pbx.plans["201"] = scene.pbx.plans["202"] = SPEAKS
        scene.miss()
        eventually(lambda: scene.pbx.to("201") + scene.pbx.to("202"), "an agent is rung")
        first = (scene.pbx.to("201") + scene.pbx.to("202"))[0]
        other = {"201": "202", "202": "201"}[first.user]
        scene.until(first, "up")
        scene.press(first, "2")
        scene.until(first, "over")
        second = scene.until(scene.agent_call(agent=other), "up")
        assert scene.tasks()[0]["attempts"] == 0
        scene.press(second, "1")
        customer = scene.until(scene.customer_call(), "up")
        they_talk(scene, second, customer)
        time.sleep(2.0)
        scene.hang_up(second)
        scene.task(lambda one: one["state"] == "done" and one["attempts"] == 1, "the task is done")
        assert len(scene.pbx.to(first.user)) == 1
        assert len(scene.carrier.to(CUSTOMER)) == 1


def test_the_customer_rings_in_meanwhile(tmp_path: Path) -> None:
    """Glare: our leg is cancelled, the call that came in is joined with the agent who has accepted. No busy tone."""
    with CallbackScene(tmp_path, policy=policy()) as scene:
        scene.carrier.plans[CUSTOMER] = Plan(answer=None)
        scene.miss()
        agent = scene.until(scene.agent_call(), "up")
        ours = scene.customer_call()
        theirs = scene.dial(tone=CUSTOMER_TONE)
        scene.until(theirs, "up")
        scene.until(ours, "over")
        assert ours.ended_by == "far"
        they_talk(scene, agent, theirs)
        time.sleep(3.0)
        scene.hang_up(theirs)
        scene.until(agent, "over")
        scene.task(lambda one: one["state"] == "done", "the task is done")
        assert len(scene.carrier.to(CUSTOMER)) == 1
        assert theirs.statuses[-1] == 200
