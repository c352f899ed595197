"""What is compiled where that is asked for, and that nothing is where it is not."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path, PurePath

import pytest

from proxy.build import build
from tests.kit.boomerang import ROOT
from tests.kit.builds import runs_over

SETUPTOOLS = "import json\ndef setup(**given):\n    print(json.dumps(given))\n"
MYPYC = "def mypycify(files, **given):\n    return files\n"
NO_MYPYC = "raise ImportError('not here')\n"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder whose setuptools and mypyc only tell what they were asked for."""
    for name, text in (("setuptools/__init__", SETUPTOOLS), ("mypyc/__init__", ""), ("mypyc/build", MYPYC)):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def run_setup(tools: Path, compiled: str | None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "BOOMERANG_COMPILED"}
    env |= {"PYTHONPATH": str(tools)} | ({"BOOMERANG_COMPILED": compiled} if compiled is not None else {})
    return subprocess.run([sys.executable, "setup.py"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60,
                          check=False)


def files_of(tools: Path) -> list[str]:
    found: list[str] = json.loads(run_setup(tools, "1").stdout)["ext_modules"]
    return found


@pytest.mark.parametrize("compiled", [None, "", "0"])
def test_who_asks_for_nothing_needs_no_compiler(tools: Path, compiled: str | None) -> None:
    (tools / "mypyc" / "build.py").write_text(NO_MYPYC)
    done = run_setup(tools, compiled)
    assert (done.returncode, json.loads(done.stdout)) == (0, {})


def test_who_asks_for_a_compiled_build_gets_no_other(tools: Path) -> None:
    (tools / "mypyc" / "build.py").write_text(NO_MYPYC)
    done = run_setup(tools, "1")
    assert done.returncode != 0
    assert "docker/wheel" in done.stderr
    assert done.stdout == ""


def test_what_every_call_runs_through_is_compiled(tools: Path) -> None:
    files = files_of(tools)
    assert {"proxy/sip/parser.py", "proxy/core/engine.py", "routing/ledger.py", "proxy/transports/udp.py"} <= set(files)
    assert not [name for name in files if not (ROOT / name).is_file() or name.endswith("__init__.py")]


def test_each_of_these_modules_is_of_the_build_that_runs(tools: Path) -> None:
    """Of a compiled build none was left behind as Python."""
    origins = []
    for name in files_of(tools):
        spec = find_spec(name.removesuffix(".py").replace("/", "."))
        assert spec is not None
        origins.append(str(spec.origin))
    assert {not origin.endswith(".py") for origin in origins} == {build() == "compiled"}


def test_the_tests_of_each_run_over_both_builds(tools: Path) -> None:
    """As far as it has a file of tests by its own name."""
    mirrors = [PurePath(name).with_name(f"test_{PurePath(name).name}") for name in files_of(tools)]
    found = [name for name in mirrors if (ROOT / "tests" / name).is_file()]
    assert len(found) > 20
    assert [str(name) for name in found if not (runs_over("pure", name) and runs_over("compiled", name))] == []
