"""One of several nodes removes what is too old from the shared database."""

from collections.abc import Callable, Iterator

import pytest

from routing.duty import RETENTION, Alone
from routing.storage import Forgotten
from routing.store.cluster.history import ClusterHistory
from routing.store.engine import Queued
from routing.writes import Unit
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.rows import a_task
from tests.routing.world import BEGIN


class Turns(Alone):
    """Whose turn it is, as the test says."""

    def __init__(self) -> None:
        self.ours = True

    def holds(self, name: str) -> bool:
        assert name == RETENTION
        return self.ours


class Site:
    def __init__(self, where: str) -> None:
        self.turns = Turns()
        self.work: list[Callable[[], None]] = []
        self.told: list[Forgotten] = []
        self.history = ClusterHistory(where, "a", self.turns, self.work.append, lambda what: what())

    def forget(self) -> None:
        self.history.forget(BEGIN, 50, self.told.append)


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    made = Site(database)
    yield made
    made.history.close()


def old_tasks(postgres: Postgres) -> int:
    [[count]] = postgres.run("SELECT count(*) FROM tasks", "shared")
    assert isinstance(count, int)
    return count


@pytest.fixture
def tasks(database: str) -> None:
    engine = postgres_engine(database, "a")
    engine.open()
    old, young = (a_task(customer=f"+3620{at:.0f}", created_at=at, state="done", ended_at=at)
                  for at in (BEGIN - 9, BEGIN + 9))
    engine.apply([Queued(1, Unit((old, young)))])
    engine.close()
    engine.close_reading()


def test_what_is_too_old_goes_from_the_database_of_all(postgres: Postgres, tasks: None, site: Site) -> None:
    site.forget()
    site.forget()
    assert (len(site.work), site.told) == (1, []), "one slice at a time, and nobody waits for it"
    site.work.pop()()
    assert [gone.tasks for gone in site.told] == [1]
    assert old_tasks(postgres) == 1
    site.forget()
    assert len(site.work) == 1


def test_it_is_left_to_who_has_the_lease(postgres: Postgres, tasks: None, site: Site) -> None:
    site.turns.ours = False
    site.forget()
    assert (site.work, old_tasks(postgres)) == ([], 2)


def test_a_database_that_is_away_is_asked_again(tasks: None) -> None:
    site = Site("postgresql://nobody@127.0.0.1:1/none")
    site.forget()
    site.work.pop()()
    assert site.told == []
    site.forget()
    assert len(site.work) == 1
