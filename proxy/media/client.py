"""Media in the proxy's process: `Media` of contract.py, spoken over a line to the process that does it.

Nothing here blocks, and nothing calls back before it returns: what there is to tell comes in a later turn of the loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Literal

import structlog

from proxy.media.contract import Clip, MediaAddress, MediaEars, StreamTerms
from proxy.media.ports import pairs
from proxy.media.process import MediaProcess
from proxy.media.settings import MediaSettings

log = structlog.get_logger(__name__)


class _StreamRecord:
    """A stream of the media process, as the proxy knows it."""

    __slots__ = ("ears", "name", "number", "open")

    def __init__(self, number: int, name: str, ears: MediaEars) -> None:
        self.number = number
        self.name = name
        self.ears = ears
        self.open = False
        """Its `media_opened` was told."""


class MediaClient:
    """Media sessions, one a leg, by the name of the leg. `start` before use; all in the thread of one event loop.

    `alarm(name, text)` is told when the media process is down, or something of it does not work; text None: well again.
    """

    def __init__(self, settings: MediaSettings, alarm: Callable[[str, str | None], None]) -> None:
        self._settings = settings
        self._process = MediaProcess(settings, self._heard, self._lost, alarm)
        self._numbers = count(1)
        self._by_name: dict[str, _StreamRecord] = {}
        self._by_number: dict[int, _StreamRecord] = {}
        self._wanted: asyncio.Task[None] | None = None

    def want(self) -> None:
        """Have a media process from now on: started at the first time."""
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_task(self.start())

    async def start(self) -> None:
        """Start the media process. A failure is an alarm and a later try, never an error here."""
        await self._process.start()

    async def wait_ready(self, timeout: float = 10.0) -> bool:
        """Wait until the media process is ready; False: not within `timeout` seconds."""
        return await self._process.wait_ready(timeout)

    async def stop(self) -> None:
        """End the media process. Sessions that are left hear nothing more."""
        if self._wanted is not None:
            await self._wanted
        self._by_name.clear()
        self._by_number.clear()
        await self._process.stop()

    @property
    def up(self) -> bool:
        """Whether the media process is there."""
        return self._process.up

    @property
    def pid(self) -> int | None:
        """Process id of the media process."""
        return self._process.pid

    @property
    def figures(self) -> dict[str, Any]:
        """What the media process last said of itself: `sessions`, `recordings`, `cpu_s`, `received`, `sent`."""
        return self._process.figures

    def open(self, name: str, ears: MediaEars) -> None:
        """Open a session: `ears.media_opened` follows."""
        self.close(name)
        session = _StreamRecord(next(self._numbers), name, ears)
        self._by_name[name] = session
        self._by_number[session.number] = session
        if self._process.up:
            self._process.send("open", session.number, name)
        else:
            asyncio.get_running_loop().call_soon(self._opened, session.number, 0)

    def room_for_queue(self, sessions: int) -> bool:
        """Say whether callers in queues and their places may have so many sessions in all; asked before one is taken.

        They get the share of the ports that `media.queue_share` gives them, so that callbacks find one.
        """
        settings = self._settings
        return 100 * sessions <= settings.queue_share * pairs(settings.first_port, settings.last_port)

    def connect(self, name: str, stream: StreamTerms) -> None:
        """Send and receive as agreed; again with each new agreement (hold, another address, another codec)."""
        self._tell("connect", name, stream._asdict())

    def play(self, name: str, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        """Play in place of anything else; `repeat`: with so many seconds between, until something else is asked for."""
        self._tell("play", name, [list(clip) for clip in clips], tag, pause if repeat else None)

    def tone(self, name: str, kind: Literal["ringback", "comfort", "busy", "silence"]) -> None:
        """Play a tone until something else is asked for; `silence` stops whatever is played."""
        self._tell("tone", name, kind)

    def press(self, name: str, digits: str) -> None:
        """Send keys to the far end, as RFC 4733 where it has that, else as tones."""
        self._tell("press", name, digits)

    def join(self, first: str, second: str) -> None:
        """Let two legs hear each other: audio and keys cross in both directions; stops what is played on them."""
        if (other := self._by_name.get(second)) is not None:
            self._tell("join", first, other.number)

    def part(self, name: str) -> None:
        """Undo `join`; both hear nothing then."""
        self._tell("part", name)

    def record(self, first: str, second: str, file: str) -> None:
        """Record two joined legs into a WAV file (two channels, `first` on the left) of the recordings folder."""
        if (other := self._by_name.get(second)) is not None:
            self._tell("record", first, other.number, file)

    def stop_recording(self, first: str) -> None:
        """End it; the file is whole then."""
        self._tell("stop_recording", first)

    def watch_silence(self, name: str, seconds: float) -> None:
        """Have silence of so many seconds told (`media_silent`); 0: no more."""
        self._tell("watch", name, seconds)

    def watch_keys(self, name: str, on: bool) -> None:
        """Have keys in the audio told (`media_digit`), or no more; a session begins with them.

        Nothing is told where `media.inband_keys` is off, nor of a far end that has sent a key as RFC 4733.
        """
        if self._settings.inband_keys:
            self._tell("watch_keys", name, on)

    def watch_tone(self, name: str, on: bool) -> None:
        """Have what sounds like a voicemail box told (`media_tone`), or no more."""
        self._tell("watch_tone", name, on)

    def close(self, name: str) -> None:
        """End a session and give its port back. Unknown names are ignored."""
        session = self._by_name.pop(name, None)
        if session is not None:
            del self._by_number[session.number]
            self._process.send("close", session.number)

    def _tell(self, command: str, name: str, *words: object) -> None:
        session = self._by_name.get(name)
        if session is not None:
            self._process.send(command, session.number, *words)

    def _heard(self, words: list[Any]) -> None:
        kind, number, *rest = words
        session = self._by_number.get(number)
        if session is None:
            return  # closed meanwhile
        try:
            self._tell_ears(session, kind, rest)
        except Exception as error:  # a fault of one leg must not close the line for all
            log.error("media event failed", call=session.name, event_kind=kind, exc_info=error)

    def _tell_ears(self, session: _StreamRecord, kind: str, rest: list[Any]) -> None:
        ears = session.ears
        match kind, *rest:
            case "opened", int(port):
                self._opened(session.number, port)
            case "digit", str(digit):
                ears.media_digit(digit)
            case ("heard",):
                ears.media_heard()
            case "played", int(tag):
                ears.media_played(tag)
            case "silent", (int() | float()) as seconds:
                ears.media_silent(float(seconds))
            case "tone", (int() | float()) as seconds:
                ears.media_tone(float(seconds))

    def _opened(self, number: int, port: int) -> None:
        session = self._by_number.get(number)
        if session is None:
            return
        session.open = True
        session.ears.media_opened(MediaAddress(self._settings.advertise, port) if port else None)

    def _lost(self) -> None:
        """The media process is gone, and every session with it."""
        sessions = list(self._by_number.values())
        self._by_name.clear()
        self._by_number.clear()
        for session in sessions:
            try:
                if session.open:
                    session.ears.media_failed()
                else:
                    session.ears.media_opened(None)
            except Exception as error:
                log.error("media event failed", call=session.name, event_kind="lost", exc_info=error)
