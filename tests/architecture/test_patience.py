"""No test needs luck on a slow machine: what only bounds a failure is `PATIENCE`, and nothing shorter."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.kit.waiting import PATIENCE

TESTS: Final = Path(__file__).resolve().parents[1]

VIRTUAL: Final = ("flows/", "bench/", "routing/callbacks/", "proxy/callbacks/", "proxy/core/", "proxy/presence/",
                  "proxy/sip/", "proxy/ua/", "kit/fake_legs.py", "kit/held_stage.py", "routing/test_")
"""Where the time that is waited for is a clock that the test moves."""

BOUND_AT: Final = {
    "eventually": 2, "until": 2, "reaches": 2, "event": 2, "task": 2, "agent_becomes": 2,
    "create_connection": 1, "rings": 0, "talks": 0, "ended": 0, "finish": 0, "wait": 0, "result": 0, "join": 0,
    "settimeout": 0, "timeout": 0,
}  # fmt: skip
"""Place of the bound among the arguments without a name; `timeout=` is one everywhere."""

_PAUSE: Final = "a pause between two looks, or before the next act"
_SHOWN: Final = "that it ends is what is tested"

ALLOWED: Final = {
    ("kit/boomerang.py", "ask.settimeout(ASK)"): "silence is an answer there",
    ("kit/pjsip_phone.py", "time.monotonic() + DEAF"): "a phone that hears nothing presses its keys all the same",
    ("kit/pjsip_phone.py", "time.monotonic() + 1"): "a phone that goes away waits no longer for who does not answer",
    ("kit/process.py", "self.child.wait(GRACE)"): "then it is killed, which is no failure",
    ("kit/sip_socket.py", "stream.settimeout(0)"): _PAUSE,
    ("proxy/console/test_bodies.py", "over.wait(0.05)"): _PAUSE,
    ("proxy/delivery/test_deliveries.py", "threading.Event().wait(0.1)"): _PAUSE,
    ("proxy/delivery/test_deliveries.py", "threading.Event().wait(0.02)"): _PAUSE,
    ("proxy/demo/test_audio.py", "asyncio.timeout(0.05)"): _SHOWN,
    ("proxy/test_control.py", "ControlClient(tmp_path / 's', timeout=0.05)"): _SHOWN,
    ("routing/store/test_backup.py", "stop.wait(0.001)"): _PAUSE,
    ("routing/store/test_salvage.py", "time.monotonic() + 1.0"): "so long it is to stay as it is",
    ("survival/test_peer_gone.py", "self.socket.settimeout(0.2)"): _PAUSE,
}
"""By file and call: why a shorter one is right there."""


Numbers = dict[str, float]
"""What a module calls its numbers."""


def number(node: ast.expr | None, numbers: Numbers) -> float | None:
    """A number that is written out, here or above the functions; None for anything else."""
    if isinstance(node, ast.Name):
        return numbers.get(node.id)
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def numbers_of(tree: ast.Module) -> Numbers:
    found: Numbers = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            value, target = number(node.value, {}), node.targets[0] if isinstance(node, ast.Assign) else node.target
            if value is not None:
                found[ast.unparse(target)] = value
    return found


def bound_of(call: ast.Call, numbers: Numbers) -> float | None:
    """How long a call waits, where that is a number in it."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(
        call.func, ast.Name) else ""
    for keyword in call.keywords:
        if keyword.arg == "timeout":
            return number(keyword.value, numbers)
    if name == "wait_for":  # of asyncio, a process or a broker: the last one
        return number(call.args[-1], numbers) if call.args else None
    place = BOUND_AT.get(name, len(call.args))
    return number(call.args[place], numbers) if place < len(call.args) else None


def bounds(tree: ast.Module) -> Iterator[tuple[str, float]]:
    """Each bound that is a number: what it stands in, and how long it is."""
    numbers = numbers_of(tree)
    if "PATIENCE" in numbers:
        yield "PATIENCE", numbers["PATIENCE"]
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Call):
            found = bound_of(node, numbers)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and ast.unparse(node.left) == \
                "time.monotonic()":
            found = number(node.right, numbers)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            places = node.args.posonlyargs + node.args.args
            named = [*zip(reversed(places), reversed(node.args.defaults), strict=False),
                     *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
            for argument, default in named:
                if argument.arg == "timeout" and (length := number(default, numbers)) is not None:
                    yield f"def {node.name}", length
        if found is not None:
            yield ast.unparse(node), found


@cache
def files() -> tuple[str, ...]:
    """Files of tests in which time is the machine's, from the folder of the tests."""
    names = (path.relative_to(TESTS).as_posix() for path in sorted(TESTS.rglob("*.py")))
    return tuple(name for name in names if not name.startswith(VIRTUAL))


def test_what_bounds_a_failure_alone_is_not_short() -> None:
    """A wait with a number of its own goes red where the machine does much else, and nothing is wrong."""
    short = {(name, text): length for name in files() for text, length in bounds(ast.parse((TESTS / name).read_text()))
             if length < PATIENCE}
    found = {f"{name}: {text} waits for {length:g} s" for (name, text), length in short.items()
             if (name, text) not in ALLOWED}
    assert found == set(), "leave the number out, or say in ALLOWED why it is right"
    assert ALLOWED.keys() - short.keys() == set(), "these are not there any more"


@pytest.mark.parametrize(("source", "length"), [
    ("eventually(look, 'it comes', 3)", 3), ("eventually(look, 'it comes', timeout=3.5)", 3.5),
    ("it.rings(AGENT, timeout=3)", 3), ("phone.rings(20, after=seen)", 20), ("scene.until(call, 'over', 5)", 5),
    ("asyncio.wait_for(coming, 5)", 5), ("process.wait_for('word', 5)", 5), ("process.wait(20)", 20),
    ("sock.settimeout(5)", 5), ("asyncio.timeout(8)", 8), ("socket.create_connection(at, 5)", 5),
    ("subprocess.run(argv, timeout=5)", 5), ("done.result(10)", 10), ("thread.join(5)", 5),
    ("end = time.monotonic() + 10", 10), ("PATIENCE: Final = 20.0", 20),
    ("SOON = 6\nsite.until(call, 'over', SOON)", 6), ("def f(a, timeout=10.0, b=1): pass", 10),
    ("def f(*, timeout=10.0): pass", 10),
])  # fmt: skip
def test_each_kind_of_bound_is_seen(source: str, length: float) -> None:
    assert [found for _, found in bounds(ast.parse(source))] == [length]


@pytest.mark.parametrize("source", [
    "eventually(look, 'it comes')", "eventually(look, 'it comes', every=0.2)", "it.rings(AGENT, 2)",
    "it.reaches(CUSTOMER, 4)", "','.join(words)", "process.wait()", "sock.settimeout(PATIENCE)",
])  # fmt: skip
def test_what_is_no_bound_is_not_taken_for_one(source: str) -> None:
    assert list(bounds(ast.parse(source))) == []
