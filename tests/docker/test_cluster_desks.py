"""docker/cluster with its shared database: who is missed at either node is called back once, by the one that has the
lease, and by the other when that dies."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from routing.duty import desk
from tests.docker.test_cluster import MEDIA_PORTS, ClusterScene, customers
from tests.kit.boomerang import Boomerang
from tests.kit.callback_scene import ACCEPTS, AGENT, GROUP, NOBODY, policy
from tests.kit.kamailio import has_kamailio
from tests.kit.leases import holder_of, settled_holder
from tests.kit.ports import free_port
from tests.kit.postgres import MISSING, Postgres, server
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(not has_kamailio() or MISSING is not None,
                                reason="Kamailio or PostgreSQL is not installed (Debian: kamailio, postgresql)")

NAMES = {"edge1": "a", "edge2": "b"}
"""What the nodes call themselves."""


class SharingScene(ClusterScene):
    """The site with its database; a customer is tried again soon."""

    def __init__(self, folder: Path, stack: ExitStack, postgres: Postgres) -> None:
        self.postgres = postgres
        super().__init__(folder, stack, postgres.url())

    def _node(self, name: str) -> Boomerang:
        first = free_port(MEDIA_PORTS)
        return self.site.node(name, policy=policy(callback={"retry_busy": "2s", "retry_agent": "2s"}), more={
            "media": {"ports": f"{first}-{first + MEDIA_PORTS - 1}"}})

    @property
    def holder(self) -> str:
        """Who has the lease of the group."""
        return holder_of(self.postgres, desk(GROUP))

    def attempts(self) -> list[tuple[object, ...]]:
        """Each attempt, in the database of all: whom, at which node, and how it ended."""
        return self.postgres.run("SELECT customer, node, result FROM attempts ORDER BY id")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[SharingScene]:
    with ExitStack() as stack:
        postgres = stack.enter_context(server())
        made = SharingScene(tmp_path, stack, postgres)
        eventually(lambda: postgres.run("SELECT to_regclass('beats')") != [(None,)], "the tables are there")
        settled_holder(postgres, desk(GROUP), NAMES)
        yield made


def test_who_is_missed_at_either_node_is_called_back_once_and_after_a_death_too(scene: SharingScene) -> None:
    for number, customer in enumerate(customers(40), 1):
        scene.miss(customer)
        call = scene.reaches(customer)
        scene.until(call, "up")
        scene.until(scene.rings(AGENT, number), "up")
        eventually(lambda: scene.rows("SELECT id FROM attempts WHERE step='talked' AND ended_at IS NULL"), "they talk")
        scene.hang_up(call)
        eventually(lambda: not scene.pbx.open_calls() and not scene.carrier.open_calls(), "all hung up")
        missed_at = {node for [node] in scene.postgres.run("SELECT node FROM calls WHERE direction='inbound'")}
        if missed_at == set(NAMES):
            break
    assert missed_at == set(NAMES)
    eventually(lambda: {result for _, _, result in scene.attempts()} == {"talked"}, "all are told")
    assert len(scene.attempts()) == number, "each was called once"
    dead = scene.holder
    scene.pbx.plans[AGENT] = NOBODY
    scene.miss("+36209990001")
    eventually(lambda: ("+36209990001", dead, None) in scene.attempts(), "the agent is rung")
    scene.nodes[NAMES[dead]].kill9()
    [heir] = NAMES.keys() - {dead}
    eventually(lambda: ("+36209990001", dead, "unknown") in scene.attempts(), "what died with it is closed")
    assert scene.holder == heir
    scene.loop.do(lambda: scene.pbx.plans.update({AGENT: ACCEPTS}))
    call = scene.reaches("+36209990001")
    scene.until(call, "up")
    scene.hang_up(call)
    assert len(scene.carrier.to("+36209990001")) == 1, "they are dialled once"
    assert [node for customer, node, _ in scene.attempts() if customer == "+36209990001"][-1] == heir
