"""What a start and a command cost, and what a daemon needs at rest.

    python -m tests.bench.start [--repeat 5] [--records 100000] [--rest 5] [--compiled FOLDER] [--before FOLDER]

From the start of the interpreter until the first INVITE is answered (100); memory after `--rest` seconds without a
call, with the media process, HTTP and the embedded broker on; and a command beside it. Seconds that pass, and those of
CPU, which mean more on a machine that does other work. Prints a line a turn, and the medians. Not a test.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.boomerang_element import Fresh, daemon_for, environment
from tests.bench.job import NUMBER, Job, new_job
from tests.bench.usage import memory_mb, usage
from tests.kit.boomerang import ROOT
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_text import build

ASK = 0.01
"""Seconds between two INVITEs while it starts: the answer is at most so late."""
PATIENCE = 30.0


def first_call(job: Job) -> None:
    """Call from the trunk until somebody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
        trunk.bind((LOOPBACK, job.carrier))
        trunk.settimeout(ASK)
        uri, at = f"sip:{NUMBER}@{LOOPBACK}:{job.element}", f"{LOOPBACK}:{job.carrier}"
        number, end = 0, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            number += 1
            asked = build(f"INVITE {uri} SIP/2.0", [
                f"Via: SIP/2.0/UDP {at};branch=z9hG4bKstart{number}", "Max-Forwards: 70",
                f"From: <sip:+36201234567@{at}>;tag=s", f"To: <{uri}>", f"Call-ID: start{number}@{LOOPBACK}",
                "CSeq: 1 INVITE", f"Contact: <sip:caller@{at}>"])
            trunk.sendto(asked, (LOOPBACK, job.element))
            try:
                if trunk.recv(65_535).startswith(b"SIP/2.0 100"):
                    return
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(ASK)
    raise AssertionError(f"no call was answered within {PATIENCE:g} s")


def command(daemon: Fresh) -> tuple[float, float]:
    """Seconds that `boomerang status` took, and seconds of CPU."""
    argv = [sys.executable, "-m", "proxy", "status", "-c", str(daemon.config)]
    began = time.monotonic()
    process = subprocess.Popen(argv, env={**os.environ, **environment(daemon.code)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"boomerang status ended with {process.returncode}"
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def turn(code: Path, options: argparse.Namespace) -> dict[str, float]:
    """Start one daemon, and look."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    job = new_job(folder, records=options.records, callbacks=True)
    daemon = daemon_for(job, code, mqtt=f"embedded://{LOOPBACK}:{free_port()}")
    try:
        began = time.monotonic()
        daemon.start(ready=False)
        assert daemon.process is not None
        first_call(job)
        started = time.monotonic() - began
        cpu = sum(used.cpu for _, used in usage(daemon.process.pid).values())
        daemon.wait_ready()
        time.sleep(options.rest)
        at_rest = memory_mb(daemon.process.pid)
        took, of_cpu = command(daemon)
        return {"start_s": started, "start_cpu_s": cpu, "rest_mb": at_rest, "command_s": took, "command_cpu_s": of_cpu}
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rest", type=float, default=5.0)
    parser.add_argument("--compiled", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    folders = {"boomerang": ROOT, "compiled": options.compiled, "before": options.before}
    chosen = {name: partial(turn, folder.resolve()) for name, folder in folders.items() if folder}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    for _ in range(options.repeat):
        for name, measure in chosen.items():
            found[name].append(measure(options))
            show(name, found[name][-1])
    print("medians")
    for name, turns in found.items():
        show(name, {key: median(each[key] for each in turns) for key in turns[0]})
    return 0


def show(name: str, figures: dict[str, float]) -> None:
    """Print one line."""
    print(f"{name:10} " + "  ".join(f"{key}={value:.2f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
