"""Leases of several nodes on a real server, one beat at a time; time passes for all of them when the test says so."""


from collections.abc import Iterator

import pytest

from routing.duty import BEAT, DELIVERIES, LIFE, SLACK, Fence, desk
from routing.nodes_seen import Lag
from routing.store.cluster.leases import ASKED, Leases
from routing.store.engine import Queued, TroubleError
from routing.store.postgres.lease_table import OtherProcessError
from routing.store.queries import TicketQuery
from routing.writes import Unit
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.kit.postgres_relay import relay
from tests.kit.waiting import PATIENCE
from tests.routing.store.cluster.still_clock import Cluster
from tests.routing.store.rows import a_delivery, a_task, a_ticket, an_attempt
from tests.routing.world import BEGIN

GROUPS = tuple(desk(f"group {number}") for number in range(12))


@pytest.fixture
def cluster(postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr("routing.store.postgres.lease_table.PATIENCE", PATIENCE)  # a slow machine is none that hangs
    made = Cluster(postgres, database)
    yield made
    made.close()


def ask(node: Leases, names: tuple[str, ...] = GROUPS) -> list[str]:
    """Ask for leases; return those that are held."""
    return [name for name in names if node.holds(name)]


def beat(*nodes: Leases, names: tuple[str, ...] = GROUPS) -> None:
    for node in nodes:
        ask(node, names)
        node.beat()


def test_a_lease_is_offered_to_who_asks_for_it(cluster: Cluster) -> None:
    a = cluster.node("a")
    a.beat()
    assert ask(a) == []
    assert cluster.wanted == ["a"] * len(GROUPS)
    assert a.beat() == BEAT
    assert ask(a) == list(GROUPS)
    assert cluster.wanted == ["a"] * len(GROUPS), "it is told once"
    assert {a.fence(name) for name in GROUPS} == {Fence(name, 1) for name in GROUPS}
    cluster.age(ASKED + 1)
    a.beat()
    assert a.held == {}, "nobody asks any more: the thread that would do it stands still"


def test_nobody_has_anything_before_the_first_beat(cluster: Cluster) -> None:
    a = cluster.node("a")
    assert ask(a) == []
    assert not a.may_dial()
    assert a.fence(GROUPS[0]) == Fence(GROUPS[0], 0)


def test_two_nodes_share_and_each_lease_is_one_nodes(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    beat(a)
    assert ask(a) == list(GROUPS)
    beat(b)  # it has seen nothing yet that it could take
    assert ask(b) == []
    beat(a, b)
    assert sorted(ask(a) + ask(b)) == sorted(GROUPS)
    assert ask(a)
    assert ask(b)
    assert {b.fence(name) for name in ask(b)} == {Fence(name, 2) for name in ask(b)}


def test_a_dead_nodes_leases_are_the_others_after_their_life(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(a, b)
    theirs = ask(a)
    cluster.age(BEAT)
    beat(b)
    cluster.age(BEAT)
    assert b.beat() == pytest.approx(BEAT), "it looks again when the other one may be dead"
    cluster.age(BEAT - 0.5)
    beat(b)
    assert not b.is_gone("a")
    assert not set(ask(b)) & set(theirs)
    cluster.age(1.0)
    beat(b)
    assert b.is_gone("a")
    assert b.gone() == {"a"}
    assert ask(b) == list(GROUPS)


def test_a_node_that_cannot_renew_stops_sooner_than_others_begin(cluster: Cluster) -> None:
    a = cluster.node("a")
    beat(a)
    beat(a)
    cluster.age(LIFE - SLACK - 0.1)
    assert ask(a) == list(GROUPS)
    assert a.may_dial()
    cluster.age(0.2)
    assert ask(a) == []
    assert not a.may_dial()
    beat(a)
    assert ask(a) == list(GROUPS), "nobody was faster"
    assert a.fence(GROUPS[0]) == Fence(GROUPS[0], 1)


def test_who_was_stopped_and_wakes_has_nothing_and_its_fence_is_refused(cluster: Cluster, database: str) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(a, b)
    [mine, *_] = ask(a)
    old = a.fence(mine)
    for _ in range(4):
        cluster.age(BEAT)
        beat(b)
    assert ask(a) == [], "its own clock says so, before any beat"
    engine = postgres_engine(database, "a")
    engine.open()
    task = a_task()
    engine.apply([Queued(1, Unit((task,)))])
    claim = Queued(2, Unit(), True, an_attempt(task, node="a"), fence=old)
    assert engine.apply([claim]).refused == {2}
    engine.close()
    engine.close_reading()
    beat(a)
    assert not set(ask(a)) & set(ask(b))


def test_the_fence_of_who_holds_the_lease_lets_a_claim_pass(cluster: Cluster, database: str) -> None:
    a = cluster.node("a")
    beat(a)
    beat(a)
    engine = postgres_engine(database, "a")
    engine.open()
    task = a_task()
    engine.apply([Queued(1, Unit((task,)))])
    claim = Queued(2, Unit(), True, an_attempt(task, node="a"), fence=a.fence(GROUPS[0]))
    assert engine.apply([claim]).refused == set()
    engine.close()
    engine.close_reading()


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_a_database_whose_clock_leaps_buries_nobody(cluster: Cluster, seconds: float) -> None:
    """As when another server takes the place of the first."""
    a, b = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(a, b)
    shares = ask(a), ask(b)
    cluster.leap(seconds)
    for _ in range(3):
        for node in (a, b):
            beat(node)
            assert a.gone() == b.gone() == frozenset()
        assert (ask(a), ask(b)) == shares
        cluster.age(BEAT)


def test_who_drains_gives_everything_back_and_lives(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(a, b)
    ask(a)
    a.drain()
    a.beat()
    assert ask(a) == []
    assert a.may_dial(), "what it is in the middle of goes on"
    beat(b)
    assert ask(b) == list(GROUPS)
    assert not b.is_gone("a")
    a.resume()
    beat(a, b)
    beat(a, b)
    assert ask(a), "it goes on after all"


def test_who_leaves_is_waited_for_by_nobody(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(a, b)
    a.leave()
    assert ask(a) == []
    beat(b)
    assert ask(b) == list(GROUPS)
    cluster.age(LIFE)
    beat(b)
    assert b.gone() == {"a"}


def test_a_process_that_takes_the_place_of_another_has_its_leases_anew(cluster: Cluster) -> None:
    """As in a hand-over on one machine: two processes of one name, for a while."""
    old, other = cluster.node("a"), cluster.node("b")
    for _ in range(3):
        beat(old, other)
    [mine, *_] = ask(old)
    before = old.fence(mine)
    assert before is not None
    new = cluster.node("a")
    ask(new)
    beat(new)
    assert new.fence(mine) == Fence(mine, before.epoch + 1)
    assert sorted(ask(new) + ask(other)) == sorted(GROUPS)
    ask(old)
    with pytest.raises(OtherProcessError):
        old.beat()
    assert ask(old) == []
    assert not old.may_dial()
    cluster.age(2 * LIFE)
    assert not old.goes_on(mine), "whoever took its place does it"


def test_only_who_could_do_it_is_given_it(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    names = tuple(f"registration/{number}" for number in range(6))
    for _ in range(3):
        beat(a, names=names[:3])
        beat(b, names=names[3:])
    assert (ask(a, names), ask(b, names)) == (list(names[:3]), list(names[3:]))


def test_a_registration_goes_on_where_it_was_while_the_database_is_away(postgres: Postgres, database: str,
                                                                        cluster: Cluster) -> None:
    names = tuple(f"registration/{number}" for number in range(6))
    with relay(postgres.port) as wire:
        a = cluster.node("a", database.replace(str(postgres.port), str(wire.port)))
        b = cluster.node("b")
        for _ in range(3):
            beat(a, b, names=names)
        mine = ask(a, names)
        assert mine
        assert mine != list(names)
        assert [name for name in names if a.goes_on(name)] == mine
    with pytest.raises(TroubleError):
        a.beat()
    assert ask(a, names) == mine, "until its time is over"
    cluster.age(LIFE)
    assert ask(a, names) == []
    assert [name for name in names if a.goes_on(name)] == mine
    with pytest.raises(TroubleError):
        a.beat()


def test_who_never_found_the_database_registers_after_a_while(cluster: Cluster) -> None:
    """A node that is alone with its carrier must be reached."""
    a = cluster.node("a", "postgresql://nobody@127.0.0.1:1/none")
    assert not a.goes_on("registration/main")
    with pytest.raises(TroubleError):
        a.beat()
    cluster.age(LIFE)
    assert a.goes_on("registration/main")
    assert not a.holds("registration/main")


def test_what_a_dead_node_was_to_deliver_is_delivered_by_another(cluster: Cluster, database: str) -> None:
    engines = [postgres_engine(database, name) for name in ("a", "b")]
    for engine in engines:
        engine.open()
    ticket = a_ticket()
    engines[0].apply([Queued(1, Unit((ticket, a_delivery(ticket), a_delivery(ticket, id="sent", next_at=None))))])
    a, b = cluster.node("a"), cluster.node("b")
    names = (DELIVERIES, *GROUPS)
    for _ in range(2):
        beat(a, names=())
        beat(b, names=names)
    assert engines[1].read(TicketQuery.DELIVERIES_DUE, ("b", None, BEGIN + 9, 9)) == []
    for _ in range(4):
        cluster.age(BEAT)
        beat(b, names=names)
    [due] = engines[1].read(TicketQuery.DELIVERIES_DUE, ("b", None, BEGIN + 9, 9))
    assert due.ticket == ticket.id
    assert engines[0].read(TicketQuery.DELIVERIES_DUE, ("a", None, BEGIN + 9, 9)) == []
    for engine in engines:
        engine.close()
        engine.close_reading()


def test_a_beat_tells_of_the_node_and_shows_all(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    [alone] = a.seen("1.0", "away").nodes
    assert (alone.state, alone.heard, a.seen("1.0", "away").looked) == ("alive", None, None), "nothing was asked yet"
    beat(a, b)
    cluster.lag = Lag(7.0, 1.5)
    cluster.age(3)
    beat(a, b)
    cluster.lag = Lag(0.0, 0.5)
    cluster.age(1)
    beat(b)
    seen = b.seen("1.0", None)
    assert (seen.looked, seen.trouble, [one.node for one in seen.nodes]) == (0.0, None, ["a", "b"])
    [theirs, ours] = seen.nodes
    assert (theirs.version, theirs.state, theirs.began, theirs.heard) == ("1.0", "alive", 4.0, 1.0)
    assert (theirs.push_lag, theirs.pull_lag) == (7.0, 1.5)
    assert dict(theirs.leases) == a.held
    assert dict(ours.leases) == b.held
    assert (ours.push_lag, ours.began, ours.heard) == (0.0, 4.0, 0.0)
    cluster.age(2)
    assert [(one.began, one.heard) for one in b.seen("1.0", "away").nodes] == [(6.0, 3.0), (6.0, 2.0)]
    b.leave()
    a.beat()
    assert [(one.state, one.heard, one.leases) for one in a.seen("1.0", None).nodes][1:] == [("left", None, ())]
    cluster.age(LIFE)
    assert a.seen("1.0", None).nodes[0].leases == (), "what was ours is over by our own clock"
