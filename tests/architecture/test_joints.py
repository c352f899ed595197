"""How modules hang together, and how much of a class others see."""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from tests.architecture.tree import MODULES, imported_modules, imports, tree_of

MOST_MEMBERS: Final = 30
"""Public members of a class: methods, fields, attributes, those of its bases too."""

SETTINGS: Final = "config.section.Section"
"""Base of the models of settings. Their fields are not counted: each is a key that an operator may write in one table
of a file, and there are as many as the product has. What such a class can do is counted."""


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return every set of modules each of which leads to each other one, by Tarjan's algorithm."""
    found: list[set[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        path.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in path:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            circle = set(path[path.index(module):])
            del path[path.index(module):]
            if len(circle) > 1:
                found.append(circle)

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set[str](), "e": {"a"}}
    assert circles(graph) == [{"b", "c"}]


def test_no_modules_import_each_other() -> None:
    """Not even for types alone: who needs the other's names needs a third that both stand on."""
    found = circles({module: imported_modules(module) for module in MODULES})
    assert [sorted(circle) for circle in found] == []


class Classes:
    """The classes of the product, with what others see of each."""

    def __init__(self) -> None:
        self.nodes = {f"{module}.{node.name}": node for module in MODULES for node in ast.walk(tree_of(module))
                      if isinstance(node, ast.ClassDef)}
        self._names = {module: {here: f"{base}.{name}" if name else base for base, name, here in imports(module)}
                       for module in MODULES}

    def bases(self, full: str) -> Iterator[str]:
        """Full names of the bases that are the product's own."""
        module = full.rpartition(".")[0]
        for base in self.nodes[full].bases:
            head, _, rest = ast.unparse(base).partition("[")[0].partition(".")
            from_there = self._names[module].get(head, "")
            for name in (f"{module}.{head}", from_there, f"{from_there}.{rest}"):
                if name in self.nodes:
                    yield name

    def line(self, full: str) -> set[str]:
        """A class and everything it is made of."""
        return {full}.union(*(self.line(base) for base in self.bases(full)))

    def public(self, full: str) -> set[str]:
        """Names of the public members, inherited ones too."""
        settings = SETTINGS in self.line(full)
        return {name for each in self.line(full) for name in _own(self.nodes[each], fields=not settings)
                if not name.startswith("_")}


def _own(node: ast.ClassDef, fields: bool) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            yield part.name
            for each in ast.walk(part):
                if (isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
                        and isinstance(each.value, ast.Name) and each.value.id == "self"):
                    yield each.attr
        elif fields and isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
        elif fields and isinstance(part, ast.Assign):
            yield from (target.id for target in part.targets if isinstance(target, ast.Name))


def test_no_class_shows_too_much() -> None:
    """Who has more members has more than one role."""
    classes = Classes()
    large = {full: len(members) for full in classes.nodes if len(members := classes.public(full)) > MOST_MEMBERS}
    assert large == {}


NO_NAMES: Final = {"misc", "utils", "util", "helpers", "helper", "common", "stuff"}
"""What says nothing about what is in a file."""


def test_every_file_is_called_by_what_is_in_it() -> None:
    assert [module for module in MODULES if NO_NAMES & set(module.split("."))] == []
