"""What the daemon and the console say to people in English, read from the code that says it: each sentence with `{}`
where it is filled in.

A sentence is found where it is said (`SAYERS`: an error that is raised, an alarm that is reported), and followed from
there through names, constants, conditions and functions of the same file. What cannot be followed is `{}`.
"""

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.architecture.tree import ROOT

HOLE: Final = "{}"
SAYERS: Final[Mapping[str, int]] = {
    "ArgumentError": 1, "ControlError": 0, "UnknownError": 0, "MissingError": 0, "ForbiddenError": 0,
    "ConflictError": 0, "NotRunningError": 0, "LostAnswerError": 0, "DeskError": 0, "ValueError": 0, "WavError": 0,
    "Problem": 3, "HTTPException": 1, "Refusal": 1, "refuse": 0, "report": 1, "raise_alarm": 1, "_alarm": 1,
    "alarm": 0, "stand": 1, "_raise": -1, "_lose": 0, "DeliveryError": 1, "_fault": 1, "partial": 2, "answer": 2,
    "_say": 0, "_again": 0, "_complain": 0, "on_fault": 0, "_tell": 2,
}
"""What says something to people, and which of its arguments the sentence is."""
PLACES: Final = (
    "config/campaign.py", "config/cautions.py", "config/contradictions.py", "config/duration.py", "config/fields.py",
    "config/hours.py", "config/lines.py", "config/loading.py", "config/policy.py", "config/policy_sections.py",
    "config/syntax.py", "routing", "proxy/verbs", "proxy/console", "proxy/daemon", "proxy/services", "proxy/delivery",
    "proxy/media", "proxy/status/mqtt.py", "proxy/status/service.py", "proxy/app.py", "proxy/node.py",
)
"""Whose words come to a page."""
ELSEWHERE: Final = (
    "proxy/console/api", "proxy/console/settings.py", "proxy/console/passwords.py", "routing/store/backup.py",
    "routing/store/pages.py", "routing/store/schema.py", "proxy/verbs/shapes/caller.py",
    "proxy/media/rtp.py", "proxy/media/codecs.py",
)
"""What is in there and says nothing to a page: the API, the command's backup, faults of programs."""
NAMED: Final = ("missing", "error")
"""Arguments that are sentences wherever they are given by name."""
BEFORE: Final = {"proxy/verbs/scope.py": ""}
"""What comes before a refusal, by file; elsewhere that is the name of what is refused."""
AMONG_PROGRAMS: Final = frozenset({
    "not a key", "nothing to choose from", "no listener of ours reaches {}", "recording refused",
    "port of a session is taken", "settings contradict each other",
    "log in, or show an API token: Authorization: Bearer TOKEN"})
"""Faults that are caught, go to the log alone, or to programs."""
PAIRS: Final = ("config/contradictions.py", "config/cautions.py", "config/loading.py")
"""Files whose functions give places, each with a sentence about it."""
WHOLE: Final[Mapping[str, tuple[str, ...]]] = {
    "config/loading.py": ("_MUST_BE", "_LIMITS", "_sentence", "_unknown"), "config/policy.py": ("_home",),
    "config/contradictions.py": ("NO_COUNTRY_SAID",), "routing/early_answers.py": ("TEXT",),
    "config/syntax.py": ("_twice", "_section_twice", "_quote", "_value", "_rest", "_statement", "_key", "_equals",
                         "_array", "_header", "_inline", "_backslash"),
    "routing/store/salvage.py": ("describe",), "proxy/daemon/building.py": ("replaced",),
    "routing/store/database.py": ("failed",),
}
"""Constants and functions all of whose texts are said, wherever they go from there."""
WORD: Final = re.compile(r"[A-Za-z]{2}")
MOST: Final = 200
"""Forms of one sentence, at most."""


def places() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            if not any(file.relative_to(ROOT).as_posix().startswith(one) for one in ELSEWHERE):
                yield file


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def joined(parts: Iterable[list[str]]) -> list[str]:
    return ["".join(one) for one in itertools.islice(itertools.product(*parts), MOST)]


