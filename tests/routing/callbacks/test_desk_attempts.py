"""Attempts: what is committed before what, what each end means for the task, the guard, glare, crashes, trouble."""

from collections.abc import Callable

import pytest

from routing.callbacks.admin import DeskError
from routing.callbacks.facts import AttemptOrder, Missed, NewCaller, PastTalk
from routing.duty import Fence
from routing.rows import AttemptRow, DoNotCallRow, LegRow, Result, Step
from routing.storage import Caps
from routing.writes import Unit
from tests.routing.callbacks.shop import CUSTOMER, OTHER, OURS, Shop, at, clock
from tests.routing.memory_store import MemoryStore

BEFORE: tuple[Step, ...] = ("claimed", "agent", "accepted")
STEPS: tuple[Step, ...] = (*BEFORE, "customer", "answered", "talked")


def to(shop: Shop, step: Step) -> str:
    """Bring the only attempt as far as a step; return its name."""
    shop.missed()
    [order] = shop.turn()
    for each in STEPS[1:STEPS.index(step) + 1]:
        assert shop.step(order, each)
    return order.attempt


# One dial


def test_the_claim_is_committed_before_anything_is_sent() -> None:
    shop = Shop()
    committed = []
    shop.missed()

    def begin(order: AttemptOrder, now: float) -> None:
        committed.append(shop.store.all_attempts[order.attempt].step)

    shop.runner.begin = begin  # type: ignore[method-assign]
    shop.turn()
    assert committed == ["claimed"]


def test_nothing_is_dialled_while_the_database_is_in_trouble() -> None:
    shop = Shop()
    shop.missed()
    shop.store.broken = True
    assert shop.until(shop.now + 600) == []
    shop.store.broken = False
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_a_step_that_cannot_be_committed_may_not_be_sent() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    assert shop.step(order, "agent")
    assert shop.step(order, "accepted")
    shop.store.broken = True
    assert shop.step(order, "customer") is False
    shop.store.broken = False
    shop.end(order, "stopped")
    assert [row.attempts for row in shop.desk.admin.open_tasks()] == [0]
    assert shop.store.all_attempts[order.attempt].customer_at is None
    assert len(shop.until(shop.now + 30, 1)) == 1


def test_the_count_is_committed_with_the_dialling() -> None:
    shop = Shop()
    name = to(shop, "customer")
    assert shop.task().attempts == 1
    assert shop.store.all_attempts[name].customer_at == shop.now


def test_one_attempt_a_customer_at_a_time_whatever_the_group() -> None:
    shop = Shop()
    shop.missed()
    shop.missed(group="support")
    [order] = shop.turn()
    assert shop.until(shop.now + 60, 5) == []
    shop.fails(order)
    [other] = shop.until(shop.now + 10, 1)
    assert {order.group, other.group} == {"sales", "support"}


def test_a_customer_who_is_in_a_call_with_us_is_not_dialled() -> None:
    shop = Shop()
    shop.floor.calls.add(CUSTOMER)
    shop.missed()
    assert shop.until(shop.now + 60, 5) == []
    shop.floor.calls.clear()
    assert len(shop.until(shop.now + 6, 1)) == 1


def test_a_customer_who_is_in_a_call_when_the_agent_accepts_is_not_dialled() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    assert shop.step(order, "agent")
    shop.floor.calls.add(CUSTOMER)
    assert shop.step(order, "customer") is False
    shop.end(order, "stopped")
    assert [line.data["reason"] for line in shop.journal("refused")] == ["engaged"]
    shop.floor.calls.clear()
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_not_dialled_outside_hours_though_the_agent_was_rung_within() -> None:
    shop = Shop(at("2026-11-23 16:59"), sales='hours = ["mon-fri 08:00-17:00"]')
    shop.missed()
    [order] = shop.turn()
    shop.now += 61
    assert shop.dial(order) is False
    shop.end(order, "refused")
    assert shop.task().attempts == 0
    assert shop.until_ordered() is not None
    assert clock(shop.now) == "Tue 08:00"


