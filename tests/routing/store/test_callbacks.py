"""What a store keeps of callbacks: every engine alike."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from routing.events import Event
from routing.ids import uuid7
from routing.rows import AttemptRow, CallRow, DoNotCallRow, EndedWith, JournalRow, LegRow, PastAttempt, TaskRow
from routing.storage import Store, StoreError
from routing.store.reader import Reader
from routing.writes import TICKET_NUMBER, DropLeg, ForgetEvents, RemoveDoNotCall, SavePolicy, Unit
from tests.routing.memory_store import MemoryStore
from tests.routing.store.postgres_world import PostgresWorld
from tests.routing.store.rows import a_comment, a_delivery, a_line, a_task, a_ticket, a_unit, an_attempt, name
from tests.routing.world import BEGIN, CUSTOMER, World

OTHER = "+36209999999"


class Engine:
    """A store, and how to have it finished with what was put."""

    def __init__(self, store: Store, settle: Callable[[], None], events: Callable[[], list[Event]]) -> None:
        self.store, self.settle, self.events = store, settle, events

    def put(self, **rows: Any) -> None:
        self.store.put(a_unit(**rows))
        self.settle()

    def claim(self, attempt: AttemptRow, unit: Unit = Unit()) -> bool:  # noqa: B008 (a value)
        said: list[bool] = []
        self.store.claim(attempt, unit, said.append)
        self.settle()
        assert len(said) == 1
        return said[0]


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Engine(memory, lambda: None, lambda: memory.events)
    elif request.param == "sqlite":
        world: World = request.getfixturevalue("world")
        yield Engine(world.store, world.commit, lambda: world.events)
    else:
        shared = PostgresWorld(request.getfixturevalue("database"))
        yield Engine(shared.store, shared.commit, lambda: shared.events)
        shared.close()
        assert shared.faults == []


# Tasks


def test_a_task_comes_back_as_it_was_put(engine: Engine) -> None:
    task = a_task(campaign="10001", declined=("201", "202"), options={"note": "Zoë", "preview": 2.5}, due_at=None,
                  responsible_kind="last_talk", responsible="201", responsible_since=BEGIN + 1.25)
    engine.put(tasks=(task,))
    assert engine.store.callbacks.task(task.id) == task
    assert engine.store.callbacks.open_tasks() == [task]
    changed = task._replace(state="done", reason="talked", ended_at=BEGIN + 9, declined=(), options={}, missed=3)
    engine.put(tasks=(task._replace(missed=2), changed))
    assert engine.store.callbacks.task(task.id) == changed
    assert engine.store.callbacks.open_tasks() == []
    assert engine.store.callbacks.task("none") is None


def test_open_tasks_are_those_open_or_held_oldest_first(engine: Engine) -> None:
    tasks = [a_task(customer=f"+3620000000{index}", created_at=BEGIN + index, state=state)
             for index, state in enumerate(("held", "done", "open", "failed", "expired", "cancelled"))]
    engine.put(tasks=tuple(reversed(tasks)))
    assert engine.store.callbacks.open_tasks() == [tasks[0], tasks[2]]


def test_tasks_newest_first_of_one_state_customer_and_group(engine: Engine) -> None:
    tasks = [a_task(created_at=BEGIN + index, state=state, customer=customer, group=group)
             for index, (state, customer, group) in enumerate((
                 ("done", CUSTOMER, "sales"), ("open", CUSTOMER, "sales"), ("open", CUSTOMER, "care"),
                 ("open", OTHER, "sales"), ("done", OTHER, "sales")))]
    engine.put(tasks=tuple(tasks))

    def found(limit: int = 9, **filters: Any) -> list[int]:
        return [[task.id for task in tasks].index(row.id) for row in engine.store.callbacks.tasks(limit, **filters)]

    assert found() == [4, 3, 2, 1, 0]
    assert found(2) == [4, 3]
    assert found(state="open") == [3, 2, 1]
    assert found(customer=CUSTOMER) == [2, 1, 0]
    assert found(group="sales", customer=CUSTOMER, state="done") == [0]
    engine.put(tasks=(tasks[1]._replace(kind="queue"),))
    assert (found(kind="missed"), found(1, kind="missed"), found(kind="campaign")) == ([4, 3, 2, 0], [4], [])


def test_one_ends_and_the_next_begins_in_one_unit_in_whatever_order(engine: Engine) -> None:
    first, second = a_task(), a_task()
    engine.put(tasks=(first,))
    engine.put(tasks=(second, first._replace(state="done")))
    assert engine.store.callbacks.open_tasks() == [second]


def test_units_joined_are_one() -> None:
    task, other = a_task(), a_task(customer=OTHER)
    first = Unit((SavePolicy("one", 1.0), task, DropLeg("a"), a_line(task.id)))
    second = Unit((SavePolicy("two", 2.0), ForgetEvents(7), other, RemoveDoNotCall(CUSTOMER)), durable=True)
    both = first.joined(second)
    assert both.of(TaskRow) == (task, other)
    assert (both.durable, both.of(ForgetEvents), both.of(SavePolicy)[-1], both.of(DropLeg)) == \
        (True, (ForgetEvents(7),), SavePolicy("two", 2.0), (("a",),))
    assert both.of(RemoveDoNotCall) == ((CUSTOMER,),)
    assert first.joined(Unit()) == first == Unit().joined(first)
    assert first.of_callbacks
    assert not Unit((Event("callback.queued", BEGIN, name(), {}, "edge1"),)).of_callbacks


# Attempts


def test_a_claim_writes_the_attempt_and_its_unit(engine: Engine) -> None:
    task = a_task()
    engine.put(tasks=(task,))
    attempt = an_attempt(task)
    event = Event("callback.assigned", BEGIN, name(), {}, "edge1")
    assert engine.claim(attempt, Unit((event, a_line(task.id, "assigned", "201"))))
    assert engine.store.callbacks.open_attempts() == engine.store.callbacks.attempts_of(task.id) == [attempt]
    assert [line.kind for line in engine.store.callbacks.journal(task.id)] == ["assigned"]
    assert [event.kind for event in engine.events()] == ["callback.assigned"]


@pytest.mark.parametrize("state", ["held", "done", "failed", "expired", "cancelled", None])
def test_no_claim_of_a_task_that_is_not_open_and_nothing_of_its_unit(engine: Engine, state: str | None) -> None:
    task = a_task(state=state)
    if state is not None:
        engine.put(tasks=(task,))
    event = Event("callback.assigned", BEGIN, name(), {}, "edge1")
    unit = Unit((event, task._replace(missed=9), a_line(task.id, "assigned")))
    assert not engine.claim(an_attempt(task), unit)
    assert engine.store.callbacks.open_attempts() == []
    assert engine.store.callbacks.journal(task.id) == []
    assert engine.store.callbacks.task(task.id) == (None if state is None else task)
    assert engine.events() == []


def test_no_claim_while_an_attempt_of_the_task_or_for_the_customer_runs(engine: Engine) -> None:
    task, same_customer, other = a_task(), a_task(group="care"), a_task(customer=OTHER)
    engine.put(tasks=(task, same_customer, other))
    running = an_attempt(task)
    assert engine.claim(running)
    assert not engine.claim(an_attempt(task))
    assert not engine.claim(an_attempt(same_customer))
    assert not engine.claim(an_attempt(task, customer=OTHER)), "of the same task"
    assert engine.claim(an_attempt(other))
    engine.put(attempts=(running._replace(ended_at=BEGIN + 1, result="declined"),))
    assert engine.claim(an_attempt(same_customer))


def test_attempts_in_order_and_those_that_dialled(engine: Engine) -> None:
    task = a_task()
    engine.put(tasks=(task,))
    attempts = [an_attempt(task, serial=serial, customer_at=at, ended_at=BEGIN + 500, result="customer_busy", cause=486,
                           talk_s=None) for serial, at in ((2, BEGIN + 60), (1, BEGIN), (3, None))]
    engine.put(attempts=tuple(attempts))
    assert engine.store.callbacks.attempts_of(task.id) == [attempts[1], attempts[0], attempts[2]]
    past = [PastAttempt(CUSTOMER, at, row.id, row.node)
            for at, row in ((BEGIN, attempts[1]), (BEGIN + 60, attempts[0]))]
    assert engine.store.callbacks.attempts_since(BEGIN) == past
    assert engine.store.callbacks.attempts_since(BEGIN + 0.5) == past[1:]
    assert [engine.store.callbacks.attempt(name) for name in (attempts[2].id, "nobody's")] == [attempts[2], None]
    assert engine.store.callbacks.open_attempts() == []


def test_what_agents_had_a_card_of(engine: Engine) -> None:
    """Ended, with an agent and a customer who was dialled, by no crash."""
    task = a_task(campaign="10001")
    wanted = an_attempt(task, serial=1, agent="201", customer_at=BEGIN, ended_at=BEGIN + 60, result="talked")
    others = [
        an_attempt(task, serial=2, agent=None, customer_at=BEGIN, ended_at=BEGIN + 60, result="talked"),
        an_attempt(task, serial=3, agent="202", customer_at=None, ended_at=BEGIN + 60, result="agent_no_answer"),
        an_attempt(task, serial=4, agent="202", customer_at=BEGIN, ended_at=BEGIN + 60, result="crashed"),
        an_attempt(task, serial=5, agent="202", customer_at=BEGIN, ended_at=BEGIN + 40, result="talked"),
        an_attempt(task, serial=6, agent="202", customer_at=BEGIN - 1, ended_at=BEGIN + 60, result="talked"),
    ]
    engine.put(tasks=(task,), attempts=(wanted, *others))
    assert engine.store.callbacks.ended_with(BEGIN + 50, BEGIN) == [
        EndedWith(task.id, "201", BEGIN + 60, task.group, "10001")]
    engine.put(journal=(JournalRow(task.id, BEGIN + 59, "finished", "201", {}),))
    assert len(engine.store.callbacks.ended_with(BEGIN + 50, BEGIN)) == 1, "of another wrap-up"
    engine.put(journal=(JournalRow(task.id, BEGIN + 61, "finished", "202", {}),))
    assert len(engine.store.callbacks.ended_with(BEGIN + 50, BEGIN)) == 1, "of another agent"
    engine.put(journal=(JournalRow(task.id, BEGIN + 61, "finished", "201", {}),))
    assert engine.store.callbacks.ended_with(BEGIN + 50, BEGIN) == []


def test_when_tasks_were_made(engine: Engine) -> None:
    made = [a_task(created_at=BEGIN + seconds, id=uuid7(BEGIN + seconds, os.urandom), customer=f"+3620123456{serial}")
            for serial, seconds in enumerate((0, 60, 120))]
    engine.put(tasks=tuple(made))
    assert sorted(engine.store.callbacks.tasks_since(BEGIN + 30)) == [BEGIN + 60, BEGIN + 120]
    assert engine.store.callbacks.tasks_since(BEGIN + 121) == []


def test_legs_come_change_and_go(engine: Engine) -> None:
    legs = [LegRow("a", "attempt", "agent", '{"x":1}', "edge1", 1),
            LegRow("b", "attempt", "customer", "{}", "edge1", 1)]
    engine.put(legs=tuple(legs))
    engine.put(legs=(legs[0]._replace(memory='{"x":2}'),), legs_gone=("b", "unknown"))
    assert engine.store.callbacks.legs() == [legs[0]._replace(memory='{"x":2}')]
    engine.put(legs=(legs[1],), legs_gone=("b",))
    assert len(engine.store.callbacks.legs()) == 1, "what is gone is gone, also where it came in the same unit"


# Journal and KPI


def test_the_journal_keeps_its_order_and_counts_who_let_wait(engine: Engine) -> None:
    task = a_task()
    lines = [a_line(task.id, "missed", call="c1", evidence=["no_answer"]),
             a_line(task.id, "released", "201", BEGIN + 9), a_line(task.id, "released", "202", BEGIN + 5),
             a_line(task.id, "released", "201", BEGIN + 20), a_line(task.id, "released", None, BEGIN + 30)]
    engine.put(journal=tuple(lines[:3]))
    engine.put(journal=(*lines[3:], a_line("another", "missed")))
    assert engine.store.callbacks.journal(task.id) == lines
    assert engine.store.callbacks.released_counts(BEGIN + 6) == {"201": 2}
    assert engine.store.callbacks.released_counts(BEGIN) == {"201": 2, "202": 1}


# Tickets


def test_tickets_are_numbered_when_they_are_stored(engine: Engine) -> None:
    tickets = [a_ticket(task="t"), a_ticket(customer=OTHER, task="t"), a_ticket(state="closed", closed_at=BEGIN + 1)]
    opened = Event("ticket.opened", BEGIN, name(), {"ticket": tickets[1].id, "subject": "x"}, "edge1")
    engine.put(tickets=(tickets[0],))
    engine.put(tickets=tuple(tickets[1:]), events=(opened, opened._replace(id=name(), data={"ticket": "strange"})))
    numbered = [ticket._replace(number=number) for number, ticket in enumerate(tickets, 1)]
    assert engine.store.tickets.newest(9) == numbered[::-1]
    assert engine.store.tickets.newest(1) == numbered[2:]
    assert engine.store.tickets.newest(9, state="open") == [numbered[1], numbered[0]]
    assert engine.store.tickets.newest(9, customer=OTHER) == [numbered[1]]
    one = engine.store.tickets.one
    assert one(2) == one("2") == one(tickets[1].id) == numbered[1]
    assert engine.store.tickets.one(4) is None
    assert engine.store.tickets.one("no such") is None
    assert engine.events()[0].data == {"ticket": tickets[1].id, "subject": "x", TICKET_NUMBER: 2}
    assert engine.events()[1].data == {"ticket": "strange"}
    engine.put(tickets=(tickets[1]._replace(state="closed", number=77),))
    assert engine.store.tickets.one(2) == numbered[1]._replace(state="closed"), "a number never changes"


def test_comments_as_they_were_written(engine: Engine) -> None:
    ticket = a_ticket()
    comments = [a_comment(ticket, "one"), a_comment(ticket, "two", internal=False), a_comment(ticket, "three")]
    engine.put(tickets=(ticket,), comments=(*comments, a_comment(a_ticket())))
    assert engine.store.tickets.comments(ticket.id) == comments


def test_deliveries_of_one_ticket_and_channel_keep_their_order(engine: Engine) -> None:
    ticket, other = a_ticket(), a_ticket()
    first, second = a_delivery(ticket, next_at=BEGIN + 5), a_delivery(ticket, comment="c", next_at=BEGIN)
    mail, third = a_delivery(ticket, channel="smtp", next_at=BEGIN + 1), a_delivery(other, next_at=BEGIN + 2)
    engine.put(deliveries=(first, second, mail, third))
    assert engine.store.tickets.deliveries_of(ticket.id) == [first, second, mail]
    assert engine.store.tickets.deliveries_due(BEGIN + 1, 9) == [mail], "what comes later waits for what came first"
    assert engine.store.tickets.deliveries_due(BEGIN + 9, 9) == [mail, third, first]
    assert engine.store.tickets.deliveries_due(BEGIN + 9, 1) == [mail]
    assert engine.store.tickets.deliveries_due(BEGIN + 9, 9, "webhook") == [third, first]
    assert engine.store.tickets.deliveries_due(BEGIN + 9, 9, "smtp") == [mail]
    assert engine.store.tickets.next_delivery() == BEGIN + 1
    assert engine.store.tickets.next_delivery("webhook") == BEGIN + 2
    engine.put(deliveries=(first._replace(next_at=None, delivered_at=BEGIN + 6, tries=1),))
    assert engine.store.tickets.deliveries_due(BEGIN, 9) == [second]
    done = [each._replace(next_at=None) for each in (second, mail, third)]
    engine.put(deliveries=tuple(done))
    assert engine.store.tickets.deliveries_due(BEGIN + 9, 9) == []
    assert engine.store.tickets.next_delivery() is None


# Do not call


def test_barred_and_unbarred(engine: Engine) -> None:
    old, new = DoNotCallRow(CUSTOMER, BEGIN, "asked"), DoNotCallRow(OTHER, BEGIN + 1, "law")
    engine.put(do_not_call=(old, new))
    assert engine.store.callbacks.do_not_call() == [new, old]
    engine.put(removed_do_not_call=(CUSTOMER, "+1"), do_not_call=(new._replace(reason="law again"),))
    assert engine.store.callbacks.do_not_call() == [new._replace(reason="law again")]
    engine.put(removed_do_not_call=(OTHER,), do_not_call=(new,))
    assert engine.store.callbacks.do_not_call() == [new]


# The last talk


def a_call(at: float, agent: str | None, talk_s: float | None, direction: str = "inbound", reason: str = "normal",
           customer: str = CUSTOMER) -> CallRow:
    return CallRow(name(at), "x@y", direction, "main", "office", customer, None, "1", agent, None, None,  # type: ignore[arg-type]
                   reason, None, at, None if talk_s is None else at + 2, None, at + 90, 200, "caller", talk_s)


def test_who_talked_last(engine: Engine) -> None:
    assert engine.store.calls.last_talk(CUSTOMER, 5.0) is None
    engine.put(calls=(
        a_call(BEGIN, "201", 60.0), a_call(BEGIN + 10, "202", 5.0), a_call(BEGIN + 20, "203", 4.9),
        a_call(BEGIN + 30, None, 60.0), a_call(BEGIN + 40, "204", None),
        a_call(BEGIN + 50, "205", 60.0, customer=OTHER), a_call(BEGIN + 60, "206", 60.0, reason="callback"),
        a_call(BEGIN + 65, "208", 60.0, reason="in_queue"),
    ))
    assert engine.store.calls.last_talk(CUSTOMER, 5.0) == ("202", BEGIN + 12)
    assert engine.store.calls.last_talk(CUSTOMER, 5.1) == ("201", BEGIN + 2)
    engine.put(calls=(a_call(BEGIN + 70, "207", 60.0, "outbound", "callback"),))
    assert engine.store.calls.last_talk(CUSTOMER, 5.0) == ("207", BEGIN + 72), "the customer's leg is a talk"


def test_which_callers_agents_have_taken(engine: Engine) -> None:
    """Legs of ours are no callers: neither a callback's nor one that stands in a queue."""
    engine.put(calls=tuple(
        a_call(BEGIN + at, agent, 60.0, direction, reason)._replace(group="sales") for at, agent, direction, reason in (
            (-10, "201", "inbound", "normal"), (10, "202", "inbound", "direct"), (20, None, "inbound", "normal"),
            (30, "203", "outbound", "normal"), (40, "204", "inbound", "callback"), (50, "205", "inbound", "in_queue"),
            (60, "206", "inbound", "place"))))
    assert engine.store.calls.taken_since(BEGIN, 9) == [("sales", BEGIN + 10 + 30), ("sales", BEGIN + 60 + 30)]


