"""Recordings: what was said stands where it was said, and whatever ends the process, the file is whole."""

import struct
import threading
import time
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.media.recorder import HOLD, Channel, FileWriter, PartFile, Recording
from proxy.media.retention import recording_path, rescue, sweep
from tests.kit.waiting import PATIENCE

FRAME = 160
SECOND = 8000


def sound(value: int, samples: int = FRAME) -> bytes:
    return array("h", [value] * samples).tobytes()


def samples(pcm: bytes | bytearray) -> list[int]:
    return list(array("h", bytes(pcm)))


def where(pcm: bytes | bytearray, value: int) -> list[int]:
    return [place for place, sample in enumerate(samples(pcm)) if sample == value]


def said(channel: Channel, packets: list[tuple[int, int, float]], until: int = 2 * SECOND) -> bytearray:
    """Put packets (value, timestamp, arrival) and give the timeline."""
    for value, timestamp, now in packets:
        channel.put(timestamp, sound(value), now)
    return channel.cut(until)


def test_packets_stand_one_after_another_by_their_timestamps() -> None:
    pcm = said(Channel(0.0), [(n, 1000 + FRAME * n, 0.02 * n + 0.02 + n % 3 * 0.005) for n in range(1, 6)])
    assert [where(pcm, n)[0] for n in range(1, 6)] == [where(pcm, 1)[0] + FRAME * n for n in range(5)]
    assert len(pcm) == 2 * 2 * SECOND


def test_loss_reordering_repetition_and_a_wrap() -> None:
    start = 2**32 - 2 * FRAME
    stamp = [(start + FRAME * n) % 2**32 for n in range(6)]
    pcm = said(Channel(0.0), [(1, stamp[0], 0.02), (3, stamp[2], 0.04), (2, stamp[1], 0.06), (2, stamp[1], 0.06),
                              (6, stamp[5], 0.12)])
    assert [len(where(pcm, n)) for n in (1, 2, 3, 6)] == [FRAME] * 4
    assert where(pcm, 6)[0] - where(pcm, 1)[0] == 5 * FRAME


def test_a_pause_of_the_sender_is_silence() -> None:
    pcm = said(Channel(0.0), [(1, 0, 0.02), (2, SECOND // 2, 0.52)])
    assert where(pcm, 2)[0] - where(pcm, 1)[0] == SECOND // 2


def test_a_sender_that_begins_anew_is_placed_by_its_arrival() -> None:
    pcm = said(Channel(0.0), [(1, 0, 0.02), (2, 777_000_000, 1.02), (3, 777_000_160, 1.04)])
    assert where(pcm, 2)[0] == SECOND
    assert where(pcm, 3)[0] == SECOND + FRAME


def test_what_is_too_late_is_left_out_and_what_is_half_too_late_is_cut() -> None:
    channel = Channel(0.0)
    channel.put(0, sound(1), 0.02)
    assert len(channel.cut(HOLD)) == 2 * HOLD
    channel.put(FRAME, sound(2), 0.5)
    channel.put(HOLD - 40, sound(3), 1.02)
    pcm = channel.cut(2 * HOLD)
    assert where(pcm, 2) == []
    assert where(pcm, 3) == list(range(FRAME - 40))


PACKETS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0, 3)), max_size=30)


@given(PACKETS, st.integers(0, 5))
def test_any_timestamps_make_a_timeline_of_the_right_length(packets: list[tuple[int, int, float]], cuts: int) -> None:
    channel, length = Channel(0.0), 0
    for place, (value, timestamp, now) in enumerate(sorted(packets, key=lambda packet: packet[2])):
        channel.put(timestamp, sound(value), now)
        assert channel.end <= 4 * SECOND, "no sender can make us reserve memory"
        if place < cuts:
            length += len(channel.cut(round(now * SECOND)))
    assert length + len(channel.cut(3 * SECOND)) == 2 * 3 * SECOND


def test_two_channels() -> None:
    recording = Recording(PartFile(Path("none.wav")), 100.0)
    recording.left.put(5, sound(1), 100.02)
    recording.right.put(9, sound(2), 100.04)
    assert recording.write(101.0) == b""
    first = recording.write(101.03)
    rest = recording.write(101.5, last=True)
    frames = samples(first + rest)
    assert where(array("h", frames[0::2]).tobytes(), 1) == list(range(FRAME))
    assert where(array("h", frames[1::2]).tobytes(), 2) == list(range(FRAME, 2 * FRAME))
    assert len(frames) == 2 * 1.5 * SECOND


def read(path: Path) -> tuple[int, int, int, int]:
    with wave.open(str(path)) as file:
        return file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()


