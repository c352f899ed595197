"""A plain `run` is read as the command's own library reads it, and leaves that library out of the daemon."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from proxy.cli.root import app
from proxy.cli.starting import Start, read_run, run

WORDS = st.lists(st.sampled_from(["run", "-c", "--config", "a.toml", "b.toml", "--take-over", "--socket", "x", "-h",
                                  "--config=a.toml", "status", "--", ""]), max_size=6)


@given(WORDS)
def test_what_is_read_here_is_read_alike_there(words: list[str]) -> None:
    start, served = read_run(words), list[Start]()
    if start is None:
        return

    def serve(config: Path, take_over: bool) -> int:
        served.append(Start(config, take_over))
        return 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "proxy.app", SimpleNamespace(run=serve))
        patch.setattr("proxy.cli.said.DEFAULT_CONFIGS", (Path(__file__),))
        assert CliRunner().invoke(app, words).exit_code == run(start) == 3
    assert served[0] == served[1]


@pytest.mark.parametrize(("words", "start"), [
    (["run"], Start()), (["run", "-c", "a"], Start(Path("a"))),
    (["-c", "a", "run", "--take-over"], Start(Path("a"), True)),
    (["run", "--config", "a", "--take-over"], Start(Path("a"), True)),
    ([], None), (["status"], None), (["run", "x"], None), (["run", "-c"], None), (["run", "--help"], None),
    (["--take-over", "run"], None), (["run", "run"], None), (["run", "-c", "--take-over"], None)])
def test_what_is_a_plain_run(words: list[str], start: Start | None) -> None:
    assert read_run(words) == start


def test_no_configuration_is_told_as_ever(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "proxy", "run", "-c", "none.toml"], cwd=tmp_path, capture_output=True,
                          text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert done.returncode == 2
    assert done.stderr.startswith("none.toml:")


def test_the_daemon_has_nothing_of_the_command(tmp_path: Path) -> None:
    """Nor of what its configuration does not ask for."""
    never = {"typer", "rich", "pygments", "structlog", "fastapi", "starlette", "uvicorn", "jinja2", "babel",
             "prometheus_client", "httpx", "dns", "holidays", "aiortp", "amqtt", "h11",
             "sqlite_utils", "click", "dateutil", "pydantic", "pydantic_core",
             "importlib.metadata", "email", "smtplib", "zipfile"}
    code = ("import sys; from proxy.cli.starting import read_run; import proxy.app; "
            f"print(sorted({never} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert done.stdout == "[]\n"
