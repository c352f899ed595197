"""What callers in the queue room cost, and what they hear: so many who wait, with audio, while SIPp calls pass beside.

    python -m tests.bench.room [--callers 100] [--rate 50] [--seconds 60] [--alone 10] [--asking 0]

A real daemon with its media process. Every caller is joined to their place at a PBX that answers at once; both speak
all the time, 50 packets a second, each with the moment it was sent; the offer is played every 20 s. `--asking`: so many
of the callers ask for a callback while it is measured and keep their places. Beside it SIPp calls SIPp, `--rate` times
a second, on a number without the offer. Prints what failed, how late packets are that pass, the pauses between packets
that a caller hears, CPU and memory; and on one line what a caller costs signalling and media who enters (with the leg
that holds their place) and who waits, measured for `--alone` seconds without other calls, beside what a plain call
costs. Phones, SIPp and the daemon share the machine: how late the phones are themselves is shown beside it. Not a test.
"""

import argparse
import asyncio
import csv
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple, Self

from tests.bench.boomerang_element import Fresh
from tests.bench.callbacks import MEDIA_PORTS, lateness, show, spread
from tests.bench.load import sipp
from tests.bench.media import cpu_seconds, memory_mb
from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.rtp_phone import FRAME, PTIME, RtpPhone, is_report
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

PROXIED = "+3614449999"
"""The number that SIPp calls: it has a trunk and a PBX of its own."""
CALLERS = "+36207{:06}"
GROUPS = 10
"""Phones speak in so many groups, spread over 20 ms."""
STAMP = b"time"
HALF = 1 << 15
"""A step in the sequence by so much or more goes back: the packet came too late."""
AT_A_TIME = 20
"""Callers who ring in within a second."""
RTP_HEADER = 12
SO_TIMESTAMPNS = 35
"""Linux: each datagram comes with the moment at which the kernel had it."""
SETTLED = 3.0
"""Seconds from the last caller's answer to the measure."""


def scene(folder: Path, caller: int, callee: int) -> CallbackScene:
    """Everything but SIPp."""
    table = policy(queue_callback={"enabled": True, "offer_after": "5s", "offer_every": "20s"})
    table["number"][PROXIED] = {"trunk": "load", "pbx": "load"}
    found = CallbackScene(
        folder, policy=table, login=None, daemon=Fresh, office={"answers": "before_queue"},
        extra={"log": {"level": "warning"}, "media": {"ports": MEDIA_PORTS}},
        trunks={"load": {"peers": [f"sip:{LOOPBACK}:{caller}"]}},
        pbxs={"load": {"peers": [f"sip:{LOOPBACK}:{callee}"]}})
    found.pbx.plans[SHARED] = Plan(answer=0.05)
    return found


class Heard(NamedTuple):
    """One RTP packet that came."""

    at: int
    """When it came, ns."""
    sequence: int
    source: int
    """SSRC: another one is another stream."""
    sent: int | None
    """When it was sent, ns; None: it is of a prompt."""

    @classmethod
    def read(cls, at: int, data: bytes) -> Self | None:
        """Read a datagram; None: it is a report, which is part of no stream."""
        if is_report(data):
            return None
        sequence, _, source = struct.unpack_from("!HII", data, 2)
        sent = None
        if data[RTP_HEADER:].startswith(STAMP):
            sent = int.from_bytes(data[RTP_HEADER + 4 : RTP_HEADER + 12], "big")
        return cls(at, sequence, source, sent)


class Ear:
    """What one phone hears, by the kernel's clock: how late we read it does not count."""

    def __init__(self, rtp: RtpPhone) -> None:
        """On the loop of the phone, in the place of its own ear."""
        self._sock = rtp.sock
        self.packets: list[Heard] = []
        self._sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock.fileno())
        loop.add_reader(self._sock.fileno(), self._read)

    def _read(self) -> None:
        try:
            data, more, _, _ = self._sock.recvmsg(2048, 64)
        except OSError:
            return
        if not more:
            return  # it came before we asked for the time
        seconds, rest = struct.unpack("qq", more[0][2])
        heard = Heard.read(seconds * 10**9 + rest, data)
        if heard is not None:
            self.packets.append(heard)


async def speak(phones: list[RtpPhone]) -> None:
    """Have all phones speak, each packet with the moment it left."""
    due = time.monotonic()
    while True:
        for first in range(GROUPS):
            for rtp in phones[first::GROUPS]:
                if rtp.sock.fileno() >= 0:
                    rtp.send((STAMP + time.time_ns().to_bytes(8, "big")).ljust(FRAME, b"\x55"))
            due = max(due + PTIME / GROUPS, time.monotonic() - PTIME)  # what is too late is left out
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def missing_of(numbers: Sequence[int]) -> int:
    """How many packets between the first and the last of a stream never came, however they are ordered."""
    place, places = 0, {0}
    for before, after in pairwise(numbers):
        place += ((after - before + HALF) & 0xFFFF) - HALF
        places.add(place)
    return max(places) - min(places) + 1 - len(places)


def passed(ears: Sequence[Sequence[Heard]], since: int) -> dict[str, object]:
    """How late packets are that came through, and the pauses between packets of whatever kind; how many are missing
    within a stream, and how often an ear heard another stream than before."""
    late: list[float] = []
    pauses: list[float] = []
    missing = came = anew = 0
    for packets in ears:
        heard = [one for one in packets if one.at >= since]
        came += len(heard)
        late += [(one.at - one.sent) / 1e9 for one in heard if one.sent is not None]
        streams = [list(packets) for _, packets in groupby(heard, lambda one: one.source)]
        anew += max(0, len(streams) - 1)
        missing += sum(missing_of([one.sequence for one in packets]) for packets in streams)
        pauses += [(after.at - before.at) / 1e9 for before, after in pairwise(heard)]
    figures = {f"late_{key}": value for key, value in spread(late).items()}
    figures |= {f"pause_{key}": value for key, value in spread(pauses).items()}
    return {"packets": came, "of_prompts": came - len(late), "missing": missing, "streams_anew": anew, **figures,
            "late_over_40_ms": sum(1 for one in late if one > 0.04)}


