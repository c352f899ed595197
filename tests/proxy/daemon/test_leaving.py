"""Draining, and what ends it: the last conversation, patience, a second signal, a successor who is gone again."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from proxy.daemon.leaving import Leaving
from proxy.handover import DOOR
from proxy.notify import Notifier
from proxy.status.source import RunState
from tests.kit.waiting import PATIENCE


class Talking:
    """A node in conversations of its own."""

    def __init__(self) -> None:
        self.talks = 1
        self.told: list[str] = []

    def drain(self) -> None:
        self.told.append("drain")

    def resume(self) -> None:
        self.told.append("resume")

    def conversations(self) -> int:
        return self.talks

    def unanswered(self) -> int:
        return 0


Test = Callable[[Leaving, Talking, list[RunState]], Awaitable[None]]


def leaving(folder: Path, test: Test, patience: float = 60.0) -> None:
    async def play() -> None:
        node, shown = Talking(), list[RunState]()
        left = Leaving(node, patience, folder, Notifier({}), shown.append)
        left.open()
        try:
            async with asyncio.timeout(PATIENCE):
                await test(left, node, shown)
        finally:
            await left.settle()
            left.give([])

    asyncio.run(play())


def test_it_stops_when_the_last_conversation_is_over(tmp_path: Path) -> None:
    async def test(left: Leaving, node: Talking, shown: list[RunState]) -> None:
        left.terminate()
        await asyncio.sleep(0.2)
        assert (node.told, shown, left.time_to_stop.is_set()) == (["drain"], ["draining"], False)
        node.talks = 0
        await left.time_to_stop.wait()
        assert not left.hands_over

    leaving(tmp_path, test)


def test_it_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    async def test(left: Leaving, node: Talking, shown: list[RunState]) -> None:
        left.terminate()
        await left.time_to_stop.wait()
        assert node.talks == 1

    leaving(tmp_path, test, patience=0.2)


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    async def test(left: Leaving, node: Talking, shown: list[RunState]) -> None:
        left.terminate()
        left.terminate()
        assert left.time_to_stop.is_set()
        assert node.told == ["drain"]

    leaving(tmp_path, test)


def test_a_signal_for_a_restart_says_that_another_comes(tmp_path: Path) -> None:
    async def test(left: Leaving, node: Talking, shown: list[RunState]) -> None:
        left.make_room()
        assert left.hands_over

    leaving(tmp_path, test)


def test_it_goes_on_where_who_wanted_its_place_is_gone(tmp_path: Path) -> None:
    async def test(left: Leaving, node: Talking, shown: list[RunState]) -> None:
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with asking:
            asking.connect(str(tmp_path / DOOR))
            asking.sendall(b"T")
            while shown != ["draining"]:
                await asyncio.sleep(0.01)
            expected = [left.hands_over]
        while node.told != ["drain", "resume"]:
            await asyncio.sleep(0.01)
        assert shown == ["draining", "running"]
        expected.append(left.hands_over)
        assert expected == [True, False]
        assert not left.time_to_stop.is_set()

    leaving(tmp_path, test)
