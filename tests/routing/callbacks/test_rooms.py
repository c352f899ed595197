"""The rooms of the desk, each built alone."""

import os

import pytest

from config.policy import parse_policy
from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.changes import ChangeSets
from routing.callbacks.due_times import DueTimes
from routing.callbacks.effective_settings import SettingsBook
from routing.callbacks.facts import AttemptOrder, Missed
from routing.callbacks.refusal import Refusal
from routing.callbacks.rooms import DeskRooms
from routing.callbacks.task import Attempt, Task
from routing.callbacks.task_index import TaskIndex
from routing.callbacks.task_queues import TaskQueues
from routing.duty import ALONE
from routing.teller import Teller
from tests.kit.desk_parts import new_desk
from tests.routing.callbacks.shop import CUSTOMER, OTHER, LiveState, Shop
from tests.routing.memory_store import MemoryStore
from tests.routing.store.rows import a_task, an_attempt

NOW = 1_795_431_600.0
POLICY = parse_policy(Shop.write())


def an_order(task: Task, agent: str | None = "201", campaign: str | None = None) -> AttemptOrder:
    return AttemptOrder("try", task.row.id, 1, task.row.customer, None, task.row.group, campaign, "office", "main",
                        agent, agent or "600", 0.0, 20.0, 10.0, 30.0, 10.0, "", False, "en", False, NOW, "")


def a_try(task: Task, agent: str | None = "201", campaign: str | None = None) -> Attempt:
    return Attempt(an_attempt(task.row, agent=agent), an_order(task, agent, campaign), task)


# The tasks that live


def test_a_task_is_found_by_customer_and_group() -> None:
    index, task = TaskIndex(), Task(a_task())
    index.add(task)
    assert (index.of(task.row.customer, "sales"), index.of(task.row.customer, "care")) == (task, None)
    assert (index.of_customer(task.row.customer), index.promised["sales"]) == ((task,), 1)
    index.remove(task)
    index.remove(task)
    assert (index.of_customer(task.row.customer), index.promised["sales"], list(index.live())) == ((), 0, [])


def test_an_attempt_engages_agent_group_campaign_and_trunk() -> None:
    index, task = TaskIndex(), Task(a_task())
    attempt = a_try(task, campaign="10001")
    index.begin(attempt)
    assert (index.calling(task.row.customer), index.occupied("201"), task.attempt) == (attempt, True, attempt)
    assert (index.running("sales"), index.running("sales", "10001"), index.on_trunk("main")) == (1, 1, 1)
    index.let_go(attempt)
    assert (index.occupied("201"), index.running("sales"), index.on_trunk("main")) == (False, 0, 1)
    index.end(attempt)
    index.end(attempt)
    assert (index.calling(task.row.customer), index.on_trunk("main"), task.attempt) == (None, 0, None)


def test_what_is_due_first_comes_first_and_who_has_expired_is_not_tried() -> None:
    due, task = DueTimes(), Task(a_task())
    for at, what in ((2.0, "due"), (2.0, "expire"), (1.0, "release")):
        due.note(at, what, task)  # type: ignore[arg-type]
    assert (due.first(), due.take(0.5), len(due)) == (1.0, None, 3)
    found = [due.take(5.0) for _ in range(4)]
    assert [one and one[0] for one in found] == ["release", "expire", "due", None]
    due.note(1.0, "wake", task)
    due.clear()
    assert due.first() is None


def test_a_task_stands_in_one_queue_at_most() -> None:
    queues, first, second = TaskQueues(lambda: 0.5), Task(a_task()), Task(a_task(missed_at=NOW * 2))
    sales, anna = ("group", "sales", ""), ("agent", "201")
    queues.join(second, sales, "oldest")
    queues.join(first, sales, "oldest")
    assert queues.take(sales) is first
    queues.join(second, anna, "oldest")
    assert (queues.names(), sales in queues, queues.take(sales), queues.take(anna)) == ([anna], False, None, second)
    queues.join(first, sales, "newest")
    queues.join(second, sales, "newest")
    queues.leave(second)
    assert queues.take(sales) is first
    queues.join(first, sales, "newest")
    queues.clear()
    assert queues.names() == []


