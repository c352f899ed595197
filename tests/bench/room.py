"""What callers in the queue room cost, and what they hear: so many who wait, with audio, while SIPp calls pass beside.

    python -m tests.bench.room [--callers 100] [--rate 50] [--seconds 60] [--asking 0]

A real daemon with its media process. Every caller is joined to their place at a PBX that answers at once; both speak
all the time, 50 packets a second, each with the moment it was sent; the offer is played every 20 s. `--asking`: so many
of the callers ask for a callback while it is measured and keep their places. Beside it SIPp calls SIPp, `--rate` times
a second, on a number without the offer. Prints what failed, how late packets are that pass, the pauses between packets
that a caller hears, CPU and memory. Phones, SIPp and the daemon share the machine: how late the phones are themselves
is shown beside it. Not a test.
"""

import argparse
import asyncio
import csv
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.bench.callbacks import MEDIA_PORTS, lateness, show, spread
from tests.bench.calls import sipp
from tests.bench.media import cpu_seconds, memory_mb
from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.rtp_phone import FRAME, PAYLOAD_TYPES, PTIME, Packet
from tests.kit.site import SHARED
from tests.kit.waiting import eventually

PROXIED = "+3614449999"
"""The number that SIPp calls: it has a trunk and a PBX of its own."""
CALLERS = "+36207{:06}"
GROUPS = 10
"""Phones speak in so many groups, spread over 20 ms."""
STAMP = b"time"
AT_A_TIME = 20
"""Callers who ring in within a second."""
SETTLED = 3.0
"""Seconds from the last caller's answer to the measure."""


def scene(folder: Path, caller: int, callee: int) -> CallbackScene:
    """Everything but SIPp."""
    table = policy(queue_callback={"enabled": True, "offer_after": "5s", "offer_every": "20s"})
    table["number"][PROXIED] = {"trunk": "load", "pbx": "load"}
    found = CallbackScene(
        folder, policy=table, login=None, extra={"log": {"level": "warning"}, "media": {"ports": MEDIA_PORTS}},
        trunks={"load": {"peers": [f"sip:{LOOPBACK}:{caller}"]}},
        pbxs={"load": {"peers": [f"sip:{LOOPBACK}:{callee}"]}})
    found.pbx.plans[SHARED] = Plan(answer=0.05)
    return found


async def speak(calls: list[FarCall]) -> None:
    """Have all phones speak, each packet with the moment it left."""
    due = time.monotonic()
    while True:
        speaking = [call.rtp for call in list(calls) if call.state == "up" and call.rtp is not None]
        for first in range(GROUPS):
            for rtp in speaking[first::GROUPS]:
                if rtp.sock.fileno() >= 0:
                    rtp.send((STAMP + time.monotonic_ns().to_bytes(8, "big")).ljust(FRAME, b"\x55"))
            due += PTIME / GROUPS
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def audio(calls: list[FarCall], since: float) -> Iterator[list[Packet]]:
    """What each phone has heard since then."""
    for call in calls:
        heard = call.rtp.heard if call.rtp else []
        yield [one for one in heard if one.at >= since and one.payload_type == PAYLOAD_TYPES["PCMA"]]


def passed(calls: list[FarCall], since: float) -> dict[str, object]:
    """How late packets are that came through, and the pauses between packets of whatever kind."""
    late, pauses = [], []
    came = lost = 0
    for heard in audio(calls, since):
        came += len(heard)
        late += [one.at - int.from_bytes(one.payload[4:12], "big") / 1e9 for one in heard if one.payload[:4] == STAMP]
        for before, after in pairwise(heard):
            lost += max(0, ((after.sequence - before.sequence) & 0xFFFF) - 1)
            pauses.append(after.at - before.at)
    figures = {f"late_{key}": value for key, value in spread(late).items()}
    figures |= {f"pause_{key}": value for key, value in spread(pauses).items()}
    return {"packets": came, "through": len(late), "missing": lost, **figures,
            "late_over_40_ms": sum(1 for one in late if one > 0.04)}


def rings_in(site: CallbackScene, caller: str) -> FarCall:
    """One caller calls."""
    return site.loop.do(lambda: site.carrier.dial(SHARED, caller, site.boomerang.hop, Plan()))


def asks(site: CallbackScene, call: FarCall) -> None:
    """One caller asks for a callback on the number that they call from."""
    for key in "11":
        site.press(call, key)
        time.sleep(0.5)


def run(folder: Path, options: argparse.Namespace) -> None:
    """Start everything, measure for so many seconds, and print."""
    caller, callee = free_port(), free_port()
    with scene(folder / "node", caller, callee) as site, Process(sipp(folder, "callee", callee), cwd=folder):
        assert site.boomerang.process is not None
        calls: list[FarCall] = []
        for number in range(options.callers):
            calls.append(rings_in(site, CALLERS.format(number)))
            time.sleep(1 / AT_A_TIME)
        eventually(lambda: all(call.state == "up" for call in calls), f"{options.callers} callers wait", 30)
        places = list(site.pbx.calls)
        late: list[float] = []
        site.loop.do(lambda: site.carrier.keep(speak(calls + places)))
        site.loop.do(lambda: site.carrier.keep(lateness(late)))
        time.sleep(SETTLED)
        daemon, (media,) = site.boomerang.process.pid, site.media_processes()
        report = folder / "sipp.csv"
        argv = [word.replace(SHARED, PROXIED) for word in sipp(folder, "caller", caller)]
        scenario = folder / "caller.xml"
        scenario.write_text(scenario.read_text().replace(SHARED, PROXIED))
        argv += ["-r", str(options.rate), "-m", str(options.rate * options.seconds), "-d", "200", "-l", "100000",
                 "-trace_stat", "-stf", str(report), "-fd", "1", f"{LOOPBACK}:{site.boomerang.port}"]
        late.clear()
        before, begun = (cpu_seconds(daemon), cpu_seconds(media)), time.monotonic()
        beside = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for call in calls[: options.asking]:
            asks(site, call)
        beside.wait()
        took = time.monotonic() - begun
        spent = [after - first for after, first in zip((cpu_seconds(daemon), cpu_seconds(media)), before, strict=True)]
        with report.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        waiting = calls[options.asking :]
        show("callers", wait=sum(call.state == "up" for call in waiting), of=len(waiting),
             asked=sum(call.state == "over" for call in calls[: options.asking]),
             places=sum(call.state == "up" for call in places))
        show("proxied", calls=int(last["SuccessfulCall(C)"]) + int(last["FailedCall(C)"]),
             failed=int(last["FailedCall(C)"]), retransmissions=int(last["Retransmissions(C)"]))
        for name, pid, cost in (("signalling", daemon, spent[0]), ("media", media, spent[1])):
            show(name, cpu=f"{100 * cost / took:.1f} % of a core", memory=f"{memory_mb(pid):.0f} MB")
        show("callers hear", **passed(waiting, begun))
        show("the PBX hears", **passed(places, begun))
        show("phones' lateness", **spread(late))


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("callers", 100), ("rate", 50), ("seconds", 60), ("asking", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(Path(folder), parser.parse_args())


if __name__ == "__main__":
    main()
