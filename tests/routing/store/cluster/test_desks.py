"""Desks on one real server that share the work by leases: one dies, is stopped and wakes, comes back, leaves."""

from collections.abc import Iterator

import pytest

from routing.callbacks.facts import AttemptOrder, Outcome
from routing.duty import BEAT, LIFE, SLACK, desk
from routing.rows import Step
from routing.store.cluster.leases import Leases
from tests.kit.postgres import Postgres
from tests.kit.waiting import PATIENCE
from tests.routing.callbacks.shop import CUSTOMER, OTHER
from tests.routing.callbacks.test_desk_nodes import Node
from tests.routing.store.cluster.still_clock import Cluster

STEPS: tuple[Step, ...] = ("agent", "accepted", "customer", "answered")


class Site:
    """Two nodes, `a` and `b`, each with its desk and its leases."""

    def __init__(self, cluster: Cluster, where: str) -> None:
        self._cluster, self._where = cluster, where
        self.leases: dict[str, Leases] = {}
        self.nodes: dict[str, Node] = {}
        self.orders: list[tuple[str, AttemptOrder]] = []
        """Every order, with the node that was given it."""
        for name in ("a", "b"):
            self.begin(name)

    def begin(self, name: str) -> None:
        """Start a process of this name."""
        self.leases[name] = self._cluster.node(name)
        self.nodes[name] = Node(self._where, name, duty=self.leases[name])
        self.nodes[name].turn()  # it asks
        self.settle(name)

    def kill(self, name: str) -> None:
        """A process is gone; what it has put is committed."""
        self.nodes.pop(name).store.close()
        del self.leases[name]

    def settle(self, *names: str) -> None:
        """Beat until all is where it belongs."""
        for _ in range(3):
            for name in names or tuple(self.nodes):
                self.nodes[name].turn()
                self.leases[name].beat()

    def age(self, seconds: float, *awake: str) -> None:
        """Let time pass; nodes that are not stopped beat and take their turns."""
        while seconds > 0:
            self._cluster.age(min(seconds, BEAT / 2))
            for node in self.nodes.values():
                node.now += min(seconds, BEAT / 2)
            for name in awake or tuple(self.nodes):
                self.leases[name].beat()
                self.turn(name)
            seconds -= BEAT / 2

    def turn(self, name: str) -> None:
        self.orders += [(name, order) for order in self.nodes[name].look()]

    @property
    def holder(self) -> str:
        """Who calls back for the group."""
        [found] = [name for name, leases in self.leases.items() if leases.holds(desk("sales"))]
        return found

    @property
    def other(self) -> str:
        [found] = [name for name in self.nodes if name != self.holder]
        return found


