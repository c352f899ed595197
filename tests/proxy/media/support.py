"""A media process with sessions in it, and a phone at the far end of each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from proxy.media.client import MediaClient
from proxy.media.contract import CodecName, MediaAddress, StreamTerms
from proxy.media.settings import MediaSettings
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import KEYS, PAYLOAD_TYPES, RtpPhone
from tests.kit.waiting import PATIENCE

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine, with a limit, so that a hang is a failure."""

    async def limited() -> T:
        async with asyncio.timeout(3 * PATIENCE):
            return await scenario

    return asyncio.run(limited())


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop work until `condition` holds."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE:g} s: {what}") from None


async def speak_until(phone: RtpPhone, hertz: float, condition: Callable[[], object], what: str) -> None:
    """Send a tone in real time for as long as `condition` asks: a slow machine may lose packets of it."""
    speaking = asyncio.create_task(phone.speak(hertz, PATIENCE))
    try:
        await until(condition, what)
    finally:
        speaking.cancel()


class Ears:
    """What one session told."""

    def __init__(self) -> None:
        self.addresses: list[MediaAddress | None] = []
        self.digits = ""
        self.played: list[int] = []
        self.silent: list[float] = []
        self.tones: list[float] = []
        self.heard = self.failed = 0

    def media_opened(self, address: MediaAddress | None) -> None:
        self.addresses.append(address)

    def media_digit(self, digit: str) -> None:
        self.digits += digit

    def media_heard(self) -> None:
        self.heard += 1

    def media_played(self, tag: int) -> None:
        self.played.append(tag)

    def media_silent(self, seconds: float) -> None:
        self.silent.append(seconds)

    def media_tone(self, seconds: float) -> None:
        self.tones.append(seconds)

    def media_failed(self) -> None:
        self.failed += 1


class Session:
    """A session and its phone."""

    def __init__(self, name: str, ears: Ears, phone: RtpPhone) -> None:
        self.name, self.ears, self.phone = name, ears, phone

    def stream(self, codec: CodecName = "PCMA", keys: int | None = KEYS, **more: Any) -> StreamTerms:
        """What its phone would have agreed on."""
        return StreamTerms(**{"host": self.phone.host, "port": self.phone.port, "codec": codec,
                         "payload_type": PAYLOAD_TYPES[codec], "dtmf": keys, **more})


class Studio:
    """The media process, what it is given and what was told of it."""

    def __init__(self, folder: Path, ports: int = 20, host: str = LOOPBACK, keep: float = 0.0,
                 inband_keys: bool = False) -> None:
        self.recordings, self.prompts = folder / "recordings", folder / "prompts"
        self.first = free_port(room=ports)
        self.alarms: list[tuple[str, str | None]] = []
        self.settings = MediaSettings(host, host, self.first, self.first + ports - 1, str(self.recordings),
                                      str(self.prompts), keep, inband_keys=inband_keys)
        self.media = MediaClient(self.settings, lambda *alarm: self.alarms.append(alarm))
        self.sessions: list[Session] = []

    async def session(self, name: str, codec: CodecName = "PCMA", connect: bool = True, **stream: Any) -> Session:
        """Open a session and connect it with a phone."""
        ears = Ears()
        self.media.open(name, ears)
        await until(lambda: ears.addresses, f"{name} opens")
        address = ears.addresses[0]
        assert address is not None
        session = Session(name, ears, RtpPhone(codec, self.settings.listen))
        session.phone.target = (address.host, address.port)
        self.sessions.append(session)
        if connect:
            self.media.connect(name, session.stream(codec, **stream))
        return session


@asynccontextmanager
async def studio(folder: Path, **options: Any) -> AsyncIterator[Studio]:
    """Start a media process, and end it."""
    it = Studio(folder, **options)
    await it.media.start()
    try:
        assert await it.media.wait_ready(), "the media process is ready"
        yield it
    finally:
        await it.media.stop()
        for session in it.sessions:
            session.phone.close()


class Names:
    """The media client, with the names of one room's sessions made its own."""

    NAMED = {"join": 2, "record": 2}

    def __init__(self, media: MediaClient, room: str) -> None:
        self._media, self._room = media, room

    def __getattr__(self, command: str) -> Any:
        found = getattr(self._media, command)
        if not callable(found):
            return found
        names = self.NAMED.get(command, 1)
        return lambda *words, **more: found(*(f"{self._room}/{word}" for word in words[:names]), *words[names:], **more)


class Room:
    """A part of a studio for one scenario: a studio lasts as long as the audio in it, so many share one at a time."""

    def __init__(self, studio: Studio, name: str) -> None:
        self._studio, self._name = studio, name
        self.media = Names(studio.media, name)
        self.recordings, self.prompts = studio.recordings, studio.prompts
        self._sessions: list[Session] = []

    def close(self) -> None:
        """Give ports and sockets to the next room."""
        for session in self._sessions:
            self.media.close(session.name)
            session.phone.close()

    async def session(self, name: str, codec: CodecName = "PCMA", connect: bool = True, **stream: Any) -> Session:
        """Open a session and connect it with a phone."""
        session = await self._studio.session(f"{self._name}/{name}", codec, connect, **stream)
        session.name = name
        self._sessions.append(session)
        return session


Scenario = Callable[[Room], Coroutine[Any, Any, None]]

AT_A_TIME = 10
"""Scenarios that share the process and this one's loop: more would wait for each other's arithmetic."""


async def play_all(folder: Path, scenarios: dict[str, Scenario]) -> dict[str, BaseException | None]:
    """Run scenarios beside each other; what each failed with."""
    turn = asyncio.Semaphore(AT_A_TIME)
    failures: dict[str, BaseException | None] = {}
    async with studio(folder, ports=60) as it:

        async def one(name: str, scenario: Scenario) -> None:
            async with turn:
                room = Room(it, name)
                try:
                    async with asyncio.timeout(2 * PATIENCE):
                        await scenario(room)
                    failures[name] = None
                except Exception as error:
                    failures[name] = error
                finally:
                    room.close()

        await asyncio.gather(*(one(*entry) for entry in scenarios.items()))
    return failures
