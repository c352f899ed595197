"""All sessions of the media process, and what the proxy may ask of them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, get_args

from proxy.agent.ports import Clip, CodecName, Stream
from proxy.media.leg import TICK, Leg
from proxy.media.library import Library
from proxy.media.ports import PortRange
from proxy.media.recorder import FileWriter, PartFile, Recording
from proxy.media.retention import recording_path, rescue, sweep
from proxy.media.settings import MediaSettings
from proxy.media.sound import Player, Sound
from proxy.media.tones import Tone, tone

REPORT_PAUSE: Final = 5.0
"""Seconds between two RTCP reports of a leg (RFC 3550 section 6.2)."""
WRITE_PAUSE: Final = 1.0
"""Seconds between two writes of a recording."""
SWEEP_PAUSE: Final = 3600.0
BEHIND_MAX: Final = 5
"""Steps made up for after the process was held up; what is older is left out."""

Tell = Callable[..., None]


class Switchboard:
    """Sessions by number. `tell(event, ...)` goes to the proxy."""

    def __init__(self, settings: MediaSettings, tell: Tell, loop: asyncio.AbstractEventLoop) -> None:
        self._tell = tell
        self._loop = loop
        self._ports = PortRange(settings.listen, settings.first_port, settings.last_port)
        self._range = f"{settings.first_port}-{settings.last_port} of {settings.listen}"
        self._folder = Path(settings.recordings) if settings.recordings else None
        self._keep = settings.keep
        self._legs: dict[int, Leg] = {}
        self._numbers: dict[Leg, int] = {}
        self._recordings: dict[Leg, tuple[Recording, Leg, Leg]] = {}
        self._library = Library(Path(settings.prompts) if settings.prompts else None, self._bad_prompt)
        self._writer = FileWriter(self._bad_recording)
        self._timers: list[asyncio.TimerHandle] = []
        self._received = self._sent = 0
        """Packets of legs that are closed."""
        self._short_of_ports = False

    def start(self) -> None:
        """Begin to keep time."""
        if self._folder is not None:
            self._writer.do(self._rescue)
        self._every(REPORT_PAUSE, self._report)
        self._every(WRITE_PAUSE, self._write)
        self._every(SWEEP_PAUSE, self._sweep)
        self._sweep()
        self._next = self._loop.time()
        self._step()

    def close(self) -> None:
        """End every session; recordings are whole when this returns."""
        for timer in self._timers:
            timer.cancel()
        for number in list(self._legs):
            self.close_leg(number)
        self._writer.close()
        self._library.close()

    # Commands

    def open(self, number: int, name: str) -> None:
        """Open a session."""
        pair = self._ports.take()
        if (pair is None) != self._short_of_ports:
            self._short_of_ports = pair is None
            self._tell("alarm", "media_ports", f"no free port in {self._range}" if pair is None else None)
        if pair is None:
            self._tell("opened", number, 0)
            return
        leg = Leg(name, pair, self, self._loop)
        self._legs[number] = leg
        self._numbers[leg] = number
        self._tell("opened", number, pair.port)

    def connect(self, number: int, stream: dict[str, Any]) -> None:
        """Send and receive as agreed."""
        if (leg := self._legs.get(number)) is not None:
            leg.connect(Stream(**stream))

    def play(self, number: int, clips: list[list[str]], tag: int, repeat: bool) -> None:
        """Play clips; the sounds come from a thread, and nothing is heard until they are there."""
        leg = self._legs.get(number)
        if leg is None:
            return
        waiting = leg.player = Player([tone("silence")], repeat=True)
        name: CodecName = leg.stream.codec if leg.stream is not None else "PCMA"

        def begin(sounds: list[Sound]) -> None:
            if leg.player is waiting:
                leg.player = Player(sounds, repeat, lambda: self._played(leg, tag))

        def fetched(future: "Future[list[Sound]]") -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(begin, future.result())

        self._library.fetch([Clip(*clip) for clip in clips], repeat, name).add_done_callback(fetched)

    def tone(self, number: int, kind: str) -> None:
        """Play a tone until something else is asked for; `silence`: nothing."""
        if (leg := self._legs.get(number)) is None or kind not in get_args(Tone):
            return
        which: Tone = kind  # type: ignore[assignment]
        leg.player = None if which == "silence" else Player([tone(which)], repeat=True)

    def press(self, number: int, digits: str) -> None:
        """Send keys."""
        if (leg := self._legs.get(number)) is not None:
            leg.press(digits)

    def join(self, number: int, other: int) -> None:
        """Let two sessions hear each other."""
        first, second = self._legs.get(number), self._legs.get(other)
        if first is None or second is None or first is second:
            return
        for leg, partner in ((first, second), (second, first)):
            if leg.other is not partner:
                self._part(leg)
            leg.player = None
        for leg, partner in ((first, second), (second, first)):
            leg.other = partner
        first.reroute()
        second.reroute()

    def part(self, number: int) -> None:
        """Undo `join`."""
        if (leg := self._legs.get(number)) is not None:
            self._part(leg)

    def record(self, number: int, other: int, file: str) -> None:
        """Record two sessions."""
        first, second = self._legs.get(number), self._legs.get(other)
        if first is None or second is None:
            return
        path = recording_path(self._folder, file) if self._folder is not None else None
        if path is None:
            self._tell("log", "warning", "recording refused", {"file": file})
            return
        self._stop_recordings(first)
        self._stop_recordings(second)
        recording = Recording(PartFile(path), self._loop.time())
        self._recordings[first] = (recording, first, second)
        first.tap, second.tap = recording.left.put, recording.right.put
        self._writer.write(recording.file, b"")

    def stop_recording(self, number: int) -> None:
        """End a recording."""
        if (leg := self._legs.get(number)) is not None:
            self._stop_recordings(leg)

    def watch(self, number: int, seconds: float) -> None:
        """Have silence told."""
        if (leg := self._legs.get(number)) is not None:
            leg.watch(seconds)

    def close_leg(self, number: int) -> None:
        """End a session."""
        leg = self._legs.pop(number, None)
        if leg is None:
            return
        del self._numbers[leg]
        self._part(leg)
        self._stop_recordings(leg)
        leg.close()
        self._received += leg.received
        self._sent += leg.out.packets

    def figures(self) -> dict[str, float]:
        """Say how much there is to do."""
        legs = self._legs.values()
        return {
            "sessions": len(self._legs),
            "recordings": len(self._recordings),
            "cpu_s": round(time.process_time(), 3),
            "received": self._received + sum(leg.received for leg in legs),
            "sent": self._sent + sum(leg.out.packets for leg in legs),
        }

    # What legs tell

    def digit(self, leg: Leg, digit: str) -> None:
        """Pass on a key."""
        self._tell("digit", self._numbers[leg], digit)

    def heard(self, leg: Leg) -> None:
        """Pass on the first packet."""
        self._tell("heard", self._numbers[leg])

    def silent(self, leg: Leg, seconds: float) -> None:
        """Pass on silence."""
        self._tell("silent", self._numbers[leg], round(seconds, 1))

    def _played(self, leg: Leg, tag: int) -> None:
        if leg in self._numbers:
            self._tell("played", self._numbers[leg], tag)

    # Time

    def _every(self, seconds: float, job: Callable[[], None]) -> None:
        place = len(self._timers)

        def run() -> None:
            self._timers[place] = self._loop.call_later(seconds, run)
            job()

        self._timers.append(self._loop.call_later(seconds, run))

    def _step(self) -> None:
        """Let each leg send what is due, by a clock that does not drift."""
        now = self._loop.time()
        due = min(BEHIND_MAX, 1 + int((now - self._next) / TICK))
        self._next = max(self._next + due * TICK, now - TICK)
        for _ in range(due):
            for leg in list(self._legs.values()):
                leg.tick(now)
        self._loop.call_at(self._next, self._step)

    def _report(self) -> None:
        now = self._loop.time()
        for leg in self._legs.values():
            leg.report(now)

    def _write(self) -> None:
        now = self._loop.time()
        for recording, _, _ in self._recordings.values():
            self._writer.write(recording.file, recording.write(now))

    def _sweep(self) -> None:
        folder, keep = self._folder, self._keep
        if folder is not None and keep > 0:
            busy = [recording.file.part for recording, _, _ in self._recordings.values()]
            self._writer.do(lambda: self._swept(sweep(folder, time.time() - keep, busy)))

    # Others

    def _part(self, leg: Leg) -> None:
        other, leg.other = leg.other, None
        leg.reroute()
        if other is not None:
            other.other = None
            other.reroute()

    def _stop_recordings(self, leg: Leg) -> None:
        """End every recording that this leg is in."""
        for key, (recording, first, second) in list(self._recordings.items()):
            if leg in (first, second):
                del self._recordings[key]
                first.tap = second.tap = None
                self._writer.write(recording.file, recording.write(self._loop.time(), last=True), last=True)

    def _rescue(self) -> None:
        assert self._folder is not None
        try:
            found = rescue(self._folder)
        except OSError as error:
            self._from_thread("log", "warning", "recordings folder cannot be read", {"error": str(error)})
            return
        if found:
            self._from_thread("log", "warning", "recordings rescued", {"files": len(found)})

    def _swept(self, removed: int) -> None:
        if removed:
            self._from_thread("log", "info", "old recordings removed", {"files": removed})

    def _bad_prompt(self, path: Path, text: str) -> None:
        self._from_thread("log", "warning", "prompt cannot be read", {"file": str(path), "error": text})

    def _bad_recording(self, path: Path, text: str) -> None:
        self._from_thread("alarm", "recordings", f"{path.name} cannot be written: {text}")

    def _from_thread(self, *words: object) -> None:
        self._loop.call_soon_threadsafe(self._tell, *words)
