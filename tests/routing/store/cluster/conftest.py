"""Nodes on one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.routing.store.cluster.nodes import Nodes


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[Nodes]:
    """Nodes to be started, stopped before the database is emptied."""
    made = Nodes(tmp_path, database)
    yield made
    made.close()
