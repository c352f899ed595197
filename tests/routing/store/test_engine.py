"""The engine alone: what any engine behind the queue must do. Another one joins the list of `engines`."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.events import Outbox
from routing.rows import CallRow
from routing.storage import StoreError
from routing.store.database import Owner
from routing.store.engine import Engine, Queued, TroubleError, UnitError
from routing.store.queries import CallbackQuery, CallQuery, DirectQuery, NodeQuery, TicketQuery
from routing.store.sqlite_engine import SqliteEngine
from routing.writes import ChangeTask, CloseAttempt, RemoveRecord, SavePolicy, Unit, Write
from tests.kit.engines import postgres_engine
from tests.routing.store.rows import a_line, a_task, a_ticket, an_attempt, do_not_call
from tests.routing.store.test_sqlite import event, record
from tests.routing.world import BEGIN, CUSTOMER

Make = Callable[..., Engine]


@pytest.fixture(params=["sqlite", "postgres"])
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make engines of several nodes on one database."""
    made: list[Engine] = []
    where = request.getfixturevalue("database") if request.param == "postgres" else ""

    def make(node: str = "edge1", outbox: Outbox = Outbox.PLAIN) -> Engine:
        if request.param == "postgres":
            made.append(postgres_engine(where, node, outbox))
        else:
            made.append(SqliteEngine(tmp_path / "boomerang.db", Owner(node, shared=True), outbox, lambda: BEGIN,
                                     time.monotonic))
        made[-1].open()
        return made[-1]

    yield make
    for engine in made:
        engine.close_reading()
        engine.close()


def unit(*writes: Write) -> Queued:
    return Queued(1, Unit(writes))


def test_what_is_applied_is_read(engines: Make) -> None:
    engine = engines()
    assert engine.opened
    done = engine.apply([unit(record("201"), record("202")), unit(RemoveRecord(record("202")))])
    assert (list(done.events), done.refused, list(done.stale)) == ([], frozenset(), [])
    assert engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201")]


def test_numbers_are_given_in_the_order_of_the_commits(engines: Make) -> None:
    a, b = engines("a"), engines("b", outbox=Outbox.OFF)
    seqs = [told.seq for engine in (a, b, a, b) for told in engine.apply([unit(event(), event())]).events]
    assert seqs == list(range(1, 9)), "whether they are kept or not"
    tickets = [a_ticket(), a_ticket(), a_ticket()]
    for engine, ticket in zip((a, b, a), tickets, strict=True):
        engine.apply([unit(ticket)])
    assert [a.read(TicketQuery.TICKET, (ticket.id,))[0].number for ticket in tickets] == [1, 2, 3]
    assert len(a.read(NodeQuery.EVENTS, ("a", 0, 9))) == 4
    assert a.read(NodeQuery.EVENTS, ("b", 0, 9)) == []


@pytest.mark.parametrize("wins", [True, False], ids=["won", "refused"])
def test_a_claim_finds_what_goes_with_the_one_before_it(engines: Make, wins: bool) -> None:
    """As one transaction, in which the server need not be waited for between them."""
    engine = engines()
    first, second, third, last = tasks = [a_task(customer=f"+362011111{number}") for number in range(10, 14)]
    engine.apply([unit(*tasks, *([] if wins else [do_not_call(first.customer)]))])
    over = ChangeTask(third._replace(state="cancelled", ended_at=BEGIN, version=2), 1, "")
    batch = [Queued(serial, Unit(writes), True, an_attempt(task, engages=None, epoch=0))
             for serial, (task, writes) in enumerate([
                 (first, (do_not_call(second.customer), over)), (second, ()), (third, ()), (last, ())], 1)]
    assert engine.apply(batch).refused == ({2, 3} if wins else {1})
    running = {row.customer for row in engine.read(CallbackQuery.OPEN_ATTEMPTS, ())}
    assert running == {task.customer for task in ((first, last) if wins else (second, third, last))}


def test_a_customer_is_claimed_for_once_in_a_batch(engines: Make) -> None:
    engine = engines()
    task = a_task()
    engine.apply([unit(task)])
    batch = [Queued(serial, Unit((a_line(task.id, "assigned"),)), True, an_attempt(task, engages=None, epoch=0))
             for serial in (1, 2, 3)]
    assert engine.apply(batch).refused == {2, 3}
    assert len(engine.read(CallbackQuery.JOURNAL, (task.id,))) == 1


