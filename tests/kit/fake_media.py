"""Media without sound: obeys `media/contract.py`, writes down what it was asked for, and hears what the test says.

What is told comes from the timers of the virtual clock, at the moment of asking: nothing calls back before it returned.
A test lets it happen with `wait 0`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from proxy.media.contract import Clip, MediaAddress, MediaEars, StreamTerms
from proxy.sip.timers import Timers

HOST = "127.0.0.1"
FIRST_PORT = 16384


@dataclass
class FakeSession:
    """One media session, and what a far end could make it hear."""

    name: str
    ears: MediaEars
    later: Callable[[Callable[[], None]], None]
    address: MediaAddress | None = None
    streams: list[StreamTerms] = field(default_factory=list)
    """Every agreement it was connected with."""
    doing: str = ""
    """`play callback_for digits:+36... press_1_or_2`, `tone ringback`, `joined OTHER`, or nothing."""
    clips: tuple[Clip, ...] = ()
    tag: int | None = None
    repeat: bool = False
    pause: float | None = None
    """Seconds between repeats; None: played once."""
    peer: str | None = None
    recording: str | None = None
    silence: float = 0.0
    watched: bool = False
    """Beeps are told."""
    inband: bool = True
    """Keys in the audio are told, where that is on."""
    closed: bool = False

    @property
    def stream(self) -> StreamTerms:
        """The newest agreement."""
        return self.streams[-1]

    def tell(self, what: Callable[[], None]) -> None:
        """Tell the ears something at the next look at the timers; nothing once it is closed."""
        self.later(lambda: None if self.closed else what())

    def press(self, digits: str) -> None:
        """The far end presses keys."""
        for digit in digits:
            self.tell(lambda digit=digit: self.ears.media_digit(digit))  # type: ignore[misc]

    def heard(self) -> None:
        """The first RTP packet comes."""
        self.tell(self.ears.media_heard)

    def played(self) -> None:
        """What is played comes to its end."""
        tag = self.tag
        assert tag is not None, f"{self.name} plays nothing"
        self.tag, self.doing = None, ""
        self.tell(lambda: self.ears.media_played(tag))

    def silent(self, seconds: float) -> None:
        """Nothing was heard for so long."""
        self.tell(lambda: self.ears.media_silent(seconds))

    def beep(self, seconds: float = 2.0) -> None:
        """A machine beeps."""
        assert self.watched, f"{self.name} is not asked for beeps"
        self.tell(lambda: self.ears.media_tone(seconds))

    def fail(self) -> None:
        """The media process is gone."""
        self.tell(self.ears.media_failed)


class FakeMedia:
    """All sessions of a test."""

    def __init__(self, timers: Timers, clock: Callable[[], float]) -> None:
        self._timers, self._clock = timers, clock
        self.sessions: dict[str, FakeSession] = {}
        """Those that are open, by name."""
        self.past: list[FakeSession] = []
        """Those that were closed, oldest first."""
        self.log: list[str] = []
        """What was asked for, one line each: `open NAME`, `connect NAME PCMA 8`, `close NAME`."""
        self.full = False
        """No port is left: sessions open without an address."""
        self.queue_limit = 750
        """Sessions that callers in queues and their places may have."""
        self.dead = False
        """Nothing is ever told."""
        self._next_port = FIRST_PORT

    def __getitem__(self, name: str) -> FakeSession:
        return self.sessions[name]

    def _later(self, what: Callable[[], None]) -> None:
        if not self.dead:
            self._timers.at(self._clock(), lambda now: what())

    @property
    def up(self) -> bool:
        return not self.dead

    def want(self) -> None:
        self.log.append("wanted")

    async def stop(self) -> None:
        self.log.append("stopped")

    # -- Media

    def open(self, name: str, ears: MediaEars) -> None:
        assert name not in self.sessions, f"{name} is open already"
        self.log.append(f"open {name}")
        session = self.sessions[name] = FakeSession(name, ears, self._later)
        if not self.full:
            session.address = MediaAddress(HOST, self._next_port)
            self._next_port += 2
        session.tell(lambda: session.ears.media_opened(session.address))

    def connect(self, name: str, stream: StreamTerms) -> None:
        self.log.append(f"connect {name} {stream.codec} {stream.payload_type}")
        self.sessions[name].streams.append(stream)

    def play(self, name: str, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        session = self.sessions[name]
        shown = " ".join(f"{clip.prompt}:{clip.digits}" if clip.digits else clip.prompt for clip in clips)
        session.clips, session.tag, session.repeat, session.doing = tuple(clips), tag, repeat, f"play {shown}"
        session.pause = pause if repeat else None
        self.log.append(f"play {name} {shown}")

    def tone(self, name: str, kind: Literal["ringback", "comfort", "busy", "silence"]) -> None:
        session = self.sessions[name]
        session.clips, session.tag = (), None
        session.doing = "" if kind == "silence" else f"tone {kind}"
        self.log.append(f"tone {name} {kind}")

    def press(self, name: str, digits: str) -> None:
        self.log.append(f"press {name} {digits}")

    def join(self, first: str, second: str) -> None:
        for name, other in ((first, second), (second, first)):
            session = self.sessions[name]
            session.peer, session.clips, session.tag, session.doing = other, (), None, f"joined {other}"
        self.log.append(f"join {first} {second}")

    def part(self, name: str) -> None:
        self.log.append(f"part {name}")
        self._part(name)

    def _part(self, name: str) -> None:
        session = self.sessions.get(name)
        other = None if session is None or session.peer is None else self.sessions.get(session.peer)
        for one in (session, other):
            if one is not None and one.peer is not None:
                one.peer, one.doing = None, "" if one.tag is None else one.doing

    def record(self, first: str, second: str, file: str) -> None:
        assert self.sessions[first].peer == second, "only joined legs are recorded"
        self.sessions[first].recording = file
        self.log.append(f"record {first} {second} {file}")

    def stop_recording(self, first: str) -> None:
        self.log.append(f"stop_recording {first}")
        if first in self.sessions:
            self.sessions[first].recording = None

    def room_for_queue(self, sessions: int) -> bool:
        return sessions <= self.queue_limit

    def watch_silence(self, name: str, seconds: float) -> None:
        self.log.append(f"watch_silence {name} {seconds:g}")
        self.sessions[name].silence = seconds

    def watch_keys(self, name: str, on: bool) -> None:
        self.sessions[name].inband = on

    def watch_tone(self, name: str, on: bool) -> None:
        self.log.append(f"watch_tone {name} {on}")
        self.sessions[name].watched = on

    def close(self, name: str) -> None:
        session = self.sessions.get(name)
        if session is None:
            return
        self.log.append(f"close {name}")
        self._part(name)
        session.closed = True
        self.past.append(self.sessions.pop(name))
