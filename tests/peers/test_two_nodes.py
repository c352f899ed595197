"""Two daemons on one database, each in a folder of its own: nothing of one is lost, closed or done again by the other.

A test alone shares a file so (`shared` of `tests.survival.faulty`): what two nodes need of the store is there, and one
of them may be killed or restarted while the other one works.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kit.callback_scene import ACCEPTS, CallbackScene, policy
from tests.kit.far_call import Plan
from tests.kit.ports import free_port
from tests.kit.sipp import Sipp
from tests.kit.site import SHARED, peer
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import Faulty

pytestmark = pytest.mark.usefixtures("sipp")

CALLS: Final = 500
"""Of each node, while the other one is restarted."""
RATE: Final = 20
"""Calls a second: what two slow cores bear beside two daemons that start again and again."""
HALL: Final = "+3614447777"
"""Number of ours whose calls go to SIPp."""
AGENTS: Final = {"a": ("201", "202"), "b": ("203", "204")}
"""Who takes callbacks at the PBX of which node; there the others are busy."""
BOTH: Final = "+36201110000"
"""A customer who calls in vain at both nodes."""
OTHERS: Final = tuple(f"+3620222{number:04}" for number in range(12))


class Node:
    """One daemon between phones of its own, and SIPp between which its calls pass."""

    def __init__(self, folder: Path, name: str, database: Path, stack: ExitStack) -> None:
        self.folder, self.name = folder / name, name
        self.folder.mkdir()
        self.callee = stack.enter_context(Sipp("callee", self.folder))
        self.caller_port = free_port()

        class Sharing(Faulty):
            """The daemon on the database of both."""

            faults = {"shared": str(database), "proxy.core.overload:PATIENCE": 600, "proxy.daemon:LAG_OVERLOAD": 600}

            def sql(self, query: str, *values: object) -> list[sqlite3.Row]:
                connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=PATIENCE)
                try:
                    connection.row_factory = sqlite3.Row
                    return connection.execute(query, values).fetchall()
                finally:
                    connection.close()

        self.scene = CallbackScene(
            self.folder, daemon=Sharing, login=None,
            policy=policy(AGENTS["a"] + AGENTS["b"],
                          callback={"min_talk": "300ms", "wrap_up": "0s", "retry_agent": "2s"},
                          guard={"stop": True, "number_per_hour": 100, "number_per_day": 100},
                          number={SHARED: {"group": "sales"}, HALL: {"pbx": "hall"}}),
            trunks={"sipp": peer(self.caller_port)}, pbxs={"hall": peer(self.callee.port)},
            extra={"node": {"name": name, "data": self.folder / "data"}})
        for at, agents in AGENTS.items():
            self.scene.pbx.plans |= dict.fromkeys(agents, ACCEPTS if at == name else Plan(status=486))
        self.scene.carrier.default = Plan(hang_up=0.6)
        stack.enter_context(self.scene)

    def call(self, stack: ExitStack) -> Sipp:
        """Begin to make calls that talk for a second."""
        return stack.enter_context(Sipp(
            "caller", self.folder, port=self.caller_port, remote=self.scene.boomerang.port, service=HALL,
            keys={"caller": f"+3630{ord(self.name):07}"}, calls=CALLS, rate=RATE, pause_ms=1000))

    def restart(self, kill: bool) -> None:
        """End it, one way or the other, and start it again."""
        if kill:
            self.scene.kill9()
        else:
            self.scene.boomerang.stop()
        self.scene.restart()

    def rung(self, customer: str) -> int:
        """How often a customer was called back from here."""
        return len([call for call in self.scene.carrier.calls if call.user == customer and not call.caller])


class Both:
    """Two nodes on one file."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        database = folder / "shared.db"
        self.stack = stack
        self.a, self.b = (Node(folder, name, database, stack) for name in ("a", "b"))
        self.missed = 0

    def rows(self, query: str, *values: object) -> list[Any]:
        return [dict(row) for row in self.a.scene.boomerang.sql(query, *values)]

    def count(self, query: str, *values: object) -> int:
        return int(self.a.scene.boomerang.sql(f"SELECT count(*) FROM {query}", *values)[0][0])

    def miss(self, node: Node, customer: str = BOTH) -> None:
        """A customer calls in vain; their call is over when it is written."""
        node.scene.miss(customer)
        self.missed += customer == BOTH

    def while_one_is_restarted(self, works: Node, other: Node) -> None:
        """One carries calls and misses some; the other one is ended four times meanwhile, and misses some between."""
        before = self.rows("SELECT id, ended_at, cause, node FROM calls WHERE node=?", works.name)
        with ExitStack() as stack:
            caller = works.call(stack)
            begun = "calls WHERE node=? AND number=?"
            eventually(lambda: self.count(begun, works.name, HALL) > RATE, "calls have begun")
            for kill in (False, True, True, False):
                other.restart(kill)
                self.miss(other)
                self.miss(works)
            stats = caller.finish(120)
        assert (stats.succeeded, stats.failed) == (CALLS, 0)
        eventually(lambda: self.count("calls WHERE node=? AND ended_at IS NULL", works.name) == 0, "all are over")
        rows = self.rows("SELECT * FROM calls WHERE node=? AND number=?", works.name, HALL)
        assert len(rows) == CALLS, "no row is lost"
        assert {(row["cause"], row["ended_by"], row["epoch"]) for row in rows} == {(200, "caller", rows[0]["epoch"])}, \
            "the other one's restarts closed none of them"
        for row in before:
            [now] = self.rows("SELECT id, ended_at, cause, node FROM calls WHERE id=?", row["id"])
            assert row["ended_at"] is None or now == row

    def one_promise(self) -> None:
        """The customer of both has one task, which stands for every call."""
        [task] = self.rows("SELECT * FROM tasks WHERE customer=?", BOTH)
        assert task["state"] == "open"
        eventually(lambda: self.rows("SELECT missed FROM tasks WHERE customer=?", BOTH)[0]["missed"] == self.missed,
                   f"{self.missed} missed calls in one task")

    def let_go(self) -> None:
        """Let both call back."""
        for node in (self.a, self.b):
            node.scene.boomerang.cli("policy", "set", "guard.stop", "false")

    def all_are_called(self) -> None:
        """Wait until every promise is kept; one whose customer was being dialled in a crash is tried at its own time,
        and here at once."""
        resting = "state='open' AND attempts>0 AND due_at>?"
        eventually(lambda: self.count("tasks WHERE state='open'") == self.count(f"tasks WHERE {resting}",
                                                                                time.time() + 60),
                   "every promise that is due is kept")
        for row in self.rows(f"SELECT id FROM tasks WHERE {resting}", time.time()):
            self.b.scene.boomerang.cli("callbacks", "call-now", row["id"])
        eventually(lambda: self.count("tasks WHERE state='open'") == 0, "every promise is kept")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        yield Both(tmp_path, stack)