class File:
    """One file, and how its texts are made."""

    def __init__(self, path: Path) -> None:
        self.tree = tree_of(path)
        self.constants: dict[str, ast.expr] = {}
        self.functions: dict[str, list[ast.expr]] = {}
        self.modules: dict[str, Path] = {}
        """Modules that are imported by name, and files that names come from."""
        for statement in self.tree.body:
            self._note(statement)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = [one.value for one in ast.walk(node) if isinstance(
                    one, ast.Return | ast.Yield) and one.value is not None]

    def _note(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self.constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            self.constants[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                for path in (ROOT / node.module.replace(".", "/") / f"{alias.name}.py",
                             (ROOT / node.module.replace(".", "/")).with_suffix(".py")):
                    if path.is_file():
                        self.modules[alias.asname or alias.name] = path
                        break


@cache
def file_of(path: Path) -> File:
    return File(path)


class Speech:
    """The sentences of one file."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).as_posix()
        self._file = file_of(path)
        self._depth = 0

    def sentences(self) -> Iterator[tuple[int, str]]:
        """Yield line and sentence."""
        every = [*ast.walk(self._file.tree)]
        functions = [one for one in every if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        bodies = [self._file.tree.body, *(one.body for one in every if isinstance(one, ast.ClassDef))]
        values: list[ast.stmt] = [one for body in bodies for one in body if isinstance(one, ast.Assign | ast.AnnAssign)]
        places: list[ast.stmt] = [*functions, *values]
        for place in places:
            for node in ast.walk(place):
                for text in self._said(node, place):
                    yield getattr(node, "lineno", 0), text

    def whole(self) -> Iterator[str]:
        """Yield what is said of `WHOLE`."""
        for name in WHOLE.get(self.name, ()):
            places = [one for one in ast.walk(self._file.tree) if isinstance(one, ast.FunctionDef) and one.name == name]
            for place in places:
                for node in ast.walk(place):
                    if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                        yield from self.texts(node.value, place)
            if not places:
                yield from (re.sub(r"\{\w+\}", HOLE, text) for text in self._named(name, self._file.tree))

    def _said(self, node: ast.AST, function: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Call):
            place = SAYERS.get(called(node.func))
            if place is not None and len(node.args) > max(place, 0):
                for text in self.texts(node.args[place], function):
                    yield (BEFORE.get(self.name, HOLE) if called(node.func) == "refuse" else "") + text
            for named in node.keywords:
                if named.arg in NAMED and isinstance(named.value, ast.Constant | ast.JoinedStr):
                    yield from self.texts(named.value, function)
        elif isinstance(node, ast.Yield | ast.Return) and self.name in PAIRS and node.value is not None:
            for one in node.value.elts if isinstance(node.value, ast.List) else [node.value]:
                if isinstance(one, ast.Tuple) and len(one.elts) == 2:
                    yield from self.texts(one.elts[1], function)

    def texts(self, node: ast.expr, function: ast.AST) -> list[str]:
        """Return every text that an expression may be."""
        self._depth += 1
        try:
            return [HOLE] if self._depth > 12 else self._texts(node, function)
        finally:
            self._depth -= 1

    def _texts(self, node: ast.expr, function: ast.AST) -> list[str]:
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Constant(value=None):
                return []
            case ast.JoinedStr(values=values):
                return joined(self.texts(one, function) for one in values)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.texts(value, function)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return joined([self.texts(left, function), self.texts(right, function)])
            case ast.IfExp(body=body, orelse=orelse):
                return [*self.texts(body, function), *self.texts(orelse, function)]
            case ast.BoolOp(values=values):
                return [text for one in values for text in self.texts(one, function)]
            case ast.Dict(values=values):
                return [text for one in values for text in self.texts(one, function)]
            case ast.Subscript(value=ast.Name(id=name)) if name in self._file.constants:
                return self.texts(self._file.constants[name], function) or [HOLE]
            case ast.Attribute(value=ast.Name(id=module), attr=attr) if module in self._file.modules:
                return self._constant(self._file.modules[module], attr)
            case ast.Call(func=ast.Attribute(value=value, attr="format")):
                return [re.sub(r"\{\w*\}", HOLE, text) for text in self.texts(value, function)]
            case ast.Call(func=ast.Attribute(value=value, attr="get")):
                return self.texts(value, function)
            case ast.Call(func=ast.Name(id="shown")):
                return [HOLE]
            case ast.Call(func=ast.Name(id="shorten"), args=[one]):
                return self.texts(one, function)
            case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp(elt=one), *rest]):
                return [text for each in [one, *rest] for text in self.texts(each, function)]
            case ast.Call(func=ast.Name(id=name)) if name in self._file.functions:
                found = [text for one in self._file.functions[name] for text in self.texts(one, self._body(name))]
                return found or [HOLE]
            case ast.Name(id=name):
                return self._named(name, function)
        return [HOLE]

    def _body(self, name: str) -> ast.AST:
        return next(one for one in ast.walk(self._file.tree) if isinstance(one, ast.FunctionDef) and one.name == name)

    def _constant(self, path: Path, name: str) -> list[str]:
        value = file_of(path).constants.get(name)
        return [HOLE] if value is None else Speech(path).texts(value, file_of(path).tree)

    def _named(self, name: str, function: ast.AST) -> list[str]:
        found: list[str] = []
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    found += self.texts(value, function)
                case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
                    found += [HOLE + text for text in self.texts(value, function)]
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                    for one, value in zip(targets, values, strict=True):
                        if isinstance(one, ast.Name) and one.id == name:
                            found += self.texts(value, function)
                case ast.For(target=ast.Tuple(elts=targets), iter=ast.Tuple(elts=rows)):
                    for place, one in enumerate(targets):
                        if isinstance(one, ast.Name) and one.id == name:
                            found += [text for row in rows if isinstance(row, ast.Tuple)
                                      for text in self.texts(row.elts[place], function)]
        if not found and name in self._file.constants:
            found = self.texts(self._file.constants[name], function)
        if not found and name in self._file.modules:
            found = self._constant(self._file.modules[name], name)
        return found or [HOLE]


def called(function: ast.expr) -> str:
    """Return the last word of what is called."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def spoken() -> dict[str, str]:
    """Return every sentence with the place where it is said first."""
    found: dict[str, str] = {}
    for path in places():
        speech = Speech(path)
        for line, text in [*speech.sentences(), *((0, one) for one in speech.whole())]:
            if WORD.search(text.replace(HOLE, "")) and text not in AMONG_PROGRAMS:
                found.setdefault(re.sub(r"(\{\})+", HOLE, text), f"{speech.name}:{line}")
    return found
