"""The house rules: who may import whom, which rooms do no I/O, what every file owes its reader.

The table of rooms is complete: a module that stands in none of them fails until it is given a place.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import MODULES, ROOT, imported_names, tracked, tree_of

ROOMS = {
    "config": 0,
    "routing": 1,
    "proxy.sip": 2,
    "proxy.output": 2,
    "proxy.logger": 2,
    "proxy.build": 2,
    "proxy.media.contract": 2,
    "proxy.line_protocol": 2,
    "proxy.web": 2,
    "proxy.core": 3,
    "proxy.ua": 3,
    "proxy.callbacks": 4,
    "proxy.presence": 4,
    "proxy.transports": 4,
    "proxy.media": 4,
    "proxy.delivery": 4,
    "proxy.status": 4,
    "proxy.log": 4,
    "proxy.ladder": 4,
    "proxy.pcap": 4,
    "proxy.control_client": 2,
    "proxy.verbs.shapes": 3,
    "proxy.verbs": 5,
    "proxy.control": 4,
    "proxy.handover": 4,
    "proxy.notify": 4,
    "proxy.folder": 4,
    "proxy.recording_names": 4,
    "proxy.tables": 4,
    "proxy.render": 5,
    "proxy.services": 5,
    "proxy.daemon": 5,
    "proxy.node": 6,
    "proxy.check": 6,
    "proxy.console": 5,
    "proxy.answers": 7,
    "proxy.app": 8,
    "proxy.demo": 8,
    "proxy.cli": 9,
    "proxy.__main__": 10,
}
"""Room and its height. A room imports from lower ones and from itself; rooms of one height do not know each other."""

LAYERS = {
    "routing.rows": 0,
    "routing.duty": 0,
    "routing.ids": 0,
    "routing.events": 0,
    "routing.facts": 1,
    "routing.hub": 1,
    "routing.figures": 1,
    "routing.writes": 1,
    "routing.nodes_seen": 1,
    "routing.storage": 2,
    "routing.store": 3,
    "routing.direct": 2,
    "routing.agents": 2,
    "routing.teller": 3,
    "routing.callbacks": 4,
    "routing": 5,
}
"""Layers within a room: rows below everything else, and what decides about callbacks beside what keeps them. The first
that holds a module counts."""

BARE = {"proxy"}
"""Packages that only hold rooms: their `__init__` imports nothing."""

PURE = ("config", "routing", "proxy.sip", "proxy.core", "proxy.ua", "proxy.callbacks", "proxy.presence",
        "proxy.media.contract")
"""Rooms without I/O, clock and chance: time comes in as an argument."""

NOT_PURE = {"routing.store"}
"""The exception: the database behind its interface."""

IMPURE = {
    "asyncio", "concurrent", "multiprocessing", "random", "select", "selectors", "signal", "socket", "socketserver",
    "sqlite3", "sqlite_utils", "ssl", "subprocess", "threading", "time",
}  # fmt: skip


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def room(module: str) -> str | None:
    return next((name for name in ROOMS if within(module, name)), None)


@pytest.mark.parametrize("module", [m for m in MODULES if m not in BARE])
def test_imports_point_one_way(module: str) -> None:
    own = room(module)
    assert own is not None, f"{module} stands in no room of the table"
    for name in imported_names(module):
        other = room(name)
        if other is not None and other != own:
            assert ROOMS[other] < ROOMS[own], f"{own} must not import {name}"
        assert not within(name, "tests"), f"{module} imports its tests"


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "routing")])
def test_imports_within_routing_point_one_way(module: str) -> None:
    own = next(name for name in LAYERS if within(module, name))
    for name in imported_names(module):
        other = next((layer for layer in LAYERS if within(name, layer)), own)
        if other != own:
            assert LAYERS[other] < LAYERS[own], f"{module} must not import {name}"


@pytest.mark.parametrize("name", ["queue", "writer", "engine", "overlay", "reads", "queries"])
def test_the_queue_of_the_store_knows_no_sql(name: str) -> None:
    """Another engine can stand behind it: of the rooms of the store it knows its own alone."""
    module = f"routing.store.{name}"
    own = {"queue", "writer", "engine", "overlay", "reads", "queries"}
    found = [other for other in imported_names(module)
             if other.partition(".")[0] in ("sqlite3", "sqlite_utils")
             or (within(other, "routing.store") and other.split(".")[2] not in own)]
    assert found == []


def test_the_driver_of_a_shared_database_is_known_to_its_engine_alone() -> None:
    """One node has its own file, and none of this is installed."""
    found = [module for module in MODULES if not within(module, "routing.store.postgres")
             for name in imported_names(module) if within(name, "psycopg")]
    assert found == []


@pytest.mark.parametrize("room_of", ["callbacks", "store"])
def test_what_decides_and_what_keeps_do_not_know_each_other(room_of: str) -> None:
    other = "routing.store" if room_of == "callbacks" else "routing.callbacks"
    found = [(module, name) for module in MODULES if within(module, f"routing.{room_of}")
             for name in imported_names(module) if within(name, other)]
    assert found == []


@pytest.mark.parametrize("module", sorted(BARE))
def test_a_package_of_rooms_imports_none(module: str) -> None:
    assert [name for name in imported_names(module) if room(name)] == []


def is_pure(module: str) -> bool:
    return room(module) in PURE and not any(within(module, exception) for exception in NOT_PURE)


@pytest.mark.parametrize("module", [m for m in MODULES if is_pure(m)])
def test_pure_rooms_do_no_io(module: str) -> None:
    found = {name.partition(".")[0] for name in imported_names(module)} & IMPURE
    assert not found, f"{module} is in a pure room and imports {', '.join(sorted(found))}"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree_of(module)), f"{module} has no docstring"


PRIVATE = re.compile(r"(?<![\w.])/(?:home|Users|work)/\w+")
"""Paths of somebody's machine."""

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang\.org|docker\.io|ghcr\.io|quay\.io|"
    r"deb\.debian\.org|snapshot\.debian\.org|archive\.ubuntu\.com|--(?:extra-)?index-url|PIP_INDEX_URL"
)
"""Hosts that hand out packages: which one is asked is the machine's choice, not the project's."""


def test_no_file_knows_this_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__).resolve() or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        where = path.relative_to(ROOT)
        found += [f"{where}: {hit[0]}" for hit in PRIVATE.finditer(text)]
        found += [f"{where}: {hit[0]}" for hit in REGISTRIES.finditer(text)]
        if str(ROOT) in text:
            found.append(f"{where}: {ROOT}")
    assert found == []


RAISED = re.compile(r'(?:alarm\(|_fault\(|_fault, |(?:ALARM|LOSS|KEY_REPLACED): Final = )f?"([a-z_]+)[{"]')
"""An alarm's name, or as much of it as stands in the code, where it is raised."""


def test_every_alarm_is_explained() -> None:
    text = (ROOT / "docker/operations.md").read_text()
    names = {name for path in MODULES.values() for name in RAISED.findall(path.read_text())}
    assert len(names) > 15, "they are still found in the code"
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