def overlap(attempts: list[dict[str, Any]]) -> bool:
    """Whether two of these ran at one time."""
    ordered = sorted(attempts, key=lambda row: row["claimed_at"])
    return any(two["claimed_at"] < one["ended_at"] for one, two in pairwise(ordered))


def test_a_thousand_calls_and_each_promise_once(both: Both) -> None:
    a, b = both.a, both.b
    both.while_one_is_restarted(a, b)
    both.one_promise()
    both.while_one_is_restarted(b, a)
    both.one_promise()
    assert both.count("calls WHERE number=?", HALL) == 2 * CALLS
    assert both.count("calls WHERE ended_by='lost'") == 0

    for number, customer in enumerate(OTHERS):
        both.miss((a, b)[number % 2], customer)
    eventually(lambda: both.count("tasks WHERE state='open'") == len(OTHERS) + 1, "a promise to each")
    both.let_go()
    dialling = "attempts WHERE customer_at IS NOT NULL AND node=?"
    eventually(lambda: both.count(dialling, "a") and both.count(dialling, "b"), "both call back")
    a.restart(kill=True)  # in the middle of it
    both.all_are_called()

    eventually(lambda: both.count("attempts WHERE ended_at IS NULL") == 0, "all attempts are over")
    attempts = both.rows("SELECT * FROM attempts")
    assert {row["state"] for row in both.rows("SELECT state FROM tasks")} == {"done"}
    crashed = [row for row in attempts if row["result"] == "crashed"]
    assert {row["node"] for row in crashed} <= {"a"}, "of the one that was killed"
    for customer in (BOTH, *OTHERS):
        of_them = [row for row in attempts if row["customer"] == customer]
        dialled = [row for row in of_them if row["customer_at"] is not None]
        assert a.rung(customer) + b.rung(customer) <= len(dialled)
        assert len([row for row in dialled if row["result"] == "talked"]) == 1
        assert len(dialled) == 1 + len([row for row in dialled if row in crashed])
        assert not overlap(of_them)
        assert [row["serial"] for row in sorted(of_them, key=lambda row: row["claimed_at"])] == \
            list(range(1, len(of_them) + 1))
    eventually(lambda: {row["node"] for row in both.rows("SELECT node FROM legs")} <= {"a"}, "legs of the killed one")
