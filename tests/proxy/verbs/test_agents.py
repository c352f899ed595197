"""An agent's desk over a real database: their cards, what waits for them, their wrap-up."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from proxy.control_client import ControlError
from proxy.verbs.handlers.clicks import REFUSALS
from proxy.verbs.shapes.errors import UnknownError
from routing.callbacks.clicks import ClickAnswer, Heard
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.callbacks.queue_facts import QueueRequest
from routing.rows import CallRow, Record, Step
from routing.writes import Unit
from tests.kit.waiting import eventually
from tests.proxy.verbs.on_disk import NOW
from tests.proxy.verbs.test_callbacks import CUSTOMER, Node, settled

NOTHING: dict[str, Any] = {"pause": None, "wrap_up_until": None, "cards": [], "callbacks": [], "direct": []}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "boomerang.db")
    yield node
    node.close()


def desk(node: Node, agent: str = "201") -> dict[str, Any]:
    found: dict[str, Any] = node.ask("agents.desk", agent=agent)
    return found


def ordered(node: Node, agent: str = "201", **more: Any) -> AttemptOrder:
    """A callback is promised, and an agent has its card."""
    node.ledger.attendance.take_dialogs(agent, "free", NOW)
    node.ask("callbacks.add", customer=CUSTOMER, group="sales", responsible=agent, preview=20, note="asked twice",
             **more)
    node.desk.turn(NOW)
    eventually(lambda: node.orders, "the claim is committed")
    (order,) = node.orders
    return order


def test_nothing_is_before_an_agent_and_nobody_else_is_one(node: Node) -> None:
    found = desk(node)
    assert found.pop("agent")["extension"] == "201"
    assert found == NOTHING
    assert node.ask("agents.done", agent="201")["state"] == "unknown", "there was nothing to end"
    with pytest.raises(UnknownError, match="there is no agent '99'"):
        desk(node, "99")
    with pytest.raises(UnknownError, match="there is no agent '99'"):
        node.ask("agents.done", agent="99")


def test_a_card_says_until_when_it_is_looked_at_and_what_was_before(node: Node) -> None:
    talk = CallRow("01", "x@y", "inbound", "main", "office", CUSTOMER, None, "600", "202", "response", "sales",
                   "normal", None, NOW - 900, NOW - 890, None, NOW - 800, 200, "caller", 90.0)
    node.store.put(Unit((talk,)))
    order = ordered(node)
    (card,) = desk(node)["cards"]
    assert (card["phase"], card["agent"], card["note"]) == ("preview", "201", "asked twice")
    assert (card["preview_until"], card["wrap_up_until"]) == (NOW + 20, None)
    assert card["history"] == {"last_talk": {"agent": "202", "time": NOW - 890}, "tries": []}
    assert desk(node, "202")["cards"] == []
    assert node.ask("callbacks.running") == [card]
    node.desk.attempts.ended(order.attempt, Outcome("declined", agent="201"), NOW + 3)
    node.orders.clear()
    node.ledger.attendance.take_dialogs("202", "free", NOW)
    node.desk.turn(NOW + 4)
    eventually(lambda: node.orders, "the claim is committed")
    (card,) = desk(node, "202")["cards"]
    assert (card["serial"], card["declined"]) == (2, ["201"])
    assert card["history"]["tries"] == [
        {"serial": 1, "time": NOW, "agent": "201", "result": "declined", "talk": None}]


def test_the_card_stays_through_the_wrap_up_and_done_ends_that(node: Node) -> None:
    policy = node.ledger.policy
    node.put_policy(policy.model_copy(update={"callback": policy.callback.model_copy(update={"wrap_up": 30.0})}))
    order = ordered(node)
    steps: tuple[Step, ...] = ("agent", "accepted", "customer", "answered", "talked")
    for step in steps:
        done: list[bool] = []
        node.desk.attempts.step(order.attempt, step, NOW + 1, done.append)
        eventually(partial(list, done), "the step is committed")
    node.orders.clear()
    node.desk.attempts.ended(order.attempt, Outcome("talked", 200, "201", talk_s=9.0), NOW)
    found = desk(node)
    (card,) = found["cards"]
    assert (card["attempt"], card["phase"], card["wrap_up_until"]) == (order.attempt, "wrap_up", NOW + 30)
    assert (found["agent"]["state"], found["wrap_up_until"]) == ("wrap_up", NOW + 30)
    assert node.ask("callbacks.running") == []
    pokes = node.pokes
    assert node.ask("agents.done", agent="201")["state"] == "free"
    assert node.pokes == pokes + 1
    assert desk(node)["cards"] == []
    assert node.ask("agents.done", agent="201")["state"] == "free", "once more changes nothing"


def test_what_waits_for_an_agent_and_who_rings_back_to_them(node: Node) -> None:
    late = node.ask("callbacks.add", customer="+36201110001", group="sales", responsible="201", at=NOW + 900)
    soon = node.ask("callbacks.add", customer="+36201110002", group="sales", responsible="201", at=NOW + 60)
    node.ask("callbacks.add", customer="+36201110003", group="sales", responsible="202", at=NOW + 60)
    node.ask("callbacks.add", customer="+36201110004", group="sales", responsible="group:vip", at=NOW + 60)
    node.store.put(Unit((Record(CUSTOMER, "201", 1, NOW - 9, NOW - 9, NOW + 9),
                         Record("+36201110009", "201", 2, NOW - 9, NOW - 5, NOW + 9),
                         Record("+36201110008", "202", 2, NOW - 9, NOW - 5, NOW + 9),
                         Record("+36201110007", "201", 2, NOW - 9, NOW - 5, NOW))))
    node.ask("callbacks.hold", id=soon["id"])
    found = desk(node)
    assert [one["id"] for one in found["callbacks"]] == [soon["id"], late["id"]]
    assert [one["customer"] for one in found["direct"]] == ["+36201110009", CUSTOMER]


def test_a_place_that_an_agent_picked_up_is_a_card(node: Node) -> None:
    asked = QueueRequest("call", CUSTOMER, CUSTOMER, "+3614445555", "sales", "office", "main", NOW - 60, "place 1")
    answer, unit = node.desk.calls.request(asked, NOW)
    node.store.put(unit)
    assert answer.terms is not None
    node.desk.calls.promised(answer.terms.task, NOW)
    node.desk.places.place_taken(answer.terms.task, None, NOW)
    assert desk(node)["cards"] == [], "nobody knows who has it"
    node.desk.places.place_taken(answer.terms.task, "201", NOW)
    (card,) = desk(node)["cards"]
    assert (card["attempt"], card["task"], card["phase"], card["claimed"]) == (None, answer.terms.task, "place", NOW)
    assert desk(node, "202")["cards"] == []


def test_a_pause_gives_the_card_back_and_shows_its_reason_until_they_resume(node: Node) -> None:
    order = ordered(node)
    node.ledger.attendance.take_dialogs("202", "free", NOW)
    paused = node.ask("agents.pause", agent="201", reason="lunch")
    assert (paused["state"], paused["since"], paused["reason"]) == ("paused", NOW, "lunch")
    assert desk(node)["pause"] == {"since": NOW, "reason": "lunch"}
    node.desk.turn(NOW + 1)
    assert node.stopped == [(order.attempt, "paused")]
    node.orders.clear()
    node.desk.attempts.ended(order.attempt, Outcome("stopped", agent="201", text="paused"), NOW + 1)
    node.ledger.attendance.take_dialogs("201", "free", NOW + 1)
    node.desk.turn(NOW + 1)
    assert node.orders == [], "it waits for them as its responsible, and is released after that"
    node.desk.turn(NOW + 600)
    eventually(lambda: node.orders, "the claim is committed")
    assert [one.agent for one in node.orders] == ["202"]
    assert node.ask("agents.resume", agent="201")["reason"] is None
    assert node.ask("agents.resume", agent="201")["state"] == "free", "once more changes nothing"
    assert desk(node)["pause"] is None


def test_a_pause_leaves_an_attempt_that_has_reached_its_agent(node: Node) -> None:
    order = ordered(node)
    node.phase = "agent_asked"
    node.ask("agents.pause", agent="201")
    node.desk.turn(NOW + 1)
    assert node.stopped == []
    assert [card["attempt"] for card in desk(node)["cards"]] == [order.attempt]


@pytest.mark.parametrize(("heard", "told"), [
    (Heard.ACCEPTED, "too late: 202 has accepted it"), (Heard.TALKING, "too late: they talk already"),
    (Heard.OVER, r"too late: it is over \(customer_busy\)"), (Heard.OTHERS, "too late: 202 has it"),
    (Heard.UNPROVED, "press the key on the phone"), (Heard.NOT_PICKED_UP, "nobody has picked up its place"),
    (Heard.CUSTOMER_BACK, "its customer has rung in"),
])
def test_a_click_that_comes_too_late_is_told_why(node: Node, heard: Heard, told: str) -> None:
    node.clicked = ClickAnswer(heard, "task", "attempt", "ending", "202", "customer_busy")
    for verb in ("callbacks.accept", "callbacks.decline"):
        with pytest.raises(ControlError, match=told):
            node.ask(verb, id="attempt", agent="201")


def test_every_refusal_has_its_words() -> None:
    assert set(REFUSALS) | {Heard.DONE, Heard.ALREADY} == set(Heard)


def test_a_click_says_how_far_it_is_and_whether_that_is_new(node: Node) -> None:
    node.clicked = ClickAnswer(Heard.DONE, "task", "attempt", "agent_rings", "201")
    assert node.ask("callbacks.accept", id="attempt", agent="201") == {
        "task": "task", "attempt": "attempt", "agent": "201", "phase": "agent_rings", "already": False}
    node.clicked = node.clicked._replace(heard=Heard.ALREADY)
    assert node.ask("callbacks.decline", id="attempt", agent="201", reason="lunch")["already"] is True
    with pytest.raises(UnknownError, match="there is no agent '99'"):
        node.ask("callbacks.accept", id="attempt", agent="99")


def test_a_click_after_a_restart_is_judged_by_what_is_on_disk(node: Node) -> None:
    """Nothing runs, and nothing is remembered of it."""
    order = ordered(node)
    node.desk.attempts.ended(order.attempt, Outcome("declined", agent="201", text="lunch"), NOW)
    settled(node, lambda: None)
    with pytest.raises(ControlError, match="nobody is being rung for it"):
        node.ask("callbacks.decline", id=order.task[-12:], agent="201")
    declined = node.ask("callbacks.decline", id=order.attempt, agent="201")
    assert (declined["already"], declined["task"]) == (True, order.task)
    with pytest.raises(ControlError, match=r"it is over \(declined\)"):
        node.ask("callbacks.accept", id=order.attempt, agent="201")
    with pytest.raises(ControlError, match=r"it is over \(declined\)"):
        node.ask("callbacks.decline", id=order.attempt, agent="202")
    with pytest.raises(UnknownError, match="there is no callback 'nothing'"):
        node.ask("callbacks.decline", id="nothing", agent="202")
    journal = node.ask("callbacks.show", id=order.task)["journal"]
    assert [line["data"]["reason"] for line in journal if line["kind"] == "declined"] == ["lunch"]
