"""Which files may be shared as they are."""

from pathlib import Path

from routing.store.postgres.admission import why_not
from routing.store.postgres.connection import Address
from routing.store.postgres.importing import take_in
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.routing.store.cluster.nodes import Nodes
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN, Loop

NOWHERE = "postgresql://boomerang@127.0.0.1:1/none"


def written_alone(path: Path, *units: Unit) -> None:
    loop = Loop()
    store = sqlite_store(path, loop.post, lambda: BEGIN, "a", Told())
    for unit in units:
        store.put(unit)
    store.close()


def test_a_new_one_and_one_with_nothing_in_it(tmp_path: Path) -> None:
    """Nobody is asked."""
    assert why_not(tmp_path / "none.db", NOWHERE) is None
    written_alone(tmp_path / "empty.db")
    assert why_not(tmp_path / "empty.db", NOWHERE) is None


def test_one_that_was_shared_before(nodes: Nodes) -> None:
    """Whether the database was ever reached or not: all that it has is there, or waits."""
    node = nodes.start("a", NOWHERE)
    node.commit(Unit((record(),)))
    nodes.stop(node)
    assert why_not(node.path, NOWHERE) is None


def test_one_that_a_node_alone_has_written(tmp_path: Path, database: str) -> None:
    path = tmp_path / "a.db"
    written_alone(path, Unit((record(),)))
    refused = why_not(path, NOWHERE)
    assert refused is not None
    assert "cannot be asked" in refused
    refused = why_not(path, database)
    assert refused is not None
    assert refused.endswith("boomerang cluster import")
    take_in(path, Address(database, "import"), "a", BEGIN)
    assert why_not(path, database) is None
