"""Two daemons that share a database: what a call at one has made is used at the other, and who dies loses nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.postgres import MISSING, Postgres, server
from tests.kit.postgres_relay import relay
from tests.kit.site import SHARED, Site
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, NO_MIN_TALK, hang_up
from tests.survival.test_handover import another, running

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

OTHER = "+36207654321"
FAR = 0.2
"""Seconds on the way to a server that is slow."""
ROUNDS = 5


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


class Nodes:
    """Daemons on one server, each with a carrier and a PBX of its own."""

    def __init__(self, folder: Path, stack: ExitStack, *, wired: bool = False) -> None:
        """`wired`: they reach the server by `wire` alone."""
        self._folder, self._stack = folder, stack
        self.postgres: Postgres = stack.enter_context(server(settings=""))
        self.wire = stack.enter_context(relay(self.postgres.port))
        address = folder / "database"
        address.write_text(self.postgres.url(port=self.wire.port if wired else 0))
        self.database = f"file:{address}"
        key = folder / "node.key"
        key.write_text("5a" * 32)
        key.chmod(0o600)

    def make(self, name: str, *, alone: bool = False) -> Site:
        folder = self._folder / name
        extra: dict[str, Any] = {
            "node": {"name": name, "data": folder / "data", "signing_key": f"file:{self._folder / 'node.key'}"}}
        if not alone:
            extra["cluster"] = {"database": self.database}
        return Site(folder, policy=NO_MIN_TALK, extra=extra)

    def start(self, name: str, *, alone: bool = False) -> Site:
        return self._stack.enter_context(self.make(name, alone=alone))


def knows(node: Boomerang, customer: str) -> None:
    eventually(lambda: node.sql("SELECT 1 FROM direct WHERE customer=?", customer), f"{customer} is known")


def test_a_missed_agents_call_counts_at_another_node(tmp_path: Path, stack: ExitStack) -> None:
    nodes = Nodes(tmp_path, stack)
    a, b = nodes.start("a"), nodes.start("b")
    assert b.customer_reaches(CUSTOMER) == SHARED, "nobody has called them yet"
    a.agent_misses(AGENT, CUSTOMER)
    knows(b.boomerang, CUSTOMER)
    assert b.customer_reaches(CUSTOMER) == AGENT
    found = b.boomerang.sql("SELECT reason FROM calls WHERE node='b' ORDER BY id DESC LIMIT 1")
    assert [row["reason"] for row in found] == ["direct"]


def test_the_database_is_gone_and_comes_back(tmp_path: Path, stack: ExitStack) -> None:
    """Calls pass, direct callbacks that are known go on, and what was made meanwhile is shared once it is back."""
    nodes = Nodes(tmp_path, stack)
    a, b = nodes.start("a"), nodes.start("b")
    a.agent_misses(AGENT, CUSTOMER)
    knows(b.boomerang, CUSTOMER)
    nodes.postgres.kill9()
    eventually(lambda: "cluster" in alarms(a.boomerang), "the alarm is up")
    assert b.customer_reaches(CUSTOMER) == AGENT, "from its own file"
    a.agent_misses("202", OTHER)
    assert a.customer_reaches(OTHER) == "202"
    assert b.customer_reaches(OTHER) == SHARED, "nobody can have told it"
    nodes.postgres.start()
    knows(b.boomerang, OTHER)
    assert b.customer_reaches(OTHER) == "202"
    eventually(lambda: not alarms(a.boomerang), "the alarm is down")


def test_the_database_is_slow(tmp_path: Path, stack: ExitStack) -> None:
    """Calls pass and direct callbacks ring, at the node that made them before the other one can know."""
    nodes = Nodes(tmp_path, stack, wired=True)
    a, b = nodes.start("a"), nodes.start("b")
    a.agent_misses("202", OTHER)
    knows(b.boomerang, OTHER)  # all is up
    nodes.wire.slow_down(FAR)
    for number in range(ROUNDS):
        customer = f"+3620123456{number}"
        a.agent_misses(AGENT, customer)
        assert a.customer_reaches(customer) == AGENT
        talks(b)
    for number in range(ROUNDS):
        knows(b.boomerang, f"+3620123456{number}")
    assert b.customer_reaches(f"+3620123456{ROUNDS - 1}") == AGENT
    assert not any("cluster" in alarms(node.boomerang) for node in (a, b)), "slow is not gone"
    every = 3 * ROUNDS + 2
    eventually(lambda: nodes.postgres.run("SELECT count(*), count(DISTINCT sip_call_id) FROM calls"
                                          " WHERE ended_at IS NOT NULL") == [(every, every)], "each call is told once")


def test_the_database_hangs_and_goes_on(tmp_path: Path, stack: ExitStack) -> None:
    """It takes what is sent and answers nothing: calls are as with one that is gone."""
    nodes = Nodes(tmp_path, stack)
    a, b = nodes.start("a"), nodes.start("b")
    a.agent_misses(AGENT, CUSTOMER)
    knows(b.boomerang, CUSTOMER)
    nodes.postgres.freeze()
    try:
        a.agent_misses("202", OTHER)
        for _ in range(ROUNDS):
            talks(a)
            assert b.customer_reaches(CUSTOMER) == AGENT, "from its own file"
            assert a.customer_reaches(OTHER) == "202"
            assert b.customer_reaches(OTHER) == SHARED, "nobody can have told it"
        eventually(lambda: all("cluster" in alarms(node.boomerang) for node in (a, b)), "the alarm is up")
        talks(b)
    finally:
        nodes.postgres.thaw()
    knows(b.boomerang, OTHER)
    assert b.customer_reaches(OTHER) == "202"
    eventually(lambda: not any("cluster" in alarms(node.boomerang) for node in (a, b)), "the alarm is down")
    every = 4 + 4 * ROUNDS
    eventually(lambda: nodes.postgres.run("SELECT count(*), count(DISTINCT sip_call_id) FROM calls"
                                          " WHERE ended_at IS NOT NULL") == [(every, every)], "each call is told once")


def test_a_node_is_killed_and_comes_back(tmp_path: Path, stack: ExitStack) -> None:
    """What it had committed is shared once, and what the others did meanwhile is known to it."""
    nodes = Nodes(tmp_path, stack)
    a, b = nodes.start("a"), nodes.start("b")
    a.agent_misses(AGENT, CUSTOMER)
    a.boomerang.kill9()
    b.agent_misses("202", OTHER)
    a.boomerang.restart()
    knows(a.boomerang, OTHER)
    knows(b.boomerang, CUSTOMER)
    assert a.customer_reaches(OTHER) == "202"
    calls = nodes.postgres.run("SELECT count(*), count(DISTINCT sip_call_id) FROM calls WHERE direction='outbound'")
    assert calls == [(2, 2)]


def test_a_process_takes_over(tmp_path: Path, stack: ExitStack) -> None:
    """The one that comes has the name, and the shared database too; what the one before it had is shared once."""
    nodes = Nodes(tmp_path, stack)
    a, b = nodes.start("a"), nodes.start("b")
    a.agent_misses(AGENT, CUSTOMER)
    old = a.boomerang.process
    assert old is not None
    with another(a.boomerang, "--take-over") as new:
        assert old.wait() == 0
        running(new)
        a.agent_misses("202", OTHER)
        knows(b.boomerang, CUSTOMER)
        knows(b.boomerang, OTHER)
        assert b.customer_reaches(OTHER) == "202"
        assert not alarms(a.boomerang)
        new.stop()
    calls = nodes.postgres.run("SELECT count(*), count(DISTINCT sip_call_id) FROM calls WHERE direction='outbound'")
    assert calls == [(2, 2)]


def test_a_node_that_was_alone_is_taken_in_first(tmp_path: Path, stack: ExitStack) -> None:
    """Started as it is it would lose all that it has: it does not start, and check says so."""
    nodes = Nodes(tmp_path, stack)
    b = nodes.start("b")
    with nodes.make("a", alone=True) as alone:
        alone.agent_misses(AGENT, CUSTOMER)
        knows(alone.boomerang, CUSTOMER)
    shared = nodes.make("a")
    with shared.boomerang.launch() as refused:
        assert refused.wait() == 1
        assert refused.said("was written by this node alone, .* boomerang cluster import")
    done = shared.boomerang.cli("cluster", "import", "--merge", "--database", nodes.database)
    assert done["tables"]["direct"]["taken"] == 1
    a = stack.enter_context(shared)
    knows(b.boomerang, CUSTOMER)
    assert b.customer_reaches(CUSTOMER) == AGENT
    assert a.customer_reaches(CUSTOMER) == AGENT


def talks(node: Site) -> None:
    """A customer's call, from INVITE to the 200 of its BYE."""
    call, there = node.customer_dials("+36301112222")
    there.ring()
    there.pick_up_with(call)
    hang_up(call, there)


def alarms(node: Boomerang) -> dict[str, str]:
    return {alarm["name"]: alarm["text"] for alarm in node.ask("status")["alarms"]}
