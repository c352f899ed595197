"""A program that was forked from a process that has imported the product is as one that was started by itself."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.boomerang import ROOT
from tests.kit.process import Process
from tests.kit.waiting import eventually

SHOWN = """
import json, os, signal, sys, time
open_files = sorted(int(each) for each in os.listdir("/proc/self/fd"))
print(json.dumps({
    "argv": sys.argv[1:], "name": __name__, "main": sys.modules["__main__"].__dict__ is globals(), "cwd": os.getcwd(),
    "path": sys.path[0], "found": sys.path[1], "env": dict(os.environ), "zone": time.tzname,
    "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()], "files": open_files[:-1],
    "given": os.read(3, 100).decode(), "signals": {each.name: repr(signal.getsignal(each)).partition(" at ")[0]
                                                   for each in signal.valid_signals() if hasattr(each, "name")},
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())), "terminal": sys.stdout.isatty(),
    "buffered": [sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdout.encoding, sys.stdout.errors],
    "flags": repr(sys.flags),
}), flush=True)
print("said", input(), file=sys.stderr)
sys.exit(7)
"""
"""A module that shows what a program finds when it begins, and ends with a status."""


def shown(folder: Path, fork: bool) -> dict[str, Any]:
    (folder / "shown.py").write_text(SHOWN)
    read, write = os.pipe()
    os.write(write, b"handed over")
    try:
        env = {"PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo", "ONLY_HERE": "1"}
        argv = [sys.executable, "-m", "shown", "one", "--two"]
        with Process(argv, cwd=folder, env=env, descriptors=[read], fork=fork) as program:
            program.say("a line")
            assert program.wait() == 7
            assert program.lines[1:] == ["said a line"]
            found: dict[str, Any] = json.loads(program.lines[0])
            return found
    finally:
        os.close(read)
        os.close(write)


def test_it_finds_what_one_that_is_started_finds(tmp_path: Path) -> None:
    started, forked = shown(tmp_path, False), shown(tmp_path, True)
    assert forked == started
    assert (forked["name"], forked["given"], forked["files"]) == ("__main__", "handed over", [0, 1, 2, 3])


@pytest.mark.parametrize("fork", [False, True])
@pytest.mark.parametrize(("words", "status", "said"), [
    (("version",), 0, "boomerang "), (("nonsense",), 2, "nonsense"), (("run", "-c", "no.toml"), 2, "no.toml")])
def test_the_command_ends_alike(tmp_path: Path, words: tuple[str, ...], status: int, said: str, fork: bool) -> None:
    argv = [sys.executable, "-m", "proxy", *words]
    with Process(argv, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, fork=fork) as command:
        assert command.wait() == status
        assert said in "\n".join(command.lines)


@pytest.mark.parametrize("fork", [False, True])
def test_an_error_is_shown_and_a_signal_is_told(tmp_path: Path, fork: bool) -> None:
    (tmp_path / "fails.py").write_text("raise OSError('full')")
    (tmp_path / "stays.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)")
    with Process([sys.executable, "-m", "fails"], cwd=tmp_path, fork=fork) as program:
        assert program.wait() == 1
        assert program.lines[-1] == "OSError: full"
    with Process([sys.executable, "-m", "stays"], cwd=tmp_path, fork=fork) as program:
        program.wait_for("up")
        assert program.running
        program.signal(signal.SIGTERM)
        assert program.wait() == -signal.SIGTERM
        assert not program.running


def test_all_that_was_forked_ends_with_whoever_forked_it(tmp_path: Path) -> None:
    """A test run that is killed leaves nothing behind."""
    (tmp_path / "stays.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)")
    run = "import os, sys, time; from tests.kit.process import Process\n" \
          "one = Process([sys.executable, '-m', 'stays'], cwd=sys.argv[1], fork=True); one.wait_for('up')\n" \
          "print(one.pid, flush=True); time.sleep(600)"
    with Process([sys.executable, "-c", run, tmp_path], env={"PYTHONPATH": str(ROOT)}) as tests:
        pid = int(tests.wait_for(r"^\d+$"))
        assert Path(f"/proc/{pid}").exists()
        tests.kill9()
        eventually(lambda: not Path(f"/proc/{pid}").exists(), "nothing is left")
