"""Sets the stage, plays the scenes, cleans up, and says what was proved."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from proxy.demo.endpoint import LOOPBACK, Endpoint
from proxy.demo.listener import Listener
from proxy.demo.node import Node
from proxy.demo.scenes import SCENES, Scene
from proxy.demo.show import CARRIER, PBX, Show
from proxy.demo.stage import POLICY, Stage
from proxy.demo.waiting import DemoError, News, expect

GOOD: Final = 0
FAILED: Final = 1
BETWEEN: Final = 1.0
"""Seconds between two scenes, for the reader."""


def main(policy: str = POLICY, scenes: Sequence[Scene] = SCENES) -> int:
    """Play it on standard output; return 0 where everything was proved, else 1. `policy`: text of policy.toml."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without these signs gets question marks, not a crash
    show = Show(sys.stdout)
    try:
        with tempfile.TemporaryDirectory(prefix="boomerang-demo-") as folder:
            asyncio.run(_perform(show, Path(folder), policy, scenes))
    except (KeyboardInterrupt, asyncio.CancelledError):
        show.say()
        show.say("Interrupted: Boomerang was ended and its files were removed.")
        return FAILED
    finally:
        _let_go_of_output()
    return GOOD if show.good else FAILED


def _let_go_of_output() -> None:
    """Keep the interpreter from failing at its end where the reader of a pipe went away."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _perform(show: Show, folder: Path, policy: str, scenes: Sequence[Scene]) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    show.say("A real Boomerang between a carrier and a PBX, on 127.0.0.1. Carrier, PBX and phones are played by this")
    show.say("command; the arrows are what they send and get: SIP messages, at the end audio. Beside them: MQTT.")
    left = [scene.title for scene in scenes]
    async with _stage(show, folder, policy) as stage:
        try:
            await _scenes(stage, scenes, left)
        except DemoError as error:
            show.failed("it was played to the end", error)
            show.say()
            show.say(f"The end of Boomerang's log:\n{stage.node.log()}")
    show.summary(left)


@contextlib.asynccontextmanager
async def _stage(show: Show, folder: Path, policy: str) -> AsyncIterator[Stage]:
    """Open the sockets; close them at the end, after Boomerang was stopped."""
    news = News()
    carrier, pbx = Endpoint(CARRIER, news, show.message), Endpoint(PBX, news, show.message)
    try:
        node = Node(folder, await carrier.open(), await pbx.open(), policy)
        carrier.boomerang = pbx.boomerang = (LOOPBACK, node.port)
        try:
            yield Stage(carrier, pbx, node, Listener(node.mqtt, news, show.event), news, show)
        finally:
            await node.stop()
    finally:
        carrier.close()
        pbx.close()


async def _scenes(stage: Stage, scenes: Sequence[Scene], left: list[str]) -> None:
    """Play all; titles leave `left` as they are begun. DemoError where something was not proved."""
    show = stage.show
    listening = asyncio.create_task(stage.mqtt.run())
    listening.add_done_callback(
        lambda task: None if task.cancelled() else stage.news.odd(f"the reader of MQTT failed: {task.exception()!r}"))
    try:
        with show.proof("Boomerang starts, reaches carrier and PBX, and is online on MQTT"):
            pid = await stage.node.start()
            await stage.news.until(lambda: stage.mqtt.online, "status online on MQTT")
        show.say(f"It is process {pid}, at udp {LOOPBACK}:{stage.node.port}; MQTT at {LOOPBACK}:{stage.node.mqtt}.")
        for number, scene in enumerate(scenes, 1):
            await asyncio.sleep(BETWEEN)
            left.remove(scene.title)
            show.scene(number, scene.title, scene.text)
            await scene.play(stage)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    with show.proof("asked to end, Boomerang ends in order"):
        code = await stage.node.stop()
        expect(code == 0, f"its exit code was {code}")
