"""Which files of tests are begun first where several workers share them.

What takes longest begins first, so that none is left alone with it at the end. Files with real peers mostly wait, the
others keep a processor busy: they are dealt evenly, so that there is work while others wait.
"""

from collections.abc import Iterable, Sequence
from typing import Final

WAITING: Final = ("browser/", "docker/", "hostile/", "peers/", "survival/")
"""Folders whose tests mostly wait, for peers, pages and timers."""
LEAD: Final = 0.9
"""Part of the others that is begun by when the last of those that wait is: what is left then is short."""
LONGEST: Final = (
    "docker/test_install.py", "browser/test_pages.py", "peers/test_callback.py", "peers/test_doors.py",
    "peers/test_queue_callback.py", "peers/test_queue_callers.py", "peers/test_siblings.py", "docker/test_cluster.py",
    "hostile/test_callback_fraud.py",
    "peers/test_console_walk.py", "browser/test_rules.py", "browser/test_script.py", "survival/test_database.py",
    "survival/test_console_process.py", "peers/test_sipp.py", "peers/test_pickup.py", "peers/test_queue_outages.py",
    "browser/test_shown_as_stored.py", "survival/test_queue_seen.py", "browser/test_restart.py",
    "survival/test_peer_gone.py", "survival/test_handover.py", "hostile/test_flood.py", "peers/test_asterisk.py",
    "proxy/demo/test_demo.py", "flows/test_memory.py", "flows/test_queue_any.py", "proxy/media/test_spoken.py",
    "proxy/media/test_beeps.py", "flows/test_callback_crash.py", "flows/test_queue_callback_crash.py",
    "proxy/console/api/test_whole_api.py", "flows/test_queue_callback_faults.py",
)  # fmt: skip
"""What takes longest on two processors. Another order costs time, nothing else."""


def in_order(files: Iterable[str]) -> list[str]:
    """Files of tests, named from their folder, in the order in which they are begun.

    Those of which nothing is known keep theirs.
    """
    rank = {name: at for at, name in enumerate(LONGEST)}
    known = sorted(files, key=lambda name: rank.get(name, len(rank)))
    waiting = [name for name in known if name.startswith(WAITING)]
    busy = [name for name in known if not name.startswith(WAITING)]
    return [name for _, name in sorted([*_placed(waiting, LEAD), *_placed(busy, 1.0)], key=lambda each: each[0])]


def _placed(files: Sequence[str], end: float) -> list[tuple[float, str]]:
    """Each file with its place between 0 and `end`, at even distances."""
    return [(end * at / len(files), name) for at, name in enumerate(files)]