def test_the_file_is_whole_after_each_write(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "2026" / "a.wav")
    frames = 0
    for size in (0, 100, 8000, 0, 1):
        file.append(bytes(4 * size))
        frames += size
        assert read(file.part) == (2, 8000, 2, frames)
        assert file.part.stat().st_size == 44 + 4 * frames
    assert (file.part.stat().st_mode & 0o777, file.part.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.finish()
    assert read(file.path) == (2, 8000, 2, frames)
    assert not file.part.exists()


def test_a_torn_write_leaves_a_header_that_says_less_than_there_is(tmp_path: Path) -> None:
    """Frames go first and the sizes after them: between the two there is only more than the header says."""
    file = PartFile(tmp_path / "a.wav")
    file.append(bytes(400))
    with file.part.open("ab") as torn:
        torn.write(bytes(123))
    assert read(file.part)[3] == 100


class Writing:
    def __init__(self) -> None:
        self.failures: list[str] = []
        self.finished = 0
        self.writer = FileWriter(lambda path, text: self.failures.append(path.name), self._done)

    def _done(self) -> None:
        self.finished += 1


def test_the_writer_writes_in_order_and_finishes(tmp_path: Path) -> None:
    it, file = Writing(), PartFile(tmp_path / "a.wav")
    for _ in range(50):
        it.writer.write(file, bytes(400))
    it.writer.write(file, b"", last=True)
    it.writer.close()
    assert read(file.path)[3] == 5000
    assert (it.failures, it.finished) == ([], 1)


def test_a_full_disk_ends_one_recording_and_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it, bad, good = Writing(), PartFile(tmp_path / "bad.wav"), PartFile(tmp_path / "good.wav")
    append = PartFile.append

    def full(file: PartFile, frames: bytes) -> None:
        if file is bad and frames:
            raise OSError(28, "No space left on device")
        append(file, frames)

    monkeypatch.setattr(PartFile, "append", full)
    for file in (bad, good):
        it.writer.write(file, b"")
    for _ in range(3):
        it.writer.write(bad, bytes(400))
        it.writer.write(good, bytes(400))
    it.writer.write(bad, b"", last=True)
    it.writer.write(good, b"", last=True)
    it.writer.close()
    assert it.failures == ["bad.wav"]
    assert it.finished == 1
    assert (read(good.path)[3], read(bad.path)[3]) == (300, 0)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    it = Writing()
    it.writer.write(PartFile(tmp_path / "file" / "a.wav"), b"", last=True)
    it.writer.close()
    assert it.failures == ["a.wav"]


def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(PartFile, "append", lambda *_: go.wait(PATIENCE))
    it = Writing()
    began = time.monotonic()
    for _ in range(1000):
        it.writer.write(PartFile(tmp_path / "a.wav"), bytes(400))
    assert time.monotonic() - began < PATIENCE / 2
    go.set()
    it.writer.close()


@pytest.mark.parametrize(("file", "path"), [
    ("a.wav", "a.wav"), ("2026/11/a", "2026/11/a.wav"), ("a.b", "a.b.wav"),
    ("", None), ("/etc/passwd", None), ("../a.wav", None), ("a/../../b.wav", None), ("a\0b", None),
])
def test_recordings_stay_in_their_folder(tmp_path: Path, file: str, path: str | None) -> None:
    assert recording_path(tmp_path, file) == (None if path is None else tmp_path / path)


def test_what_a_crash_left_gets_its_name(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "deep" / "a.wav")
    file.append(bytes(400))
    (tmp_path / "other.part").write_text("")
    assert rescue(tmp_path) == [file.path]
    assert read(file.path)[3] == 100
    assert (tmp_path / "other.part").exists()
    assert rescue(tmp_path / "missing") == []


def test_what_is_too_old_is_removed(tmp_path: Path) -> None:
    import os

    def made(name: str, age: float) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<I", 1))
        os.utime(path, (1000 - age, 1000 - age))
        return path

    old, new = made("x/old.wav", 100), made("x/new.wav", 10)
    busy, left, other = made("busy.wav.part", 100), made("left.wav.part", 100), made("notes.txt", 100)
    lonely = made("y/z/lonely.wav", 100)
    for folder in (tmp_path / "y" / "z", tmp_path / "y", tmp_path / "x"):
        os.utime(folder, (0, 0))
    assert sweep(tmp_path, before=950, busy=[busy]) == 3
    assert [path.exists() for path in (old, new, busy, left, other, lonely)] == [False, True, True, False, True, False]
    assert sweep(tmp_path / "missing", before=950) == 0
