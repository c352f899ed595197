"""Sockets between processes: who is given which, who is asked, and what becomes of those that nobody wants."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from proxy import handover
from proxy.handover import DOOR, Door, Offered
from tests.kit.waiting import PATIENCE

Answers = list[list[socket.socket] | None]


def bound(kind: socket.SocketKind, host: str = "127.0.0.1", listening: bool = True) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    sock.bind((host, 0))
    if kind == socket.SOCK_STREAM and listening:
        sock.listen()
    return sock


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    made = [bound(socket.SOCK_DGRAM), bound(socket.SOCK_STREAM), bound(socket.SOCK_DGRAM, "::1")]
    yield made
    for sock in made:
        sock.close()


def port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def test_each_gets_what_is_bound_to_its_address(sockets: list[socket.socket]) -> None:
    datagram, stream, six = sockets
    offered = Offered([*sockets])
    assert offered.take("stream", "127.0.0.1", port(datagram)) is None
    assert offered.take("datagram", "127.0.0.2", port(datagram)) is None
    assert offered.take("datagram", "::", port(six)) is None
    assert offered.take("datagram", "127.0.0.1", port(datagram)) is datagram
    assert offered.take("datagram", "127.0.0.1", port(datagram)) is None
    assert offered.take("stream", "127.0.0.1", port(stream)) is stream
    assert offered.take("datagram", "0:0::1", port(six)) is six
    assert offered.rest == []


def test_what_nobody_takes_is_closed(sockets: list[socket.socket]) -> None:
    left, right = socket.socketpair()
    deaf = bound(socket.SOCK_STREAM, listening=False)
    offered = Offered([left, deaf, *sockets])
    assert offered.take("stream", "127.0.0.1", port(deaf)) is None  # it does not listen
    offered.close()
    assert [sock.fileno() for sock in (left, deaf, *sockets)] == [-1] * 5
    assert offered.rest == []
    right.close()


def test_names_are_for_a_service_manager(sockets: list[socket.socket]) -> None:
    names = [handover.name_of(sock) for sock in sockets]
    assert names == [f"udp_127.0.0.1_{port(sockets[0])}", f"tcp_127.0.0.1_{port(sockets[1])}",
                     f"udp_--1_{port(sockets[2])}"]


PASSED: Final = """
import os, sys
from proxy import handover
os.environ.update(LISTEN_PID=sys.argv[1] or str(os.getpid()), LISTEN_FDS=sys.argv[2], LISTEN_FDNAMES="x")
found = handover.from_manager(os.environ)
assert not [key for key in os.environ if key.startswith("LISTEN_")]
assert not any(os.get_inheritable(sock.fileno()) for sock in found)
print(*(sock.getsockname()[1] for sock in found))
"""


@pytest.mark.parametrize(("pid", "count", "passed"), [
    ("", "1", 1), ("1", "1", 0), ("", "0", 0), ("", "x", 0), ("", "-1", 0), ("", "99999999", 0), ("", "2", 1)])
def test_what_a_service_manager_passes(sockets: list[socket.socket], pid: str, count: str, passed: int) -> None:
    """For another process, or nonsense: nothing. What is no open file is left out."""
    saved = os.dup(3) if os.path.exists("/proc/self/fd/3") else None
    try:
        os.dup2(sockets[0].fileno(), 3)
        done = subprocess.run([sys.executable, "-c", PASSED, pid, count], pass_fds=(3,), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True)
    finally:
        if saved is None:
            os.close(3)
        else:
            os.dup2(saved, 3)
            os.close(saved)
    assert done.stdout.splitlines()[-1].split() == [str(port(sockets[0])).encode()] * passed


class Old:
    """The process that has the folder, and what it was asked."""

    def __init__(self, folder: Path, stopping: bool = False) -> None:
        self.stopping = stopping
        self.asked: list[bool] = []
        self.gone = 0
        self.door = Door(folder, self._asked, self._gone)

    def _asked(self, insists: bool) -> bool:
        self.asked.append(insists)
        return insists or self.stopping

    def _gone(self) -> None:
        self.gone += 1


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


async def asking(folder: Path, insist: bool) -> Awaitable[list[socket.socket] | None]:
    return asyncio.ensure_future(asyncio.to_thread(handover.ask, folder, insist))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await scenario()

    asyncio.run(limited())


@pytest.mark.parametrize(("insist", "stopping"), [(True, False), (False, True)])
def test_the_sockets_go_over(tmp_path: Path, sockets: list[socket.socket], insist: bool, stopping: bool) -> None:
    """A datagram that came before, and a connection, are found by the new owner."""
    async def scenario() -> None:
        old = Old(tmp_path, stopping)
        old.door.open()
        assert (tmp_path / DOOR).stat().st_mode & 0o777 == 0o600
        answer = await asking(tmp_path, insist)
        await until(lambda: old.door.successor)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"early", ("127.0.0.1", port(sockets[0])))
        client = socket.create_connection(("127.0.0.1", port(sockets[1])))
        old.door.give(sockets)
        ports = [port(sock) for sock in sockets]
        for sock in sockets:
            sock.close()
        given = await answer
        assert given is not None
        assert [port(sock) for sock in given] == ports
        assert not any(os.get_inheritable(sock.fileno()) for sock in given)
        assert given[0].recv(100) == b"early"
        given[1].accept()[0].close()
        client.close()
        for sock in given:
            sock.close()
        assert not (tmp_path / DOOR).exists()
        assert (old.asked, old.gone) == ([insist], 0)

    run(scenario)


def test_who_is_not_stopping_gives_nothing_unless_asked_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        old = Old(tmp_path)
        old.door.open()
        assert await (await asking(tmp_path, False)) is None
        assert not old.door.successor
        old.door.close()
        old.door.close()

    run(scenario)


def test_nobody_is_there(tmp_path: Path) -> None:
    assert handover.ask(tmp_path, True) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
        left_behind.bind(str(tmp_path / DOOR))
    assert handover.ask(tmp_path, True) is None
    assert handover.ask(tmp_path / ("x" * 200), True) is None


def test_only_one_is_given_them(tmp_path: Path, sockets: list[socket.socket]) -> None:
    async def scenario() -> None:
        old = Old(tmp_path)
        old.door.open()
        first = await asking(tmp_path, True)
        await until(lambda: old.door.successor)
        assert await (await asking(tmp_path, True)) is None
        old.door.give(sockets)
        given = await first
        assert given is not None
        assert len(given) == 3
        for sock in given:
            sock.close()

    run(scenario)


def test_whoever_asked_goes_away(tmp_path: Path) -> None:
    """It is told, and the next one can ask."""
    async def scenario() -> None:
        old = Old(tmp_path)
        old.door.open()
        asking_one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        asking_one.connect(str(tmp_path / DOOR))
        asking_one.send(b"T")
        await until(lambda: old.door.successor)
        asking_one.close()
        await until(lambda: old.gone == 1)
        assert not old.door.successor
        answer = await asking(tmp_path, True)
        await until(lambda: old.door.successor)
        old.door.close()
        assert await answer == []  # it said yes, and went away without

    run(scenario)


@pytest.mark.parametrize("said", [b"x", b""])
def test_whoever_says_nonsense(tmp_path: Path, said: bytes) -> None:
    async def scenario() -> None:
        old = Old(tmp_path, stopping=True)
        old.door.open()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as odd:
            odd.setblocking(False)
            odd.connect(str(tmp_path / DOOR))
            if said:
                odd.send(said)
            else:
                odd.shutdown(socket.SHUT_WR)
            assert await asyncio.get_running_loop().sock_recv(odd, 10) == b"N"
        assert old.asked == []
        old.door.close()

    run(scenario)


def test_what_was_left_behind_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / DOOR).write_text("of one that crashed")
        old = Old(tmp_path)
        old.door.open()
        answer = await asking(tmp_path, False)
        assert await answer is None
        assert old.asked == [False]
        old.door.close()

    run(scenario)


def test_an_old_one_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "ANSWER_WITHIN", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stuck:
        stuck.bind(str(tmp_path / DOOR))
        stuck.listen()
        answers: Answers = []
        thread = threading.Thread(target=lambda: answers.append(handover.ask(tmp_path, True)))
        thread.start()
        thread.join(PATIENCE)
    assert answers == [None]
