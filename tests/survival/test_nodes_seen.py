"""`boomerang nodes`: who shares with whom, who lives, who has what, and what was known last."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proxy.cli.root import app
from proxy.verbs.shapes.nodes import LIST
from tests.kit.boomerang import Boomerang
from tests.kit.fitting import misfits
from tests.kit.postgres import MISSING
from tests.kit.waiting import eventually
from tests.survival.test_sharing import Nodes

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(tmp_path, stack)


def listed(node: Boomerang) -> dict[str, dict[str, Any]]:
    data = node.ask("nodes.list")
    assert misfits(LIST, data) == []
    return {one["node"]: one for one in data["nodes"]}


def has(node: Boomerang, name: str) -> dict[str, int]:
    """The leases of a node, as another one sees it."""
    return {lease["name"]: lease["epoch"] for lease in listed(node).get(name, {"leases": []})["leases"]}


def figures(node: Boomerang) -> dict[str, float]:
    """What a node counts of the nodes that share: the names without `boomerang_cluster_`."""
    return {name: float(value) for name, value in re.findall(
        r"^boomerang_cluster_(\S+) (\S+)$", node.get("/metrics")[1], re.MULTILINE)}


def epochs(node: Boomerang) -> dict[str, float]:
    """The leases of a node, as it counts them."""
    return {name[len('lease_epoch{lease="'):-2]: value for name, value in figures(node).items()
            if name.startswith("lease_epoch")}


def said(node: Boomerang, *arguments: str) -> str:
    """What the command shows to a person."""
    run = CliRunner().invoke(app, ["nodes", *arguments, "-c", str(node.config)])
    assert run.exit_code == 0, run.output
    return run.stdout


def test_nodes_are_listed_by_each_and_who_dies_is_gone(nodes: Nodes) -> None:
    a, b = nodes.start("a").boomerang, nodes.start("b").boomerang
    eventually(lambda: all(listed(node).keys() == {"a", "b"} for node in (a, b)), "both see both")
    eventually(lambda: bool(has(a, "a") or has(a, "b")), "somebody has something")
    eventually(lambda: has(a, "b") == has(b, "b") and has(b, "a") == has(a, "a"), "and they say the same")
    assert [one["here"] for one in listed(a).values()] == [True, False]
    eventually(lambda: {one["state"] for one in listed(a).values()} == {"alive"}, "both live")
    eventually(lambda: [one["push_lag_s"] for one in listed(a).values()] == [0, 0], "all is shared")
    assert all(one["pull_lag_s"] is not None and one["since"] and one["version"] for one in listed(b).values())
    eventually(lambda: said(a).endswith("the shared database is there\n"), "the command says that all is well")
    assert {"a", "b"} <= set(said(a).split())
    assert {"a", "b"} <= set(said(a, "list").split())
    assert a.cli("nodes", "list")["alone"] is False
    eventually(lambda: figures(a)['nodes{state="alive"}'] == 2, "both are counted")
    eventually(lambda: epochs(a) == has(a, "a"), "each lease with its epoch")
    eventually(lambda: figures(a)["leases"] == len(epochs(a)) and figures(a)["lag_seconds"] == 0, "and how it stands")
    b.kill9()
    eventually(lambda: listed(a)["b"]["state"] == "gone" and not has(a, "b"), "the dead one is found dead")
    assert listed(a)["b"]["heard"] is not None
    nodes.postgres.stop()
    try:
        eventually(lambda: a.ask("nodes.list")["trouble"], "the server is missed")
        assert listed(a)["b"]["state"] == "gone", "what was known last"
        eventually(lambda: not has(a, "a"), "nothing is ours for ever")
        eventually(lambda: figures(a)["pull_seconds"] > 2, "it knows how long it knows nothing of others")
        assert (figures(a)['nodes{state="gone"}'], figures(a)["leases"], epochs(a)) == (1, 0, {})
        assert "the shared database is away, this was known last: " in said(a)
    finally:
        nodes.postgres.start()
    eventually(lambda: a.ask("nodes.list")["trouble"] is None and has(a, "a"), "it is back")
    b.restart()
    eventually(lambda: listed(a)["b"]["state"] == "alive", "and so is the other one")
    b.terminate()
    eventually(lambda: (listed(a)["b"]["state"], listed(a)["b"]["heard"]) == ("left", None), "who leaves says so")


def test_a_node_alone_shows_itself_and_says_so(nodes: Nodes) -> None:
    node = nodes.start("c", alone=True).boomerang
    data = node.cli("nodes", "list")
    assert misfits(LIST, data) == []
    assert (data["alone"], data["looked"], data["trouble"]) == (True, None, None)
    assert [(one["node"], one["state"], one["leases"]) for one in data["nodes"]] == [("c", "alive", [])]
    assert data["nodes"][0]["since"] == node.ask("nodes.here")["since"]
    assert "boomerang_cluster" not in node.get("/metrics")[1]
    assert said(node).splitlines()[1].split()[:2] == ["c", "alive"]
    assert said(node).endswith("it shares with nobody: there is no [cluster] database\n")
