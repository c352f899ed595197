"""All sessions of the media process, and what the proxy may ask of them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, get_args

from proxy.media.contract import Clip, CodecName, StreamTerms
from proxy.media.library import Library
from proxy.media.ports import PortRange
from proxy.media.recordings import SWEEP_PAUSE, WRITE_PAUSE, Recordings
from proxy.media.settings import MediaSettings
from proxy.media.sound import Player, Sound
from proxy.media.speaker import TICK
from proxy.media.stream import Stream
from proxy.media.tones import Tone, beep, tone

REPORT_PAUSE: Final = 5.0
"""Seconds between two RTCP reports of a stream (RFC 3550 section 6.2)."""
BEHIND_MAX: Final = 5
"""Steps made up for after the process was held up; what is older is left out."""

Tell = Callable[..., None]


class Switchboard:
    """Sessions by number. `tell(event, ...)` goes to the proxy."""

    def __init__(self, settings: MediaSettings, tell: Tell, loop: asyncio.AbstractEventLoop) -> None:
        self._tell = tell
        self._loop = loop
        self._inband_keys = settings.inband_keys
        self._ports = PortRange(settings.listen, settings.first_port, settings.last_port)
        self._range = f"{settings.first_port}-{settings.last_port} of {settings.listen}"
        self._streams: dict[int, Stream] = {}
        self._numbers: dict[Stream, int] = {}
        self._ssrcs: dict[int, int] = {}
        folder = Path(settings.recordings) if settings.recordings else None
        self._recordings = Recordings(folder, settings.keep, tell, loop)
        self._library = Library(Path(settings.prompts) if settings.prompts else None, self._bad_prompt)
        self._timers: list[asyncio.TimerHandle] = []
        self._received = self._sent = 0
        """Packets of legs that are closed."""
        self._short_of_ports = False

    def start(self) -> None:
        """Begin to keep time."""
        self._recordings.open()
        self._every(REPORT_PAUSE, self._report)
        self._every(WRITE_PAUSE, self._recordings.write)
        self._every(SWEEP_PAUSE, self._recordings.sweep)
        for kind in get_args(Tone):
            for name in get_args(CodecName):
                tone(kind).encoded(name)  # now, so that no stream is held up later
        self._next = self._loop.time()
        self._step()

    def close(self) -> None:
        """End every session; recordings are whole when this returns."""
        for timer in self._timers:
            timer.cancel()
        for number in list(self._streams):
            self.close_stream(number)
        self._recordings.close()
        self._library.close()

    # Commands

    def open(self, number: int, name: str, port: int = 0) -> None:
        """Open a session, on the port that it had in the process before this one where it had one."""
        pair = self._ports.take_again(port) if port else self._ports.take()
        if port and pair is None:
            self._tell("log", "warning", "port of a session is taken", {"call": name, "port": port})
        elif (pair is None) != self._short_of_ports:
            self._short_of_ports = pair is None
            self._tell("alarm", "media_ports", f"no free port in {self._range}" if pair is None else None)
        if pair is None:
            self._tell("opened", number, 0)
            return
        stream = Stream(name, pair, self, self._ssrcs, self._loop)
        stream.watch_keys(self._inband_keys)
        self._streams[number] = stream
        self._numbers[stream] = number
        self._tell("opened", number, pair.port)

    def connect(self, number: int, terms: dict[str, Any]) -> None:
        """Send and receive as agreed."""
        if (stream := self._streams.get(number)) is not None:
            stream.connect(StreamTerms(**terms))

    def play(self, number: int, clips: list[list[str]], tag: int, pause: float | None) -> None:
        """Play clips, again after `pause` seconds where that is given; silence until a thread has the sounds."""
        stream = self._streams.get(number)
        if stream is None:
            return
        waiting = stream.speaker.player = Player([tone("silence")], repeat=True)
        name: CodecName = stream.terms.codec if stream.terms is not None else "PCMA"

        def begin(sounds: list[Sound]) -> None:
            if stream.speaker.player is waiting:
                stream.speaker.player = Player(sounds, pause is not None, lambda: self._played(stream, tag))

        def fetched(future: "Future[list[Sound]]") -> None:
            if not future.cancelled():
                sounds = [beep()] if future.exception() is not None else future.result()
                self._loop.call_soon_threadsafe(begin, sounds)

        self._library.fetch([Clip(*clip) for clip in clips], pause, name).add_done_callback(fetched)

    def tone(self, number: int, kind: str) -> None:
        """Play a tone until something else is asked for; `silence`: nothing."""
        if (stream := self._streams.get(number)) is None or kind not in get_args(Tone):
            return
        which: Tone = kind  # type: ignore[assignment]
        stream.speaker.player = None if which == "silence" else Player([tone(which)], repeat=True)

    def press(self, number: int, digits: str) -> None:
        """Send keys."""
        if (stream := self._streams.get(number)) is not None:
            stream.press(digits)

    def join(self, number: int, other: int) -> None:
        """Let two sessions hear each other."""
        first, second = self._streams.get(number), self._streams.get(other)
        if first is None or second is None or first is second:
            return
        for stream, partner in ((first, second), (second, first)):
            if stream.other is not partner:
                self._part(stream)
            stream.speaker.player = None
        for stream, partner in ((first, second), (second, first)):
            stream.other = partner
        first.reroute()
        second.reroute()

    def part(self, number: int) -> None:
        """Undo `join`."""
        if (stream := self._streams.get(number)) is not None:
            self._part(stream)

    def record(self, number: int, other: int, file: str) -> None:
        """Record two sessions."""
        first, second = self._streams.get(number), self._streams.get(other)
        if first is not None and second is not None:
            self._recordings.start(first, second, file)

    def stop_recording(self, number: int) -> None:
        """End a recording."""
        if (stream := self._streams.get(number)) is not None:
            self._recordings.stop(stream)

    def watch(self, number: int, seconds: float) -> None:
        """Have silence told."""
        if (stream := self._streams.get(number)) is not None:
            stream.silence.seconds = seconds
            stream.silence.restart(self._loop.time())

    def watch_keys(self, number: int, on: bool) -> None:
        """Have keys in the audio told, or not."""
        if (stream := self._streams.get(number)) is not None:
            stream.watch_keys(on)

    def watch_tone(self, number: int, on: bool) -> None:
        """Have a beep told, or not."""
        if (stream := self._streams.get(number)) is not None:
            stream.watch_tone(on)

    def close_stream(self, number: int) -> None:
        """End a session."""
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        del self._numbers[stream]
        self._part(stream)
        self._recordings.stop(stream)
        stream.close()
        self._received += stream.received
        self._sent += stream.out.packets

    def figures(self) -> dict[str, float]:
        """Say how much there is to do."""
        streams = self._streams.values()
        return {
            "sessions": len(self._streams),
            "recordings": len(self._recordings),
            "cpu_s": round(time.process_time(), 3),
            "received": self._received + sum(stream.received for stream in streams),
            "sent": self._sent + sum(stream.out.packets for stream in streams),
        }

    # What legs tell

    def digit(self, stream: Stream, digit: str) -> None:
        """Pass on a key."""
        self._tell("digit", self._numbers[stream], digit)

    def heard(self, stream: Stream) -> None:
        """Pass on the first packet."""
        self._tell("heard", self._numbers[stream])

    def silent(self, stream: Stream, seconds: float) -> None:
        """Pass on silence."""
        self._tell("silent", self._numbers[stream], round(seconds, 1))

    def tone_heard(self, stream: Stream, seconds: float) -> None:
        """Pass on what sounds like a machine."""
        self._tell("tone", self._numbers[stream], seconds)

    def _played(self, stream: Stream, tag: int) -> None:
        if stream in self._numbers:
            self._tell("played", self._numbers[stream], tag)

    # Time

    def _every(self, seconds: float, job: Callable[[], None]) -> None:
        place = len(self._timers)

        def run() -> None:
            self._timers[place] = self._loop.call_later(seconds, run)
            job()

        self._timers.append(self._loop.call_later(seconds, run))

    def _step(self) -> None:
        """Let each stream send what is due, by a clock that does not drift."""
        now = self._loop.time()
        due = min(BEHIND_MAX, 1 + int((now - self._next) / TICK))
        self._next = max(self._next + due * TICK, now - TICK)
        for _ in range(due):
            for stream in list(self._streams.values()):
                stream.tick(now)
        self._loop.call_at(self._next, self._step)

    def _report(self) -> None:
        now = self._loop.time()
        for stream in self._streams.values():
            stream.report(now)

    # Others

    def _part(self, stream: Stream) -> None:
        other, stream.other = stream.other, None
        stream.reroute()
        if other is not None:
            other.other = None
            other.reroute()

    def _bad_prompt(self, path: Path, text: str) -> None:
        facts = {"file": str(path), "error": text}
        self._loop.call_soon_threadsafe(self._tell, "log", "warning", "prompt cannot be read", facts)
