"""docker/cluster without docker: two nodes with its files behind its Kamailio, phones on either side."""

import re
import signal
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.kit.boomerang import Boomerang
from tests.kit.call import Outgoing
from tests.kit.callback_scene import ACCEPTS, AGENT, NOBODY, TALKS, policy
from tests.kit.cluster import FILES, ClusterSite
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import Loop
from tests.kit.far_phones import FarPhones
from tests.kit.kamailio import has_kamailio
from tests.kit.mosquitto import MISSING as MOSQUITTO_MISSING
from tests.kit.mosquitto import broker, listening
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.postgres import MISSING, server
from tests.kit.sip_socket import SipSocket
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(not has_kamailio(), reason="Kamailio is not installed (Debian: kamailio)")

MEDIA_PORTS = 40


class ClusterScene(FarPhones):
    """Phones on both sides of the site. Nobody answers the front desk, the agent takes every callback."""

    def __init__(self, folder: Path, stack: ExitStack, database: str | None = None, **more: Any) -> None:
        """`database`: the address of one that the nodes share; `more`: further tables of both."""
        self._more = more
        self.loop = stack.enter_context(Loop())
        self.carrier, self.pbx = self.loop.open(), self.loop.open()
        self.site = ClusterSite(folder, carrier=self.carrier.port, pbx=self.pbx.port, database=database)
        self.nodes = {name: stack.enter_context(self._node(name)) for name in "ab"}
        stack.enter_context(self.site.dispatcher())
        self.pbx.plans[SHARED], self.pbx.plans[AGENT], self.carrier.default = NOBODY, ACCEPTS, TALKS

    def _node(self, name: str) -> Boomerang:
        first = free_port(MEDIA_PORTS)
        return self.site.node(name, policy=policy(), more={
            "media": {"ports": f"{first}-{first + MEDIA_PORTS - 1}"}, **self._more})

    def customer_dials(self, customer: str) -> FarCall:
        return self.loop.do(lambda: self.carrier.dial(SHARED, customer, (LOOPBACK, self.site.front)))

    def agent_dials(self, customer: str) -> FarCall:
        return self.loop.do(lambda: self.pbx.dial(customer, AGENT, (LOOPBACK, self.site.inside)))

    def miss(self, customer: str) -> None:
        """A customer calls, nobody answers, they hang up."""
        call = self.customer_dials(customer)
        eventually(lambda: 180 in call.statuses, f"the call of {customer} rings")
        self.hang_up(call)
        self.until(call, "over")

    def rows(self, query: str) -> list[tuple[str, dict[str, Any]]]:
        """What all nodes have written: each row with the name of its node."""
        return [(name, dict(row)) for name, node in self.nodes.items() for row in node.sql(query)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[ClusterScene]:
    with ExitStack() as stack:
        yield ClusterScene(tmp_path, stack)


def customers(many: int) -> list[str]:
    return [f"+3620123{number:04}" for number in range(1, many + 1)]


def test_a_nodes_own_legs_are_found_by_what_the_far_ends_say(scene: ClusterScene) -> None:
    """Customers are missed at both nodes; each calls them back, and hears from agent and customer to the end."""
    for count, customer in enumerate(customers(40), 1):
        scene.miss(customer)
        call = scene.reaches(customer)
        scene.until(call, "up")
        eventually(lambda: scene.rows("SELECT id FROM attempts WHERE step='talked' AND ended_at IS NULL"), "they talk")
        scene.hang_up(call if count % 2 else scene.rings(AGENT, count))
        eventually(lambda: not scene.pbx.open_calls() and not scene.carrier.open_calls(), "all hung up")
        if count >= 2 and len({name for name, _ in scene.rows("SELECT id FROM tasks")}) == 2:
            break
    eventually(lambda: all(row["state"] == "done" for _, row in scene.rows("SELECT * FROM tasks")), "all are kept")
    assert len({name for name, _ in scene.rows("SELECT id FROM tasks")}) == 2, "both nodes have called back"
    assert not scene.rows("SELECT id FROM calls WHERE reason='adopted'")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_calls_pass_when_a_node_is_silent_or_dead(scene: ClusterScene, number: int) -> None:
    """At once, before Kamailio can know: who has had no answer at all from one is sent to the other."""
    scene.pbx.plans[SHARED] = TALKS
    process = scene.nodes["a"].process
    assert process is not None
    process.signal(number)
    calls = [scene.customer_dials(customer) for customer in customers(12)]
    calls += [scene.agent_dials(customer) for customer in customers(12)]
    for call in calls:
        scene.until(call, "up")
    for call in calls:
        scene.hang_up(call)
    eventually(lambda: not scene.pbx.open_calls() and not scene.carrier.open_calls(), "all hung up")
    assert len(scene.pbx.to(SHARED)) == 12, "each customer's call has come once"
    assert [len(scene.carrier.to(customer)) for customer in customers(12)] == [1] * 12


def test_nodes_are_replaced_one_after_the_other(scene: ClusterScene) -> None:
    """Calls in progress outlast the restart of both, and those that come meanwhile are answered: what rings at a node
    that stops is answered through the one that comes in its place."""
    scene.pbx.plans[SHARED] = TALKS
    calls = [scene.customer_dials(customer) for customer in customers(6)]
    for call in calls:
        scene.until(call, "up")
    for node in scene.nodes.values():
        node.terminate()
        calls += [scene.customer_dials("+36201110001"), scene.agent_dials("+36201110002")]
        assert node.process is not None
        node.process.wait()
        calls += [scene.customer_dials("+36201110001"), scene.agent_dials("+36201110002")]
        before = len(node.sql("SELECT id FROM calls"))
        node.start()
        while len(node.sql("SELECT id FROM calls")) == before:  # until Kamailio sends it calls again
            calls.append(scene.until(scene.agent_dials("+36201110003"), "up"))
        for call in calls:
            scene.until(call, "up")
    for call in calls:
        scene.hang_up(call)
    eventually(lambda: not scene.pbx.open_calls() and not scene.carrier.open_calls(), "all hung up")

    def ended() -> set[str]:
        return {row["sip_call_id"] for _, row in scene.rows("SELECT * FROM calls WHERE cause=200")}

    eventually(lambda: {call.call_id for call in calls} <= ended(), "each call is written as one that was answered")


def test_what_the_pbx_says_reaches_the_nodes_and_a_strangers_calls_do_not(scene: ClusterScene) -> None:
    with SipSocket(host="127.0.0.2") as stranger:
        Outgoing(stranger, (LOOPBACK, scene.site.front), SHARED, "+36301111111").refused(403)
        Outgoing(stranger, (LOOPBACK, scene.site.inside), "+36301111111", AGENT).refused(403)
    scene.loop.do(scene.pbx.close)
    eventually(lambda: all("pbx_office" in str(node.ask("alarms.list")) for node in scene.nodes.values()),
               "both nodes say that the PBX is gone")
    refused = scene.customer_dials("+36301111112")
    scene.until(refused, "over")
    assert refused.statuses[-1] == 503


@pytest.mark.skipif(MISSING is not None or MOSQUITTO_MISSING is not None, reason=str(MISSING or MOSQUITTO_MISSING))
def test_all_of_it_with_what_nodes_share(tmp_path: Path) -> None:
    """PostgreSQL and mosquitto too: what a call at one node has made is used at the other, though the one be dead."""
    with ExitStack() as stack:
        postgres = stack.enter_context(server())
        told = stack.enter_context(broker(tmp_path))
        scene = ClusterScene(tmp_path, stack, postgres.url(), mqtt={"url": f"mqtt://{LOOPBACK}:{told.port}"})
        heard = stack.enter_context(listening(told.port))
        for name in ("edge1", "edge2"):
            heard.wait_for(f"boomerang/{name}/status", "online")
        scene.carrier.default = Plan(status=486)
        tried = customers(8)
        for customer in tried:
            scene.until(scene.agent_dials(customer), "over")
        eventually(lambda: [len(node.sql("SELECT 1 FROM direct")) for node in scene.nodes.values()] == [len(tried)] * 2,
                   "both know who was tried")
        scene.nodes["a"].kill9()
        scene.pbx.plans[AGENT] = TALKS
        for customer in tried:
            call = scene.until(scene.customer_dials(customer), "up")
            scene.hang_up(call)
        assert len(scene.pbx.to(AGENT)) == len(tried), "each reached the agent who had tried to reach them"


def test_the_compose_file_has_all_that_it_names() -> None:
    """It was never started here: that it starts what the tests start is compared."""
    made = yaml.safe_load((FILES / "compose.yaml").read_text())
    services = made["services"]
    assert set(services) == {"edge1", "edge2", "kamailio", "postgres", "mosquitto"}
    assert {service.get("network_mode") for service in services.values()} == {"host"}
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (FILES / source).is_file() if source.startswith(".") else source in made["volumes"], volume
        if "build" in service:
            assert (FILES / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for service, name in (("edge1", "a"), ("edge2", "b")):
        file = tomllib.loads((FILES / f"node-{name}.toml").read_text())
        assert file["node"]["name"] == service
        assert f"./node-{name}.toml:/etc/boomerang/boomerang.toml:ro" in services[service]["volumes"]
        assert f"{service}:{file['node']['data']}" in services[service]["volumes"]
    page = (FILES / "README.md").read_text()
    for name in {word for node in "ab" for word in re.findall(r"env:(\w+)", (FILES / f"node-{node}.toml").read_text())}:
        assert f"\n{name}=" in page, "the page says how its secret is made"


def test_nodes_of_one_machine_share_nothing_that_only_one_can_have() -> None:
    one, other = (tomllib.loads((FILES / f"node-{name}.toml").read_text()) for name in "ab")
    for table, key in (("node", "name"), ("http", "listen"), ("console", "listen"), ("media", "ports")):
        assert one[table][key] != other[table][key]
    ports = [range(*(int(end) for end in node["media"]["ports"].split("-"))) for node in (one, other)]
    assert not set(ports[0]) & set(ports[1])
    for node, sibling in ((one, other), (other, one)):
        assert node["cluster"]["siblings"] == [sibling["listen"][0]["uri"].removeprefix("udp://")]
    for table in ("trunk", "pbx", "mqtt", "policy"):
        assert one[table] == other[table]