# Commit


def test_commit_says_that_it_is(engine: Engine) -> None:
    said: list[bool] = []
    task = a_task()
    engine.store.commit(Unit((task,)), said.append)
    engine.settle()
    assert said == [True]
    assert engine.store.callbacks.open_tasks() == [task]
    assert engine.store.well


def test_broken_memory_refuses_as_a_broken_database_does() -> None:
    store, said, task = MemoryStore(), list[bool](), a_task()
    store.put(Unit((task,)))
    store.broken = True
    store.commit(Unit((task._replace(missed=2),)), said.append)
    store.claim(an_attempt(task), Unit(), said.append)
    assert said == [False, False]
    assert not store.well
    with pytest.raises(StoreError):
        store.callbacks.open_tasks()
    store.broken = False
    assert store.callbacks.open_tasks() == [task]
    assert store.callbacks.open_attempts() == []


def test_the_other_threads_reader_reads_them_too(world: World) -> None:
    task, ticket = a_task(), a_ticket()
    world.store.put(Unit((task, a_line(task.id), ticket)))
    world.commit()
    reader = Reader(world.path, "edge1")
    assert reader.callbacks.open_tasks() == [task]
    assert reader.callbacks.journal(task.id) == [a_line(task.id)]
    assert reader.tickets.one(1) == ticket._replace(number=1)
    assert reader.tickets.next_delivery() is None
    reader.close()
    strict = Reader(world.path.with_name("no such"), "edge1", strict=True)
    with pytest.raises(StoreError):
        strict.callbacks.open_tasks()


def test_who_took_the_places_of_tasks_and_who_declined_is_read_for_many_at_once(engine: Engine) -> None:
    first, second, third = (a_task(customer=f"+3620000000{n}", kind="queue") for n in range(3))
    lines = (a_line(first.id, "place_taken", "201"), a_line(second.id, "declined", "202"),
             a_line(first.id, "requested"), a_line(third.id, "declined", "203"), a_line(first.id, "declined", "201"))
    engine.put(tasks=(first, second, third), journal=lines)
    found = engine.store.callbacks.pickups([first.id, second.id])
    assert found == [lines[0], lines[1], lines[4]]
    assert engine.store.callbacks.pickups([]) == []
