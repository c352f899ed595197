"""The shared database dies, hangs, or the wire to it is cut; a node dies. What is committed in a node's own file never
waits for it, and all is shared afterwards, once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.rows import Record, TaskRow
from routing.store.cluster import pusher
from routing.store.cluster.store import ANSWER
from routing.writes import ChangeTask, CloseAttempt, Unit, Write
from tests.kit.boomerang import ROOT
from tests.kit.postgres import MISSING, Postgres, server
from tests.kit.postgres_relay import Relay, relay
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.cluster.nodes import Node, Nodes
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.world import BEGIN, CUSTOMER

LINES = "SELECT kind, count(*) FROM journal GROUP BY kind ORDER BY kind"


def a_record(agent: str) -> Record:
    return Record(CUSTOMER, agent, 1, BEGIN, BEGIN, BEGIN + 3600)


def agents(node: Node) -> set[str]:
    return {row.agent for row in node.store.direct.records(CUSTOMER)}


@pytest.fixture
def own(patient: None) -> Iterator[Postgres]:
    """A server that may be killed: what it has said is committed is so."""
    if MISSING is not None:
        pytest.skip(MISSING)
    with server("") as running:
        yield running


@pytest.fixture
def few(own: Postgres, tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(tmp_path, own.url())
    yield made
    made.close()


def made_task(nodes: Nodes, *all_nodes: Node) -> TaskRow:
    """A task that all know."""
    task = a_task()
    all_nodes[0].commit(Unit((ChangeTask(task, 0, ""),)))
    nodes.until(lambda: all(node.task(task.id) for node in all_nodes), "all know it")
    return task


def test_a_server_that_is_killed(own: Postgres, few: Nodes) -> None:
    """Nothing is waited for while there is none; all of it is there once there is one again."""
    a, b = few.start("a"), few.start("b")
    task = made_task(few, a, b)
    own.kill9()
    few.until(lambda: "cluster" in a.alarms and "cluster" in b.alarms, "the alarm is up at both")
    for number in range(50):
        a.commit(Unit((a_record(f"{300 + number}"), a_line(task.id, f"line{number:02d}"))))
        b.commit(Unit((a_record(f"{400 + number}"),)))
    assert a.claim(an_attempt(task, node="a", epoch=0)) == [False], "at once"
    a.now += 3
    assert a.store.lag.push >= 3
    own.start()
    everyone = {f"{of + number}" for of in (300, 400) for number in range(50)}
    few.until(lambda: agents(a) == agents(b) == everyone, "both know all")
    few.until(lambda: not a.alarms and not b.alarms, "the alarm is down")
    few.until(lambda: len(b.store.callbacks.journal(task.id)) == 50, "the lines too")
    assert own.run(LINES) == [(f"line{number:02d}", 1) for number in range(50)]
    assert a.anew == b.anew == 0, "it has lost nothing"


def test_a_server_that_hangs(own: Postgres, few: Nodes) -> None:
    """A claim that is on its way when it stops is told no by the clock, and is over once the server goes on."""
    a, b = few.start("a"), few.start("b")
    task = made_task(few, a, b)
    own.freeze()
    try:
        attempt = an_attempt(task, node="a", epoch=0)
        answers = a.claim(attempt)
        a.commit(Unit((a_record("301"),)))
        eventually(lambda: not a.store._pusher._claims, "it is on its way")
        assert answers == []
        a.now += ANSWER
        a.store.release()
        assert answers == [False]
    finally:
        own.thaw()
    few.until(lambda: agents(b) == {"301"}, "it is shared")
    few.until(lambda: a.waits == 0 and not a.alarms, "all is shared")
    few.until(lambda: own.run("SELECT count(*) FROM attempts WHERE ended_at IS NULL") == [(0,)], "nothing runs")


@pytest.fixture
def wire(postgres: Postgres, database: str) -> Iterator[Relay]:
    with relay(postgres.port) as made:
        yield made


def through(wire: Relay, postgres: Postgres) -> str:
    return postgres.url("shared").replace(str(postgres.port), str(wire.port))


def made_quietly(nodes: Nodes, a: Node, b: Node) -> TaskRow:
    """A task that both know, when neither has anything to read or to write: the next commit on the wire is that of what
    is put next."""
    task = made_task(nodes, a, b)
    b.commit(Unit((a_record("399")._replace(customer="+36209999999"),)))
    nodes.until(lambda: a.store.direct.records("+36209999999"), "what was committed last is there")
    nodes.until(lambda: a.waits == b.waits == 0, "all is shared")
    return task


@pytest.mark.parametrize("came_through", [False, True])
def test_the_answer_to_a_commit_is_lost(nodes: Nodes, postgres: Postgres, wire: Relay, came_through: bool) -> None:
    a, b = nodes.start("a", through(wire, postgres)), nodes.start("b")
    task = made_quietly(nodes, a, b)
    wire.cut_at(b"COMMIT\0", came_through)
    a.commit(Unit((a_line(task.id, "one"),)), Unit((a_line(task.id, "two"),)))
    a.commit(Unit((a_line(task.id, "three"),)))
    nodes.until(lambda: len(b.store.callbacks.journal(task.id)) == 3, "all is there")
    nodes.until(lambda: a.waits == 0, "all is shared")
    assert postgres.run(LINES, "shared") == [("one", 1), ("three", 1), ("two", 1)]


@pytest.mark.parametrize("came_through", [False, True])
def test_the_answer_to_a_claim_is_lost(nodes: Nodes, postgres: Postgres, wire: Relay, came_through: bool) -> None:
    """It is told no, whatever became of it; closed by whoever is told so, it keeps nobody from being called back."""
    a, b = nodes.start("a", through(wire, postgres)), nodes.start("b")
    task = made_quietly(nodes, a, b)
    attempt = an_attempt(task, node="a", epoch=0, engages="201")
    wire.cut_at(b"COMMIT\0", came_through)
    answers = a.claim(attempt)
    nodes.until(lambda: answers == [False], "no")
    a.commit(Unit((CloseAttempt(attempt._replace(step="ended", ended_at=BEGIN)),)))
    nodes.until(lambda: not a.alarms and a.waits == 0, "all is shared")
    assert postgres.run("SELECT count(*) FROM attempts WHERE ended_at IS NULL", "shared") == [(0,)]
    number = 2 if came_through else 1
    if came_through:
        again = a.claim(an_attempt(task, node="a", epoch=0, serial=1))
        nodes.until(lambda: again == [False], "the first number is taken, which is known now")
        assert [row.serial for row in a.store.callbacks.attempts_of(task.id)] == [1]
    again = a.claim(an_attempt(task, node="a", epoch=0, serial=number))
    nodes.until(lambda: again == [True], "the next one is given")


def test_what_can_never_be_shared_holds_up_nothing(nodes: Nodes, postgres: Postgres) -> None:
    """PostgreSQL's text holds no U+0000."""
    a, b = nodes.start("a"), nodes.start("b")
    task = made_task(nodes, a, b)
    bad: tuple[Write, ...] = (a_line(task.id, "bad\0"), a_record("301"))
    a.commit(Unit((a_record("300"),)), Unit(bad), Unit((a_record("302"),)))
    nodes.until(lambda: {"300", "302"} <= agents(b), "the others are")
    assert "cluster_unit" in a.alarms
    nodes.until(lambda: agents(b) == {"300", "301", "302"}, "and what it says beside callbacks")
    nodes.until(lambda: a.waits == 0, "nothing waits")


