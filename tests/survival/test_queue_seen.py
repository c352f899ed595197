"""What operators see of callers who ask for a callback in a queue: the real daemon, a real broker, whole calls.

Each figure is read where its users read it: retained topics, the command, the API, the metrics. Each event is held
against its model as it came from the broker.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.status.event_models import check_event
from proxy.verbs.shapes.callbacks import CANCEL
from proxy.verbs.shapes.queues import LIST
from proxy.verbs.shapes.status import STATUS
from routing.events import Event
from tests.kit.callback_floor import Floor, Group, Running
from tests.kit.callback_scene import AGENT, CUSTOMER, GROUP, CallbackScene, policy
from tests.kit.doors import Api, Doors
from tests.kit.far_call import FarCall, Plan
from tests.kit.mosquitto import MISSING, Subscriber, listening
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

SOON = {"enabled": True, "offer_after": "1s", "offer_every": "0s"}
QUEUE = Plan(ring=0.02, answer=0.1)
"""A PBX that answers, and lets them wait."""
CALLER = Plan()
"""A customer who presses what the test says."""
EVENT = "boomerang/edge1/event/"

floor = Floor()
kept = floor.group("kept", 2, "queue", queue_callback=SOON)
lost = floor.group("lost", 1, "queue", queue_callback=SOON)
left = floor.group("left", 1, "queue", queue_callback=SOON)
early = floor.group("early", 1, "queue", queue_callback=SOON)


@pytest.fixture(scope="module")
def console() -> int:
    """The console's port."""
    return free_port()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, console: int) -> Iterator[Running]:
    with floor.running(tmp_path_factory.mktemp("seen"), {"console": {"listen": f"{LOOPBACK}:{console}"}}) as it:
        it.queue.plans[early.number] = QUEUE
        it.hang_up(it.in_the_room(it.boomerang, lambda: it.dial(early.customer, early.number, plan=CALLER)))
        yield it


@pytest.fixture(scope="module")
def api(node: Running, console: int) -> Iterator[Api]:
    with Api(node.boomerang, console) as api:
        yield api


# What happens


def rings_in(node: Running, group: Group, customer: str) -> tuple[FarCall, FarCall]:
    """A customer calls and waits in the queue; their call, and the one at the PBX."""
    node.queue.plans[group.number] = QUEUE
    before = len(node.queue.to(group.number))
    call = node.up(node.dial(customer, group.number, plan=CALLER))
    return call, node.up(eventually(lambda: node.queue.to(group.number)[before:], "the PBX is called")[0])


def asks(node: Running, group: Group, customer: str) -> tuple[dict[str, Any], FarCall]:
    """A customer asks for a callback and is let go; their request, and the call that holds their place."""
    call, place = rings_in(node, group, customer)
    node.event("queue.offered", customer)
    node.press(call, "1")
    node.press(call, "1")
    node.over(call)
    assert (call.ended_by, place.state) == ("far", "up")
    return node.task(customer, kind="queue", state="open"), place


# What is seen


def group_is(node: Running, api: Api, name: str, **wanted: object) -> None:
    """Wait until the retained topic of a group says so, and hold every other door to the same."""
    def fits() -> bool:
        heard = node.mqtt.topics().get(f"boomerang/edge1/group/{name}")
        return heard is not None and {key: json.loads(heard)[key] for key in wanted} == wanted

    try:
        eventually(fits, f"the topic of group {name} says {wanted}")
    except AssertionError as error:
        error.add_note(node.mqtt.topics().get(f"boomerang/edge1/group/{name}", "nothing"))
        raise
    for door in (next(one for one in node.boomerang.cli("queues") if one["group"] == name),
                 next(one for one in api.ask(LIST, {}).data if one["group"] == name)):
        assert {key: door[key] for key in wanted} == wanted
    for short in (node.boomerang.cli("status")["queues"][name], api.ask(STATUS, {}).data["queues"][name]):
        assert {key: short[key] for key in wanted if key in short} == {
            key: wanted[key] for key in wanted if key in short}


def calls(node: Running, customer: str) -> list[tuple[str, str]]:
    """Kinds and states of a customer's calls in progress."""
    return [(one["kind"], one["state"]) for one in node.boomerang.cli("calls", "--active")
            if one["customer"] == customer]


def metric(node: Running, name: str, group: str) -> float:
    found = re.search(rf'^boomerang_{name}\{{group="{group}"\}} (\S+)$', node.boomerang.get("/metrics")[1], re.M)
    assert found is not None, name
    return float(found[1])


def told(subscriber: Subscriber, customer: str) -> list[str]:
    """Kinds of the events of the queue about a customer, in order; each is as its model says."""
    found = []
    for message in subscriber.of(EVENT):
        said = message.json()
        check_event(Event(said["kind"], 0.0, said["id"], said["data"], said["node"], said["seq"]))
        if said["data"].get("customer") == customer and said["kind"].startswith(("queue.", "place.")):
            found.append(said["kind"])
    return found


