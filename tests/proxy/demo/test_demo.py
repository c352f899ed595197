"""The demo as it is run: a command of its own, its exit code, its words, and what it leaves behind (nothing)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WITHIN = 60.0
"""Seconds for all of it on a busy machine; it says half a minute."""
NO_RECORDS = """
from proxy.demo import main
from proxy.demo.scenes import POLICY
raise SystemExit(main(POLICY.replace("type = 1", "type = 0")))
"""

pytestmark = pytest.mark.xdist_group("peers")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for its files with a short path, as the control socket needs; empty when it has ended."""
    place = Path(os.path.realpath("/tmp")) / f"bd{os.getpid()}"
    place.mkdir()
    try:
        yield place
        assert list(place.iterdir()) == [], "the demo left files behind"
    finally:
        subprocess.run(["rm", "-rf", place], check=True)


def command(folder: Path, *arguments: str, **changes: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **changes}
    return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Exit code and output, once it has ended."""
    try:
        output = process.communicate(timeout=WITHIN)[0]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return process.returncode, output.decode("utf-8", "replace")


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


def test_everything_is_proved(folder: Path) -> None:
    code, output = finished(command(folder, "-m", "proxy", "demo"))
    assert code == 0, output
    proved = [line.strip() for line in output.splitlines() if line.strip().startswith("✓ ")]
    for claim in (
        "✓ a direct callback of 201 is made, and MQTT says so",
        "✓ after kill -9 and a restart the direct callback is there, with the same expiry",
        "✓ the customer calls the front desk, and 201's phone rings",
        "✓ they have talked, so the direct callback is gone (type 1), and MQTT says so",
        "✓ 202 is busy: the same call goes on to the front desk, where it was headed",
        "✓ the queue takes it, and the caller saw nothing but ringing",
        "✓ another caller's call goes to the front desk, headers and body byte for byte as they were sent",
        "✓ asked to end, Boomerang ends in order",
    ):
        assert claim in proved, output
    assert "✗" not in output
    assert "\x1b" not in output, "colour where there is no terminal"
    assert "X-Boomerang: direct; agent=201; type=1; dialled=+3614445555" in output
    assert "◀─ INVITE +3614441234 ─│" in output
    assert processes_in(folder) == []


def test_what_is_not_proved_is_said_with_its_reason_and_fails(folder: Path) -> None:
    """With type 0 no record is made: the demo must not pass."""
    code, output = finished(command(folder, "-c", NO_RECORDS))
    assert code == 1, output
    failed = [line.strip() for line in output.splitlines() if line.strip().startswith("✗ ")]
    assert len(failed) == 1
    assert failed[0].startswith("✗ a direct callback of 201 is made, and MQTT says so: the event direct.created")
    assert "not played: The customer calls back" in output
    assert "The end of Boomerang's log:" in output
    assert processes_in(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_cleans_up(folder: Path, number: signal.Signals) -> None:
    process = command(folder, "-m", "proxy", "demo")
    assert process.stdout is not None
    seen = b""
    while b"direct.created" not in seen:
        line = process.stdout.readline()
        assert line, seen.decode()
        seen += line
    process.send_signal(number)
    began = time.monotonic()
    code, output = finished(process)
    assert code == 1
    assert "Interrupted" in output
    assert "Traceback" not in output
    assert time.monotonic() - began < 10
    assert processes_in(folder) == []


def test_a_reader_that_goes_away_and_a_poor_terminal_do_not_stop_it(folder: Path) -> None:
    """`boomerang demo | head -1`, in an encoding without arrows and ticks."""
    process = command(folder, "-m", "proxy", "demo", PYTHONIOENCODING="latin-1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    try:
        assert process.wait(WITHIN) == 0
    finally:
        process.kill()
        process.wait()
    assert processes_in(folder) == []
