"""What an operator, MQTT and the API can ask about callbacks and tickets, over a real desk and a real store."""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.policy import Policy, parse_policy
from proxy.control_client import ControlError
from proxy.daemon.source import DaemonSource
from proxy.status.commands import CommandError
from proxy.verbs.doors import CommandDoor, Handlers
from proxy.verbs.handlers.agents import AgentAnswers
from proxy.verbs.handlers.callbacks import CallbackAnswers
from proxy.verbs.handlers.campaigns import CampaignAnswers
from proxy.verbs.handlers.clicks import ClickAnswers
from proxy.verbs.handlers.tickets import TicketAnswers
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.policy import SET
from proxy.verbs.shapes.queues import AGENTS
from proxy.verbs.shapes.verb import Bound
from routing.callbacks.clicks import Click, ClickAnswer, Heard
from routing.callbacks.facts import AttemptOrder, Going
from routing.callbacks.queue_facts import QueueRequest
from routing.rows import DoNotCallRow, LegRow, Step, TaskRow
from routing.store.reader import Reader
from routing.writes import Unit
from tests.kit.answering import settling
from tests.kit.desk_parts import new_desk
from tests.kit.waiting import eventually
from tests.proxy.verbs.on_disk import NOW, OnDisk

CUSTOMER = "+36201234567"
POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[tickets]
enabled = true
on_start = true
[number."+3614445555"]
group = "sales"
[group.sales]
agents = ["201", "202"]
missed_callback = { enabled = true }
queue_callback = { enabled = true }
[group.vip]
agents = ["301"]
[campaign.10001]
name = "Winter"
group = "sales"
from = "2026-11-01"
parity = 3
"""


class Node(OnDisk):
    """Ledger, desk and verbs over one database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, POLICY)
        self.orders: list[AttemptOrder] = []
        self.desk = new_desk(self.store, self.ledger.policy, self.ledger.attendance, os.urandom, self,
                             room=self, teller=self.parts.teller, channels=("webhook",),
                             peers=lambda number: ("office", "main"))
        assert self.desk.restore(NOW)
        self.pokes = self.media = 0
        self.left: list[tuple[str, str]] = []
        self.stopped: list[tuple[str, str]] = []
        self.phase = "preview"
        self.clicked: ClickAnswer | None = None
        reader = self.reader
        self.source = DaemonSource("edge1", self.ledger, self.store, reader, self.post, lambda: NOW, {}, dict)
        self.bound: list[Bound] = [
            *CallbackAnswers(self, self.ledger, self.store, reader, lambda: NOW).bound(),
            *AgentAnswers(self.source, self.ledger, self, reader, lambda: NOW).bound(),
            *ClickAnswers(self, self.store, reader, self.ledger.attendance.is_agent).bound(),
            *CampaignAnswers(self.desk.admin, self.desk.previews, self.ledger, lambda: NOW, self.put_policy).bound(),
            *TicketAnswers(self, self.store, reader, self.ledger, lambda: NOW).bound(),
        ]

    @property
    def verbs(self) -> Handlers:
        return settling(self.store, *self.bound)

    def put_policy(self, policy: Policy) -> None:
        self.ledger.set_policy(policy)
        self.desk.set_policy(policy, NOW)

    def want_media(self) -> None:
        self.media += 1

    def poke(self) -> None:
        self.pokes += 1

    def click(self, name: str, click: Click, agent: str, reason: str) -> ClickAnswer | None:
        return self.clicked

    def phases(self) -> dict[str, Going]:
        return {order.attempt: Going(self.phase, order.agent) for order in self.orders}

    # The runner: takes orders down.

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self.stopped.append((attempt, reason))

    def holds_place(self, task: str) -> bool:
        return True

    def leave_place(self, task: str, reason: str, now: float) -> None:
        self.left.append((task, reason))

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        assert not legs

    def ask(self, verb: str, **args: Any) -> Any:
        async def run() -> Any:
            self.loop = asyncio.get_running_loop()
            try:
                answer = self.verbs.call("socket", verb, args)
                assert isinstance(answer, Coroutine)
                return await answer
            finally:
                self.loop = None

        answer = asyncio.run(run())
        json.dumps(answer)
        return answer

    def stored(self, verb: str, good: Callable[[Any], bool], **args: Any) -> Any:
        """Ask until what was put is committed."""
        def look() -> Any:
            try:
                found = self.ask(verb, **args)
            except ControlError:
                return None
            return found if good(found) else None

        return eventually(look, verb)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "boomerang.db")
    yield node
    node.close()