def test_one_of_several_claims(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    task, other = a_task(), a_task(customer="+36201111111")
    a.apply([unit(task, other)])
    assert a.claim(an_attempt(task, node="a", engages="201", epoch=0))
    assert not b.claim(an_attempt(task, node="b", engages="202"))
    assert not b.claim(an_attempt(other, node="b", engages="201")), "the agent is rung already"
    assert not b.claim(an_attempt(other, node="b", engages="202", serial=2)), "it would be the first"
    assert b.claim(an_attempt(other, node="b", engages="202"))
    assert sorted((row.node, row.engages, row.epoch) for row in a.read(CallbackQuery.OPEN_ATTEMPTS, ())) == [
        ("a", "201", 1), ("b", "202", 1)]


def test_a_record_that_the_other_has_touched_meanwhile_is_not_removed(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    a.apply([unit(record("201"), record("202"))])
    b.apply([unit(record("201", touched=BEGIN + 60))])
    a.apply([unit(RemoveRecord(record("201")), RemoveRecord(record("202")))])
    assert a.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201", touched=BEGIN + 60)]
    older = record("201", touched=BEGIN - 60)
    a.apply([unit(older), unit(RemoveRecord(older))])
    assert a.read(DirectQuery.RECORDS, (CUSTOMER,)) == [], "what a node puts and removes itself is gone"


def test_of_a_refused_claim_nothing_is_written_and_the_batch_goes_on(engines: Make) -> None:
    engine = engines()
    task = a_task(state="held")
    engine.apply([unit(task)])
    done = engine.apply([
        Queued(1, Unit((a_line(task.id, "before"),))),
        Queued(2, Unit((a_line(task.id, "assigned"),)), True, an_attempt(task)),
        Queued(3, Unit((a_line(task.id, "after"),))),
    ])
    assert done.refused == frozenset({2})
    assert [line.kind for line in engine.read(CallbackQuery.JOURNAL, (task.id,))] == ["before", "after"]


def test_a_stale_change_is_refused_and_what_stands_beside_it_is_kept(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    task = a_task()
    a.apply([unit(ChangeTask(task, 0, ""))])
    b.apply([unit(ChangeTask(task._replace(missed=2, version=2), 1, "a"))])
    stale = Unit((ChangeTask(task._replace(missed=9, version=3), 2, "a"), record("201"), a_line(task.id, "missed")))
    done = a.apply([Queued(1, stale), Queued(2, stale, True)])
    assert (done.refused, list(done.stale)) == (frozenset({2}), [stale, stale])
    [row] = a.read(CallbackQuery.TASK, (task.id,))
    assert (row.missed, row.version, row.changed_by) == (2, 2, "b")
    assert a.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201")]
    assert a.read(CallbackQuery.JOURNAL, (task.id,)) == []
    taken = ChangeTask(task._replace(missed=3, version=3), 2, "b")
    assert not a.apply([unit(taken)]).stale
    later = ChangeTask(task._replace(missed=4, version=9), 8, "")
    assert not a.apply([unit(later)]).stale, "nobody else has changed it since, whatever was lost on the way"


def test_a_second_open_task_of_a_customer_and_group_is_refused(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    first, second = a_task(), a_task()
    a.apply([unit(ChangeTask(first, 0, ""))])
    assert b.apply([unit(ChangeTask(second, 0, ""))]).stale
    assert [row.id for row in b.read(CallbackQuery.OPEN_TASKS, ())] == [first.id]
    ends = ChangeTask(first._replace(state="done", ended_at=BEGIN, version=2), 1, "a")
    assert not b.apply([unit(ends, ChangeTask(second, 0, ""))]).stale, "what ends goes first"


def test_a_unit_that_cannot_be_written_leaves_nothing(engines: Make) -> None:
    engine = engines()
    with pytest.raises(UnitError, match="UnicodeEncodeError"):
        engine.apply([unit(record("201")), unit(SavePolicy("bad \udcff text", 0.0))])
    assert engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == []


def test_others_are_heard_of_and_oneself_is_not(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    assert a.others_wrote()  # the opening of the other one
    assert not a.others_wrote()
    a.apply([unit(record("201"))])
    assert not a.others_wrote()
    b.apply([unit(record("202"))])
    assert a.others_wrote()
    assert not a.others_wrote()


def test_an_open_call_of_another_node_is_found_by_its_call_id(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    over, older, newer = (a_call(name) for name in ("c1", "c2", "c3"))
    a.apply([unit(over._replace(ended_at=BEGIN + 1), older, newer)])
    assert [row.id for row in b.read(CallQuery.OPEN_ELSEWHERE, ("cid", "b"))] == ["c3", "c2"]
    assert b.read(CallQuery.OPEN_ELSEWHERE, ("another", "b")) == []
    assert a.read(CallQuery.OPEN_ELSEWHERE, ("cid", "a")) == [], "its own"


def a_call(name: str) -> CallRow:
    return CallRow(name, "cid", "inbound", "main", "office", CUSTOMER, None, "600", None, None, None, "normal", None,
                   BEGIN, None, None, None, None, None, None)


def test_where_nothing_can_be_opened_it_says_so(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "missing" / "boomerang.db", Owner("edge1"), Outbox.PLAIN, lambda: BEGIN,
                          time.monotonic)
    with pytest.raises(TroubleError, match="missing"):
        engine.open()
    assert not engine.opened
    with pytest.raises(StoreError):
        engine.read(DirectQuery.COUNT_RECORDS, ())


def test_an_attempt_that_another_node_has_closed_goes_on_no_more_but_says_how_it_ended(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    task = a_task()
    attempt = an_attempt(task, node="a")
    a.apply([unit(task, attempt)])
    b.apply([unit(CloseAttempt(attempt._replace(step="ended", ended_at=BEGIN + 1, result="unknown")))])
    a.apply([unit(attempt._replace(step="accepted"))])
    [row] = b.read(CallbackQuery.ATTEMPTS_OF, (task.id,))
    assert (row.step, row.ended_at, row.result) == ("ended", BEGIN + 1, "unknown")
    a.apply([unit(attempt._replace(step="ended", ended_at=BEGIN + 9, result="talked", talk_s=8.0))])
    b.apply([unit(CloseAttempt(attempt._replace(step="ended", ended_at=BEGIN + 10, result="unknown")))])
    [row] = b.read(CallbackQuery.ATTEMPTS_OF, (task.id,))
    assert (row.ended_at, row.result, row.talk_s) == (BEGIN + 9, "talked", 8.0)
