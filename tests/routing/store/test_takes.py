"""Rows of the shared database in a node's own file: twice and in any order as once; what is younger here stays."""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rows import (
    AttemptRow,
    AuditRow,
    JournalRow,
    OfferCount,
    PauseRow,
    TaskRow,
    TokenRow,
    UserRow,
)
from routing.storage import SHARED_TABLES
from routing.store import schema
from routing.store.batch import Stamp
from routing.store.queries import CallbackQuery, CallQuery, DirectQuery, NodeQuery, PeopleQuery, TicketQuery
from routing.store.sqlite_takes import take
from routing.writes import (
    ChangeTask,
    CountOffer,
    SavePolicy,
    Shared,
    SharedKind,
    SharedRow,
    Take,
    TakeAway,
    TakeOnly,
    TakeRow,
    Unit,
)
from tests.routing.store.pages import call
from tests.routing.store.rows import (
    a_comment,
    a_delivery,
    a_line,
    a_task,
    a_ticket,
    an_attempt,
    do_not_call,
    name,
)
from tests.routing.store.sharing_world import Node
from tests.routing.store.test_sqlite import record
from tests.routing.store.writes import NUMBER, TEXT, TIME, WRITES
from tests.routing.world import BEGIN, CUSTOMER

TABLES = get_args(SharedKind)
OURS = Stamp("a", 1)


@contextlib.contextmanager
def a_file() -> Iterator[sqlite3.Connection]:
    """Tables of a file that is shared."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in schema.STEPS:
            step(db)
        db.execute(schema.LINES_ARE_TAKEN_ONCE)
        db.execute(schema.BEGIN_SHARING, (0.0,))
        yield db


def contents(db: sqlite3.Connection) -> dict[str, list[Any]]:
    """All that nodes share, in no order; `seq` and `version` are each file's own."""
    found = {}
    for table in TABLES:
        columns = [f'"{row[1]}"' for row in db.execute(f"PRAGMA table_info({table})")
                   if row[1] != "seq" and (table, row[1]) != ("policy", "version")]
        found[table] = sorted(db.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall(), key=repr)
    return found


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "boomerang.db")
    yield made
    made.close()


ROWS = {**{kind: drawn for kind, drawn in WRITES.items() if kind in get_args(SharedRow)},
        OfferCount: st.builds(OfferCount, TIME, TEXT, TEXT, NUMBER)}
"""A row of each table."""
_TAKEN = st.one_of(*ROWS.values()).flatmap(lambda row: st.builds(TakeRow, st.just(row), TEXT, st.integers(1, 10**6)))


def test_a_row_of_each_table_is_drawn() -> None:
    assert set(ROWS) == set(get_args(SharedRow))
    assert len(TABLES) == len(ROWS)
    assert set(TABLES) == SHARED_TABLES


@given(st.lists(_TAKEN, max_size=8))
def test_whatever_is_taken_twice_is_there_once(taken: list[TakeRow]) -> None:
    with a_file() as db:
        take(db, taken, OURS)
        once = contents(db)
        take(db, [taken[-1]] if taken else [], OURS)
        assert contents(db) == once


# What the others have come to, in any order


def everything(draw: random.Random) -> tuple[list[TakeRow], list[TakeRow]]:
    """What the shared database held some time ago, and what it holds now: of each row its last state.

    Three customers have had one task after the other, each with its attempts at other nodes; one at most is open.
    """
    before: dict[object, TakeRow] = {}
    now: dict[object, TakeRow] = {}
    for customer in ("+36201111111", "+36202222222", "+36203333333"):
        steps = story(customer, draw)
        seen = draw.randint(0, len(steps))
        for at, (row, by) in enumerate(steps):
            key = row.id if isinstance(row, TaskRow | AttemptRow) else (customer, at)
            number = 100 * int(customer[-1]) + at if isinstance(row, JournalRow) else 0
            now[key] = TakeRow(row, by, number)
            if at < seen:
                before[key] = now[key]
    return list(before.values()), list(now.values())