# Agents


def test_who_may_be_rung() -> None:
    live, index = LiveState(), TaskIndex()
    pool, task = AgentPool(index, live), Task(a_task())
    live.states = {"202": "busy", "203": "unknown"}
    pool.begin(NOW)
    assert (pool.of(("201", "202", "203"), False), pool.of(("202", "203"), True)) == (["201"], ["203"])
    pool.take("201")
    assert pool.of(("201", "202", "203"), False) == []
    pool.begin(NOW)
    attempt = a_try(task)
    index.begin(attempt)
    assert not pool.may_ring("201", True), "an attempt of ours has them"
    index.end(attempt)
    pool.skip("201", "sales", NOW + 30)
    pool.skip(None, "sales", NOW + 30)
    assert (pool.may_ring("201", True), pool.is_skipped(None, "sales"), pool.is_skipped(None, "care")) == \
        (False, True, False)
    pool.begin(NOW + 30)
    assert pool.may_ring("201", True)
    pool.skip("201", "sales", NOW + 90)
    pool.forget()
    assert pool.may_ring("201", True)


# Settings, changes, refusals


def test_settings_are_worked_out_once_and_outlive_a_group() -> None:
    book = SettingsBook(POLICY)
    assert book.of("sales") is book.of("sales")
    assert (book.of("gone").agents, book.of("gone").target, book.agents_of("gone")) == ((), None, ())
    assert book.of("sales", "99999").campaign is None
    assert book.of("sales").runs(NOW)


def test_changes_are_one_unit_and_the_latest_moment_is_known() -> None:
    sets = ChangeSets(Teller("edge1", os.urandom))
    changes, row = sets.begin(NOW), a_task()
    assert (changes.empty, sets.now) == (True, NOW)
    changes.task(row, None)
    changes.task(row._replace(missed=2), row)
    changes.note(row.id, "missed", None, call="a", number=None)
    changes.tell("callback.due", row)
    unit = changes.unit(durable=True)
    assert (changes.empty, unit.durable, len(unit.writes)) == (False, True, 3), "a task that changes twice is one row"


@pytest.mark.parametrize(("until", "text"), [(None, None), (NOW, "2026-11-23T11:00:00.000Z")])
def test_what_an_event_says_of_a_refusal(until: float | None, text: str | None) -> None:
    assert Refusal("stop", "callbacks are stopped", until).data() == \
        {"refused": "stop", "text": "callbacks are stopped", "until": text}


# The desk


def test_what_is_told_before_the_promises_are_read_back_is_taken_then() -> None:
    store = MemoryStore()
    desk = new_desk(store, POLICY, LiveState(), os.urandom)
    fact = Missed("call", CUSTOMER, None, "sales", "office", "main", NOW - 20, NOW, "hung_up", (), "certain")
    assert desk.calls.missed(fact, NOW).writes == ()
    assert desk.calls.pressed(fact, NOW) == (None, desk.calls.missed(fact._replace(customer=OTHER), NOW))
    assert desk.idle
    assert desk.restore(NOW)
    assert sorted(row.customer for row in desk.admin.open_tasks()) == sorted((CUSTOMER, OTHER))
    assert desk.calls.missed(fact, NOW).writes


def test_the_runner_is_told_of_attempts_by_parts_that_are_there_before_it() -> None:
    rooms = DeskRooms(MemoryStore(), POLICY, "edge1", Teller("edge1", os.urandom), LiveState(), os.urandom, ALONE,
                      ("smtp",))
    answers: list[bool] = []
    rooms.attempts.step("nobody's", "agent", NOW, answers.append)
    assert (answers, rooms.tickets.channels, rooms.tasks.index.tasks) == ([False], ("smtp",), {})
