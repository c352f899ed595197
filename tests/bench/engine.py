"""What the engine alone costs a call, in a hot loop: no sockets, no rules, no database.

    python -m tests.bench.engine [--calls 3000] [--repeat 3] [--beside FOLDER]

One call is six messages in (INVITE, 180, 200, ACK, BYE, 200), the seven that leave for them, and time that passes.
Prints microseconds of CPU a call. `--beside FOLDER`: another copy of the project with its tests, such as
`.venv-tests/compiled` of `tests/run`, takes its turns too. Not a test: nothing here fails on a slow machine.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.kit.boomerang import ROOT
from tests.kit.sip_text import Message, build
from tests.kit.world import PBX, TRUNK, World

WARM = 300
"""Calls before the clock runs."""
LINGER = 0.02
"""Seconds of virtual time from one call to the next: 50 a second, so timers of many calls lie in the heap."""


COPIED = ("via", "record-route", "from", "call-id", "cseq")
"""What a response has of its request, beside To."""


def reply(request: bytes, status: str, tag: str = "") -> bytes:
    """A response to a request that the engine sent on."""
    seen = Message(request)
    lines = [line for line in seen.lines if line.partition(":")[0].lower() in COPIED]
    return build(f"SIP/2.0 {status}", [*lines, f"To: {seen.header('to')}{tag}", "Contact: <sip:callee@127.0.0.1:5080>"])


def one(world: World, number: int) -> float:
    """Make one call; return the seconds of CPU that the engine took, without those of who speaks with it."""
    spent = 0.0

    def give(data: bytes, source: tuple[str, int]) -> bytes:
        """Return what was sent last for it."""
        nonlocal spent
        flow = world.flow(source)
        began = time.thread_time()
        world.proxy.receive(data, flow)
        spent += time.thread_time() - began
        return world.taken()[-1].data

    def request(method: str, cseq: int, uri: str, more: list[str]) -> bytes:
        return build(f"{method} {uri} SIP/2.0", [
            f"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{number}{method}", "Max-Forwards: 70",
            f"From: <sip:+3620{number:07}@127.0.0.1>;tag=a{number}", f"Call-ID: {number}@127.0.0.1",
            f"CSeq: {cseq} {method}", "Contact: <sip:caller@127.0.0.1:5070>", *more])

    to = "To: <sip:+3614445555@127.0.0.1>"
    invited = give(request("INVITE", 1, "sip:+3614445555@127.0.0.1", [to]), TRUNK)
    give(reply(invited, "180 Ringing", ";tag=b"), PBX)
    routes = [f"Route: {value}" for value in Message(give(reply(invited, "200 OK", ";tag=b"), PBX)).all("record-route")]
    give(request("ACK", 1, "sip:callee@127.0.0.1:5080", [f"{to};tag=b", *routes]), TRUNK)
    ending = give(request("BYE", 2, "sip:callee@127.0.0.1:5080", [f"{to};tag=b", *routes]), TRUNK)
    assert b" 200 " in give(reply(ending, "200 OK"), PBX)[:16]
    began = time.thread_time()
    world.wait_into(LINGER)
    return spent + time.thread_time() - began


def once(calls: int) -> float:
    """Run calls in this process; return seconds of CPU for each."""
    world = World()
    for number in range(WARM):
        one(world, number)
    return sum(one(world, number) for number in range(WARM, WARM + calls)) / calls


def elsewhere(code: Path, calls: int) -> float:
    """Run calls in a process of its own, over the code in a folder."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.engine", "--once", "--calls", str(calls)], cwd=code,
                          env={**os.environ, "PYTHONPATH": str(code)}, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--once", action="store_true", help="one turn here, and its figure alone")
    options = parser.parse_args()
    if options.once:
        sys.stdout.write(f"{1e6 * once(options.calls):.1f}\n")
        return 0
    places = {"here": ROOT} | ({"beside": options.beside.resolve()} if options.beside else {})
    turns = [{name: elsewhere(code, options.calls) for name, code in places.items()} for _ in range(options.repeat)]
    for name in places:
        sys.stdout.write(f"{name:7} {median(turn[name] for turn in turns):.1f} us a call, of "
                         f"{' '.join(str(turn[name]) for turn in turns)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
