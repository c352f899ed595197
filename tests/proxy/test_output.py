"""Output that nobody reads: whoever writes goes on, what is lost is counted and said, the end of the process comes."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from proxy import output
from proxy.output import LineQueue, QueuedText
from tests.kit.waiting import PATIENCE, eventually

ROOT: Final = Path(__file__).parents[2]
PIPE_BYTES: Final = 4096
"""The least that a pipe holds."""

STRAYS: Final = """
import asyncio, gc, sys, threading, warnings
from proxy import log, output

output.shield(log.lost_notice(json=True))
log.configure(json=True)
log.catch_strays()
warnings.warn("careful +36301234567")
threading.Thread(target=lambda: 1 / 0, name="worker").start()

class Odd:
    def __del__(self):
        raise LookupError("odd")

Odd()

async def forgotten():
    async def fails():
        raise OSError("of a task")
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    del task
    gc.collect()

asyncio.run(forgotten())
print("plain", file=sys.stderr)
raise RuntimeError("the end")
"""

FULL: Final = """
import sys
from proxy import log, output

output.shield(log.lost_notice())
log.configure()
for stream in (sys.stdout, sys.stderr):
    for _ in range(200):
        print("x" * 999, file=stream)
raise SystemExit(7)
"""


class Pipe:
    """A pipe of which a test reads as much as it likes."""

    def __init__(self) -> None:
        self.far, self.near = os.pipe()
        fcntl.fcntl(self.near, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.queue = LineQueue(self.near, "{} lost".format)

    def read(self) -> str:
        return os.read(self.far, 1 << 20).decode()

    def close_far(self) -> None:
        if self.far >= 0:
            os.close(self.far)
            self.far = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close_far()  # whoever waits in write(2) is woken by it
    made.queue.flush(PATIENCE)
    os.close(made.near)


def test_what_is_put_arrives_in_order(pipe: Pipe) -> None:
    for number in range(100):
        pipe.queue.put(f"{number}\n")
    assert pipe.queue.flush(PATIENCE)
    assert pipe.read() == "".join(f"{number}\n" for number in range(100))
    assert pipe.queue.lost == 0


def test_whoever_writes_goes_on_while_nobody_reads(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits waits, what does not is lost and counted; a line says so as soon as somebody reads again."""
    monkeypatch.setattr(output, "QUEUE_SIGNS", 3 * PIPE_BYTES)
    line = "x" * 99 + "\n"
    sent = 10 * PIPE_BYTES // len(line)
    for _ in range(sent):
        pipe.queue.put(line)
    assert not pipe.queue.flush(0.05)
    assert pipe.queue.lost > 0
    text = ""

    def all_is_said() -> bool:
        nonlocal text
        text += pipe.read()
        return " lost\n" in text

    eventually(all_is_said, "a line about what was lost")
    assert text.count(line) + pipe.queue.lost == sent
    assert text.endswith(f"\n{pipe.queue.lost} lost\n")
    pipe.queue.put("again\n")
    assert pipe.queue.flush(PATIENCE)
    assert pipe.read() == "again\n"


def test_a_reader_that_is_gone(pipe: Pipe) -> None:
    pipe.close_far()
    pipe.queue.put("one\ntwo\n")
    assert pipe.queue.flush(PATIENCE)
    assert pipe.queue.lost == 2


def test_a_descriptor_that_others_made_non_blocking(pipe: Pipe) -> None:
    os.set_blocking(pipe.near, False)
    for _ in range(3):
        pipe.queue.put("y" * PIPE_BYTES)
    assert not pipe.queue.flush(0.05)
    text = ""

    def all_is_there() -> bool:
        nonlocal text
        text += pipe.read()
        return len(text) == 3 * PIPE_BYTES

    eventually(all_is_there, "everything")
    assert pipe.queue.lost == 0


def test_many_threads(pipe: Pipe) -> None:
    """No line is torn or doubled."""
    def write(name: int) -> None:
        for number in range(200):
            pipe.queue.put(f"{name}.{number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    text = ""
    while text.count("\n") < 1600:
        text += pipe.read()
    for thread in threads:
        thread.join()
    assert sorted(text.split()) == sorted(f"{name}.{number}" for name in range(8) for number in range(200))


def test_what_print_and_libraries_use(pipe: Pipe) -> None:
    stream = QueuedText(pipe.queue, pipe.near)
    print("é \udcff", 1, file=stream, flush=True)
    assert (stream.isatty(), stream.writable(), stream.fileno(), stream.encoding) == (False, True, pipe.near, "utf-8")
    assert pipe.queue.flush(PATIENCE)
    assert pipe.read() == "é \\udcff 1\n"


def run(script: str, pipe: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)


def test_what_nobody_caught_becomes_a_line() -> None:
    """Of the main thread, of another one, of a destructor and of a task; warnings too. All is written at the end."""
    with run(STRAYS, subprocess.PIPE) as process:
        assert process.stderr is not None
        text = process.stderr.read().decode()
        assert process.wait(PATIENCE) == 1
    assert "plain\n" in text
    lines = [json.loads(line) for line in text.splitlines() if line != "plain"]
    assert all(line["event"] in ("uncaught", "library") for line in lines)
    uncaught = {line["where"].split(":")[0]: line["error"] for line in lines if line["event"] == "uncaught"}
    assert uncaught["main"] == "RuntimeError('the end')"
    assert uncaught["thread worker"] == "ZeroDivisionError('division by zero')"
    assert "LookupError('odd')" in uncaught.values()
    library = " ".join(line["text"] + line.get("trace", "") for line in lines if line["event"] == "library")
    assert "OSError: of a task" in library
    assert "careful +36••••••567" in library


@pytest.mark.parametrize("closed", ["", "2>&-", "<&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_who_is_started_without_a_standard_stream_opens_nothing_in_its_place(closed: str, tmp_path: Path) -> None:
    """What is opened later has another descriptor, and whoever writes to a standard stream writes to nobody."""
    code = ("import os, sys; from proxy.output import open_standard; open_standard()\n"
            "later = os.open('later', os.O_CREAT | os.O_WRONLY)\n"
            "print('a', flush=True); print('b', file=sys.stderr, flush=True); os.write(2, b'c'); sys.stdin.isatty()\n"
            "os._exit(7 if later > 2 and os.get_inheritable(2) and not os.path.getsize('later') else 1)")
    done = subprocess.run(["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code], cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
                          timeout=PATIENCE)
    assert done.returncode == 7, done.stderr


def test_wrong_usage_is_told_by_its_exit_code_where_nobody_can_be_told(tmp_path: Path) -> None:
    done = subprocess.run(["/bin/sh", "-c", 'exec "$0" -m proxy run -c none.toml 2>&-', sys.executable], check=False,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE)
    assert done.returncode == 2


def test_the_end_comes_though_nobody_reads() -> None:
    far, near = os.pipe()
    fcntl.fcntl(near, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    process = run(FULL, near)
    try:
        os.close(near)
        assert process.wait(PATIENCE) == 7
    finally:
        with suppress(OSError):
            process.kill()
        process.wait()
        os.close(far)