def test_a_request_that_one_agent_declines_and_another_one_keeps(node: Running, api: Api) -> None:
    call, place = rings_in(node, kept, kept.customer)
    node.event("queue.offered", kept.customer)
    group_is(node, api, "kept", waiting=1, offers_made=1, offers_taken=0, places_held=0, callbacks_in_queue=0)
    assert calls(node, kept.customer) == [("call", "waiting")]
    node.press(call, "1")
    node.press(call, "1")
    node.over(call)
    group_is(node, api, "kept", waiting=0, offers_made=1, offers_taken=1, places_held=1, callbacks_in_queue=1,
             callbacks_total=1, callbacks_kept=0, average_callback_wait_s=None)
    task = node.task(kept.customer, kind="queue", state="open")
    assert task["place"] == {"held_since": task["created"], "taken_by": None, "rounds": 0}
    eventually(lambda: calls(node, kept.customer) == [("place", "waiting")], "the place alone is a call in progress")
    node.press(place, "2")
    assert node.event("place.taken", kept.customer)["agent"] is None, "this PBX shows nobody who it was"
    again = node.up(eventually(lambda: node.queue.to(kept.number)[1:], "a new place")[0])
    node.event("place.returned", kept.customer)
    task = node.task(kept.customer, state="open")
    assert (task["place"]["taken_by"], task["place"]["rounds"], task["declined_by"]) == ("unknown", 1, {"unknown": 1})
    group_is(node, api, "kept", places_held=1)
    node.carrier.plans[kept.customer] = Plan(hang_up=4.0)
    node.press(again, "1")
    task = node.task(kept.customer, state="done", reason="talked")
    assert (task["place"]["held_since"], task["place"]["rounds"], task["declined_by"]) == (None, 2, {"unknown": 1})
    eventually(lambda: told(node.mqtt, kept.customer).count("place.taken") == 2, "all of it is told")
    assert told(node.mqtt, kept.customer) == ["queue.offered", "queue.requested", "place.held", "place.taken",
                                             "place.returned", "place.taken"]
    average = eventually(lambda: node.ask("queues.show", group="kept")["average_callback_wait_s"], "an average")
    assert average > 0
    group_is(node, api, "kept", places_held=0, callbacks_in_queue=0, callbacks_total=1, callbacks_kept=1,
             average_callback_wait_s=average)
    figures = node.boomerang.cli("callbacks", "figures")
    assert figures["groups"]["kept"]["offers_taken"] == figures["numbers"][kept.number]["offers_made"] == 1
    for name, value in (("queue_offered_total", 1), ("queue_requested_total", 1), ("place_held_total", 1),
                        ("place_taken_total", 2), ("place_returned_total", 1), ("place_lost_total", 0),
                        ("offers_made_today", 1), ("offers_taken_today", 1), ("places_held", 0)):
        assert metric(node, name, "kept") == value, name


def test_a_place_that_the_pbx_ends(node: Running, api: Api) -> None:
    task, place = asks(node, lost, lost.customer)
    group_is(node, api, "lost", places_held=1)
    node.pbx.plans[lost.agent] = Plan(answer=None)
    node.hang_up(place)
    assert node.event("place.lost", lost.customer)["why"] == "pbx"
    group_is(node, api, "lost", places_held=0, callbacks_in_queue=1)
    assert node.task(lost.customer)["place"]["held_since"] is None
    assert told(node.mqtt, lost.customer) == ["queue.offered", "queue.requested", "place.held", "place.lost"]
    node.ask("callbacks.cancel", id=task["id"])


@pytest.mark.parametrize("door", ["socket", "mqtt", "api", "command"])
def test_a_request_that_is_cancelled_leaves_its_place(node: Running, api: Api, door: str) -> None:
    customer = left.others[("socket", "mqtt", "api", "command").index(door)]
    task, place = asks(node, left, customer)
    with Doors(node.boomerang, node.broker_port, api) as doors:
        said = doors.asks[door](CANCEL, {"id": task["id"], "reason": "asked to"})
    assert (said.error, said.data["state"], said.data["place"]["held_since"]) == ("", "cancelled", None)
    node.over(place)
    assert place.ended_by == "far"
    group_is(node, api, "left", places_held=0, callbacks_in_queue=0)


def test_todays_totals_outlive_a_kill_and_mqtt_3_1_1_has_it_all(tmp_path: Path) -> None:
    """By the broker in the process, which speaks 3.1.1 alone and dies with it."""
    rules = policy(missed={"enabled": False})
    rules["group"][GROUP]["queue_callback"] = SOON
    port = free_port()
    with CallbackScene(tmp_path, policy=rules, login=None, mqtt=f"embedded://127.0.0.1:{port}",
                       office={"answers": "before_queue"}) as scene:
        scene.pbx.plans[SHARED] = QUEUE
        with listening(port, version="311") as subscriber:
            subscriber.wait_for("boomerang/edge1/status", "online")
            call = scene.in_the_room(scene.boomerang, lambda: scene.loop.do(
                lambda: scene.carrier.dial(SHARED, CUSTOMER, scene.boomerang.hop, CALLER)))
            eventually(lambda: "queue.offered" in told(subscriber, CUSTOMER), "the offer")
            scene.press(call, "1")
            scene.press(call, "1")
            scene.until(call, "over")
            eventually(lambda: told(subscriber, CUSTOMER) == ["queue.offered", "queue.requested", "place.held"],
                       "the place is held")
        scene.pbx.plans[AGENT] = Plan(answer=None)
        scene.kill9()
        scene.restart()
        assert scene.boomerang.process is not None
        scene.boomerang.process.wait_for('"event":"mqtt_up"')
        with listening(port, version="311") as subscriber:
            def figures() -> Any:
                heard = subscriber.topics().get(f"boomerang/edge1/group/{GROUP}", "{}")
                return [json.loads(heard).get(name) for name in (
                    "offers_made", "offers_taken", "callbacks_total", "callbacks_in_queue", "places_held")]

            eventually(lambda: figures() == [1, 1, 1, 1, 0], "today's totals")

        def lost_lines() -> list[Any]:
            detail = scene.boomerang.ask("callbacks.show", id=scene.tasks()[0]["id"])
            return [line for line in detail["journal"] if line["kind"] == "place_lost"]

        [lost_line] = eventually(lost_lines, "the journal says that the place is lost")
        assert lost_line["data"]["why"] == "restart"
