"""mosquitto_sub beside it: online, the events in order, offline after kill -9."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.mosquitto import Subscriber, broker, listening
from tests.kit.site import Site
from tests.kit.waiting import eventually

pytestmark = pytest.mark.usefixtures("mosquitto")

CUSTOMER, AGENT = "+36201234567", "201"


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[tuple[Site, Subscriber]]:
    """A site, and `mosquitto_sub -V 5 -t 'boomerang/#'` that was there before it."""
    with broker(tmp_path) as server, listening(server.port, "boomerang/#") as subscriber:
        policy = {"direct_callback": {"type": 1, "min_talk": "0s"}}
        site = Site(tmp_path / "site", policy=policy, mqtt=f"mqtt://127.0.0.1:{server.port}")
        with site:
            subscriber.wait_for("boomerang/edge1/status", "online")
            yield site, subscriber


def events(subscriber: Subscriber) -> list[str]:
    """Kinds of the call and direct events, in the order heard."""
    kinds = [m.topic.rpartition("event/")[2] for m in subscriber.of("/event/")]
    return [kind for kind in kinds if kind.startswith(("call.", "direct."))]


def test_the_story_of_a_callback_is_heard_in_order(heard: tuple[Site, Subscriber]) -> None:
    site, subscriber = heard
    site.agent_misses(AGENT, CUSTOMER)
    site.customer_talks(CUSTOMER, 0.1)
    subscriber.wait_for("boomerang/edge1/event/direct.removed")
    eventually(lambda: events(subscriber).count("call.ended") == 2 and "call.answered" in events(subscriber),
               "all of it is heard")
    told = events(subscriber)
    assert told[:3] == ["call.started", "call.ended", "direct.created"]
    assert sorted(told[3:]) == ["call.answered", "call.ended", "call.started", "direct.removed", "direct.used"]
    assert told.index("call.answered") < len(told) - 1 - told[::-1].index("call.ended")
    payloads = [m.json() for m in subscriber.of("/event/")]
    numbers = [payload["seq"] for payload in payloads]
    assert numbers == sorted(set(numbers))
    assert {payload["schema"] for payload in payloads} == {1}
    assert {payload["node"] for payload in payloads} == {"edge1"}
    assert all(m.topic == f"boomerang/edge1/event/{m.json()['kind']}" for m in subscriber.of("/event/"))
    assert not any(CUSTOMER in m.topic for m in subscriber.heard)


def test_offline_after_kill_9_and_online_again(heard: tuple[Site, Subscriber]) -> None:
    site, subscriber = heard
    site.agent_misses(AGENT, CUSTOMER)
    eventually(lambda: site.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
    site.boomerang.kill9()
    subscriber.wait_for("boomerang/edge1/status", "offline")
    said = [m.payload for m in subscriber.heard if m.topic == "boomerang/edge1/status"]
    assert said == ["online", "offline"]
    site.boomerang.restart()
    subscriber.wait_for("boomerang/edge1/status", "online")
    subscriber.wait_for("boomerang/edge1/event/direct.created")
    numbers = [m.json()["seq"] for m in subscriber.of("/event/")]
    assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1)), "an event is lost"


def test_a_drained_stop_says_offline_too(heard: tuple[Site, Subscriber]) -> None:
    site, subscriber = heard
    site.boomerang.terminate()
    subscriber.wait_for("boomerang/edge1/status", "offline")


def test_what_is_kept_for_who_comes_later(heard: tuple[Site, Subscriber]) -> None:
    """The retained topics: trunk and PBX are up, the agent is busy in a call and free after it."""
    site, subscriber = heard
    trunk = subscriber.wait_for("boomerang/edge1/trunk/main").json()
    assert trunk["state"] in ("up", "down")
    call, there = site.agent_dials(AGENT, CUSTOMER)
    there.pick_up_with(call)
    state(subscriber, "busy")
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    state(subscriber, "free")


def state(subscriber: Subscriber, wanted: str) -> None:
    """Wait until the agent's topic says so."""
    def said() -> bool:
        heard = subscriber.of(f"boomerang/edge1/agent/{AGENT}")
        return bool(heard) and heard[-1].json()["state"] == wanted

    eventually(said, f"{wanted} agent")
