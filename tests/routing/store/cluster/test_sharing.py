"""What one node commits is there on the other, what both change is settled by the shared database, and of two who claim
one wins."""

from routing.rows import PauseRow, Record
from routing.writes import ChangeTask, CloseAttempt, DropPause, RemoveDoNotCall, RemoveRecord, SavePolicy, Unit
from tests.routing.store.cluster.nodes import Node, Nodes
from tests.routing.store.rows import (
    a_comment,
    a_line,
    a_task,
    a_ticket,
    an_attempt,
    do_not_call,
)
from tests.routing.world import BEGIN, CUSTOMER

RECORD = Record(CUSTOMER, "201", 1, BEGIN, BEGIN, BEGIN + 3600)


def test_a_direct_callback_made_here_is_found_there(nodes: Nodes) -> None:
    a, b = nodes.start("a"), nodes.start("b")
    a.commit(Unit((RECORD,)))
    nodes.until(lambda: b.store.direct.records(CUSTOMER) == [RECORD], "the other node knows it")
    assert any("direct" in changed.tables for changed in b.changed)
    b.commit(Unit((RemoveRecord(RECORD),)))
    nodes.until(lambda: not a.store.direct.records(CUSTOMER), "it was removed at the other one")


def test_a_task_made_here_is_ended_there(nodes: Nodes) -> None:
    a, b = nodes.start("a"), nodes.start("b")
    task = a_task()
    a.commit(Unit((ChangeTask(task, 0, ""), a_line(task.id))))
    found = nodes.until(lambda: b.task(task.id), "the other node knows it")
    assert (found.version, found.changed_by) == (1, "a")
    nodes.until(lambda: b.store.callbacks.journal(task.id), "with its journal")
    over = found._replace(state="done", reason="talked", ended_at=BEGIN + 9, version=2)
    b.commit(Unit((ChangeTask(over, found.version, found.changed_by), a_line(task.id, "ended", at=BEGIN + 9))))
    nodes.until(lambda: not a.store.callbacks.open_tasks(), "it has ended at the other one")
    ended = a.task(task.id)
    assert ended is not None
    assert (ended.state, ended.reason, ended.version, ended.changed_by) == ("done", "talked", 2, "b")
    nodes.until(lambda: [line.kind for line in a.store.callbacks.journal(task.id)] == ["missed", "ended"], "its line")
    assert not a.stale
    assert not b.stale


def test_all_else_that_nodes_share(nodes: Nodes) -> None:
    a, b = nodes.start("a"), nodes.start("b")
    ticket = a_ticket()
    a.commit(Unit((do_not_call(), PauseRow("201", BEGIN, "lunch"), SavePolicy("region = 'HU'", BEGIN), ticket,
                   a_comment(ticket))))
    nodes.until(lambda: b.store.callbacks.do_not_call() == [do_not_call()], "whom nobody may call")
    nodes.until(lambda: [(row.agent, row.node) for row in b.store.pauses()] == [("201", "a")], "who has a pause")
    nodes.until(lambda: [row.text for row in b.store.policy_history(1)] == ["region = 'HU'"], "the policy")
    nodes.until(lambda: b.store.tickets.comments(ticket.id), "the ticket")
    here, there = a.store.tickets.one(ticket.id), b.store.tickets.one(ticket.id)
    assert here is not None
    assert there is not None
    assert here.number == there.number
    b.commit(Unit((RemoveDoNotCall(CUSTOMER), DropPause("201"))))
    nodes.until(lambda: not a.store.callbacks.do_not_call() and not a.store.pauses(), "both are taken back")


def test_of_two_that_change_a_task_the_first_one_counts(nodes: Nodes) -> None:
    """The second one is told, and has the other's row by then, whatever else it has made of it."""
    a, b = nodes.start("a"), nodes.start("b")
    task = a_task()
    a.commit(Unit((ChangeTask(task, 0, ""),)))
    found = nodes.until(lambda: b.task(task.id), "the other node knows it")
    theirs = task._replace(state="held", reason="asked", version=2)
    ours = [found._replace(attempts=at, version=1 + at) for at in (1, 2)]
    a.store.put(Unit((ChangeTask(theirs, 1, ""),)))
    b.store.put(Unit((ChangeTask(ours[0], 1, "a"),)))
    b.store.put(Unit((ChangeTask(ours[1], 2, ""),)))
    nodes.until(lambda: a.stale or b.stale, "one of them was second")
    winner, loser = (a, b) if b.stale else (b, a)
    won, lost = winner.task(task.id), loser.task(task.id)
    assert won is not None
    assert lost is not None
    assert lost.changed_by == winner.name
    assert won._replace(changed_by="") == lost._replace(changed_by="")


