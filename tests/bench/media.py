"""What a leg in conversation costs the media process: CPU of one core, and what becomes of the packets.

    python -m tests.bench.media [--legs 100] [--seconds 10] [--codecs PCMA,PCMA] [--record] [--watch] [--play]
    python -m tests.bench.media --waiting 100 [--inband]

Joined pairs on loopback, each leg's far end a socket here that sends 50 packets a second. `--codecs`: of the two legs
of each pair. `--watch`: silence of every leg is watched. `--play`: nobody is joined, everybody hears a prompt instead.
`--waiting`: so many callers in a queue, each joined with a place that hears the PBX's music, who are told of the key
every ten seconds, each at a time of their own; `--inband`: callers speak, and keys are listened for in what they say.
How late a frame comes is measured at the caller's phone, against the timeline that the frames themselves have.
Not a test: nothing here fails on a slow machine.
"""

import argparse
import asyncio
import os
import socket
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import cast

import uvloop

from proxy.media.client import MediaClient
from proxy.media.contract import Clip, CodecName, MediaAddress, StreamTerms
from proxy.media.library import BUILT_IN
from proxy.media.rtp import codec
from proxy.media.settings import MediaSettings
from tests.kit import sounds
from tests.kit.ports import LOOPBACK
from tests.kit.rtp_phone import PAYLOAD_TYPES, packet

TICKS = os.sysconf("SC_CLK_TCK")
PTIME = 0.02
WARM_UP = 1.0
FRAME = 160
EVERY = 10.0
FIRST_PORT = 20_000
"""Below those that the kernel gives away; one that is taken is left out."""
VOICE = BUILT_IN / "en" / "type_number.wav"


class Ears:
    """Waits for the address of one leg."""

    def __init__(self) -> None:
        self.address: asyncio.Future[MediaAddress | None] = asyncio.get_running_loop().create_future()
        self.failed = False

    def media_opened(self, address: MediaAddress | None) -> None:
        self.address.set_result(address)

    def media_digit(self, digit: str) -> None: ...
    def media_heard(self) -> None: ...
    def media_played(self, tag: int) -> None: ...
    def media_silent(self, seconds: float) -> None: ...
    def media_tone(self, seconds: float) -> None: ...

    def media_failed(self) -> None:
        self.failed = True


