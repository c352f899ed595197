"""The thread that keeps the leases, on a real server that goes away and comes back."""

import time
from collections.abc import Callable, Iterator

import pytest

from routing.duty import Fence, desk
from routing.nodes_seen import Lag
from routing.store.cluster.lease_keeper import LeaseKeeper
from tests.kit.postgres import Postgres
from tests.kit.postgres_relay import relay
from tests.kit.waiting import PATIENCE, eventually

NAMES = tuple(desk(str(number)) for number in range(8))


class Node:
    """A keeper, and what it told."""

    def __init__(self, where: str, name: str) -> None:
        self.troubles: list[str | None] = []
        self.leases: list[dict[str, int]] = []
        self.keeper = LeaseKeeper(where, name, "1.0", time.monotonic, self, lambda: Lag(0.0, 0.5))
        self.keeper.start()

    def on_leases(self, held: dict[str, int]) -> None:
        self.leases.append(held)

    def on_trouble(self, why: str | None) -> None:
        self.troubles.append(why)

    @property
    def held(self) -> set[str]:
        return {name for name in NAMES if self.keeper.holds(name)}


Make = Callable[..., Node]


@pytest.fixture
def make(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr("routing.store.postgres.lease_table.PATIENCE", PATIENCE)
    monkeypatch.setattr("routing.store.cluster.leases.BEAT", 0.2)
    made: list[Node] = []

    def one(name: str, where: str = database) -> Node:
        made.append(Node(where, name))
        return made[-1]

    yield one
    for node in made:
        node.keeper.stop()


def test_what_is_asked_for_is_had_and_told(make: Make) -> None:
    a = make("a")
    eventually(lambda: a.held == set(NAMES), "it has all")
    assert a.keeper.may_dial()
    eventually(lambda: a.leases[-1:] == [dict.fromkeys(NAMES, 1)], "and says so")
    assert a.troubles == []


def test_who_comes_is_given_its_share_and_who_leaves_gives_it_back(make: Make) -> None:
    a = make("a")
    eventually(lambda: a.held == set(NAMES), "it has all")
    b = make("b")
    eventually(lambda: b.held and a.held | b.held == set(NAMES) and not a.held & b.held, "they share")
    a.keeper.drain()
    eventually(lambda: b.held == set(NAMES) and not a.held, "who drains has nothing")
    a.keeper.resume()
    eventually(lambda: a.held and b.held and a.held | b.held == set(NAMES), "they share again")
    b.keeper.stop()
    assert b.held == set()
    eventually(lambda: a.held == set(NAMES), "who has left has nothing")


def test_a_server_that_comes_back_finds_the_leases_as_they_were(postgres: Postgres, make: Make) -> None:
    a = make("a")
    eventually(lambda: a.held == set(NAMES), "it has all")
    postgres.stop()
    try:
        a.keeper.drain()  # whatever it is that has it beat now
        eventually(lambda: len(a.troubles) == 1 and a.troubles[0], "it says that the server is away")
        a.keeper.resume()
    finally:
        postgres.start()
    eventually(lambda: a.troubles[-1] is None and a.held == set(NAMES), "it goes on")
    assert [a.keeper.fence(name) for name in NAMES] == [Fence(name, 1) for name in NAMES]


def test_a_cut_link_is_told_and_found_again(postgres: Postgres, database: str, make: Make) -> None:
    with relay(postgres.port) as wire:
        a = make("a", database.replace(str(postgres.port), str(wire.port)))
        eventually(lambda: a.held == set(NAMES), "it has all")
        wire.cut_at(b"beats", passes=False)
        a.keeper.drain()
        eventually(lambda: len(a.troubles) >= 2 and a.troubles[-1] is None, "cut, and found again")
        eventually(lambda: not a.held, "and it has given back what it was to")


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="libpq"):
        Node("nonsense", "a")