def test_of_two_tasks_of_one_customer_the_second_gives_way(nodes: Nodes) -> None:
    a, b = nodes.start("a"), nodes.start("b")
    first, second = a_task(), a_task()
    a.commit(Unit((ChangeTask(first, 0, ""),)))
    b.commit(Unit((ChangeTask(second, 0, ""),)))
    nodes.until(lambda: a.stale or b.stale, "one of them was second")
    nodes.until(lambda: [row.id for row in a.store.callbacks.open_tasks()]
                == [row.id for row in b.store.callbacks.open_tasks()] != [], "both have the first one")


def given(nodes: Nodes, *answers: list[bool]) -> list[bool]:
    nodes.until(lambda: all(answers), "an answer to each claim")
    return [answer for [answer] in answers]


def has_task(nodes: Nodes, *all_nodes: Node) -> str:
    """Make a task that all know."""
    task = a_task()
    all_nodes[0].commit(Unit((ChangeTask(task, 0, ""),)))
    nodes.until(lambda: all(node.task(task.id) for node in all_nodes), "all know it")
    return task.id


def test_of_two_who_claim_one_wins(nodes: Nodes) -> None:
    a, b = nodes.start("a"), nodes.start("b")
    name = has_task(nodes, a, b)
    attempts = {}
    for node in (a, b):
        task = node.task(name)
        assert task is not None
        attempts[node.name] = an_attempt(task, node=node.name, epoch=0, engages="201")
    answers = a.claim(attempts["a"]), b.claim(attempts["b"])
    assert sorted(given(nodes, *answers)) == [False, True]
    winner, loser = (a, b) if answers[0] == [True] else (b, a)
    won = attempts[winner.name]
    assert [row.id for row in winner.store.callbacks.open_attempts()] == [won.id]
    assert [row.id for row in loser.store.callbacks.attempts_of(name)] == [won.id], "it knows why before it is told"
    loser.store.put(Unit((CloseAttempt(attempts[loser.name]._replace(step="ended", ended_at=BEGIN)),)))
    winner.commit(Unit((won._replace(step="ended", ended_at=BEGIN + 5, result="agent_busy"),)))
    nodes.until(lambda: not loser.store.callbacks.open_attempts(), "it has ended for both")


def test_a_claim_comes_after_all_that_was_put_before(nodes: Nodes) -> None:
    """A task that was made a moment ago, by a unit that nobody has waited for."""
    a = nodes.start("a")
    task = a_task()
    a.store.put(Unit((ChangeTask(task, 0, ""),)))
    attempt = an_attempt(task, node="a", epoch=0)
    changed = task._replace(responsible="201", version=2)
    assert given(nodes, a.claim(attempt, Unit((ChangeTask(changed, 1, ""), a_line(task.id, "assigned"))))) == [True]
    assert [row.kind for row in a.store.callbacks.journal(task.id)] == ["assigned"]
    second = an_attempt(task, node="a", epoch=0, serial=2)
    assert given(nodes, a.claim(second)) == [False], "one runs"
    a.commit(Unit((attempt._replace(step="ended", ended_at=BEGIN + 1),)))
    assert given(nodes, a.claim(second)) == [True]


def test_many_of_both_at_once(nodes: Nodes) -> None:
    """Both write all the time; in the end both have the same."""
    a, b = nodes.start("a"), nodes.start("b")
    for number in range(300):
        node = (a, b)[number % 2]
        record = Record(f"+3620{number % 90:07d}", f"{200 + number % 7}", 1, BEGIN, BEGIN + number, BEGIN + 9_999)
        node.store.put(Unit((record if number % 5 else RemoveRecord(record),)))
        node.loop.run()
    a.commit()
    b.commit()

    def records(node: Node) -> list[Record]:
        return sorted(row for number in range(90) for row in node.store.direct.records(f"+3620{number:07d}"))

    nodes.until(lambda: a.waits == b.waits == 0, "all is shared")
    nodes.until(lambda: records(a) == records(b) != [], "both have the same")