def rings_in(site: CallbackScene, caller: str) -> FarCall:
    """One caller calls."""
    return site.loop.do(lambda: site.carrier.dial(SHARED, caller, site.boomerang.hop, Plan()))


def asks(site: CallbackScene, call: FarCall) -> None:
    """One caller asks for a callback on the number that they call from."""
    for key in "11":
        site.press(call, key)
        time.sleep(0.5)


class Spent(NamedTuple):
    """Seconds of CPU of both processes, and of time."""

    signalling: float
    media: float
    took: float

    def a_second(self) -> "Spent":
        """The same for each second."""
        return Spent(self.signalling / self.took, self.media / self.took, 1.0)


class Watch:
    """Says what both processes have spent since it was asked last."""

    def __init__(self, signalling: int, media: int) -> None:
        self._pids = signalling, media
        self._last = self._now()

    def _now(self) -> Spent:
        signalling, media = map(cpu_seconds, self._pids)
        return Spent(signalling, media, time.monotonic())

    def lap(self) -> Spent:
        last, now = self._last, self._now()
        self._last = now
        return Spent(now.signalling - last.signalling, now.media - last.media, now.took - last.took)


def cost(callers: int, entering: Spent, waiting: Spent, beside: Spent, calls: int) -> None:
    """Print what a caller costs, beside a plain call: milliseconds of CPU."""
    alone = waiting.a_second()
    plain = 1000 * (beside.signalling - alone.signalling * beside.took) / max(1, calls)
    enters = 1000 * entering.signalling / callers
    show("a caller", enters_ms=f"{enters:.2f}", enters_media_ms=f"{1000 * entering.media / callers:.2f}",
         waits_ms_a_minute=f"{60_000 * alone.signalling / callers:.2f}",
         waits_media_ms_a_minute=f"{60_000 * alone.media / callers:.0f}", plain_call_ms=f"{plain:.2f}",
         enters_of_plain=f"{enters / plain:.2f}" if plain > 0 else "-")


def run(folder: Path, options: argparse.Namespace) -> None:
    """Start everything, measure for so many seconds, and print."""
    caller, callee = free_port(), free_port()
    with scene(folder / "node", caller, callee) as site, Process(sipp(folder, "callee", callee), cwd=folder):
        assert site.boomerang.process is not None
        daemon, (media,) = site.boomerang.process.pid, site.media_processes()
        watch = Watch(daemon, media)
        calls: list[FarCall] = []
        for number in range(options.callers):
            calls.append(rings_in(site, CALLERS.format(number)))
            time.sleep(1 / AT_A_TIME)
        eventually(lambda: all(call.state == "up" for call in calls), f"{options.callers} callers wait")
        entering = watch.lap()
        places = list(site.pbx.calls)
        late: list[float] = []
        phones = [call.rtp for call in calls + places if call.rtp is not None]
        ears = site.loop.do(lambda: [Ear(rtp) for rtp in phones])
        site.loop.do(lambda: site.carrier.keep(speak(phones)))
        site.loop.do(lambda: site.carrier.keep(lateness(late)))
        time.sleep(SETTLED)
        watch.lap()
        time.sleep(options.alone)
        waiting = watch.lap()
        report = folder / "sipp.csv"
        argv = [word.replace(SHARED, PROXIED) for word in sipp(folder, "caller", caller)]
        scenario = folder / "caller.xml"
        scenario.write_text(scenario.read_text().replace(SHARED, PROXIED))
        argv += ["-r", str(options.rate), "-m", str(options.rate * options.seconds), "-d", "200", "-l", "100000",
                 "-trace_stat", "-stf", str(report), "-fd", "1", f"{LOOPBACK}:{site.boomerang.port}"]
        late.clear()
        begun = time.time_ns()
        watch.lap()
        beside = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for call in calls[: options.asking]:
            asks(site, call)
        beside.wait()
        spent = watch.lap()
        with report.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        stay = calls[options.asking :]
        show("callers", wait=sum(call.state == "up" for call in stay), of=len(stay),
             asked=sum(call.state == "over" for call in calls[: options.asking]),
             places=sum(call.state == "up" for call in places))
        proxied = int(last["SuccessfulCall(C)"]) + int(last["FailedCall(C)"])
        show("proxied", calls=proxied,
             failed=int(last["FailedCall(C)"]), retransmissions=int(last["Retransmissions(C)"]))
        for name, pid, seconds in (("signalling", daemon, spent.signalling), ("media", media, spent.media)):
            show(name, cpu=f"{100 * seconds / spent.took:.1f} % of a core", memory=f"{memory_mb(pid):.0f} MB")
        cost(options.callers, entering, waiting, spent, proxied)
        heard = [ear.packets for ear in ears]
        show("callers hear", **passed(heard[options.asking : len(calls)], begun))
        show("the PBX hears", **passed(heard[len(calls) :], begun))
        show("phones' lateness", **spread(late))


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("callers", 100), ("rate", 50), ("seconds", 60), ("alone", 10), ("asking", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(Path(folder), parser.parse_args())


if __name__ == "__main__":
    main()
