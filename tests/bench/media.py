"""What a leg in conversation costs the media process: CPU of one core, and what becomes of the packets.

    python -m tests.bench.media [--legs 100] [--seconds 10] [--codecs PCMA,PCMA] [--record] [--watch] [--play]

Joined pairs on loopback, each leg's far end a socket here that sends 50 packets a second. `--codecs`: of the two legs
of each pair. `--watch`: silence of every leg is watched. `--play`: nobody is joined, everybody hears a prompt instead.
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
from proxy.media.settings import MediaSettings
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import PAYLOAD_TYPES, packet

TICKS = os.sysconf("SC_CLK_TCK")
PTIME = 0.02
WARM_UP = 1.0


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
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def _read(self) -> None:
        data = self.sock.recv(2048)
        self.received += 1
        # The sender's time travels in the first bytes of the audio; a codec that is not its own loses it.
        if len(self.times) < 200_000 and data[12:16] == b"time":
            self.times.append(time.monotonic() - int.from_bytes(data[16:24], "big") / 1e9)

    def send(self, target: tuple[str, int]) -> None:
        payload = (b"time" + time.monotonic_ns().to_bytes(8, "big")).ljust(160, b"\x55")
        self.sock.sendto(packet(self.payload_type, self.sent, self.sent * 160, self.ssrc, payload), target)
        self.sent += 1


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
    first = free_port(room=2 * arguments.legs)
    settings = MediaSettings(LOOPBACK, LOOPBACK, first, first + 2 * arguments.legs - 1, recordings=folder)
    media = MediaClient(settings, lambda name, text: print(f"alarm {name}: {text}") if text else None)
    await media.start()
    assert await media.wait_ready()
    assert media.pid is not None
    codecs = cast("list[CodecName]", arguments.codecs.split(","))
    phones = [Phone(place, codecs[place % 2]) for place in range(arguments.legs)]
    ears = [Ears() for _ in phones]
    targets = []
    for place, (phone, ear) in enumerate(zip(phones, ears, strict=True)):
        name = str(place)
        media.open(name, ear)
        address = await ear.address
        assert address is not None
        targets.append((address.host, address.port))
        port = phone.sock.getsockname()[1]
        media.connect(name, StreamTerms(LOOPBACK, port, codecs[place % 2], phone.payload_type, 101))
        if arguments.watch:
            media.watch_silence(name, 30)
        if arguments.play:
            media.play(name, [Clip("back_in_place")], 1, repeat=True)
        elif place % 2:
            media.join(str(place - 1), name)
            if arguments.record:
                media.record(str(place - 1), name, f"{place}.wav")
    await speak(phones, targets, WARM_UP)
    before, cpu, began = [(p.sent, p.received) for p in phones], cpu_seconds(media.pid), time.monotonic()
    for phone in phones:
        phone.times.clear()
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
    assert not any(ear.failed for ear in ears)
    await media.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--codecs", default="PCMA,PCMA")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--play", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(parser.parse_args(), folder))


if __name__ == "__main__":
    main()
