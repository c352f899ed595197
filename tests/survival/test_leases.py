"""Two daemons that share a database share the work: who dies, is stopped or leaves has nothing any more."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kit.boomerang import Boomerang
from tests.kit.postgres import MISSING
from tests.kit.waiting import eventually
from tests.survival.test_sharing import Nodes

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(tmp_path, stack)


def held(nodes: Nodes) -> dict[str, str]:
    """Who has each lease that somebody has."""
    if nodes.postgres.run("SELECT to_regclass('beats')") == [(None,)]:
        return {}  # nobody has made the tables yet
    return {str(name): str(holder) for name, holder in nodes.postgres.run(
        "SELECT name, holder FROM leases WHERE until>extract(epoch FROM clock_timestamp())")}


def number(node: Boomerang, what: signal.Signals) -> None:
    assert node.process is not None
    node.process.signal(what)


def test_who_dies_is_stopped_or_leaves_has_nothing_any_more(nodes: Nodes) -> None:
    a = nodes.start("a").boomerang
    eventually(lambda: held(nodes).get("desk/") == "a", "who is alone has it")
    b = nodes.start("b").boomerang
    eventually(lambda: set(held(nodes)) >= {"desk/"} and set(held(nodes).values()) <= {"a", "b"}, "one of them has it")
    eventually(lambda: len(nodes.postgres.run("SELECT node FROM beats WHERE wants LIKE '%desk/%'")) == 2, "both beat")
    before = nodes.postgres.run("SELECT epoch FROM leases WHERE name='desk/'")
    b.kill9()
    eventually(lambda: held(nodes).get("desk/") == "a", "the dead one's are the other's")
    b.restart()
    eventually(lambda: nodes.postgres.run("SELECT node FROM beats WHERE start=2") == [("b",)], "it is another start")
    number(a, signal.SIGSTOP)
    try:
        eventually(lambda: held(nodes).get("desk/") == "b", "who is stopped has lost it")
    finally:
        number(a, signal.SIGCONT)
    assert nodes.postgres.run("SELECT epoch FROM leases WHERE name='desk/'") > before
    a.terminate()
    assert a.process is not None
    assert a.process.wait() == 0
    eventually(lambda: held(nodes).get("desk/") == "b", "and who leaves")
    assert nodes.postgres.run("SELECT draining, seen_at FROM beats WHERE node='a'") == [(True, 0.0)]
