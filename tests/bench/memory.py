"""What callbacks leave behind: memory of signalling and media while one callback after the other is made.

    python -m tests.bench.memory [--seconds 300] [--tasks 20000] [--agents 40] [--talking 8] [--talk 1.2]

A real daemon with its media process, promises that are all due, agents who accept at once, customers who answer, talk
for a moment and hang up. Every `--every` seconds: how many talked so far, and the resident memory of both processes.
Not a test.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import fmean

from tests.bench.boomerang_element import Fresh
from tests.bench.callbacks import CUSTOMERS, FIRST_AGENT, MEDIA_PORTS, promise, show
from tests.bench.media import memory_mb
from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.far_call import Plan


def scene(folder: Path, options: argparse.Namespace) -> CallbackScene:
    """The daemon, its agents and its customers."""
    agents = tuple(str(FIRST_AGENT + number) for number in range(options.agents))
    share = max(1, min(100, round(100 * options.talking / options.agents)))
    table = policy(agents, callback={"agents_share": share, "retry_agent": "1s"},
                   guard={"all_per_hour": 1_000_000, "all_per_day": 1_000_000})
    found = CallbackScene(folder, policy=table, daemon=Fresh,
                          extra={"log": {"level": "warning"}, "media": {"ports": MEDIA_PORTS}})
    for agent in agents:
        found.pbx.plans[agent] = Plan(answer=0.05, keys=((0.05, "1"),))
    for number in range(options.tasks):
        found.carrier.plans[CUSTOMERS.format(number)] = Plan(answer=0.05, media=False, hang_up=options.talk)
    promise(found.boomerang.data / "boomerang.db", options.tasks)
    return found


def talked(site: CallbackScene) -> int:
    """Attempts that ended with a talk."""
    return int(site.boomerang.sql("SELECT count(*) FROM attempts WHERE result='talked'")[0][0])


def run(folder: Path, options: argparse.Namespace) -> None:
    """Let callbacks happen for so many seconds, and print what memory became of it."""
    with scene(folder / "node", options) as site:
        assert site.boomerang.process is not None
        daemon, (media,) = site.boomerang.process.pid, site.media_processes()
        begun, found = time.monotonic(), list[tuple[int, float, float]]()
        while time.monotonic() < begun + options.seconds:
            time.sleep(options.every)
            for end in (site.carrier, site.pbx):  # the phones' own memory is not what is measured
                site.loop.do(lambda end=end: end.calls.__setitem__(  # type: ignore[misc]
                    slice(None), [call for call in end.calls if call.state != "over"]))
            found.append((talked(site), memory_mb(daemon), memory_mb(media)))
            show(f"{time.monotonic() - begun:5.0f} s", callbacks=found[-1][0], signalling=f"{found[-1][1]:.1f} MB",
                 media=f"{found[-1][2]:.1f} MB")
    half = found[len(found) // 2:]
    for place, name in ((1, "signalling"), (2, "media")):
        first, last = (fmean(row[place] for row in part) for part in (half[:len(half) // 2], half[len(half) // 2:]))
        made = fmean(row[0] for row in half[len(half) // 2:]) - fmean(row[0] for row in half[:len(half) // 2])
        show(f"{name}, second half", growth=f"{1024 * (last - first) / max(made, 1):.2f} KB a callback")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("seconds", 300), ("tasks", 20_000), ("agents", 40), ("talking", 8), ("every", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--talk", type=float, default=1.2)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(Path(folder), parser.parse_args())


if __name__ == "__main__":
    main()