def test_what_was_answered_is_in_the_database(node: Node) -> None:
    """A process that is killed after its answer has kept it."""
    disk = Reader(node.path, "edge1", strict=True)
    made = node.ask("callbacks.add", customer=CUSTOMER, group="sales")
    found = disk.callbacks.task(made["id"])
    assert found is not None
    assert (found.customer, found.state) == (CUSTOMER, "open")
    node.ask("callbacks.hold", id=made["id"])
    assert [row.state for row in disk.callbacks.tasks(1)] == ["held"]
    node.ask("dnc.add", customer="+36201111111", reason="law")
    assert [row.customer for row in disk.callbacks.do_not_call()] == ["+36201111111"]
    assert node.ask("dnc.remove", customer="+36201111111")["removed"] == 1
    assert disk.callbacks.do_not_call() == []
    disk.close()


def test_a_list_is_no_longer_than_it_was_asked_for(node: Node) -> None:
    for last in range(5):
        node.store.put(Unit((DoNotCallRow(f"+3620111111{last}", NOW + last, ""),)))
    found = node.stored("dnc.list", lambda rows: len(rows) == 2, limit=2)
    assert [row["customer"] for row in found] == ["+36201111114", "+36201111113"]


def test_a_promise_from_its_beginning_to_its_end(node: Node) -> None:
    made = node.ask("callbacks.add", customer="06 20 123 4567", group="sales", note="asked by mail")
    assert (made["customer"], made["state"], made["kind"], made["trunk"]) == (CUSTOMER, "open", "manual", "main")
    assert (node.media, node.pokes) == (1, 1)
    again = node.ask("callbacks.add", customer=CUSTOMER, group="sales")
    assert again["id"] == made["id"], "one open task per customer and group"
    assert [row["id"] for row in node.ask("callbacks.list")] == [made["id"]]
    tail = made["id"][-6:]
    assert node.ask("callbacks.hold", id=tail)["state"] == "held"
    assert node.ask("callbacks.list", state="open") == []
    assert node.ask("callbacks.list", state="held", customer=CUSTOMER, group="sales")[0]["id"] == made["id"]
    assert node.ask("callbacks.resume", id=tail)["state"] == "open"
    assert node.ask("callbacks.call-now", id=tail)["due"] == NOW
    assert node.ask("callbacks.cancel", id=tail, reason="Anna")["state"] == "cancelled"
    shown = node.stored("callbacks.show", lambda found: found["state"] == "cancelled", id=made["id"])
    kinds = [line["kind"] for line in shown["journal"]]
    assert "asked" in kinds
    assert kinds[-1] == "ended"
    assert shown["tries"] == []
    assert node.ask("callbacks.list")[0]["state"] == "cancelled"


def test_for_whom_and_how_it_is_held(node: Node) -> None:
    one = node.ask("callbacks.add", customer=CUSTOMER, group="sales", responsible="202", responsible_wait=30,
                   language="hu", preview=5)
    assert (one["responsible_kind"], one["responsible"]) == ("current", "202")
    assert one["options"] == {"responsible_wait": 30.0, "language": "hu", "preview": 5.0}
    other = node.ask("callbacks.add", customer="+36301112222", group="sales", responsible="group:vip")
    assert (other["responsible_kind"], other["responsible"]) == ("group", "vip")


