"""kill -9: what was said to be stored is there, and calls that went on are known again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.facts import Ending
from tests.routing.world import CUSTOMER, World

ROOT = Path(__file__).parents[3]

PLAY = """
import sys, time
from pathlib import Path
from routing.facts import Ending
from tests.routing.world import World
world = World(Path(sys.argv[1]))
talking = world.calls_in()
world.ledger.decide(talking, world.now)
world.ledger.answered(talking.id, 0, (), 90.0, world.now)
world.commit()
call = world.calls_out("201")
world.ledger.decide(call, world.now)
world.ledger.ended(call.id, Ending(486, "callee"), world.now,
                   lambda: print(talking.id, flush=True))
for _ in range(600):
    world.loop.run()
    time.sleep(0.05)
"""


def play_and_kill(folder: Path) -> str:
    """Let another process play until it says that the record is stored, kill it in that moment; return its call."""
    with subprocess.Popen([sys.executable, "-c", PLAY, str(folder)], stdout=subprocess.PIPE, cwd=ROOT,
                          text=True) as process:
        try:
            assert process.stdout is not None
            name = process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return name


@pytest.mark.parametrize("times", [1, 3])
def test_killed_the_moment_a_record_was_said_to_be_stored(worlds: Callable[..., World], tmp_path: Path,
                                                          times: int) -> None:
    names = [play_and_kill(tmp_path) for _ in range(times)]
    world = worlds()
    assert world.ledger.restore(world.now) == times
    assert world.reaches() == "201"
    for name in names:
        world.ledger.ended(name, Ending(200, "caller"), world.now + 20)
    world.commit()
    assert world.store.calls.open() == []
    assert {row.cause for row in world.store.calls.newest(10, CUSTOMER)} == {200, 486, 407}
    assert os.path.exists(world.path)