class Phone:
    """The far end of one leg."""

    def __init__(self, place: int, codec: CodecName) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((LOOPBACK, 0))
        self.sock.setblocking(False)
        self.payload_type = PAYLOAD_TYPES[codec]
        self.ssrc = place
        self.sent = self.received = 0
        self.times: list[float] = []
        self.voice = b"\x55" * FRAME
        """What it says, again and again."""
        self.arrivals: list[tuple[bool, int, float]] = []
        """Of every packet: whether a new timeline begins with it, its timestamp, when it came."""
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def _read(self) -> None:
        data = self.sock.recv(2048)
        self.received += 1
        self.arrivals.append((data[1] > 127, int.from_bytes(data[4:8], "big"), time.monotonic()))
        # The sender's time travels in the first bytes of the audio; a codec that is not its own loses it.
        if len(self.times) < 200_000 and data[12:16] == b"time":
            self.times.append(time.monotonic() - int.from_bytes(data[20:28], "big") / 1e9)

    def send(self, target: tuple[str, int]) -> None:
        place = self.sent * FRAME % len(self.voice)
        payload = b"time1234" + time.monotonic_ns().to_bytes(8, "big") + self.voice[place + 16 : place + FRAME]
        self.sock.sendto(packet(self.payload_type, self.sent, self.sent * 160, self.ssrc, payload), target)
        self.sent += 1

    def lateness(self) -> list[float]:
        """Seconds that each packet came after its time; a timeline's first in time is its best one."""
        late: list[float] = []
        behind: list[float] = []
        first = 0
        for begins, timestamp, at in self.arrivals:
            if begins or not behind:
                late += [value - min(behind) for value in behind]
                behind, first = [], timestamp
            behind.append(at - ((timestamp - first + 0x80000000 & 0xFFFFFFFF) - 0x80000000) / 8000)
        return late + [value - min(behind) for value in behind]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def speak(phones: list[Phone], targets: list[tuple[str, int]], seconds: float) -> None:
    """Let all speak, spread over the 20 ms as real phones are."""
    end = time.monotonic() + seconds
    due = time.monotonic()
    group = max(1, len(phones) // 10)
    while due < end:
        for first in range(0, len(phones), group):
            for phone, target in zip(phones[first : first + group], targets[first : first + group], strict=True):
                phone.send(target)
            due += PTIME * group / len(phones)
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def run(arguments: argparse.Namespace, folder: str) -> None:
    if arguments.waiting:
        arguments.legs = 2 * arguments.waiting
    settings = MediaSettings(LOOPBACK, LOOPBACK, FIRST_PORT, FIRST_PORT + 4 * arguments.legs, recordings=folder,
                             inband_keys=arguments.inband)
    media = MediaClient(settings, lambda name, text: print(f"alarm {name}: {text}") if text else None)
    await media.start()
    assert await media.wait_ready()
    assert media.pid is not None
    codecs = cast("list[CodecName]", arguments.codecs.split(","))
    phones = [Phone(place, codecs[place % 2]) for place in range(arguments.legs)]
    ears = [Ears() for _ in phones]
    targets = []
    music, speech = law(next(sounds.music(1, 3.0))), law(VOICE.read_bytes()[44:])
    for place, (phone, ear) in enumerate(zip(phones, ears, strict=True)):
        name = str(place)
        media.open(name, ear)
        address = await ear.address
        assert address is not None
        targets.append((address.host, address.port))
        port = phone.sock.getsockname()[1]
        media.connect(name, StreamTerms(LOOPBACK, port, codecs[place % 2], phone.payload_type, 101))
        if arguments.waiting and place % 2:
            media.watch_keys(name, False)
            phone.voice = music
        elif arguments.waiting:
            phone.voice = speech
        if arguments.watch:
            media.watch_silence(name, 30)
        if arguments.play:
            media.play(name, [Clip("back_in_place")], 1, repeat=True)
        elif place % 2:
            media.join(str(place - 1), name)
            if arguments.record:
                media.record(str(place - 1), name, f"{place}.wav")
    await speak(phones, targets, WARM_UP)
    prompts = asyncio.create_task(tell_of_the_key(media, arguments.waiting))
    before, cpu, began = [(p.sent, p.received) for p in phones], cpu_seconds(media.pid), time.monotonic()
    for phone in phones:
        phone.times.clear()
        phone.arrivals.clear()
    await speak(phones, targets, arguments.seconds)
    await asyncio.sleep(0.2)
    spent, passed = cpu_seconds(media.pid) - cpu, time.monotonic() - began
    sent = sum(p.sent for p in phones) - sum(s for s, _ in before)
    received = sum(p.received for p in phones) - sum(r for _, r in before)
    times = [t for p in phones for t in p.times]
    cuts = quantiles(times, n=100) if len(times) > 100 else [0.0] * 99
    print(f"{arguments.legs} legs {arguments.codecs}{' recorded' * arguments.record}{' watched' * arguments.watch}"
          f"{' prompts' * arguments.play}: {100 * spent / passed:.1f} % of a core, "
          f"{100 * spent / passed / arguments.legs:.3f} % a leg, {memory_mb(media.pid):.0f} MB; "
          f"sent {sent}, came {received}; way through p50 {1e3 * cuts[49]:.2f} ms, p99 {1e3 * cuts[98]:.2f} ms")
    prompts.cancel()
    if arguments.waiting:
        late = quantiles([value for phone in phones[::2] for value in phone.lateness()], n=1000)
        print(f"{arguments.waiting} callers wait{', keys are heard in band' * arguments.inband}: frames late by "
              f"{1e3 * late[499]:.1f} ms (p50), {1e3 * late[989]:.1f} ms (p99), {1e3 * late[998]:.1f} ms (p99.9)")
    assert not any(ear.failed for ear in ears)
    await media.stop()


async def tell_of_the_key(media: MediaClient, callers: int) -> None:
    """Play the offer to each caller every ten seconds."""
    while callers:
        for caller in range(callers):
            media.play(str(2 * caller), [Clip("offer_callback"), Clip("digits", digits="1")], 1)
            await asyncio.sleep(EVERY / callers)


def law(pcm: bytes) -> bytes:
    """Encode as A-law, in whole frames."""
    return codec("PCMA").encode(pcm[: len(pcm) - len(pcm) % (2 * FRAME)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--codecs", default="PCMA,PCMA")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--play", action="store_true")
    parser.add_argument("--waiting", type=int, default=0)
    parser.add_argument("--inband", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(parser.parse_args(), folder))


if __name__ == "__main__":
    main()