def test_a_second_process_of_a_node_fences_the_first(nodes: Nodes, database: str, tmp_path: Path) -> None:
    """Two with one name: whoever began later goes on, the other one is alone."""
    others = Nodes(tmp_path / "elsewhere", database)
    first, second = nodes.start("a"), others.start("a")
    try:
        second.commit(Unit((a_record("301"),)))
        others.until(lambda: second.waits == 0, "the second one shares")
        first.commit(Unit((a_record("302"),)))
        nodes.until(lambda: "cluster" in first.alarms, "the first one may not")
        assert "the row of this node is another one's" in first.alarms["cluster"]
        assert first.claim(an_attempt(a_task(), node="a", epoch=0)) == [False]
        assert first.waits == 1
    finally:
        others.close()


SCRIPT = """
import sys, time
from pathlib import Path
from routing.writes import Unit
from tests.routing.store.cluster.nodes import Node
from tests.routing.store.rows import a_line
node = Node(Path(sys.argv[1]), sys.argv[2], "a")
done = []
for kind in ("one", "two", "three"):
    node.store.put(Unit((a_line("task", kind),)), lambda: done.append(True))
while len(done) < 3:  # after that nothing runs that would let the file forget what is shared
    node.loop._posted.get()()
print("committed", flush=True)
time.sleep(3600)
"""


def test_a_node_that_is_killed_between_the_two_commits_tells_nothing_twice(
        nodes: Nodes, postgres: Postgres, database: str, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with Process([sys.executable, "-c", SCRIPT, str(folder), database], name="node", cwd=ROOT,
                 env={"PYTHONPATH": str(ROOT)}) as process:
        eventually(lambda: postgres.run(LINES, "shared") == [("one", 1), ("three", 1), ("two", 1)], "all is there")
        process.kill9()
    a = nodes.start("a")
    a.commit(Unit((a_line("task", "four"),)))
    nodes.until(lambda: a.waits == 0, "all is shared")
    assert sorted(postgres.run(LINES, "shared")) == [("four", 1), ("one", 1), ("three", 1), ("two", 1)]


def test_what_is_not_shared_at_the_end_is_after_the_next_start(own: Postgres, few: Nodes) -> None:
    a, b = few.start("a"), few.start("b")
    task = made_task(few, a, b)
    own.stop()
    few.until(lambda: "cluster" in a.alarms, "the alarm is up")
    a.commit(Unit((a_record("301"), a_line(task.id, "one"))))
    few.stop(a)
    own.start()
    few.until(lambda: not b.alarms, "the other one is well")
    assert agents(b) == set()
    few.start("a")
    few.until(lambda: agents(b) == {"301"}, "it is shared")
    assert own.run(LINES) == [("one", 1)]


def test_a_clean_end_shares_what_there_is(nodes: Nodes, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pusher, "LAST_WORD", PATIENCE)
    a, b = nodes.start("a"), nodes.start("b")
    made_task(nodes, a, b)
    a.store.put(Unit((a_record("301"),)))
    nodes.stop(a)
    assert postgres.run("SELECT agent FROM direct", "shared") == [("301",)], "though nobody has waited for it"
    nodes.until(lambda: agents(b) == {"301"}, "the other one has it")