def story(customer: str, draw: random.Random) -> list[tuple[TaskRow | AttemptRow | JournalRow, str]]:
    """What has happened to a customer, step by step, and by whom."""
    steps: list[tuple[TaskRow | AttemptRow | JournalRow, str]] = []
    tasks = draw.randint(1, 3)
    for round_ in range(tasks):
        task = a_task(customer=customer, created_at=BEGIN + round_)
        steps.append((task, "b"))
        for serial in range(1, draw.randint(1, 4)):
            begun = an_attempt(task, serial=serial, node="b", epoch=2, engages=f"{customer[-1]}0{serial}")
            task = task._replace(version=task.version + 1, attempts=serial)
            steps += [(begun, "b"), (task, "c"), (a_line(task.id, "attempt", at=BEGIN + serial, serial=serial), "b")]
            if round_ < tasks - 1 or draw.random() < 0.7:
                steps.append((begun._replace(ended_at=BEGIN + 50, result="no_key"), "b"))
            else:
                return steps
        if round_ < tasks - 1 or draw.random() < 0.5:
            steps.append((task._replace(state="done", ended_at=BEGIN + 60, version=task.version + 1), "b"))
    return steps


@given(st.randoms(use_true_random=False))
def test_what_there_is_comes_in_any_order_and_twice_over_an_older_state(draw: random.Random) -> None:
    before, now = everything(draw)
    with a_file() as db, a_file() as other:
        take(other, now, OURS)
        take(db, before, OURS)
        again = [*now, *draw.sample(now, len(now) // 2)]
        draw.shuffle(again)
        take(db, again, OURS)
        assert contents(db) == contents(other)


# What is younger here


def task_of(node: Node, task: str) -> TaskRow | None:
    return next(iter(node.engine.read(CallbackQuery.TASK, (task,))), None)


def test_a_task_of_a_later_version_stays_unless_ours_was_refused(node: Node) -> None:
    task = a_task()
    node.put(TakeRow(task._replace(version=2), "b"))
    node.put(ChangeTask(task._replace(version=3, missed=2), 2, "b"))
    ours = task_of(node, task.id)
    node.put(TakeRow(task._replace(version=2), "b"))
    assert task_of(node, task.id) == ours, "ours is on its way there"
    theirs = task._replace(version=3, missed=9)
    node.put(TakeRow(theirs, "b"))
    assert task_of(node, task.id) == theirs._replace(changed_by="b"), "of two that are as late theirs counts"
    node.put(ChangeTask(task._replace(version=7), 3, "b"))
    node.put(TakeRow(theirs._replace(version=4), "b"))
    assert task_of(node, task.id) == task._replace(version=7)
    node.put(TakeRow(theirs._replace(version=4), "b", corrects=True))
    assert task_of(node, task.id) == theirs._replace(version=4, changed_by="b")
    node.put(TakeRow(theirs._replace(version=6), "c"))
    node.put(TakeRow(theirs._replace(version=5), "b", corrects=True))
    assert task_of(node, task.id) == theirs._replace(version=6, changed_by="c"), "that is theirs, and younger"


def test_one_of_ours_that_was_refused_gives_way_to_theirs_and_what_is_said_of_it_goes(node: Node) -> None:
    """Two nodes have promised the same customer: the shared database has one of both."""
    ours, theirs = a_task(), a_task()
    node.put(ChangeTask(ours, 0, ""), a_line(ours.id))
    assert len(node.units()) == 1
    node.put(TakeRow(theirs, "b"))
    assert [row.id for row in node.engine.read(CallbackQuery.OPEN_TASKS, ())] == [theirs.id]
    node.put(ChangeTask(ours._replace(version=2, missed=2), 1, ""))
    assert [row.id for row in node.engine.read(CallbackQuery.OPEN_TASKS, ())] == [theirs.id], "it is stale"
    node.put(Shared(node.waiting()[-1].serial), TakeAway("tasks", (ours.id,), 0.0))
    assert (node.engine.read(CallbackQuery.JOURNAL, (ours.id,)), task_of(node, ours.id)) == ([], None)
    assert node.units() == []


def test_a_running_attempt_of_ours_is_ours_to_tell_of_and_one_that_is_over_does_not_run_again(node: Node) -> None:
    task = a_task()
    mine = an_attempt(task, node="a", epoch=1, step="customer", customer_at=BEGIN)
    node.put(mine)
    node.put(TakeRow(mine._replace(step="claimed", customer_at=None), "a"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [mine]
    closed = mine._replace(ended_at=BEGIN + 9, result="crashed")
    node.put(TakeRow(closed, "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [closed], "another one has closed it"
    node.put(TakeRow(mine, "a"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [closed]
    theirs = an_attempt(task, node="b", serial=2)
    node.put(TakeRow(theirs, "b"))
    node.put(TakeRow(theirs._replace(step="talked"), "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,))[1] == theirs._replace(step="talked")
    over = theirs._replace(ended_at=BEGIN + 30, result="no_key")
    node.put(TakeRow(over, "b"))
    node.put(TakeRow(theirs, "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,))[1] == over, "what was read before comes later"


def test_an_attempt_of_theirs_makes_room_for_itself(node: Node) -> None:
    """Who runs there is the only one there: what still runs here has ended, and how is still to come."""
    task, other = a_task(), a_task(customer="+3612")
    first = an_attempt(task, node="b", engages="201")
    elsewhere = an_attempt(other, node="a", engages="202")
    node.put(TakeRow(first, "b"), elsewhere)
    second = an_attempt(task, node="c", serial=2, engages="202", claimed_at=BEGIN + 9)
    node.put(TakeRow(second, "c"))
    found = {row.id: row for row in (*node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)),
                                     *node.engine.read(CallbackQuery.ATTEMPTS_OF, (other.id,)))}
    assert found == {first.id: first._replace(ended_at=BEGIN + 9, result="crashed"), second.id: second,
                     elsewhere.id: elsewhere._replace(engages=None)}
    ended = first._replace(ended_at=BEGIN + 8, result="no_key")
    node.put(TakeRow(ended, "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [ended, second]


def test_what_runs_here_is_not_ended_by_one_that_was_read_before_it_began(node: Node) -> None:
    """Theirs had to end before ours could begin; a read that is older comes later."""
    task = a_task()
    theirs, ours = an_attempt(task, node="b"), an_attempt(task, node="a", serial=2, epoch=0)
    node.put(TakeRow(ours, "a"), shared=True)
    node.put(TakeRow(theirs, "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [ours._replace(epoch=1)]
    node.put(TakeRow(theirs._replace(ended_at=BEGIN + 1), "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [
        theirs._replace(ended_at=BEGIN + 1), ours._replace(epoch=1)]


def test_one_of_ours_that_another_node_has_closed_makes_room_in_whatever_order(node: Node) -> None:
    """It thought that we were dead."""
    task = a_task()
    ours, theirs = an_attempt(task, node="a"), an_attempt(task, node="b", serial=2)
    closed = ours._replace(ended_at=BEGIN + 1, result="crashed")
    node.put(ours)
    node.put(TakeRow(theirs, "b"), TakeRow(closed, "b"))
    assert node.engine.read(CallbackQuery.ATTEMPTS_OF, (task.id,)) == [closed, theirs]


def test_a_call_that_goes_on_here_is_ours_and_another_node_may_end_it(node: Node) -> None:
    mine = call(1)._replace(node="a", epoch=1, ended_at=None, agent="201")
    node.put(mine)
    node.put(TakeRow(mine._replace(agent=None), "a"))
    assert node.engine.read(CallQuery.CALLS, (9,)) == [mine]
    ended = mine._replace(ended_at=BEGIN + 30, cause=200, ended_by="caller")
    node.put(TakeRow(ended, "b"))
    assert node.engine.read(CallQuery.CALLS, (9,)) == [ended]
    node.put(TakeRow(mine, "b"))
    assert node.engine.read(CallQuery.CALLS, (9,)) == [ended]
    theirs = call(2)._replace(node="b", epoch=7, ended_at=None)
    node.put(TakeRow(theirs, "b"))
    assert node.engine.read(CallQuery.CALL, (theirs.id,)) == [theirs]
    assert node.engine.read(CallQuery.OPEN_CALLS, ("a",)) == [], "those of others are not ours to close"


def test_a_record_that_was_touched_later_here_stays(node: Node) -> None:
    node.put(record("201", touched=BEGIN + 60))
    node.put(TakeRow(record("201"), "b"), TakeRow(record("202"), "b"))
    assert node.engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201", touched=BEGIN + 60), record("202")]
    longer = record("201", touched=BEGIN + 60)._replace(expires_at=3e9)
    node.put(TakeRow(longer, "b"))
    node.put(TakeAway("direct", (CUSTOMER, "202"), BEGIN - 1), TakeAway("direct", (CUSTOMER, "201"), BEGIN))
    assert node.engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [longer, record("202")]
    node.put(TakeAway("direct", (CUSTOMER, "202"), BEGIN), TakeAway("direct", (CUSTOMER, "201"), BEGIN + 60))
    assert node.engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == []


def test_what_is_put_before_and_after_a_take_is_before_and_after_it(node: Node) -> None:
    """In one commit as in three."""
    task = a_task()
    node.apply(Unit((ChangeTask(task, 0, ""), record("201"))),
               Unit((TakeRow(task._replace(version=2), "b"), TakeRow(record("201", touched=BEGIN + 9), "b"))),
               Unit((ChangeTask(task._replace(version=3, missed=5), 2, "b"), record("201", touched=BEGIN + 20))))
    assert task_of(node, task.id) == task._replace(version=3, missed=5)
    assert node.engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201", touched=BEGIN + 20)]
    assert [len(unit.writes) for unit in node.units()] == [2, 2]


def test_a_line_is_taken_once_and_ours_is_known_when_it_comes_back(node: Node) -> None:
    task = a_task()
    mine, same = a_line(task.id, "missed", evidence=["x"]), a_line(task.id, "missed", evidence=["x"])
    theirs = a_line(task.id, "due", at=BEGIN + 1)
    node.put(mine, same)
    for _ in range(2):
        node.put(TakeRow(mine, "a", 4), TakeRow(theirs, "b", 5), TakeRow(same, "a", 6))
    assert node.engine.read(CallbackQuery.JOURNAL, (task.id,)) == [mine, same, theirs]
    node.put(TakeRow(mine, "a", 7))
    assert len(node.engine.read(CallbackQuery.JOURNAL, (task.id,))) == 4, "said a third time"


def test_a_shared_database_that_begins_anew_counts_anew(node: Node) -> None:
    task = a_task()
    node.put(TakeRow(a_line(task.id, "due"), "b", 4), TakeRow(SavePolicy("one", BEGIN), "b", 4))
    node.put(TakeRow(a_line(task.id, "closed"), "b", 4), TakeRow(SavePolicy("two", BEGIN + 1), "b", 4))
    assert [line.kind for line in node.engine.read(CallbackQuery.JOURNAL, (task.id,))] == ["due", "closed"]
    assert [row.text for row in node.engine.read(NodeQuery.POLICIES, (9,))] == ["two", "one"]


def test_the_last_policy_there_is_the_last_one_here(node: Node) -> None:
    def texts() -> list[str]:
        return [row.text for row in node.engine.read(NodeQuery.POLICIES, (9,))]

    node.put(SavePolicy("mine", BEGIN + 1, "me"))
    node.put(TakeRow(SavePolicy("theirs", BEGIN, "them"), "b", 1))
    assert texts() == ["theirs", "mine"]
    for _ in range(2):
        node.put(TakeRow(SavePolicy("mine", BEGIN + 1, "me"), "a", 2))
        assert texts() == ["mine", "theirs", "mine"], "it came there later, so it is in force"
    node.put(SavePolicy("next", BEGIN + 2))
    node.put(TakeRow(SavePolicy("next", BEGIN + 2), "a", 3))
    node.put(TakeRow(SavePolicy("theirs", BEGIN, "them"), "b", 1))
    assert texts() == ["next", "mine", "theirs", "mine"]


def test_what_two_nodes_have_saved_alike_is_not_in_force_again_by_a_copy(node: Node) -> None:
    """Each began with the same file; then somebody changed it."""
    copy = [TakeRow(SavePolicy("seed", BEGIN), "a", 1), TakeRow(SavePolicy("seed", BEGIN + 1), "b", 2),
            TakeRow(SavePolicy("changed", BEGIN + 2), "b", 3)]
    node.put(SavePolicy("seed", BEGIN))
    for _ in range(2):
        node.put(*copy)
        assert [row.text for row in node.engine.read(NodeQuery.POLICIES, (9,))] == ["changed", "seed", "seed"]


def test_a_token_that_has_the_same_hash_gives_way(node: Node) -> None:
    first = TokenRow(name(), "crm", "admin", None, None, "0f", BEGIN, None, None)
    second = first._replace(id=name())
    node.put(first)
    node.put(TakeRow(second, ""))
    assert node.engine.read(PeopleQuery.TOKENS, ()) == [second]


def test_tickets_comments_and_deliveries(node: Node) -> None:
    mine, theirs = a_ticket(), a_ticket(number=1)
    node.put(mine)
    comment, delivery = a_comment(theirs), a_delivery(theirs)
    node.put(TakeRow(delivery, "b"), TakeRow(comment, ""), TakeRow(theirs, "b"))
    assert node.engine.read(TicketQuery.TICKET, (theirs.id,)) == [theirs]
    assert node.engine.read(TicketQuery.TICKET, (mine.id,)) == [mine._replace(number=2)], "theirs has that number"
    assert node.engine.read(TicketQuery.COMMENTS, (theirs.id,)) == [comment]
    assert node.rows("SELECT node FROM deliveries") == [("b",)]
    node.put(TakeRow(delivery._replace(tries=1), "a"))
    node.put(delivery._replace(tries=2))
    node.put(TakeRow(delivery._replace(tries=1), "a"))
    assert node.rows("SELECT node, tries FROM deliveries") == [("a", 2)], "it is this node's, which knows better"
    node.put(TakeRow(delivery._replace(tries=3, next_at=None, delivered_at=BEGIN), "b"))
    node.put(TakeRow(delivery, "c"))
    assert node.rows("SELECT node, tries, delivered_at FROM deliveries") == [("b", 3, BEGIN)]
    node.put(TakeAway("tickets", (theirs.id,), 0.0))
    assert node.rows("SELECT count(*) FROM deliveries") == node.rows("SELECT count(*) FROM comments") == [(0,)]


def test_people_pauses_offers_and_the_do_not_call_list(node: Node) -> None:
    user = UserRow("anna", "supervisor", frozenset({"sales"}), None, "hash", BEGIN, None)
    token = TokenRow(name(), "crm", "admin", None, None, "0f", BEGIN, None, None)
    line = AuditRow(name(), BEGIN, "anna", "admin", "api", "add", "x", {"a": 1}, None, "")
    node.put(user, token, PauseRow("201", BEGIN + 5, "lunch"), CountOffer(BEGIN, "sales", None), do_not_call())
    left = user._replace(disabled_at=BEGIN + 1, created_at=BEGIN - 1)
    node.put(TakeRow(left, ""), TakeRow(token._replace(revoked_at=BEGIN), ""), TakeRow(line, ""), TakeRow(line, ""),
             TakeRow(PauseRow("201", BEGIN, "older", "b"), ""), TakeRow(PauseRow("202", BEGIN, "", "b"), ""),
             TakeRow(OfferCount(BEGIN // 900 * 900, "sales", "", 7), ""), TakeRow(do_not_call("+3613"), ""))
    assert node.engine.read(PeopleQuery.USERS, ()) == [left]
    assert node.engine.read(PeopleQuery.TOKENS, ()) == [token._replace(revoked_at=BEGIN)]
    assert node.engine.read(PeopleQuery.AUDIT, {"limit": 9}) == [line]
    assert node.engine.read(NodeQuery.PAUSES, ()) == [PauseRow("202", BEGIN, "", "b"),
                                                      PauseRow("201", BEGIN + 5, "lunch", "a")]
    assert node.rows("SELECT made FROM offers") == [(7,)]
    node.put(TakeAway("do_not_call", (CUSTOMER,), BEGIN - 1), TakeAway("pauses", ("201",), BEGIN),
             TakeAway("do_not_call", ("+3613",), BEGIN), TakeAway("pauses", ("202",), BEGIN),
             TakeAway("users", ("anna",), 0.0), TakeAway("tokens", (token.id,), 0.0))
    assert node.rows("SELECT customer FROM do_not_call") == [(CUSTOMER,)]
    assert node.rows("SELECT agent FROM pauses") == [("201",)]
    assert node.rows("SELECT name FROM users UNION SELECT id FROM tokens") == []


@pytest.mark.parametrize("kind", [kind for kind in TABLES if kind not in ("policy", "journal", "offers")])
def test_of_each_table_a_row_that_is_not_there_can_be_taken_away(node: Node, kind: SharedKind) -> None:
    node.put(TakeAway(kind, ("x", "y") if kind == "direct" else ("x",), BEGIN))


# What a copy says is not there


def test_a_copy_removes_what_is_not_there_any_more(node: Node) -> None:
    node.now = BEGIN + 1000
    old, made, ended = (a_task(customer=f"+361{digit}", created_at=BEGIN + 10) for digit in range(3))
    ended = ended._replace(state="done", ended_at=BEGIN + 20)
    later = a_task(customer="+3619", created_at=BEGIN + 200)
    node.put(*(TakeRow(task, "b") for task in (old, made, ended, later)), TakeRow(a_line(old.id), "b", 1),
             TakeRow(do_not_call("+3614"), ""), TakeRow(do_not_call("+3615"), ""), TakeRow(do_not_call("+3616"), ""),
             TakeRow(PauseRow("201", BEGIN + 1, "", "b"), ""))
    node.put(do_not_call("+3616"))
    node.put(TakeOnly("tasks", frozenset({(made.id,)}), BEGIN + 100), TakeOnly("pauses", frozenset(), BEGIN + 100),
             TakeOnly("do_not_call", frozenset({("+3614",)}), BEGIN + 100))
    assert sorted(node.rows("SELECT id FROM tasks")) == sorted([(made.id,), (ended.id,), (later.id,)])
    assert node.rows("SELECT * FROM journal") == []
    assert node.rows("SELECT customer FROM do_not_call ORDER BY 1") == [("+3614",), ("+3616",)], "one waits"
    assert node.rows("SELECT * FROM pauses") == []


def test_a_copy_comes_in_stretches(node: Node) -> None:
    records = [record(agent)._replace(customer=customer) for customer in ("+361", "+362", "+363")
               for agent in ("201", "202")]
    node.put(*(TakeRow(row, "b") for row in records))

    def only(after: tuple[str, ...], upto: tuple[str, ...] | None, *keys: tuple[str, ...]) -> Take:
        return TakeOnly("direct", frozenset(keys), 2e9, after, upto)

    node.put(only((), ("+361", "202"), ("+361", "202")))
    node.put(only(("+361", "202"), ("+363", "201"), ("+362", "201"), ("+363", "201")))
    left = [("+361", "202"), ("+362", "201"), ("+363", "201"), ("+363", "202")]
    assert node.rows("SELECT customer, agent FROM direct ORDER BY 1, 2") == left
    node.put(only(("+363", "201"), None))
    assert node.rows("SELECT customer, agent FROM direct ORDER BY 1, 2") == left[:-1]


def test_what_was_here_before_it_was_shared_stays(tmp_path: Path) -> None:
    """Nobody has told the others of it yet: the do-not-call list is not lost to a first copy."""
    node = Node(tmp_path / "boomerang.db")
    node.put(do_not_call()._replace(added_at=BEGIN - 1), shared=True)
    node.put(do_not_call("+3614"), shared=True)
    node.put(TakeOnly("do_not_call", frozenset(), BEGIN + 100))
    assert node.rows("SELECT customer FROM do_not_call") == [(CUSTOMER,)]
    node.close()