class SlowStore(MemoryStore):
    """A store whose promises are kept only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = False
        self.waiting: list[Callable[[], None]] = []

    def claim(self, attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        self.later(lambda: super(SlowStore, self).claim(attempt, unit, done, caps, fence))

    def commit(self, unit: Unit, done: Callable[[bool], None]) -> None:
        self.later(lambda: super(SlowStore, self).commit(unit, done))

    def later(self, act: Callable[[], None]) -> None:
        if self.slow:
            self.waiting.append(act)
        else:
            act()

    def catch_up(self) -> None:
        waiting, self.waiting = self.waiting, []
        for act in waiting:
            act()


def test_a_talk_between_the_claim_and_its_commit() -> None:
    store = SlowStore()
    shop = Shop(store=store)
    shop.missed()
    store.slow = True
    assert shop.turn() == []
    shop.floor.calls.add(CUSTOMER)
    row = shop.task()
    shop.desk.calls.talked(PastTalk("call t", CUSTOMER, "202", None, "inbound", shop.now, 9.0, None), shop.now)
    store.catch_up()
    assert shop.runner.orders == []
    assert [(attempt.task, attempt.result) for attempt in store.all_attempts.values()] == [(row.id, "stopped")]
    assert shop.desk.admin.attempts() == ()


def test_an_agent_who_hangs_up_before_the_dialling_is_refused_costs_no_attempt() -> None:
    store = SlowStore()
    shop = Shop(store=store, missed="attempts = 1", guard="all_per_hour = 1")
    name = to(shop, "accepted")
    answers: list[bool] = []
    store.slow = True
    shop.desk.attempts.step(name, "customer", shop.now, answers.append)
    shop.end(shop.runner.orders[0], "agent_left")
    store.broken = True
    store.catch_up()
    store.slow = store.broken = False
    assert answers == [False], "nothing was sent"
    assert (shop.task().state, shop.task().attempts) == ("open", 0)
    assert store.all_attempts[name].customer_at is None
    again = shop.until_ordered(600)
    assert again is not None
    assert shop.dial(again)


def test_a_dial_that_could_not_be_written_counts_for_no_cap() -> None:
    shop = Shop(guard="all_per_hour = 1")
    to(shop, "accepted")
    [order] = shop.runner.orders
    shop.store.broken = True
    assert shop.step(order, "customer") is False
    shop.store.broken = False
    shop.end(order, "stopped")
    again = shop.until_ordered(600)
    assert again is not None
    assert shop.dial(again)
    shop.end(again, "customer_no_answer")
    shop.missed(OTHER)
    assert shop.until(shop.now + 600) == []


@pytest.mark.parametrize("tasks", [2, 3])
def test_a_dial_that_is_taken_back_leaves_its_place_under_the_cap_to_others(tasks: int) -> None:
    """Whoever was told that the cap is used up, for the sake of a dial that was none, is not made to wait for an hour.
    """
    store = SlowStore()
    shop = Shop(store=store, guard="all_per_hour = 1")
    for number in range(tasks):
        shop.missed(f"+3620123456{number}")
    first, second = shop.turn()
    for order in (first, second):
        assert shop.step(order, "agent")
        assert shop.step(order, "accepted")
    store.slow = True
    assert shop.step(first, "customer") is None, "it waits for the disk"
    assert shop.step(second, "customer") is False, "the cap is used up"
    shop.end(second, "refused")
    shop.wait(1)
    assert shop.desk.admin.guard_halt(shop.now) == "all_cap"
    store.broken = True
    store.catch_up()
    store.slow = store.broken = False
    shop.end(first, "stopped", text="customer not committed")
    assert shop.desk.admin.guard_halt(shop.now) is None
    again = {order.customer for order in shop.until(shop.now + 10, 1)}
    assert second.customer in again
    assert len(again) == 2, "as many as there are agents"


def test_a_dial_that_was_written_for_nobody_counts_no_more() -> None:
    """The agent heard that it does not work while the disk hung; then it was written down."""
    store = SlowStore()
    shop = Shop(store=store, guard="all_per_hour = 1")
    name = to(shop, "accepted")
    [order] = shop.runner.orders
    store.slow = True
    assert shop.step(order, "customer") is None
    store.catch_up()
    store.slow = False
    assert (shop.task().attempts, store.all_attempts[name].customer_at) == (1, shop.now)
    shop.desk.attempts.not_dialled(name, shop.now)
    shop.desk.attempts.not_dialled(name, shop.now)
    assert (shop.task().attempts, store.all_attempts[name].customer_at) == (0, None)
    shop.end(order, "stopped", text="customer not committed")
    shop.desk.attempts.not_dialled(name, shop.now)
    again = shop.until_ordered(600)
    assert again is not None
    assert shop.dial(again)
    assert shop.task().attempts == 1


def test_held_and_resumed_between_a_claim_and_its_refusal() -> None:
    store = SlowStore()
    shop = Shop(store=store)
    shop.missed()
    store.slow = True
    shop.turn()
    task = shop.task().id
    shop.desk.admin.hold(task, shop.now)
    shop.desk.admin.resume(task, shop.now)
    shop.wait(1)
    store.broken = True
    store.catch_up()
    store.slow = store.broken = False
    assert len(shop.until(shop.now + 60, 1)) == 1


def test_a_task_that_the_database_lost_is_written_again() -> None:
    """While the database was in trouble too much had waited for it, and the oldest had to go."""
    shop = Shop()
    shop.missed()
    shop.store.all_tasks.clear()
    shop.turn()
    assert len(shop.until(shop.now + 60, 1)) == 1


def test_a_talk_between_the_last_question_and_its_commit() -> None:
    store = SlowStore()
    shop = Shop(store=store)
    to(shop, "accepted")
    answers: list[bool] = []
    store.slow = True
    shop.desk.attempts.step(shop.runner.orders[0].attempt, "customer", shop.now, answers.append)
    assert answers == []
    shop.talked()
    store.catch_up()
    assert answers == [False]
    assert shop.task().attempts == 0, "nothing was sent"


def test_not_dialled_when_the_window_ended_while_the_agent_was_rung() -> None:
    shop = Shop(callback='remove_after = "10m"')
    shop.missed()
    [order] = shop.turn()
    shop.now += 600
    assert shop.dial(order) is False
    shop.end(order, "refused")
    shop.turn()
    assert (shop.task().state, shop.task().reason, shop.task().attempts) == ("expired", "window", 0)


def test_a_window_that_ends_during_an_attempt_ends_the_task_with_it() -> None:
    shop = Shop(callback='remove_after = "2m"')
    shop.missed()
    [order] = shop.turn()
    assert shop.wait(121) == []
    assert shop.task().state == "open"
    shop.end(order, "agent_no_answer")
    shop.turn()
    assert shop.task().state == "expired"


def test_held_and_resumed_while_the_guard_had_said_no() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    shop.floor.calls.add(CUSTOMER)
    assert shop.dial(order) is False
    shop.floor.calls.clear()
    shop.desk.admin.hold(shop.task().id, shop.now)
    shop.desk.admin.resume(shop.task().id, shop.now)
    shop.end(order, "refused")
    assert len(shop.until(shop.now + 30, 1)) == 1


# Who is rung


def test_never_more_legs_than_free_agents_less_the_reserve() -> None:
    shop = Shop(sales="", callback="reserve = 1")
    for number in range(5):
        shop.missed(f"+3620111111{number}")
    assert len(shop.until(shop.now + 20, 1)) == 1


def test_agents_of_unknown_state_come_after_the_free_ones() -> None:
    shop = Shop()
    shop.floor.states = {"201": "unknown"}
    shop.missed()
    shop.missed(OTHER)
    assert [order.agent for order in shop.turn()] == ["202", "201"]


def test_agents_of_unknown_state_are_left_alone_where_that_is_set() -> None:
    shop = Shop(callback="ring_unknown = false")
    shop.floor.states = {"201": "unknown"}
    shop.missed()
    shop.missed(OTHER)
    assert [order.agent for order in shop.turn()] == ["202"]


def test_the_longest_idle_agent_first() -> None:
    shop = Shop()
    shop.floor.since = {"201": 500.0, "202": 100.0}
    shop.missed()
    assert [order.agent for order in shop.turn()] == ["202"]


def test_an_agent_who_did_not_answer_is_not_rung_again_for_a_while() -> None:
    shop = Shop(callback='retry_agent = "60s"')
    shop.floor.states["202"] = "busy"
    shop.missed()
    [order] = shop.turn()
    shop.end(order, "agent_no_answer", 487)
    rung = shop.now
    assert shop.until(rung + 59, 1) == []
    assert [order.agent for order in shop.until(rung + 63, 1)] == ["201"]
    assert shop.task().attempts == 0


def test_a_group_without_agents_rings_its_queue_extension() -> None:
    shop = Shop()
    for customer in (CUSTOMER, OTHER):
        shop.missed(customer, group="queue")
    [order] = shop.until(shop.now + 10, 1)
    assert (order.agent, order.target) == (None, "800")
    shop.talks(order)
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_the_queue_extension_rests_after_a_decline() -> None:
    shop = Shop()
    shop.missed(group="queue")
    [order] = shop.turn()
    shop.end(order, "declined", agent="501")
    declined = shop.now
    assert shop.task().declined == ("501",)
    assert shop.until(declined + 59, 1) == []
    assert len(shop.until(declined + 65, 1)) == 1


def test_a_long_line_that_nobody_can_take_costs_a_turn_no_more_than_a_short_one() -> None:
    shop = Shop(guard="tasks_per_hour = 1000")
    looked_at: list[str] = []
    shop.floor.engaged = lambda customer: not looked_at.append(customer)  # type: ignore[method-assign, func-returns-value]
    for number in range(500):
        shop.missed(f"+36201{number:06d}")
    for _ in range(8):
        before = len(looked_at)
        assert shop.wait(1) == []
        assert len(looked_at) - before <= 100
    assert len(set(looked_at)) == 500


# What follows from each end


@pytest.mark.parametrize(("result", "cause", "again"), [
    ("customer_busy", 486, "Mon 12:05"), ("customer_failed", 600, "Mon 12:05"),
    ("customer_no_answer", 487, "Mon 18:00"),
    ("customer_failed", 480, "Mon 18:00"), ("customer_failed", 503, "Mon 18:00"), ("short", 200, "Mon 18:00"),
    ("no_key", 200, "Mon 18:00"), ("agent_left", 487, "Mon 18:00"), ("stopped", 487, "Mon 18:00"),
    ("customer_failed", 603, "Tue 06:00"), ("customer_failed", 607, "Tue 06:00"),
])
def test_the_cause_decides_the_retry(result: Result, cause: int, again: str) -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    shop.fails(order, result, cause)
    assert shop.task().attempts == 1
    assert shop.until_ordered(step=10) is not None
    assert clock(shop.now) == again


@pytest.mark.parametrize("cause", [404, 410, 484, 604])
def test_a_number_that_does_not_exist_is_not_tried_again(cause: int) -> None:
    shop = Shop(tickets="true")
    shop.missed()
    [order] = shop.turn()
    shop.fails(order, "customer_failed", cause)
    assert (shop.task().state, shop.task().reason) == ("failed", "number")
    assert [ticket.task for ticket in shop.store.tickets.newest(9)] == [shop.task().id]


def test_planned_moments_that_passed_without_a_free_agent_are_spread_anew() -> None:
    shop = Shop(missed="attempts = 4")
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.until(at("2026-11-24 07:00"), 600)
    shop.floor.states.clear()
    made = []
    while (order := shop.until_ordered(86_400)) is not None:
        made.append(clock(shop.now))
        shop.fails(order)
    assert len(made) == 4
    assert made == ["Tue 07:00", "Tue 08:15", "Tue 09:30", "Tue 10:45"]


def test_a_talk_ends_it_and_every_other_promise_to_them() -> None:
    shop = Shop()
    shop.missed()
    shop.missed(group="support")
    [order] = shop.turn()
    shop.talks(order)
    assert {(task.group, task.state, task.reason) for task in shop.store.callbacks.tasks(9)} == \
        {("sales", "done", "talked"), ("support", "done", "talked")}
    row = shop.store.all_attempts[order.attempt]
    assert (row.result, row.talk_s, row.step) == ("talked", 30.0, "ended")
    assert [event["talk_s"] for event in shop.events("callback.attempted")] == [30.0]
    assert len(shop.events("callback.connected")) == 1


def test_connected_is_told_when_they_hear_each_other() -> None:
    """A customer who answered may wait for the agent, or be a voicemail; whoever rings in is joined anew."""
    shop = Shop(callback="customer_first = true")
    shop.missed()
    [order] = shop.turn()
    for step in ("customer", "answered", "agent", "accepted"):
        assert shop.step(order, step)
        assert shop.events("callback.connected") == []
    for _ in range(2):
        shop.desk.attempts.connected(order.attempt, shop.now, "202")
    [event] = shop.events("callback.connected")
    assert (event["attempt"], event["agent"], event["customer"]) == (order.attempt, "202", CUSTOMER)
    shop.end(order, "talked", 200, talk_s=30.0)
    shop.desk.attempts.connected(order.attempt, shop.now, "202")
    assert len(shop.events("callback.connected")) == 1, "of an attempt that is over nobody is told"


def test_customer_first_that_no_agent_took_waits_for_the_next_moment() -> None:
    shop = Shop(callback="customer_first = true")
    shop.missed()
    [order] = shop.turn()
    assert shop.step(order, "customer")
    assert shop.step(order, "answered")
    shop.end(order, "declined")
    assert shop.task().attempts == 1
    assert shop.until_ordered() is not None
    assert clock(shop.now) == "Mon 18:00"


def test_a_ticket_on_start_gets_a_note_when_the_customer_does_not_answer() -> None:
    shop = Shop(tickets="true\non_start = true")
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    [ticket] = shop.store.tickets.newest(9)
    assert (ticket.agent, ticket.subject) == (order.agent, f"Callback {CUSTOMER}")
    comments = shop.store.tickets.comments(ticket.id)
    assert len(comments) == 2
    assert comments[1].internal
    assert "customer no answer" in comments[1].text
    for _ in range(3):
        again = shop.until_ordered()
        assert again is not None
        shop.fails(again)
    assert len(shop.store.tickets.newest(9)) == 1
    assert "not reached" in shop.store.tickets.comments(ticket.id)[-1].text


# Talks, glare and operators meanwhile


def test_a_talk_meanwhile_stops_the_attempt_and_nothing_is_dialled() -> None:
    shop = Shop()
    name = to(shop, "accepted")
    shop.talked()
    order = shop.runner.orders[0]
    assert shop.step(order, "customer") is False
    shop.turn()
    assert shop.runner.stopped == [(name, "talk")]
    assert shop.store.all_attempts[name].result == "stopped"
    assert shop.task().attempts == 0


def test_a_talk_of_its_own_does_not_stop_the_attempt() -> None:
    shop = Shop()
    to(shop, "answered")
    shop.talked()
    shop.turn()
    assert shop.runner.stopped == []


@pytest.mark.parametrize(("step", "found"), [
    ("claimed", True), ("agent", True), ("accepted", True), ("customer", True), ("answered", True), ("talked", False),
])
def test_glare_finds_the_attempt_until_they_have_talked(step: Step, found: bool) -> None:
    shop = Shop()
    name = to(shop, step)
    assert shop.desk.calls.rang_in(NewCaller(CUSTOMER, "support"), shop.now) == (name if found else None)
    assert shop.desk.calls.rang_in(NewCaller(OTHER, "support"), shop.now) is None


def test_glare_that_becomes_a_talk_keeps_the_promise() -> None:
    shop = Shop()
    to(shop, "customer")
    shop.end(shop.runner.orders[0], "glare", 200, talk_s=60.0)
    assert shop.task().state == "done"


def test_glare_too_short_for_a_talk_is_tried_again_in_a_while() -> None:
    shop = Shop()
    to(shop, "agent")
    shop.end(shop.runner.orders[0], "glare", 200, talk_s=2.0)
    assert (shop.task().state, shop.task().attempts) == ("open", 0)
    assert shop.until_ordered(step=10) is not None
    assert clock(shop.now) == "Mon 12:05"


@pytest.mark.parametrize("step", STEPS)
def test_cancel_stops_what_no_agent_has_accepted(step: Step) -> None:
    shop = Shop()
    to(shop, step)
    task = shop.task()
    if step == "talked":
        assert task.state == "done"
        return
    if step not in ("claimed", "agent"):
        with pytest.raises(DeskError, match="agent 201 has it"):
            shop.desk.admin.cancel(task.id, shop.now, "anna")
        shop.turn()
        assert (shop.runner.stopped, shop.task().state) == ([], "open")
        return
    shop.desk.admin.cancel(task.id, shop.now, "anna")
    shop.turn()
    assert [reason for _, reason in shop.runner.stopped] == ["operator"]
    assert (shop.task().state, shop.task().reason) == ("cancelled", "operator")
    assert shop.until(shop.now + 86_400, 600) == []


def test_held_is_not_tried_and_resumed_is() -> None:
    shop = Shop()
    to(shop, "agent")
    name = shop.task().id
    shop.desk.admin.hold(name, shop.now)
    shop.turn()
    assert [reason for _, reason in shop.runner.stopped] == ["held"]
    assert shop.until(shop.now + 3600) == []
    shop.desk.admin.resume(name, shop.now)
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_held_and_resumed_before_the_runner_was_told() -> None:
    shop = Shop()
    to(shop, "agent")
    name = shop.task().id
    shop.desk.admin.hold(name, shop.now)
    shop.desk.admin.resume(name, shop.now)
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_a_held_task_expires_all_the_same() -> None:
    shop = Shop(tickets="true")
    shop.missed()
    shop.desk.admin.hold(shop.task().id, shop.now)
    shop.until(shop.now + 86_401, 3600)
    assert shop.task().state == "expired"
    assert len(shop.store.tickets.newest(9)) == 1


def test_a_conversation_of_our_own_is_judged_by_its_runner_alone() -> None:
    """A voicemail of seven seconds is a talk for the ledger, and none for a callback that wants ten."""
    shop = Shop(callback='min_talk = "10s"')
    to(shop, "answered")
    order = shop.runner.orders[0]
    shop.store.put(shop.desk.calls.talked(
        PastTalk("call c", CUSTOMER, order.agent, "sales", "outbound", shop.now, 7.0, order.attempt), shop.now))
    shop.end(order, "short", 200, talk_s=7.0)
    assert (shop.task().state, shop.task().attempts) == ("open", 1)


@pytest.mark.parametrize("tells", [True, False])
def test_an_attempt_that_does_not_end_blocks_nobody_for_ever(tells: bool) -> None:
    shop = Shop()
    name = to(shop, "customer")
    if not tells:
        shop.runner.stop = lambda attempt, reason, now: None  # type: ignore[method-assign]
    shop.until(shop.now + 200, 10)
    assert shop.store.all_attempts[name].ended_at is None
    shop.until(shop.now + 100, 10)
    assert shop.store.all_attempts[name].result == "stopped"
    assert shop.until_ordered() is not None
    assert clock(shop.now) == "Mon 18:00"


def test_a_clock_that_was_set_back_lets_nobody_rest_for_so_long() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    shop.end(order, "agent_no_answer")
    shop.floor.states["202"] = "busy"
    shop.wait(1)
    shop.now -= 3600
    assert len(shop.until(shop.now + 10, 1)) == 1


def test_a_clock_that_was_put_forward_ends_an_attempt_before_another_begins() -> None:
    shop = Shop()
    name = to(shop, "customer")
    shop.runner.stop = lambda attempt, reason, now: shop.runner.stopped.append((attempt, reason))  # type: ignore[method-assign]
    assert shop.wait(7 * 3600) == []
    assert shop.runner.stopped == [(name, "stuck")]
    assert shop.wait(30) == []
    shop.end(shop.runner.orders[0], "stopped")
    assert shop.until(shop.now + 60, 10) == []


# The guard


def test_the_stop_switch_lets_nothing_begin_and_stops_what_has() -> None:
    shop = Shop()
    to(shop, "customer")
    shop.policy(guard="stop = true")
    shop.missed(OTHER)
    assert shop.until(shop.now + 600) == []
    assert [reason for _, reason in shop.runner.stopped] == ["stop"]
    shop.policy()
    assert [order.customer for order in shop.until(shop.now + 10, 1)] == [OTHER]


def test_a_guard_that_stops_everything_is_told_once_and_is_the_reason_in_the_end() -> None:
    shop = Shop(guard="stop = true", tickets="true")
    for number in range(5):
        shop.missed(f"+3620111111{number}")
    assert shop.until(shop.now + 20, 1) == []
    assert [line.data["reason"] for line in shop.journal("refused")] == ["stop"]
    [event] = shop.events("callback.attempted")
    assert (event["result"], event["refused"], event["attempt"]) == ("refused", "stop", None)
    shop.until(shop.now + 86_340, 3600)
    shop.until(shop.now + 60, 1)
    assert {(row.state, row.reason) for row in shop.store.callbacks.tasks(9)} == {("expired", "stop")}
    assert {event["reason"] for event in shop.events("ticket.opened")} == {"guard"}


@pytest.mark.parametrize(("customer", "reason"), [
    (OURS, "own_number"), ("+4915112345678", "country"), ("+3690123456", "number_type"),
])
def test_what_must_never_be_dialled_is_refused_with_its_reason(customer: str, reason: str) -> None:
    shop = Shop(tickets="true")
    shop.missed(customer)
    assert (shop.task(customer).state, shop.task(customer).reason) == ("failed", reason)
    assert [line.data["reason"] for line in shop.journal("refused")] == [reason]
    assert [event["reason"] for event in shop.events("callback.failed")] == [reason]
    assert [event["reason"] for event in shop.events("ticket.opened")] == ["guard"]
    assert shop.until(shop.now + 3600) == []


def test_a_cap_makes_it_wait_and_says_so() -> None:
    shop = Shop(guard="all_per_hour = 1")
    shop.missed()
    shop.missed(OTHER)
    one, two = shop.turn()
    shop.fails(one)
    dialled = shop.now
    assert shop.dial(two) is False
    shop.end(two, "refused")
    assert shop.task(two.customer).attempts == 0
    assert [line.data["reason"] for line in shop.journal("refused")] == ["all_cap"]
    assert [event.get("refused") for event in shop.events("callback.attempted")] == [None, "all_cap"]
    assert shop.until(dialled + 3590, 60) == []
    assert len(shop.until(dialled + 3660, 5)) == 1


def test_a_flood_of_missed_calls_is_capped_and_an_alarm_goes_up_and_down() -> None:
    shop = Shop(guard="tasks_per_hour = 20")
    for number in range(1000):
        shop.missed(f"+36201{number:06d}")
    assert len(shop.store.all_tasks) == 20
    assert "20 callbacks" in (shop.alarms["callbacks_flood"] or "")
    assert len([event for event in shop.events("callback.failed") if event["reason"] == "flood"]) == 980
    shop.now += 3700
    shop.turn()
    assert shop.alarms["callbacks_flood"] is None


def test_who_is_added_counts_like_who_is_missed() -> None:
    shop = Shop(guard="tasks_per_hour = 3")
    shop.missed(CUSTOMER)
    for number in range(2):
        shop.desk.admin.add(f"+3620111111{number}", "sales", shop.now)
    shop.desk.admin.add(CUSTOMER, "sales", shop.now)  # there is one already
    with pytest.raises(DeskError, match="3 callbacks were promised within an hour"):
        shop.desk.admin.add(OTHER, "sales", shop.now)
    shop.missed(OTHER)
    assert len(shop.store.all_tasks) == 3
    again = shop.reborn()
    with pytest.raises(DeskError, match="3 callbacks were promised within an hour"):
        again.desk.admin.add(OTHER, "sales", again.now)
    again.now += 3601
    assert again.desk.admin.add(OTHER, "sales", again.now).state == "open"


@pytest.mark.parametrize("by", [-400 * 86_400.0, -7200.0, 7200.0, 400 * 86_400.0])
def test_a_clock_that_is_set_lifts_no_cap(by: float) -> None:
    """Forward and back again: as many may be promised as before, and an hour is an hour."""
    shop = Shop(guard="tasks_per_hour = 2")
    for number in range(2):
        shop.desk.admin.add(f"+3620111111{number}", "sales", shop.now)
    for step in (by, -by, by):
        shop.now += step
        shop.desk.clock_set(step)
        with pytest.raises(DeskError, match="within an hour"):
            shop.desk.admin.add(OTHER, "sales", shop.now)
    shop.now += 3601
    assert shop.desk.admin.add(OTHER, "sales", shop.now).state == "open"


def test_the_do_not_call_list_ends_open_tasks_and_refuses_new_ones() -> None:
    shop = Shop()
    shop.missed()
    shop.desk.admin.add_do_not_call(CUSTOMER, shop.now, "asked us")
    assert (shop.task().state, shop.task().reason) == ("cancelled", "do_not_call")
    shop.now += 1
    shop.missed()
    assert (shop.task().state, shop.task().reason) == ("failed", "do_not_call")
    other = shop.reborn()
    assert [row.customer for row in other.store.callbacks.do_not_call()] == [CUSTOMER]
    assert other.desk.admin.remove_do_not_call(CUSTOMER, other.now)
    other.now += 1
    other.missed()
    assert other.task().state == "open"


def test_legs_on_a_trunk_are_limited() -> None:
    shop = Shop(guard="trunk_legs = 1")
    shop.missed()
    shop.missed(OTHER)
    [order] = shop.turn()
    assert shop.dial(order)
    assert shop.until(shop.now + 20, 1) == []
    shop.end(order, "customer_no_answer")
    assert len(shop.until(shop.now + 10, 1)) == 1


# Crashes


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_each_step(step: Step) -> None:
    shop = Shop()
    name = to(shop, step)
    leg = LegRow("leg 1", name, "agent", "{}")
    shop.desk.attempts.leg(leg)
    again = shop.reborn()
    row, task = again.store.all_attempts[name], again.task()
    assert (row.ended_at, row.result) == (again.now, "talked" if step == "talked" else "crashed")
    assert task.attempts == (0 if step in BEFORE else 1)
    given = again.until(again.now + 5, 1)
    assert again.runner.recovered == (leg,)
    if step == "talked":
        assert (task.state, given) == ("done", [])
    elif step in BEFORE:
        assert [order.serial for order in given] == [2]
    else:
        assert given == []
        assert again.until_ordered() is not None
        assert clock(again.now) == "Mon 18:00"


def test_legs_of_before_are_forgotten_after_they_had_their_time() -> None:
    shop = Shop()
    shop.desk.attempts.leg(LegRow("leg 1", to(shop, "agent"), "agent", "{}"))
    again = shop.reborn()
    again.floor.states = {"201": "busy", "202": "busy"}
    again.until(again.now + 60, 1)
    assert len(again.store.all_legs) == 1
    again.until(again.now + 10, 1)
    assert again.store.all_legs == {}


def test_a_crash_loses_neither_count_nor_responsible_nor_decline() -> None:
    shop = Shop(missed='responsible = "fixed"\nresponsible_agent = "202"\nresponsible_wait = "5m"')
    shop.floor.states["202"] = "busy"
    shop.missed()
    shop.turn()
    shop.wait(100)
    again = shop.reborn()
    assert again.until(shop.now + 198, 1) == []
    [order] = again.until(again.now + 5, 1)
    again.end(order, "declined")
    third = again.reborn()
    assert third.task().declined == (order.agent,)
    assert third.until(third.now + 30, 1) == []


def test_what_was_dialled_before_the_restart_counts_for_the_caps() -> None:
    shop = Shop(guard="all_per_hour = 1")
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    again = shop.reborn()
    again.missed(OTHER)
    assert again.until(again.now + 3000, 60) == []


def test_calls_while_the_database_could_not_be_read_are_not_forgotten() -> None:
    shop = Shop()
    shop.missed(OTHER)
    shop.store.broken = True
    again = shop.reborn()
    fact = Missed("call x", CUSTOMER, OURS, "sales", "office", "main", shop.now, shop.now, "hung_up", (), "certain")
    assert again.desk.calls.missed(fact, again.now) == Unit()
    again.now += 100
    again.store.broken = False
    assert [order.customer for order in again.until(again.now + 5, 1)] == [OTHER, CUSTOMER]
    assert again.task().missed_at == fact.ended_at


def test_another_database_is_told_what_lives() -> None:
    shop = Shop()
    to(shop, "agent")
    shop.missed(OTHER)
    shop.desk.attempts.leg(LegRow("leg 1", shop.runner.orders[0].attempt, "agent", "{}"))
    before = shop.store.callbacks.open_tasks(), shop.store.callbacks.open_attempts(), shop.store.callbacks.legs()
    shop.store.all_tasks.clear()
    shop.store.all_attempts.clear()
    shop.store.all_legs.clear()
    shop.store.begin_anew()
    kept = shop.store.callbacks
    assert (kept.open_tasks(), kept.open_attempts(), kept.legs()) == before


def test_another_database_is_told_who_is_never_called() -> None:
    """What is known of a number that stands in it stays."""
    shop = Shop()
    shop.desk.admin.add_do_not_call(CUSTOMER, shop.now, "asked us to")
    shop.desk.admin.add_do_not_call(OTHER, shop.now, "lawyer")
    shop.store.all_do_not_call = {
        OTHER: DoNotCallRow(OTHER, 7.0, "older"), "+36209999999": DoNotCallRow("+36209999999", 8.0, "")}
    shop.store.begin_anew()
    assert set(shop.store.all_do_not_call) == {CUSTOMER, OTHER, "+36209999999"}
    assert shop.store.all_do_not_call[OTHER].reason == "older"
    again = shop.reborn()
    again.missed()
    assert again.task().reason == "do_not_call"
    assert shop.missed("+36209999999") is not None
    assert shop.task("+36209999999").reason == "do_not_call"


def test_draining_begins_nothing_and_lets_go_on_what_runs() -> None:
    shop = Shop()
    to(shop, "agent")
    shop.missed(OTHER)
    shop.desk.drain()
    assert shop.until(shop.now + 60) == []
    assert shop.step(shop.runner.orders[0], "customer")


def test_nothing_begins_while_attempts_cannot_be_made() -> None:
    shop = Shop()
    shop.able = False
    shop.missed()
    assert shop.until(shop.now + 60) == []
    shop.able = True
    assert len(shop.wait(1)) == 1


def test_a_claim_that_another_process_was_faster_with() -> None:
    shop = Shop()
    shop.missed()
    row = shop.task()
    shop.store.all_tasks[row.id] = row._replace(state="done", ended_at=shop.now)
    assert shop.until(shop.now + 60, 1) == []
    assert shop.desk.admin.open_tasks() == ()
