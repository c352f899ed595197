"""The compiled wheel, installed with no compiler at hand, is machine code, and calls pass through it.

Which wheel says BOOMERANG_WHEEL; `tests/run` builds one and names it. What it depends on is not fetched again: the new
environment finds it where this test does.
"""

import os
import sys
from pathlib import Path

import pydantic
import pytest

from proxy.build import build
from tests.kit.installed import check_calls, run, without_compiler

WHEEL = os.environ.get("BOOMERANG_WHEEL", "")


@pytest.fixture
def wheel() -> Path:
    if not WHEEL:
        reason = "no BOOMERANG_WHEEL: tests/run builds the compiled wheel and names it"
        if build() == "compiled" and os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(WHEEL)


def test_calls_pass_through_the_compiled_wheel(wheel: Path, tmp_path: Path) -> None:
    env = without_compiler(tmp_path / "commands")
    prefix = tmp_path / "prefix"
    python = prefix / "bin" / "python"
    run([sys.executable, "-m", "venv", prefix], env, tmp_path)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here = Path(run([python, "-c", code], env, tmp_path).strip())
    (here / "dependencies.pth").write_text(f"{Path(pydantic.__file__).parents[1]}\n")
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    run([*pip, "--no-deps", "--ignore-installed", wheel], env, tmp_path)
    assert run([prefix / "bin" / "boomerang", "version"], env, tmp_path).strip().endswith("(compiled)")
    code = "import proxy.sip.parser as one; print(one.__file__)"
    parser = Path(run([python, "-c", code], env, tmp_path).strip())
    assert parser.is_relative_to(prefix)
    assert parser.suffix == ".so"
    check_calls(prefix, tmp_path / "site", "compiled")
