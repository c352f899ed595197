"""Standard output and standard error of a process that must not wait for whoever reads them.

A pipe that is full, a terminal that was stopped (Ctrl-S) or a journal that hangs makes write(2) wait, and with it
everything in the thread that called it. So what is written goes to a bounded queue, and a thread of its own waits in
write(2). What does not fit is lost and counted; a line says how much once the reader goes on.
"""

import atexit
import io
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

QUEUE_SIGNS: Final = 4 * 1024 * 1024
"""Characters that wait at most: a busy minute of log."""
GATHER: Final = 0.02
"""Seconds in which more may come before the thread writes: one wake-up for many lines."""
BATCH: Final = 1_000
"""Pieces that are written in one go."""
NOTICE_PAUSE: Final = 1.0
"""Seconds between two lines about what was lost: a reader that is only slow is not drowned in them."""
END_PATIENCE: Final = 2.0
"""Seconds for which the end of the process waits for what is still queued."""

Notice = Callable[[int], str]
"""Makes the line that says how many lines were lost."""


class LineQueue:
    """What waits to be written to one descriptor. `put` never waits; any thread may call it, a destructor too."""

    def __init__(self, descriptor: int, notice: Notice) -> None:
        self.lost = 0
        """Lines that were thrown away since the start."""
        self._descriptor = descriptor
        self._notice = notice
        self._noticed = 0
        self._noticed_at = float("-inf")
        self._queue: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        # A destructor may write while this very thread is in here: the lock must let it pass.
        self._lock = threading.RLock()
        self._waiting = 0
        self._hurry = threading.Event()
        threading.Thread(target=self._run, name=f"output {descriptor}", daemon=True).start()

    def put(self, text: str) -> None:
        """Queue some text, whole or not at all."""
        with self._lock:
            if self._waiting + len(text) > QUEUE_SIGNS:
                self.lost += _lines(text)
                return
            self._waiting += len(text)
        self._queue.put(text)

    def flush(self, patience: float = END_PATIENCE) -> bool:
        """Wait until all that was put is written, at most `patience` seconds; whether it is."""
        written = threading.Event()
        self._queue.put(written)
        self._hurry.set()
        try:
            return written.wait(patience)
        finally:
            self._hurry.clear()

    def _run(self) -> None:
        while True:
            found = [self._queue.get()]
            self._hurry.wait(GATHER)
            while len(found) < BATCH:
                try:
                    found.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            text = "".join(piece for piece in found if isinstance(piece, str))
            written = self._write(text)
            with self._lock:
                self._waiting -= len(text)
                if not written:
                    self.lost += _lines(text)
            if written:
                self._tell_lost()
            for piece in found:
                if isinstance(piece, threading.Event):
                    piece.set()

    def _tell_lost(self) -> None:
        lost, now = self.lost, time.monotonic()
        if lost > self._noticed and now - self._noticed_at >= NOTICE_PAUSE and self._write(
                self._notice(lost - self._noticed) + "\n"):
            self._noticed, self._noticed_at = lost, now

    def _write(self, text: str) -> bool:
        """Write, for as long as it takes; False where the descriptor takes nothing any more."""
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest):]
            except BlockingIOError:  # somebody who shares it has made it non-blocking
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
            except OSError:
                return False
        return True


class QueuedText(io.TextIOBase):
    """A text stream over a `LineQueue`: what `print`, tracebacks and libraries write to."""

    def __init__(self, lines: LineQueue, descriptor: int) -> None:
        super().__init__()
        self.lines = lines
        self._descriptor = descriptor

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in typeshed
        """UTF-8, whatever the locale."""
        return "utf-8"

    def fileno(self) -> int:
        """The descriptor that is written to in the end."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether that is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Queue it."""
        self.lines.put(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as it can."""


def open_standard() -> None:
    """Open /dev/null where the process was started without standard input, output or error (`2>&-`).

    Else the next file that is opened, a database perhaps, would stand there, and have in it what libraries write.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


_shielded: list[LineQueue] = []


def shield(notice: Notice) -> None:
    """Put `QueuedText` in the place of `sys.stdout` and `sys.stderr` for the rest of the process.

    What was written to them before is written out first; at the end of the process what is queued is, as far as
    `END_PATIENCE` lets it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the process was started without it (`>&-`)
            continue
        stream.flush()
        descriptor = stream.fileno()
        lines = LineQueue(descriptor, notice)
        _shielded.append(lines)
        setattr(sys, name, QueuedText(lines, descriptor))
        atexit.register(lines.flush)


def lost_lines() -> int:
    """Lines of this process that were thrown away because nobody read them."""
    return sum(lines.lost for lines in _shielded)


def _lines(text: str) -> int:
    return text.count("\n") or 1
