"""A log that nobody reads: a full pipe, as a stopped terminal or a hung journal make one. Calls pass as before."""

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.kit.waiting import eventually
from tests.survival.scene import Scene, hang_up, passes

PIPE_BYTES: Final = 4096
"""The least that a pipe holds."""
INTO_PIPE: Final = ("sh", "-c", 'exec "$@" >>log 2>&1', "sh")
"""Standard output and standard error of what is started: the pipe `log` in its folder."""


def test_a_log_that_nobody_reads(tmp_path: Path) -> None:
    """Calls pass, health is good, what is lost is counted, an alarm says so; once it is read a line says how much."""
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        with Scene(tmp_path, faults={"proxy.output:QUEUE_SIGNS": 2 * PIPE_BYTES}, before=INTO_PIPE) as scene:
            call, there = scene.talking()

            def lines_are_lost() -> bool:
                scene.both_ways()  # the alarm lasts for as long as lines come
                return "log" in scene.boomerang.alarms()

            eventually(lines_are_lost, "an alarm about the log")
            assert scene.boomerang.figure("boomerang_log_lines_lost_total") > 0
            for _ in range(5):
                scene.both_ways()
            passes(call, there)
            hang_up(call, there)
            assert scene.boomerang.get("/healthz")[0] == 200
            text = b""

            def said() -> bool:
                nonlocal text
                with suppress(BlockingIOError):
                    text += os.read(descriptor, 1 << 20)
                return b'"event":"log_lines_lost","count":' in text

            eventually(said, "a line about what was lost")
            eventually(lambda: said() and "log" not in scene.boomerang.alarms(), "the end of the alarm")
            scene.boomerang.terminate()  # and the end of the process comes, read or not
            assert scene.boomerang.running.wait() == 0
    finally:
        os.close(descriptor)


def test_health_asks_what_carries_the_calls(tmp_path: Path) -> None:
    """While the process is stopped in its loop, though not its threads, it does not count as alive."""
    with Scene(tmp_path, faults={"hang": True}) as scene:
        assert scene.boomerang.get("/healthz")[0] == 200
        hang = scene.cause("hang")
        scene.boomerang.running.signal(signal.SIGHUP)
        eventually(lambda: scene.boomerang.get("/healthz")[0] in (0, 503), "/healthz says no")
        hang.unlink()
        eventually(lambda: scene.boomerang.get("/healthz")[0] == 200, "/healthz says yes")
        scene.both_ways()
