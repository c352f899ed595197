"""Recordings: two legs on one timeline, written as they go, so that what a crash leaves behind is a whole WAV file.

Audio is placed by the RTP timestamps of its sender, and its sender by the arrival of its packets; loss, pauses and hold
are silence. Files are written by a thread: a slow disk must not be heard in any conversation.
"""

import os
import queue
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.media.contract import SAMPLE_RATE
from proxy.media.rtp import WORD
from proxy.media.wav import HEADER_BYTES, header

PART: Final = ".part"
"""End of the name of a file that is being written."""
HOLD: Final = SAMPLE_RATE
"""Samples that stay open for late packets: one second."""
AHEAD: Final = SAMPLE_RATE // 5
"""Samples that a sender's clock may be ahead of ours before it is put right."""
SIZE_MAX: Final = 0xFFFF0000
"""Bytes of samples in a file: RIFF counts in 32 bits. That is 37 hours."""
FRAME_BYTES: Final = 4
"""Two channels of 16 bits."""


class Channel:
    """What one leg says, on the timeline of the recording."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._base: int | None = None
        """Place of RTP timestamp 0."""
        self._start = 0
        """Place of the first sample that is still open."""
        self._samples = bytearray()

    def put(self, timestamp: int, pcm: bytes, now: float) -> None:
        """Place a packet."""
        arrived = round((now - self._began) * SAMPLE_RATE) - len(pcm) // 2
        place = arrived if self._base is None else _signed(timestamp - self._base)
        if self._base is None or place > arrived + AHEAD or place < arrived - HOLD + AHEAD:
            place = arrived
            self._base = timestamp - place
        offset = 2 * (place - self._start)
        if offset < 0:
            pcm, offset = pcm[-offset:], 0
        missing = offset - len(self._samples)
        if missing > 0:
            self._samples += bytes(missing)
        self._samples[offset : offset + len(pcm)] = pcm

    def cut(self, place: int) -> bytearray:
        """Close the timeline up to a place and return what is there, silence where nothing is."""
        size = max(0, 2 * (place - self._start))
        piece = self._samples[:size]
        del self._samples[:size]
        self._start = max(self._start, place)
        return piece + bytes(size - len(piece))

    @property
    def end(self) -> int:
        """Place after the last sample."""
        return self._start + len(self._samples) // 2


def _signed(difference: int) -> int:
    """Return the difference of two 32 bit timestamps as a number that may be negative."""
    return ((difference + 0x80000000) & WORD) - 0x80000000


class Recording:
    """Two channels on their way into one file."""

    def __init__(self, file: "PartFile", now: float) -> None:
        self.left, self.right = Channel(now), Channel(now)
        self.file = file
        self._began = now

    def write(self, now: float, last: bool = False) -> bytes:
        """Return the frames that are closed now; with `last` everything there is."""
        place = round((now - self._began) * SAMPLE_RATE) - (0 if last else HOLD)
        if last:
            place = max(place, self.left.end, self.right.end)
        left, right = self.left.cut(place), self.right.cut(place)
        frames = bytearray(2 * len(left))
        frames[0::4], frames[1::4] = left[0::2], left[1::2]
        frames[2::4], frames[3::4] = right[0::2], right[1::2]
        return bytes(frames)


class PartFile:
    """A WAV file that is whole after each write. All of it is called in the writer's thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._size = 0

    def append(self, frames: bytes) -> None:
        """Add frames. Raises OSError; the file is given up then, what was written stays."""
        if self._descriptor is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._write(header(0, channels=2), 0)
        frames = frames[: max(0, SIZE_MAX - self._size)]
        self._write(frames, HEADER_BYTES + self._size)
        self._size += len(frames)
        self._write(struct.pack("<I", HEADER_BYTES - 8 + self._size), 4)
        self._write(struct.pack("<I", self._size), HEADER_BYTES - 4)

    def finish(self) -> None:
        """Close it and give it its name. Raises OSError."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self.part.rename(self.path)

    @property
    def part(self) -> Path:
        """Its name while it is written."""
        return self.path.with_name(self.path.name + PART)

    def _write(self, data: bytes, offset: int) -> None:
        assert self._descriptor is not None
        while data:
            written = os.pwrite(self._descriptor, data, offset)
            data, offset = data[written:], offset + written


class FileWriter:
    """The thread that writes. `failed(path, text)` and `finished()` are called in it."""

    def __init__(self, failed: Callable[[Path, str], None], finished: Callable[[], None]) -> None:
        self._failed = failed
        self._finished = finished
        self._jobs: queue.SimpleQueue[tuple[PartFile, bytes, bool] | Callable[[], None] | None] = queue.SimpleQueue()
        self._bad: set[PartFile] = set()
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()

    def write(self, file: PartFile, frames: bytes, last: bool = False) -> None:
        """Have frames written, and the file finished with the last of them."""
        self._jobs.put((file, frames, last))

    def do(self, job: Callable[[], None]) -> None:
        """Have something done between two writes: the sweep."""
        self._jobs.put(job)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if callable(job):
                job()
                continue
            file, frames, last = job
            if file not in self._bad:
                self._append(file, frames)
            if last:
                self._finish(file)

    def _append(self, file: PartFile, frames: bytes) -> None:
        try:
            file.append(frames)
        except OSError as error:
            self._bad.add(file)
            self._failed(file.path, str(error))

    def _finish(self, file: PartFile) -> None:
        bad = file in self._bad
        self._bad.discard(file)
        try:
            file.finish()
        except OSError as error:
            self._failed(file.path, str(error))
        else:
            if not bad:
                self._finished()
