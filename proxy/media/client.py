"""Media in the proxy's process: `Media` of contract.py, spoken over a line to the process that does it.

Nothing here blocks, and nothing calls back before it returns: what there is to tell comes in a later turn of the loop.

When the media process ends the sessions do not: the next process opens them on the same ports and does again what was
asked of them. Only who waits longer than `BACK_WITHIN` is told that media failed.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final, Literal

from proxy.logger import get_logger
from proxy.media.contract import Clip, MediaAddress, MediaEars, StreamTerms
from proxy.media.ports import pairs
from proxy.media.process import CALM, MediaProcess
from proxy.media.sessions import Playing, RecordingRecord, SessionRecord, play_command, reopening
from proxy.media.settings import MediaSettings

BACK_WITHIN: Final = 20.0
"""Seconds within which a session must be open again after its process ended; else `media_failed` is told."""
LOSSES_MAX: Final = 5
"""Processes that may end with a session soon after their start: it might be what ends them."""

log = get_logger()


class MediaClient:
    """Media sessions, one a leg, by the name of the leg. `start` before use; all in the thread of one event loop.

    `alarm(name, text)` is told when the media process is down, or something of it does not work; text None: well again.
    """

    def __init__(self, settings: MediaSettings, alarm: Callable[[str, str | None], None]) -> None:
        self._settings = settings
        self._process = MediaProcess(settings, self._heard, self._started, self._lost, alarm)
        self._numbers = count(1)
        self._by_name: dict[str, SessionRecord] = {}
        self._by_number: dict[int, SessionRecord] = {}
        self._recordings: list[RecordingRecord] = []
        self._wanted: asyncio.Task[None] | None = None
        self._give_up_at: asyncio.TimerHandle | None = None

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
        if self._give_up_at is not None:
            self._give_up_at.cancel()
        self._by_name.clear()
        self._by_number.clear()
        self._recordings.clear()
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
        session = SessionRecord(next(self._numbers), name, ears)
        self._by_name[name] = session
        self._by_number[session.number] = session
        if self._process.up:
            self._process.send("open", session.number, name, 0)
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
        if (session := self._by_name.get(name)) is not None:
            session.terms = stream
            self._process.send("connect", session.number, stream._asdict())

    def play(self, name: str, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        """Play in place of anything else; `repeat`: with so many seconds between, until something else is asked for."""
        if (session := self._by_name.get(name)) is not None:
            playing = Playing(tuple(clips), tag, pause if repeat else None)
            session.play(playing)
            self._process.send(*play_command(session, playing))

    def tone(self, name: str, kind: Literal["ringback", "comfort", "busy", "silence"]) -> None:
        """Play a tone until something else is asked for; `silence` stops whatever is played."""
        if (session := self._by_name.get(name)) is not None:
            session.play(None, "" if kind == "silence" else kind)
            self._process.send("tone", session.number, kind)

    def press(self, name: str, digits: str) -> None:
        """Send keys to the far end, as RFC 4733 where it has that, else as tones."""
        if (session := self._by_name.get(name)) is not None:
            self._process.send("press", session.number, digits)

    def join(self, first: str, second: str) -> None:
        """Let two legs hear each other: audio and keys cross in both directions; stops what is played on them."""
        one, other = self._by_name.get(first), self._by_name.get(second)
        if one is not None and other is not None and one is not other:
            one.join(other)
            self._process.send("join", one.number, other.number)

    def part(self, name: str) -> None:
        """Undo `join`; both hear nothing then."""
        if (session := self._by_name.get(name)) is not None:
            session.part()
            self._process.send("part", session.number)

    def record(self, first: str, second: str, file: str) -> None:
        """Record two joined legs into a WAV file (two channels, `first` on the left) of the recordings folder."""
        one, other = self._by_name.get(first), self._by_name.get(second)
        if one is not None and other is not None:
            self._end_recording(one, other)
            self._recordings.append(RecordingRecord(one, other, file))
            self._process.send("record", one.number, other.number, file)

    def stop_recording(self, first: str) -> None:
        """End it; the file is whole then."""
        if (session := self._by_name.get(first)) is not None:
            self._end_recording(session)
            self._process.send("stop_recording", session.number)

    def watch_silence(self, name: str, seconds: float) -> None:
        """Have silence of so many seconds told (`media_silent`); 0: no more."""
        if (session := self._by_name.get(name)) is not None:
            session.silence = seconds
            self._process.send("watch", session.number, seconds)

    def watch_keys(self, name: str, on: bool) -> None:
        """Have keys in the audio told (`media_digit`), or no more; a session begins with them.

        Nothing is told where `media.inband_keys` is off, nor of a far end that has sent a key as RFC 4733.
        """
        session = self._by_name.get(name)
        if session is not None and self._settings.inband_keys:
            session.keys = on
            self._process.send("watch_keys", session.number, on)

    def watch_tone(self, name: str, on: bool) -> None:
        """Have what sounds like a voicemail box told (`media_tone`), or no more."""
        if (session := self._by_name.get(name)) is not None:
            session.beeps = on
            self._process.send("watch_tone", session.number, on)

    def close(self, name: str) -> None:
        """End a session and give its port back. Unknown names are ignored."""
        session = self._by_name.get(name)
        if session is not None:
            self._remove(session)
            self._process.send("close", session.number)

    def _remove(self, session: SessionRecord) -> None:
        session.part()
        self._end_recording(session)
        del self._by_name[session.name]
        del self._by_number[session.number]

    def _end_recording(self, *sessions: SessionRecord) -> None:
        self._recordings = [one for one in self._recordings if one.first not in sessions and one.second not in sessions]

    # What the process says

    def _heard(self, words: list[Any]) -> None:
        kind, number, *rest = words
        session = self._by_number.get(number)
        if session is None:
            return  # closed meanwhile
        try:
            self._tell_ears(session, kind, rest)
        except Exception as error:  # a fault of one leg must not close the line for all
            log.error("media event failed", call=session.name, event_kind=kind, exc_info=error)

    def _tell_ears(self, session: SessionRecord, kind: str, rest: list[Any]) -> None:
        ears = session.ears
        match kind, *rest:
            case "opened", int(port):
                self._opened(session.number, port)
            case "digit", str(digit):
                ears.media_digit(digit)
            case ("heard",):
                if not session.heard:
                    session.heard = True
                    ears.media_heard()
            case "played", int(tag):
                if session.playing is not None and session.playing.tag == tag:
                    session.playing = None
                ears.media_played(tag)
            case "silent", (int() | float()) as seconds:
                ears.media_silent(float(seconds))
            case "tone", (int() | float()) as seconds:
                ears.media_tone(float(seconds))

    def _opened(self, number: int, port: int) -> None:
        session = self._by_number.get(number)
        if session is None:
            return
        if session.lost_at is not None:
            session.lost_at = None
            if port != session.port:  # somebody has it by now
                self._fail(session)
            return
        if not port:  # a process that was there a moment later may have opened it
            self._fail(session)
            return
        session.port = port
        session.ears.media_opened(MediaAddress(self._settings.advertise, port))

    # One process ends, another begins

    def _lost(self, lived: float) -> None:
        """The media process is gone: what is open waits for the next; what is not, is told that there is none."""
        now = asyncio.get_running_loop().time()
        for session in list(self._by_number.values()):
            session.losses = session.losses + 1 if lived < CALM else 1
            if not session.port or session.losses > LOSSES_MAX:
                self._fail(session)
            elif session.lost_at is None:
                session.lost_at = now
        for recording in self._recordings:
            recording.part += 1
        self._look_again(now)

    def _started(self) -> None:
        """Another process is there, and takes the sessions over before anything new is asked of it."""
        for command in reopening(self._by_number.values(), self._recordings):
            self._process.send(*command)

    def _look_again(self, now: float) -> None:
        """See to it that whoever is not open again in time is told."""
        if self._give_up_at is not None:
            self._give_up_at.cancel()
            self._give_up_at = None
        moments = [session.lost_at for session in self._by_number.values() if session.lost_at is not None]
        if moments:
            loop = asyncio.get_running_loop()
            self._give_up_at = loop.call_at(min(moments) + BACK_WITHIN, self._give_up)

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in list(self._by_number.values()):
            if session.lost_at is not None and now - session.lost_at >= BACK_WITHIN - 0.001:
                self._fail(session)
        self._look_again(now)

    def _fail(self, session: SessionRecord) -> None:
        """Nothing more will come of a session."""
        if self._by_number.get(session.number) is not session:
            return  # its owner closed it when another failed
        self._remove(session)
        self._process.send("close", session.number)
        try:
            if session.port:
                session.ears.media_failed()
            else:
                session.ears.media_opened(None)
        except Exception as error:
            log.error("media event failed", call=session.name, event_kind="lost", exc_info=error)