@pytest.mark.parametrize(("verb", "args", "text"), [
    ("callbacks.add", {"customer": "12", "group": "sales"}, "customer: '12' cannot be read"),
    ("callbacks.add", {"customer": CUSTOMER}, "group is missing: name one of sales, vip"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "other"}, "there is no group 'other'"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "vip", "campaign": "10001"}, "has no campaign '10001'"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "responsible_wait": "5"}, "responsible_wait: '5' is no"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "preview": -1}, "preview: -1 is no"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "preview": True}, "preview: True is no"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "language": "xx"}, "language: 'xx' is none of en"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "responsible": "group:none"}, "none"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "responsible": "0036901234567"}, "is no extension"),
    ("callbacks.add", {"customer": CUSTOMER, "group": 5}, "group is no text"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "note": "half \ud800"}, "note is no text"),
    ("dnc.add", {"customer": CUSTOMER, "reason": "\udfff"}, "reason is no text"),
    ("tickets.show", {"id": "9" * 25}, "there is no ticket '999"),
    ("tickets.show", {"id": 7}, "there is no ticket '7'"),
    ("tickets.show", {"id": "\ud800"}, "id is no text"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "at": "tomorrow"}, "at: 'tomorrow' is no moment"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "at": "2026-11-18T13:00:00"}, "is no moment"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "attempts": 11}, "11 is no whole number from 1 to 10"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "attempts": "3"}, "is no whole number"),
    ("callbacks.add", {"customer": CUSTOMER, "group": "sales", "window": "soon"}, "soon"),
    ("callbacks.list", {"state": "opened"}, "state: 'opened' is none of open, held"),
    ("callbacks.list", {"customer": "x"}, "customer: 'x' cannot be read"),
    ("callbacks.show", {"id": "nothing"}, "there is no callback 'nothing'"),
    ("callbacks.cancel", {"id": "nothing"}, "no callback 'nothing' is open"),
    ("callbacks.cancel", {}, "id is missing"),
    ("campaigns.show", {"id": "1"}, "there is no campaign '1'"),
    ("tickets.show", {"id": "7"}, "there is no ticket '7'"),
    ("tickets.comment", {"id": "x", "text": "t"}, "there is no ticket 'x'"),
    ("dnc.add", {}, "customer: '' cannot be read"),
])
def test_what_cannot_be_done_says_why(node: Node, verb: str, args: dict[str, Any], text: str) -> None:
    with pytest.raises(ControlError, match=text):
        node.ask(verb, **args)


def test_as_many_tasks_are_listed_as_are_asked_for_the_newest_first(node: Node) -> None:
    added = [node.desk.admin.add(f"+3620123450{number}", "vip" if number % 2 else "sales", NOW + number).id
             for number in range(6)]
    node.desk.admin.cancel(added[5], NOW)
    assert [row["id"] for row in node.ask("callbacks.list", state="open", limit=2)] == [added[4], added[3]]
    assert [row["id"] for row in node.ask("callbacks.list", state="open", group="vip")] == [added[3], added[1]]
    listed = node.stored("callbacks.list", lambda rows: rows[0]["state"] == "cancelled", limit=3)
    assert [row["id"] for row in listed] == added[5:2:-1]


def test_the_end_of_an_id_must_be_unique(node: Node) -> None:
    ids = [node.ask("callbacks.add", customer=f"+3620123456{digit}", group="sales")["id"] for digit in range(9)]
    ids += [node.ask("callbacks.add", customer=f"+3630123456{digit}", group="sales")["id"] for digit in range(9)]
    tail = next(one[-1] for one in ids if sum(other.endswith(one[-1]) for other in ids) > 1)
    with pytest.raises(ControlError, match="is the end of"):
        node.ask("callbacks.hold", id=tail)


