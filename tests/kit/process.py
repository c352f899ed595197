"""A program that a test starts: its output is kept, its end is sure.

Each is started in a session of its own, so that ending it ends its children; it is told to die with the test run
(PR_SET_PDEATHSIG), so that a killed pytest leaves nothing behind. A program of the product may begin where its
imports end (`imported.py`).
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit import imported
from tests.kit.imported import FIRST, die_with_parent
from tests.kit.waiting import PATIENCE, eventually

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL in `stop`."""
TAIL = 60
"""Lines of output that a failure shows."""


def _begin(descriptors: tuple[int, ...]) -> None:
    """In the child: die with the parent, and have the descriptors where they are looked for."""
    die_with_parent()
    # Twice, for one of them may stand where another one belongs.
    safe = [fcntl.fcntl(each, fcntl.F_DUPFD, FIRST + 2 * len(descriptors) + 100) for each in descriptors]
    for number, each in enumerate(safe, FIRST):
        os.dup2(each, number)


def _start(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, pass_fds=tuple(range(FIRST, FIRST + len(descriptors))),
        preexec_fn=partial(_begin, tuple(descriptors)),
    )


class Process:
    """One running program and everything it has said (stdout and stderr together)."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        name: str | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        fork: bool = False,
    ) -> None:
        """`descriptors`: open files that it gets as its descriptors 3 and following.

        `fork`: it is `python -m MODULE` of the product, and may begin where its imports end.
        """
        self.argv = [str(word) for word in argv]
        self.name = name or Path(self.argv[0]).name
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._closed = False
        start = imported.start if fork else _start
        self.child = start(self.argv, cwd, {**os.environ, **(env or {})}, descriptors)
        self._reader = threading.Thread(target=self._read, name=f"output of {self.name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for raw in self.child.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()

    def say(self, text: str) -> None:
        """Write one line to its standard input."""
        assert self.child.stdin is not None
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    @property
    def pid(self) -> int:
        """Its process id, which is that of its process group too."""
        return self.child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.child.poll() is None

    def said(self, pattern: str) -> bool:
        """Whether a line that matches has come."""
        return any(re.search(pattern, line) for line in list(self.lines))

    def wait_for(self, pattern: str, timeout: float = PATIENCE, *, after: int = 0) -> str:
        """Wait for a line that matches; AssertionError with the output when it ends before or time runs out.

        `after`: lines to leave out from the beginning, as `len(process.lines)` gave it before.
        """
        wanted = re.compile(pattern)
        end = time.monotonic() + timeout
        seen = after
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if wanted.search(line):
                        return line
                seen = len(self.lines)
                left = end - time.monotonic()
                if self._closed or left <= 0:
                    break
                self._news.wait(left)
        why = "ended" if self._closed else f"was silent for {timeout:g} s"
        raise AssertionError(f"{self.name} {why}, and said nothing like {pattern!r}\n{self.report()}")

    def started(self, look: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Wait until `look` says that it has started; where that does not come it is stopped, AssertionError."""
        try:
            eventually(lambda: not self.running or look(), f"{self.name} has started", timeout)
            assert self.running, f"{self.name} ended at once"
        except AssertionError as error:
            self.stop()
            error.add_note(self.report())
            raise

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end and give the exit status; AssertionError with the output when it goes on."""
        try:
            status = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} goes on after {timeout:g} s\n{self.report()}") from None
        self._close()
        return status

    def signal(self, number: int) -> None:
        """Send a signal to its whole group; nothing where it has ended."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def kill9(self) -> None:
        """End it without a word, children too, and wait until the kernel has taken it away."""
        self.signal(signal.SIGKILL)
        self.child.wait(PATIENCE)
        self._close()

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL where that is not enough; children that it left go too."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(GRACE)
        self.kill9()

    def _close(self) -> None:
        self._reader.join(PATIENCE)
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def report(self) -> str:
        """The last of its output, for the message of a failure."""
        last = "\n".join(f"    {line}" for line in self.lines[-TAIL:])
        return f"--- {self.name}: {' '.join(self.argv)}\n{last}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if isinstance(error, AssertionError):
            error.add_note(self.report())
