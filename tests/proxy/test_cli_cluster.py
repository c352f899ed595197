"""`boomerang cluster import`: what it shows, and what it says of what cannot be."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxy.cli.root import app
from proxy.folder import FolderLock
from routing.rows import DoNotCallRow
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.boomerang import ROOT, toml
from tests.kit.postgres import MISSING, Postgres, server
from tests.kit.told import Told
from tests.routing.store.rows import a_task, a_ticket
from tests.routing.world import BEGIN, CUSTOMER


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if MISSING is not None:
        pytest.skip(MISSING)
    with server() as running:
        yield running


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("BOOMERANG_DATABASE", postgres.create("shared"))
    yield "env:BOOMERANG_DATABASE"
    postgres.drop("shared")


class Node:
    """A node that was stopped, with a promise, a ticket and a number that is never called."""

    def __init__(self, folder: Path, name: str) -> None:
        self.data, self.config = folder / "data", folder / "boomerang.toml"
        self.data.mkdir(parents=True)
        peer = {"peers": ["sip:127.0.0.1:5070"]}
        self.config.write_text(toml({
            "node": {"name": name, "data": self.data}, "listen": [{"uri": "udp://127.0.0.1:5060"}],
            "trunk": {"main": peer}, "pbx": {"office": {"peers": ["sip:127.0.0.1:5080"]}}}))
        told = Told()
        store = sqlite_store(self.data / "boomerang.db", lambda function: function(), lambda: BEGIN, name, told)
        store.put(Unit((a_task(), a_ticket(), DoNotCallRow(CUSTOMER, BEGIN, "asked for it"))))
        store.close()

    def say(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["cluster", "import", "-c", str(self.config), *words])


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "one", "edge1")


def test_what_would_be_taken_and_what_is(node: Node, tmp_path: Path, database: str, postgres: Postgres) -> None:
    told = node.say("--database", database, "--dry-run")
    assert told.exit_code == 0, told.output
    assert told.output.splitlines() == [
        f"{node.data / 'boomerang.db'} would be taken into postgresql://127.0.0.1/shared", "  do_not_call  1",
        "  tasks        1", "  tickets      1"]
    (tmp_path / "address").write_text(postgres.url("shared") + "\n")
    done = node.say("--database", f"file:{tmp_path / 'address'}", "--json")
    found = json.loads(done.output)
    assert found["tables"]["tasks"] == {"found": 1, "taken": 1}
    assert (found["database"], found["dry_run"], found["renumbered"]) == (
        "postgresql://127.0.0.1/shared", False, {})
    again = node.say("--database", postgres.url("shared"))
    assert again.output.splitlines()[1:4] == [
        f"  {table:12} 0 (1 there already)" for table in ("do_not_call", "tasks", "tickets")]
    other = Node(tmp_path / "two", "edge2")
    refused = other.say("--database", database)
    assert refused.exit_code == 1
    assert "is not empty (tasks 1, tickets 1): --merge adds this node's rows" in refused.output
    both = other.say("--database", database, "--merge").output
    assert "1 open callbacks of customers who have one of the same group there" in both
    assert "tickets whose number another one has there: 1 is 2; each says so in a comment" in both


def test_the_nodes_own_database_is_meant_unless_another_is_named(node: Node, database: str) -> None:
    with node.config.open("a") as file:
        file.write(f'\n[cluster]\ndatabase = "{database}"\n')
    done = node.say("--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["tables"]["tasks"]["taken"] == 1


def test_a_node_that_runs_is_left_alone(node: Node, database: str) -> None:
    with FolderLock.take(node.data):
        refused = node.say("--database", database)
    assert refused.exit_code == 1
    assert "in use by a Boomerang that is running" in refused.output
    assert "stop it first" in refused.output


@pytest.mark.parametrize(("where", "said"), [
    ((), "name the database with --database"),
    (("--database", "env:NOBODY_HAS_SET_IT"), "environment variable NOBODY_HAS_SET_IT is not set"),
    (("--database", "mysql://x:topsecret@y/z"), "no address that libpq can read"),
    (("--database", "postgresql://u:topsecret@127.0.0.1:1/x"), "postgresql://127.0.0.1/x: "),
])
def test_a_database_that_is_none(node: Node, where: tuple[str, ...], said: str) -> None:
    if MISSING is not None:
        pytest.skip(MISSING)
    refused = node.say(*where)
    assert refused.exit_code == 1
    assert said in refused.output
    assert "topsecret" not in refused.output


def test_without_the_driver(node: Node) -> None:
    """In a process of its own: modules that are taken away here would be missed by other tests."""
    code = "import sys; sys.modules['psycopg'] = None; from proxy.cli.root import app; app()"
    refused = subprocess.run(
        [sys.executable, "-c", code, "cluster", "import", "-c", node.config, "--database", "postgresql://127.0.0.1/x"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1, refused.stderr
    assert "pip install 'boomerang[cluster]'" in refused.stderr