def test_the_card_of_an_attempt(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales", preview=5, note="asked by mail")
    assert node.ask("callbacks.running") == []
    node.desk.turn(NOW)
    eventually(lambda: node.orders, "the claim is committed")
    (card,) = node.ask("callbacks.running")
    assert (card["task"], card["agent"], card["phase"]) == (task["id"], "201", "preview")
    assert (card["preview"], card["note"], card["customer"]) == (5.0, "asked by mail", CUSTOMER)
    assert card["kind"] == "manual"


@pytest.mark.parametrize("by", ["attempt", "task"])
@pytest.mark.parametrize("verb", ["callbacks.accept", "callbacks.decline"])
def test_a_click_on_a_card_whose_claim_is_not_committed_yet_waits_for_that(node: Node, verb: str, by: str) -> None:
    """The card is shown as soon as the agent is chosen; whoever is quick is not told that there is no such callback."""
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales", preview=5)["id"]
    heard: list[int] = []

    def click(name: str, click: Click, agent: str, reason: str) -> ClickAnswer | None:
        heard.append(len(node.orders))
        order = next(iter(node.orders), None)
        return None if order is None else ClickAnswer(Heard.DONE, order.task, order.attempt, "preview", agent)

    async def play() -> Any:
        node.loop = asyncio.get_running_loop()
        try:
            node.desk.turn(NOW)
            assert node.orders == [], "the disk has not said a word"
            [attempt] = node.desk.admin.attempts()
            name = {"attempt": attempt.row.id, "task": task}[by]
            answer = node.verbs.call("socket", verb, {"id": name, "agent": "201"})
            assert isinstance(answer, Coroutine)
            return await answer
        finally:
            node.loop = None

    node.click = click  # type: ignore[method-assign]
    said = asyncio.run(play())
    assert (said["task"], said["attempt"], said["already"]) == (task, node.orders[0].attempt, False)
    assert heard == [1], "it is heard once, by who runs the attempt"


def test_a_click_on_a_card_that_cannot_be_committed_is_told_that_nobody_is_rung(
        node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs holds up nobody who clicks."""
    node.ask("callbacks.add", customer=CUSTOMER, group="sales", preview=5)

    async def play() -> None:
        node.loop = asyncio.get_running_loop()
        try:
            monkeypatch.setattr(node.store, "claim", lambda attempt, unit, done, caps, fence: None)
            node.desk.turn(NOW)
            [attempt] = node.desk.admin.attempts()
            answer = node.verbs.call("socket", "callbacks.accept", {"id": attempt.row.id, "agent": "201"})
            assert isinstance(answer, Coroutine)
            with pytest.raises(ControlError, match="nobody is being rung for it"):
                await answer
        finally:
            node.loop = None

    asyncio.run(play())


def asked(node: Node, customer: str = CUSTOMER, caller: str | None = CUSTOMER) -> str:
    """The request of a caller who has hung up and whose place is held."""
    answer, unit = node.desk.calls.request(
        QueueRequest("call", caller, customer, "+3614445555", "sales", "office", "main", NOW - 60.0, "place 1"), NOW)
    node.store.put(unit)
    assert answer.terms is not None
    return answer.terms.task


def test_a_request_from_the_queue_shows_its_place_and_who_took_it_and_did_not_accept(node: Node) -> None:
    task, places = asked(node), node.desk.places

    def shown() -> tuple[Any, ...]:
        listed = next(one for one in node.ask("callbacks.list") if one["id"] == task)
        detail = node.ask("callbacks.show", id=task)
        assert listed == {key: detail[key] for key in listed}, "both doors say one thing"
        return (*detail["place"].values(), detail["declined_by"])

    assert shown() == (NOW, None, 0, {})
    places.place_taken(task, None, NOW + 5)
    assert settled(node, shown) == (NOW, "unknown", 1, {})
    places.place_taken(task, "201", NOW + 6)
    assert shown() == (NOW, "201", 1, {}), "as soon as it is proved"
    assert places.place_declined(task, "201", "key", NOW + 9)
    places.place_returned(task, "place 2", NOW + 10)
    places.place_taken(task, None, NOW + 11)
    assert places.place_declined(task, None, "silent", NOW + 31)
    places.place_returned(task, "place 3", NOW + 32)
    assert settled(node, shown) == (NOW, "unknown", 2, {"201": 1, "unknown": 1})
    places.place_lost(task, "pbx", NOW + 40)
    assert settled(node, shown) == (None, "unknown", 2, {"201": 1, "unknown": 1})


def settled(node: Node, look: Callable[[], Any]) -> Any:
    """Ask once everything so far is committed."""
    done: list[bool] = []
    node.store.put(Unit(), lambda: done.append(True))
    eventually(lambda: done, "it is committed")
    return look()


def test_tasks_of_one_kind(node: Node) -> None:
    request = asked(node)
    other = node.ask("callbacks.add", customer="+36301112222", group="sales")
    for kind, ids in (("queue", [request]), ("manual", [other["id"]]), ("missed", [])):
        assert [one["id"] for one in node.ask("callbacks.list", kind=kind)] == ids
    with pytest.raises(ArgumentError, match="kind: "):
        node.ask("callbacks.list", kind="origin")


def test_cancelling_a_request_leaves_its_place(node: Node) -> None:
    task = asked(node)
    answer = node.ask("callbacks.cancel", id=task)
    assert (answer["state"], answer["place"]["held_since"]) == ("cancelled", None)
    node.desk.turn(NOW)
    assert node.left == [(task, "operator")]


def test_many_are_changed_at_once_each_by_itself(node: Node) -> None:
    one, two, three = (node.ask("callbacks.add", customer=f"+3620123456{last}", group="sales")["id"]
                       for last in range(3))
    node.ask("callbacks.cancel", id=three)
    came = node.ask("callbacks.bulk", act="reassign", ids=[one, two, three, "x" * 1000, one], responsible="202",
                    by="boss")
    assert [(row["done"], row["state"], row["customer"]) for row in came] == [
        (True, "open", "+36201234560"), (True, "open", "+36201234561"), (False, None, None), (False, None, None)]
    assert [row["text"] for row in came[:2]] == ["", ""]
    assert all("is open" in row["text"] for row in came[2:])
    assert {row["responsible"] for row in node.ask("callbacks.list", state="open")} == {"202"}
    assert [row["state"] for row in node.ask("callbacks.bulk", act="hold", ids=[one, two])] == ["held", "held"]
    assert [row["state"] for row in node.ask("callbacks.bulk", act="resume", ids=[one])] == ["open"]
    assert [row["state"] for row in node.ask("callbacks.bulk", act="cancel", ids=[one, two], reason="law", by="boss")] \
        == ["cancelled", "cancelled"]
    ended = node.stored("callbacks.show", lambda found: found["state"] == "cancelled", id=one)["journal"][-1]
    assert ended["data"]["by"] == "boss: law"


def test_of_many_who_an_agent_has_are_left(node: Node) -> None:
    one, other = (node.ask("callbacks.add", customer=f"+3620123456{last}", group="vip")["id"] for last in range(2))
    node.desk.turn(NOW)
    eventually(lambda: node.orders, "the claim is committed")
    taken = node.orders[0]
    steps: tuple[Step, ...] = ("agent", "accepted")
    for step in steps:
        bring(node, taken.attempt, step)
    for act in ("cancel", "reassign"):
        came = {row["id"]: row for row in node.ask("callbacks.bulk", act=act, ids=[one, other], responsible="301")}
        assert (came[taken.task]["done"], came[taken.task]["state"]) == (False, "open")
        assert came[taken.task]["text"].startswith("agent 301 has it: it can be ")
        assert came[other if taken.task == one else one]["done"] is (act == "cancel")


def bring(node: Node, attempt: str, step: Step) -> None:
    """Bring an attempt one step further."""
    done: list[bool] = []
    node.desk.attempts.step(attempt, step, NOW, done.append)
    eventually(lambda: done, step)


@pytest.mark.parametrize(("args", "text"), [
    ({"ids": ["x"]}, "act is missing: name one of cancel, hold, resume, reassign"),
    ({"act": "hold"}, "ids is missing"),
    ({"act": "hold", "ids": ["x"] * 501}, "ids: a list of texts"),
    ({"act": "reassign", "ids": ["x"], "responsible": "group:none"}, "responsible: there is no group 'none'"),
    ({"act": "reassign", "ids": ["x"], "responsible": "0036901234567"}, "is no extension of an agent"),
])
def test_many_cannot_be_changed_by_what_cannot_be(node: Node, args: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        node.ask("callbacks.bulk", **args)


def test_a_callback_is_given_to_somebody_else(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales")["id"]
    for responsible, shown in (("202", ("current", "202")), ("group:vip", ("group", "vip")), (None, ("none", None))):
        row = node.ask("callbacks.reassign", id=task, responsible=responsible)
        assert (row["responsible_kind"], row["responsible"]) == shown


def test_what_is_to_come_of_a_callback_and_of_an_example(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales", window="24h", attempts=4)["id"]
    plan = node.ask("callbacks.plan", id=task)
    assert [round(one["at"] - NOW) for one in plan["tries"]] == [0, 21_600, 43_200, 64_800]
    assert (plan["begin"], plan["expires"], plan["zone"]) == (NOW, NOW + 86_400, "Europe/Budapest")
    assert plan["open"] == [{"begin": NOW, "end": NOW + 86_400}]
    assert plan["not_now"] is None
    example = node.ask("callbacks.example", at=NOW, window="48h", attempts=2)
    assert [round(one["at"] - NOW) for one in example["tries"]] == [0, 86_400]
    with pytest.raises(ControlError, match="there is no group 'none'"):
        node.ask("callbacks.example", group="none")
    with pytest.raises(ArgumentError, match="window"):
        node.ask("callbacks.example", window="soon")


def test_a_withheld_caller_who_names_another_number_stands_nowhere(node: Node) -> None:
    task = asked(node, "+36301112222", None)
    detail = settled(node, lambda: node.ask("callbacks.show", id=task))
    assert CUSTOMER not in json.dumps(detail)
    assert detail["customer"] == "+36301112222"


def test_do_not_call(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales")
    assert node.ask("dnc.add", customer=CUSTOMER, reason="asked us") == {"customer": CUSTOMER}
    assert node.stored("dnc.list", bool) == [{"customer": CUSTOMER, "since": NOW, "reason": "asked us"}]
    ended = node.stored("callbacks.show", lambda found: found["state"] != "open", id=task["id"])
    assert ended["reason"] == "do_not_call"
    assert node.ask("dnc.remove", customer=CUSTOMER) == {"customer": CUSTOMER, "removed": 1}
    assert node.ask("dnc.remove", customer=CUSTOMER) == {"customer": CUSTOMER, "removed": 0}


def test_campaigns(node: Node) -> None:
    node.ask("callbacks.add", customer=CUSTOMER, group="sales", campaign="10001")
    assert node.ask("campaigns.list") == [{
        "id": "10001", "name": "Winter", "group": "sales", "rank": 1, "parity": 3, "active": True,
        "from": "2026-11-01", "to": None, "open": 1, "running": 0}]
    assert node.ask("campaigns.show", id="10001")["settings"]["parity"] == 3


def test_who_of_a_campaign_would_be_called_next_and_why_not_now(node: Node) -> None:
    def next_of(**args: Any) -> list[tuple[str, str | None]]:
        found = node.ask("campaigns.preview", id="10001", **args)
        assert found["tasks"] == 3
        return [(one["customer"][-1], one["not_now"] and one["not_now"]["reason"]) for one in found["next"]]

    for last, at in (("1", None), ("2", NOW + 3600), ("3", None)):
        more = {} if at is None else {"at": at}
        node.ask("callbacks.add", customer=f"+3620123456{last}", group="sales", campaign="10001", **more)
    node.desk.turn(NOW)
    # Nobody knows what the agents do, so such are rung: both are under way at once.
    found = node.ask("campaigns.preview", id="10001")
    assert (found["order"], found["not_now"]["reason"]) == ("oldest", "no_agent")
    one, other, third = next_of()
    assert [*sorted([one, other]), third] == [("1", "under_way"), ("3", "under_way"), ("2", "later")]
    assert next_of(limit=1) == [one]
    assert found["next"][2]["not_now"]["until"] == found["next"][2]["due"]
    with pytest.raises(ControlError, match="there is no campaign '10009'"):
        node.ask("campaigns.preview", id="10009")


def test_why_nobody_of_a_campaign_is_called(node: Node) -> None:
    for number in ("+36201234561", "+36201234562"):
        node.ask("callbacks.add", customer=number, group="sales", campaign="10001")

    def reasons() -> tuple[str | None, list[str | None]]:
        found = node.ask("campaigns.preview", id="10001")
        return (found["not_now"] and found["not_now"]["reason"],
                [one["not_now"] and one["not_now"]["reason"] for one in found["next"]])

    assert reasons() == (None, [None, None])
    held = node.ask("campaigns.preview", id="10001")["next"][0]["id"]
    node.ask("callbacks.hold", id=held)
    assert reasons() == (None, [None, "held"])
    text = POLICY + 'agents_share = 1\n'
    node.put_policy(parse_policy(text))
    node.desk.turn(NOW)
    assert reasons() == ("share", ["under_way", "held"])
    node.put_policy(parse_policy(text + 'hours = ["sun 03:00-03:01"]\n'))
    assert reasons()[0] == "closed"
    node.put_policy(parse_policy(text + "enabled = false\n"))
    assert reasons()[0] == "campaign"


def test_a_campaign_gets_the_next_free_id_and_begins_today(node: Node) -> None:
    made = node.ask("campaigns.add", name="Spring", group="sales", retries=1, delay="10s")
    assert (made["id"], made["from"], made["active"]) == ("10002", "2026-11-18", True)
    assert node.ledger.policy.campaign["10002"].delay == 10.0
    assert node.ask("campaigns.add", id="20000", name="Other", group="vip")["id"] == "20000"
    for args, text in (({"id": "20000", "name": "x", "group": "vip"}, "there is a campaign '20000' already"),
                       ({"name": "x", "group": "none"}, "campaign.10003.group: there is no group 'none'"),
                       ({"name": "x", "group": "vip", "retrys": 1}, "retrys"), ({"name": "x"}, "group")):
        with pytest.raises(ControlError, match=text):
            node.ask("campaigns.add", **args)
    assert node.ask("campaigns.remove", id="20000") == {"id": "20000"}
    assert [one["id"] for one in node.ask("campaigns.list")] == ["10001", "10002"]
    with pytest.raises(ControlError, match="there is no campaign '20000'"):
        node.ask("campaigns.remove", id="20000")


def test_when_and_how_often(node: Node) -> None:
    made = node.ask("callbacks.add", customer=CUSTOMER, group="sales", at="2026-11-18T13:00:00+01:00", window="2h",
                    attempts=2)
    assert (made["due"], made["attempts_max"]) == (NOW + 3200, 2)


def test_tickets(node: Node) -> None:
    task = node.desk.admin.add(CUSTOMER, "sales", NOW)
    _, unit = node.desk.admin.tickets.open(task, "unreached", "Callback %number%", "Europe/Budapest", NOW)
    node.store.put(unit)
    listed = node.stored("tickets.list", bool, state="open", customer=CUSTOMER)
    assert (listed[0]["number"], listed[0]["subject"]) == (1, f"Callback {CUSTOMER}")
    node.ask("tickets.comment", id="1", text="called by hand", author="Anna")
    shown = node.stored("tickets.show", lambda found: len(found["comments"]) == 2, id=listed[0]["id"])
    assert (shown["comments"][-1]["author"], shown["comments"][-1]["internal"]) == ("Anna", False)
    assert [one["channel"] for one in shown["deliveries"]] == ["webhook", "webhook"]
    assert node.ask("tickets.close", id="1")["state"] == "closed"
    assert node.stored("tickets.list", bool, state="closed")[0]["ended"] == NOW
    with pytest.raises(ControlError, match="text is missing"):
        node.ask("tickets.comment", id="1", text=" ")


def test_from_outside_times_are_rfc_3339_and_the_policy_is_not_to_be_had(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales")
    node.bound.append(SET.by(lambda args: {"changes": []}))
    node.stored("callbacks.show", lambda found: found["journal"], id=task["id"])

    async def play() -> None:
        gate = CommandDoor(node.verbs, asyncio.get_running_loop(), "mqtt")
        (row,) = await gate.run("callbacks.list", {})
        assert (row["id"], row["created"]) == (task["id"], "2026-11-18T11:06:40.000Z")
        assert row["missed"] == task["missed"]
        shown = await gate.run("callbacks.show", {"id": task["id"]})
        queued = next(line for line in shown["journal"] if line["kind"] == "queued")
        assert queued["data"]["expires_at"] == shown["expires"]
        node.bound.append(AGENTS.by(lambda args: [
            {"extension": "201", "name": None, "groups": [], "type": 1, "state": "free", "since": NOW, "with": None,
             "released_today": 1, "reason": None}]))
        (agent,) = await CommandDoor(node.verbs, asyncio.get_running_loop(), "mqtt").run("agents.list", {})
        assert (agent["released_today"], agent["since"]) == (1, "2026-11-18T11:06:40.000Z")  # how many, and when
        for verb in ("policy.set", "nothing.at.all"):
            with pytest.raises(CommandError, match="there is no command") as error:
                await gate.run(verb, {})
            assert error.value.unknown
        with pytest.raises(CommandError, match="there is no callback") as error:
            await gate.run("callbacks.show", {"id": "x"})
        assert error.value.unknown

    asyncio.run(play())


def test_a_ticket_is_called_back_and_says_what_came_of_it(node: Node) -> None:
    node.ask("callbacks.add", customer=CUSTOMER, group="sales")
    other = "+36207654321"
    row = node.desk.admin.open_tasks()[0]._replace(customer=other, group="vip")
    ticket, unit = node.desk.admin.tickets.open(row, "unreached", "Call %number%", "UTC", NOW)
    node.store.put(unit)
    shown = node.stored("tickets.show", lambda one: bool(one), id=ticket.id)
    task = node.ask("tickets.call", id=str(shown["number"]), by="anna")
    assert (task["customer"], task["group"], task["kind"], task["state"]) == (other, "vip", "manual", "open")
    assert (task["options"]["ticket"], task["options"]["note"]) == (ticket.id, f"Call {other}")
    texts = node.stored("tickets.show", lambda one: len(one["comments"]) == 2, id=ticket.id)["comments"]
    assert texts[-1]["text"] == "Callback asked for by anna: open."
    again = node.ask("tickets.call", id=ticket.id)
    assert again["id"] == task["id"], "one promise a customer and group"
    elsewhere = node.ask("tickets.call", id=ticket.id, group="sales", note="ask for Eva")
    assert (elsewhere["group"], elsewhere["options"]["note"]) == ("sales", "ask for Eva")
    with pytest.raises(ControlError, match="there is no group 'gone'"):
        node.ask("tickets.call", id=ticket.id, group="gone")
    node.ask("tickets.close", id=ticket.id)
    node.stored("tickets.show", lambda one: one["state"] == "closed", id=ticket.id)
    with pytest.raises(ControlError, match=f"ticket {shown['number']} is closed"):
        node.ask("tickets.call", id=ticket.id)
    with pytest.raises(ControlError, match="there is no ticket 'x'"):
        node.ask("tickets.call", id="x")


def test_who_is_never_called_is_not_called_because_of_a_ticket(node: Node) -> None:
    ticket, unit = node.desk.admin.tickets.open(
        TaskRow("t", CUSTOMER, "sales", None, "missed", None, "office", "main", "failed", "", NOW, NOW, 1, NOW, None,
                0, 1, "none", None, None, None, (), {}, NOW), "unreached", "Call", "UTC", NOW)
    node.store.put(unit)
    node.stored("tickets.show", lambda one: bool(one), id=ticket.id)
    node.ask("dnc.add", customer=CUSTOMER)
    assert (node.ask("tickets.call", id=ticket.id)["state"]) == "failed"


def test_call_now_by_force_is_for_the_desk_to_say(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales")["id"]
    assert node.ask("callbacks.call-now", id=task, force=True)["state"] == "open"
    assert node.desk.admin.task(task) is not None
    with pytest.raises(ControlError, match="force: 'yes' is neither true nor false"):
        node.ask("callbacks.call-now", id=task, force="yes")


def test_a_campaign_gets_another_id_with_its_callbacks(node: Node) -> None:
    task = node.ask("callbacks.add", customer=CUSTOMER, group="sales", campaign="10001")["id"]
    renumbered = node.ask("campaigns.renumber", id="10001", to="20000")
    assert (renumbered["id"], renumbered["name"], renumbered["open"], renumbered["parity"]) == ("20000", "Winter", 1, 3)
    assert list(node.ledger.policy.campaign) == ["20000"]
    assert node.stored("callbacks.show", lambda one: one["campaign"] == "20000", id=task)["state"] == "open"
    for old, new, text in (("10001", "30000", "there is no campaign '10001'"), ("20000", "7", "campaign"),
                           ("20000", "20000", "there is a campaign '20000' already"), ("20000", "", "campaign")):
        with pytest.raises(ControlError, match=text):
            node.ask("campaigns.renumber", id=old, to=new)
    assert list(node.ledger.policy.campaign) == ["20000"]
