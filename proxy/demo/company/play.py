"""Opens the company in a temporary folder, says where its console is, and plays until somebody ends it."""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from proxy.demo.company.house import NODE, POLICY
from proxy.demo.company.past import Past
from proxy.demo.company.switchboard import Switchboard
from proxy.demo.company.town import Town
from proxy.demo.company.writing import keep
from proxy.demo.endpoint import LOOPBACK, Endpoint
from proxy.demo.node import Node, free_port
from proxy.demo.show import CARRIER, PBX, Show
from proxy.demo.waiting import DemoError, News
from proxy.sip.message import Message

DAYS, CALLS = 7, 140
"""Of the past: days, and calls of each."""
PACE: Final = 4.0
"""Seconds between two calls, about."""
GOOD, FAILED = 0, 1
CONSOLE: Final = """
[console]
listen = "{host}:{port}"
"""


def main(pace: float = PACE) -> int:
    """Play until SIGINT or SIGTERM; return 0, or 1 where Boomerang did not start. `pace`: seconds between two calls."""
    show = Show(sys.stdout)
    try:
        with tempfile.TemporaryDirectory(prefix="boomerang-demo-") as folder:
            asyncio.run(_perform(show, Path(folder), pace))
    except DemoError as error:
        show.say(str(error), "red")
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        show.say()
        show.say("The company is closed: Boomerang was ended and its files were removed.")
    finally:
        _let_go_of_output()
    return GOOD


def _let_go_of_output() -> None:
    """Keep the interpreter from failing at its end where the reader of a pipe went away."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _perform(show: Show, folder: Path, pace: float) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    news, console = News(), free_port()
    carrier, pbx = Endpoint(CARRIER, news, _unseen), Endpoint(PBX, news, _unseen)
    try:
        node = Node(folder, await carrier.open(), await pbx.open(), POLICY, CONSOLE.format(host=LOOPBACK, port=console))
        carrier.boomerang = pbx.boomerang = (LOOPBACK, node.port)
        show.say("A small company and its customers, played on 127.0.0.1 around a real Boomerang.")
        await asyncio.to_thread(keep, node.data, NODE, Past(random.Random(7)).days(time.time(), DAYS, CALLS))
        try:
            await node.start()
            show.say(f"Its console: http://{LOOPBACK}:{console}/", "bold")
            await Company(carrier, pbx, news, show).run(pace)
        except DemoError:
            show.say(f"The end of Boomerang's log:\n{node.log()}")
            raise
        finally:
            await node.stop()
    finally:
        carrier.close()
        pbx.close()


def _unseen(end: str, came_in: bool, message: Message) -> None:
    """Draw nothing: the console shows it."""


class Company:
    """Everybody at work."""

    def __init__(self, carrier: Endpoint, pbx: Endpoint, news: News, show: Show) -> None:
        chance = random.Random()
        self._show = show
        self._switchboard = Switchboard(pbx, news, chance, self._say)
        self._town = Town(carrier, self._switchboard, news, chance, self._say)
        self._scenes: set[asyncio.Task[None]] = set()

    async def run(self, pace: float) -> None:
        """Play until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._switchboard.run(self._play))
                group.create_task(self._town.answer(self._play))
                group.create_task(self._town.call(self._play, pace))
        finally:
            for scene in self._scenes:
                scene.cancel()
            await asyncio.gather(*self._scenes, return_exceptions=True)

    def _say(self, text: str) -> None:
        self._show.say(f"{time.strftime('%H:%M:%S')}  {text}")

    def _play(self, scene: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._played(scene))
        self._scenes.add(task)
        task.add_done_callback(self._scenes.discard)

    async def _played(self, scene: Coroutine[Any, Any, None]) -> None:
        """Play one call; what goes wrong in it is said, and everybody else goes on."""
        try:
            await scene
        except DemoError as error:
            self._say(f"a call went wrong: {error}")
