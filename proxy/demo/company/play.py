"""Opens the company in a temporary folder, says where its console is, and plays until somebody ends it."""

import asyncio
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from itertools import chain
from pathlib import Path
from typing import Any, Final

from proxy.demo.company.house import LOG_INS, NODE, POLICY, SALES, SERVICE
from proxy.demo.company.past import Past
from proxy.demo.company.switchboard import NAMES, Switchboard
from proxy.demo.company.town import Town
from proxy.demo.company.writing import keep, log_ins
from proxy.demo.endpoint import LOOPBACK, Endpoint
from proxy.demo.node import Node, free_port
from proxy.demo.show import CARRIER, PBX, Show
from proxy.demo.waiting import DemoError, News
from proxy.sip.message import Message

DAYS, CALLS = 7, 140
"""Of the past: days, and calls of each."""
PACE: Final = 4.0
"""Seconds between two calls, about."""
BREAKS: Final = 8
"""Calls from one break to the next."""
BREAK: Final = (15.0, 45.0)
"""Seconds of a break."""
REASONS: Final = ("lunch", "training", "a talk with the team lead", "paperwork")
GOOD, FAILED = 0, 1
ALSO: Final = {"sara": " of the sales", "anna": ", extension 201"}
"""What else there is to know of who may log in."""
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
        password, now = secrets.token_urlsafe(9), time.time()
        past = Past(random.Random(7)).days(now, DAYS, CALLS)
        await asyncio.to_thread(keep, node.data, NODE, chain((log_ins(password, now),), past))
        try:
            await node.start()
            show.say(f"Its console: http://{LOOPBACK}:{console}/", "bold")
            for one in LOG_INS:
                show.say(f"Log in as {one.name} with {password} ({one.role}{ALSO.get(one.name, '')})")
            show.say("It goes on until Ctrl-C.")
            show.say()
            await Company(carrier, pbx, node, news, show).run(pace)
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

    def __init__(self, carrier: Endpoint, pbx: Endpoint, node: Node, news: News, show: Show) -> None:
        chance = random.Random()
        self._chance, self._node, self._show = chance, node, show
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
                group.create_task(self._breaks(pace))
        finally:
            for scene in self._scenes:
                scene.cancel()
            await asyncio.gather(*self._scenes, return_exceptions=True)

    async def _breaks(self, pace: float) -> None:
        """Send somebody on a break from time to time."""
        while True:
            await asyncio.sleep(BREAKS * pace)
            free = self._switchboard.free(self._chance.choice((SALES, SERVICE)))
            if free:
                self._play(self._break(self._chance.choice(free)))

    async def _break(self, agent: str) -> None:
        reason = self._chance.choice(REASONS)
        self._say(f"{NAMES[agent]} takes a pause: {reason}")
        await self._node.ask("agents.pause", agent=agent, reason=reason)
        await self._switchboard.pause(agent, self._chance.uniform(*BREAK))
        await self._node.ask("agents.resume", agent=agent)

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
