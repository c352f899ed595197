"""The recordings that go on, their folder, and how long it keeps them."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.media.recorder import FileWriter, PartFile, Recording
from proxy.media.retention import recording_path, rescue, sweep
from proxy.media.stream import Stream

WRITE_PAUSE: Final = 1.0
"""Seconds between two writes of a recording."""
SWEEP_PAUSE: Final = 3600.0
ALARM: Final = "recordings"

Tell = Callable[..., None]


class Recordings:
    """Recordings of joined legs. `tell` goes to the proxy."""

    def __init__(self, folder: Path | None, keep: float, tell: Tell, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._keep = keep
        self._tell = tell
        self._loop = loop
        self._running: list[tuple[Recording, Stream, Stream]] = []
        self._failing = False
        self._writer = FileWriter(lambda path, text: self._from_thread(self._failed, path, text),
                                  lambda: self._from_thread(self._written))

    def __len__(self) -> int:
        return len(self._running)

    def open(self) -> None:
        """Give what a crash left behind its name."""
        if self._folder is not None:
            self._writer.do(self._rescue)
            self.sweep()

    def close(self) -> None:
        """End every recording; all are whole when this returns."""
        for _, first, _ in list(self._running):
            self.stop(first)
        self._writer.close()

    def start(self, first: Stream, second: Stream, file: str) -> None:
        """Record two legs; recordings that they are in end."""
        path = recording_path(self._folder, file) if self._folder is not None else None
        if path is None:
            self._tell("log", "warning", "recording refused", {"file": file})
            return
        self.stop(first)
        self.stop(second)
        recording = Recording(PartFile(path), self._loop.time())
        self._running.append((recording, first, second))
        first.tap, second.tap = recording.left.put, recording.right.put
        self._writer.write(recording.file, b"")

    def stop(self, stream: Stream) -> None:
        """End the recording that a stream is in."""
        for entry in list(self._running):
            recording, first, second = entry
            if stream in (first, second):
                self._running.remove(entry)
                first.tap = second.tap = None
                self._writer.write(recording.file, recording.write(self._loop.time(), last=True), last=True)

    def write(self) -> None:
        """Write what there is by now: every `WRITE_PAUSE`."""
        now = self._loop.time()
        for recording, _, _ in self._running:
            self._writer.write(recording.file, recording.write(now))

    def sweep(self) -> None:
        """Remove what is too old: every `SWEEP_PAUSE`."""
        folder = self._folder
        if folder is not None and self._keep > 0:
            before = time.time() - self._keep
            busy = [recording.file.part for recording, _, _ in self._running]
            self._writer.do(lambda: self._swept(sweep(folder, before, busy)))

    def _failed(self, path: Path, text: str) -> None:
        self._failing = True
        self._tell("alarm", ALARM, f"{path.name} cannot be written: {text}")

    def _written(self) -> None:
        if self._failing:
            self._failing = False
            self._tell("alarm", ALARM, None)

    # In the writer's thread

    def _rescue(self) -> None:
        assert self._folder is not None
        try:
            found = rescue(self._folder)
        except OSError as error:
            self._log("warning", "recordings folder cannot be read", error=str(error))
            return
        if found:
            self._log("warning", "recordings rescued", files=len(found))

    def _swept(self, removed: int) -> None:
        if removed:
            self._log("info", "old recordings removed", files=removed)

    def _log(self, level: str, event: str, **facts: object) -> None:
        self._from_thread(self._tell, "log", level, event, facts)

    def _from_thread(self, job: Callable[..., None], *words: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(job, *words)
