"""The control socket: requests, answers, streams, and whatever else comes in at that door."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from config.problem import ConfigError, Problem
from proxy import control
from proxy.control import ControlServer
from proxy.control_client import ControlClient, ControlError, NotRunningError
from tests.kit.answering import Function, Plain
from tests.kit.waiting import PATIENCE

Scene = Callable[[ControlServer, Path], Awaitable[None]]


class Handlers(dict[str, Function]):
    """Verbs for the tests; `left` is set when a stream was closed."""

    def __init__(self) -> None:
        super().__init__(
            echo=lambda args: args,
            later=self.later,
            future=lambda args: asyncio.ensure_future(self.later(args)),
            wrong=self.wrong,
            policy=self.policy,
            disk=self.disk,
            bug=lambda args: args["missing"],
            odd=lambda _: {1, 2},
            count=self.count,
            idle=self.idle,
            broken=self.broken,
        )
        self.left = asyncio.Event()

    async def later(self, args: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return args

    def wrong(self, _args: dict[str, Any]) -> None:
        raise ControlError("no such record")

    def policy(self, _args: dict[str, Any]) -> None:
        raise ConfigError([Problem("policy.toml", "region", 3, "is wrong")])

    def disk(self, _args: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    async def count(self, args: dict[str, Any]) -> AsyncIterator[int]:
        for number in range(args["to"]):
            yield number

    async def idle(self, _args: dict[str, Any]) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            self.left.set()

    async def broken(self, _args: dict[str, Any]) -> AsyncIterator[int]:
        yield 1
        raise ControlError("the call is gone")


def play(tmp_path: Path, scene: Callable[[Handlers, Path], Awaitable[None]]) -> None:
    """Run a scene beside a server."""

    async def run() -> None:
        handlers = Handlers()
        server = ControlServer(tmp_path / "control.sock", Plain(handlers), lambda: "UTC")
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                await scene(handlers, tmp_path / "control.sock")
        finally:
            await server.close()
        assert not (tmp_path / "control.sock").exists()

    asyncio.run(run())


async def call(path: Path, verb: str, **args: Any) -> Any:
    return await asyncio.to_thread(ControlClient(path).call, verb, **args)


async def raw(path: Path, data: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    line = await reader.readline()
    writer.close()
    return json.loads(line)


def test_answers(tmp_path: Path) -> None:
    async def scene(_handlers: Handlers, path: Path) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await call(path, "echo", a="é", b=[1, None]) == {"a": "é", "b": [1, None]}
        assert await call(path, "later", a=1) == {"a": 1}
        assert await call(path, "future", a=1) == {"a": 1}
        assert await raw(path, b'{"verb": "echo"}\n') == {"ok": True, "data": {}, "zone": "UTC"}

    play(tmp_path, scene)


def test_faults_are_told_and_end_nothing(tmp_path: Path) -> None:
    async def scene(_handlers: Handlers, path: Path) -> None:
        for verb, text in [
            ("wrong", "no such record"),
            ("none", "unknown verb 'none'"),
            ("bug", r"internal error \(KeyError\), see the log"),
            ("disk", r"internal error \(OSError\), see the log"),
            ("odd", r"internal error \(TypeError\), see the log"),
        ]:
            with pytest.raises(ControlError, match=f"^{text}$"):
                await call(path, verb)
        with pytest.raises(ControlError, match="region: is wrong") as caught:
            await call(path, "policy")
        assert caught.value.problems == [
            {"file": "policy.toml", "key": "region", "line": 3, "text": "is wrong", "level": "error"}]
        assert await call(path, "echo") == {}

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"x\n",
        b"[]\n",
        b"{}\n",
        b'{"verb": 1}\n',
        b'{"verb": "echo", "args": []}\n',
        b"\xff\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_is_no_request(tmp_path: Path, data: bytes) -> None:
    async def scene(_handlers: Handlers, path: Path) -> None:
        answer = await raw(path, data)
        assert answer["ok"] is False
        assert answer["error"].startswith("a request is")
        assert await call(path, "echo") == {}

    play(tmp_path, scene)


def test_a_request_is_bounded_in_bytes_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_BYTES", 1000)
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.05)

    async def scene(_handlers: Handlers, path: Path) -> None:
        assert await raw(path, b"x" * 10_000 + b"\n") == {"ok": False, "error": "a request has at most 1000 bytes"}
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        writer.close()
        assert await call(path, "echo") == {}

    play(tmp_path, scene)


def test_too_many_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MOST_CLIENTS", 1)

    async def scene(_handlers: Handlers, path: Path) -> None:
        _, waiting = await asyncio.open_unix_connection(path)
        with pytest.raises(ControlError, match="too many clients"):
            await call(path, "echo")
        waiting.close()

    play(tmp_path, scene)


def test_streams(tmp_path: Path) -> None:
    async def scene(_handlers: Handlers, path: Path) -> None:
        client = ControlClient(path)
        assert await asyncio.to_thread(lambda: list(client.stream("count", to=3))) == [0, 1, 2]
        assert await asyncio.to_thread(lambda: list(client.stream("idle", seconds=0.05))) == [1]
        with pytest.raises(ControlError, match="the call is gone"):
            await asyncio.to_thread(lambda: list(client.stream("broken")))

    play(tmp_path, scene)


def test_an_idle_stream_notices_that_its_client_left(tmp_path: Path) -> None:
    async def scene(handlers: Handlers, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"verb": "idle"}\n')
        assert json.loads(await reader.readline()) == {"ok": True, "data": 1, "zone": "UTC"}
        writer.close()
        await handlers.left.wait()

    play(tmp_path, scene)


def test_closing_ends_streams(tmp_path: Path) -> None:
    async def run() -> None:
        handlers = Handlers()
        server = ControlServer(tmp_path / "s", Plain(handlers), lambda: "UTC")
        await server.close()
        await server.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b'{"verb": "idle"}\n')
        await reader.readline()
        await server.close()
        assert handlers.left.is_set()
        assert await reader.read() == b""
        writer.close()

    asyncio.run(run())


def test_a_client_that_does_not_read_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.05)

    async def scene(_handlers: Handlers, path: Path) -> None:
        _, writer = await asyncio.open_unix_connection(path, limit=1)
        writer.write(json.dumps({"verb": "echo", "args": {"a": "x" * 4_000_000}}).encode() + b"\n")
        await writer.drain()
        assert await call(path, "echo") == {}
        await asyncio.sleep(0.1)
        writer.close()

    play(tmp_path, scene)


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def scene(_handlers: Handlers, path: Path) -> None:
        with pytest.raises(ControlError, match="another daemon is running"):
            await ControlServer(path, Plain({}), lambda: "UTC").start()
        assert await call(path, "echo") == {}

    play(tmp_path, scene)


def test_what_is_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path, text in [
        (file, "is no socket"),
        (tmp_path / "none" / "s", "No such file"),
        (tmp_path / ("x" * 200), "longer than"),
    ]:
        with pytest.raises(ControlError, match=text):
            asyncio.run(ControlServer(path, Plain({}), lambda: "UTC").start())
    assert file.exists()


def test_the_socket_of_another_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "s"
        server = ControlServer(path, Plain({}), lambda: "UTC")
        await server.start()
        path.unlink()
        path.write_text("another's")
        await server.close()
        assert path.read_text() == "another's"

    asyncio.run(run())


def test_nobody_there(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with pytest.raises(NotRunningError, match="no daemon is running at"):
        ControlClient(path).call("status")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NotRunningError):
        ControlClient(path).call("status")
    with pytest.raises(ControlError, match="longer than"):
        ControlClient("x" * 200).call("status")
    os.mkdir(tmp_path / "folder")
    with pytest.raises(ControlError):
        ControlClient(tmp_path / "folder").call("status")


@pytest.mark.parametrize(
    ("answer", "text"),
    [(b"", "gave no answer"), (b"x\n", "cannot be read"), (b"[]\n", "cannot be read"), (b'{"ok": false}\n', "failed")],
)
def test_a_daemon_that_talks_nonsense(tmp_path: Path, answer: bytes, text: str) -> None:
    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(answer)
            writer.close()

        server = await asyncio.start_unix_server(serve, tmp_path / "s")
        with pytest.raises(ControlError, match=text):
            await call(tmp_path / "s", "status")
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def test_a_daemon_that_says_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
        sock.listen()
        with pytest.raises(ControlError, match="gave no answer"):
            ControlClient(tmp_path / "s", timeout=0.05).call("status")
