"""The demo as it is run: a command of its own, its exit code, its words, and what it leaves behind (nothing)."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
WITHIN = 120.0
"""Seconds for all of it on a busy machine; it says a minute."""
PLAY = """
from proxy.demo import main, waiting
waiting.PATIENCE = {patience}
from proxy.demo.scenes import SCENES
from proxy.demo.stage import POLICY
raise SystemExit(main({policy}, {scenes}))
"""
NO_RECORDS = PLAY.format(patience=8.0, policy='POLICY.replace("type = 1", "type = 0")', scenes="SCENES[:3]")
FIRST = PLAY.format(patience=60.0, policy="POLICY", scenes="SCENES[:1]")
MORE = PLAY.format(patience=60.0, policy="POLICY", scenes="SCENES[:3]")
LAST = PLAY.format(patience=60.0, policy="POLICY", scenes="SCENES[-1:]")
COMPANY = "from proxy.demo.company import main; raise SystemExit(main(0.7))"
CALLED, QUEUED = "SCENES[5:6]", "SCENES[6:]"
"""The scenes with audio."""


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
    """Command lines of processes that name the folder, or got it in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                known = str(folder) in line + (entry / "environ").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if known:
                found.append(line)
    return found


def nothing_left(folder: Path) -> None:
    """A media process ends by itself, a moment after the daemon that it worked for."""
    eventually(lambda: not processes_in(folder), "every process has ended")


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
        "✓ Boomerang rings 201 by itself, and the phone shows the customer's number",
        '✓ 201 picks up and hears "Callback for +3614442332": every word is there, byte for byte',
        "✓ 201 presses 1 (RFC 4733), only now the customer's phone rings, from the number they dialled",
        "✓ the customer picks up, and both hear each other: 1000 Hz arrive at the carrier's end, 600 Hz at 201's",
        "✓ the promise is kept: MQTT told queued, due, assigned, connected, done, attempted",
        "✓ they press 1 again: they are told that they are called back and keep the place, then hung up on",
        "✓ their place stays in the PBX's queue",
        '✓ 201 takes the place and hears "Callback for +3614442322", byte for byte',
        "✓ the customer picks up, and both hear each other across the queue",
        "✓ they were rung once, by one place in the queue, and no call is left",
        "✓ asked to end, Boomerang ends in order",
    ):
        assert claim in proved, output
    assert "✗" not in output
    assert "\x1b" not in output, "colour where there is no terminal"
    assert "X-Boomerang: direct; agent=201; type=1; dialled=+3614445555" in output
    assert "◀─ INVITE +3614441234 ─│" in output
    nothing_left(folder)


def test_what_is_not_proved_is_said_with_its_reason_and_fails(folder: Path) -> None:
    """With type 0 no record is made: the demo must not pass."""
    code, output = finished(command(folder, "-c", NO_RECORDS))
    assert code == 1, output
    failed = [line.strip() for line in output.splitlines() if line.strip().startswith("✗ ")]
    assert len(failed) == 1
    assert failed[0].startswith("✗ a direct callback of 201 is made, and MQTT says so: the event direct.created")
    assert "not played: The customer calls back" in output
    assert "The end of Boomerang's log:" in output
    nothing_left(folder)


CHANGES = {
    "nobody promises a callback": (
        CALLED, "missed_callback = { enabled = true", "missed_callback = { enabled = false",
        "a customer gives up while the front desk rings", "callback.queued"),
    "another language is spoken": (
        CALLED, "[callback]", '[callback]\nlanguage = "sk"', "201 picks up and hears", '"Callback for"'),
    "nobody may ask in the queue": (
        QUEUED, "enabled = true\noffer_after", "enabled = false\noffer_after", "a customer waits in a queue", "200"),
    "the queue speaks another language": (
        QUEUED, 'offer_after = "1s"', 'offer_after = "1s"\nlanguage = "sk"', "they are told of the key",
        "offer_callback"),
}
"""In which scene, what in the policy is changed, which claim then cannot be proved, and what is missing."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_callback_that_goes_otherwise_is_not_proved(folder: Path, change: str) -> None:
    scene, old, new, claim, missing = CHANGES[change]
    play = PLAY.format(patience=8.0, policy=f"POLICY.replace({old!r}, {new!r})", scenes=scene)
    code, output = finished(command(folder, "-c", play))
    assert code == 1, output
    failed = [line.strip() for line in output.splitlines() if line.strip().startswith("✗ ")]
    assert len(failed) == 1, output
    assert failed[0].startswith(f"✗ {claim}")
    assert missing in failed[0].partition(": ")[2]
    nothing_left(folder)


@pytest.mark.parametrize(("number", "play", "when"), [
    (signal.SIGINT, MORE, b"direct.created"), (signal.SIGTERM, LAST, b"RTP speech")])
def test_interrupted_it_cleans_up(folder: Path, number: signal.Signals, play: str, when: bytes) -> None:
    process = command(folder, "-c", play)
    assert process.stdout is not None
    seen = b""
    while when not in seen:
        line = process.stdout.readline()
        assert line, seen.decode()
        seen += line
    process.send_signal(number)
    code, output = finished(process)
    assert code == 1
    assert "Interrupted" in output
    assert "Traceback" not in output
    nothing_left(folder)


def test_a_company_is_at_work_until_it_is_ended(folder: Path) -> None:
    """Its console answers, somebody can log in, customers call, agents talk, and callbacks are made."""
    process = command(folder, "-c", COMPANY)
    assert process.stdout is not None
    told = ""
    wanted = ["Its console: http://127.0.0.1:", "Log in as", "gives up", "answers"]
    while not all(word in told for word in wanted):
        line = process.stdout.readline().decode()
        assert line, told
        told += line
    url = told.partition("Its console: ")[2].split()[0]
    name, password = re.findall(r"Log in as (\S+) with (\S+)", told)[0]
    with httpx.Client(base_url=url, timeout=WITHIN) as client:
        asked = {"name": name, "password": password}
        assert client.post("/login", data=asked, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
        assert client.get("/").status_code == 200
    process.send_signal(signal.SIGINT)
    code, output = finished(process)
    assert code == 0, output
    assert "Traceback" not in output
    assert "went wrong" not in told + output
    nothing_left(folder)


def test_a_reader_that_goes_away_and_a_poor_terminal_do_not_stop_it(folder: Path) -> None:
    """`boomerang demo | head -1`, in an encoding without arrows and ticks."""
    process = command(folder, "-c", FIRST, PYTHONIOENCODING="latin-1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    try:
        assert process.wait(WITHIN) == 0
    finally:
        process.kill()
        process.wait()
    nothing_left(folder)