@pytest.fixture
def cluster(postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr("routing.store.postgres.lease_table.PATIENCE", PATIENCE)  # a slow machine is none that hangs
    made = Cluster(postgres, database)
    yield made
    made.close()


@pytest.fixture
def site(cluster: Cluster, database: str) -> Iterator[Site]:
    made = Site(cluster, database)
    made.settle()
    yield made
    for node in made.nodes.values():
        node.store.close()


def attempts(node: Node, customer: str = CUSTOMER) -> list[tuple[str, str | None]]:
    """Each attempt of a customer's: its node, and how it ended."""
    [row] = [row for row in node.store.callbacks.tasks(9) if row.customer == customer]
    return [(one.node, one.result) for one in node.store.callbacks.attempts_of(row.id)]


def test_a_call_that_is_missed_anywhere_is_called_back_by_who_has_the_lease(site: Site) -> None:
    holder, other = site.holder, site.other
    site.nodes[other].missed()
    site.nodes[holder].missed(OTHER)
    site.age(BEAT)
    assert sorted((name, order.customer) for name, order in site.orders) == [(holder, CUSTOMER), (holder, OTHER)]


@pytest.mark.parametrize("upto", range(5), ids=("claimed", *STEPS))
def test_a_node_dies_and_each_promise_is_dialled_once(site: Site, upto: int) -> None:
    dead, heir = site.holder, site.other
    site.nodes[dead].missed()
    site.age(BEAT)
    [(_, order)] = site.orders
    for step in STEPS[:upto]:
        assert site.nodes[dead].step(order, step)
    site.kill(dead)
    site.age(LIFE - BEAT - 0.1)
    assert attempts(site.nodes[heir]) == [(dead, None)], "it may be alive"
    site.age(BEAT + 0.2)
    assert attempts(site.nodes[heir]) == [(dead, "unknown")]
    assert len(site.orders) == 1, "nobody is dialled again at once"
    [row] = site.nodes[heir].open
    assert row.due_at is not None
    site.nodes[heir].now = row.due_at
    site.turn(heir)
    assert [name for name, _ in site.orders] == [dead, heir]


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_a_node_whose_clock_is_wrong_shares_the_work_all_the_same(site: Site, seconds: float) -> None:
    """What counts for leases is the server's clock, and one that only goes on."""
    holder, other = site.holder, site.other
    site.nodes[other].now += seconds
    site.nodes[other].missed()
    site.age(2 * LIFE + abs(seconds))
    assert [(name, order.customer) for name, order in site.orders] == [(holder, CUSTOMER)]
    assert attempts(site.nodes[other]) == [(holder, None)], "nobody was taken for dead"


def test_a_node_that_was_stopped_and_wakes_places_nothing_and_dials_nobody(site: Site) -> None:
    stopped, heir = site.holder, site.other
    site.nodes[stopped].missed()
    site.age(BEAT)
    [(_, order)] = site.orders
    assert site.nodes[stopped].step(order, "agent")
    site.nodes[stopped].missed(OTHER)
    site.nodes[stopped].commit()
    site.age(LIFE + BEAT, heir)
    assert attempts(site.nodes[heir]) == [(stopped, "unknown")]
    assert [(name, order.customer) for name, order in site.orders] == [(stopped, CUSTOMER), (heir, OTHER)]
    site.turn(stopped)
    assert not site.nodes[stopped].step(order, "customer"), "its own clock says so, before it has heard anything"
    site.turn(stopped)
    site.settle()
    assert len(site.orders) == 2
    site.age(BEAT)
    rows = {row.customer: row for row in site.nodes[heir].store.callbacks.open_tasks()}
    assert (rows[CUSTOMER].attempts, rows[CUSTOMER].state) == (0, "open")
    assert attempts(site.nodes[heir], OTHER) == [(heir, None)]


def test_a_node_that_does_not_reach_the_server_dials_nobody_even_before_others_do(site: Site) -> None:
    cut = site.holder
    site.nodes[cut].missed()
    site.age(BEAT)
    [(_, order)] = site.orders
    site.nodes[cut].missed(OTHER)
    site.age(LIFE - SLACK + 0.1, site.other)
    site.turn(cut)
    assert len(site.orders) == 1
    assert not site.nodes[cut].step(order, "customer")
    assert attempts(site.nodes[cut]) == [(cut, None)], "it is its own, and not given up"


def test_a_lease_goes_on_to_another_and_what_runs_goes_on_where_it_is(site: Site) -> None:
    leaving, heir = site.holder, site.other
    site.nodes[leaving].missed()
    site.age(BEAT)
    [(_, order)] = site.orders
    site.leases[leaving].drain()
    site.leases[leaving].beat()
    site.nodes[leaving].missed(OTHER)
    site.nodes[leaving].commit()
    site.age(BEAT, heir)
    assert [(name, order.customer) for name, order in site.orders] == [(leaving, CUSTOMER), (heir, OTHER)]
    for step in (*STEPS, "talked"):
        assert site.nodes[leaving].step(order, step)
    site.nodes[leaving].desk.attempts.ended(order.attempt, Outcome("talked", 200, talk_s=9.0), site.nodes[leaving].now)
    site.nodes[leaving].commit()
    site.turn(heir)
    assert attempts(site.nodes[heir]) == [(leaving, "talked")]
    assert [row.customer for row in site.nodes[heir].open] == [OTHER]


def test_a_node_that_is_started_again_at_once_closes_its_own_and_has_its_leases_anew(site: Site) -> None:
    name, other = site.holder, site.other
    before = site.leases[name].fence(desk("sales"))
    assert before is not None
    site.nodes[name].missed()
    site.age(BEAT)
    [(_, order)] = site.orders
    assert site.nodes[name].step(order, "agent")
    site.kill(name)
    site.begin(name)
    site.age(1.0)
    assert attempts(site.nodes[other])[0] == (name, "crashed")
    assert site.holder == name
    after = site.leases[name].fence(desk("sales"))
    assert after is not None
    assert after.epoch > before.epoch
