"""A PostgreSQL server for the tests of one process, and a database that is as new for each of them."""

from collections.abc import Iterator

import pytest

from tests.kit.postgres import MISSING, Postgres, server
from tests.kit.waiting import PATIENCE


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server."""
    if MISSING is not None:
        pytest.skip(MISSING)
    with server() as running:
        running.create("shared")
        yield running


@pytest.fixture
def patient(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no server that hangs."""
    for bound in ("WRITE", "LOCK", "READ"):
        monkeypatch.setattr(f"routing.store.postgres.session.{bound}", PATIENCE)


@pytest.fixture
def database(postgres: Postgres, patient: None) -> Iterator[str]:
    """Where a database is whose tables are as they were made: emptied after each test, for to make one takes longer."""
    yield postgres.url("shared")
    postgres.empty("shared")
