"""What systemd hears, on a real datagram socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import notify
from proxy.notify import STATUS_SIGNS, Notifier
from tests.kit.service_manager import ServiceManager
from tests.kit.waiting import PATIENCE


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket and its NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@boomerang-test-{os.getpid()}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.settimeout(PATIENCE)
        yield sock, name


def test_the_life_of_a_daemon(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("waiting for 2 calls\nREADY=1 " + "x" * STATUS_SIGNS)
    notifier.reloading()
    notifier.alive()
    notifier.stopping()
    heard = [sock.recv(4096).decode() for _ in range(5)]
    assert heard[0] == "READY=1"
    assert heard[1].startswith("STATUS=waiting for 2 calls READY=1 x")
    assert len(heard[1]) == len("STATUS=") + STATUS_SIGNS
    assert "\n" not in heard[1]
    first, second = heard[2].split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0
    assert heard[3:] == ["WATCHDOG=1", "STOPPING=1"]
    notifier.close()
    notifier.close()


def test_signs_of_life_come_by_themselves(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.interval == 0.001

    async def watch() -> None:
        task = asyncio.ensure_future(notifier.watch())
        heard = [await asyncio.to_thread(sock.recv, 100) for _ in range(3)]
        task.cancel()
        assert heard == [b"WATCHDOG=1"] * 3

    asyncio.run(watch())
    notifier.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "1_0"},
        {"WATCHDOG_USEC": "²"},
        {"WATCHDOG_USEC": "9" * 5000},
        {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog(environ: dict[str, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "/nowhere", **environ})
    assert notifier.interval is None
    asyncio.run(notifier.watch())


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative", "/nowhere/at/all", "@" + "x" * 200])
def test_nobody_listens_and_nothing_happens(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.stopping()
    notifier.close()


def test_a_manager_that_does_not_read_stops_nothing(manager: tuple[socket.socket, str]) -> None:
    _, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for _ in range(5000):
        notifier.alive()
    notifier.close()


def test_sockets_are_kept_and_forgotten(tmp_path: Path) -> None:
    """The manager gets the very socket; after the barrier it has done what it was told."""
    with ServiceManager(tmp_path) as service, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        notifier = Notifier(service.environment)
        notifier.keep("udp_127.0.0.1_5060", ours)
        notifier.barrier()
        assert service.told[0] == {"FDSTORE": "1", "FDNAME": "udp_127.0.0.1_5060", "FDPOLL": "0"}
        assert service.kept["udp_127.0.0.1_5060"].getsockname() == ours.getsockname()
        notifier.forget("udp_127.0.0.1_5060")
        notifier.barrier()
        assert service.kept == {}
        notifier.close()


def test_without_a_service_manager_nothing_waits() -> None:
    notifier = Notifier({})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        notifier.keep("x", ours)
    notifier.forget("x")
    notifier.barrier()


def test_a_manager_that_reads_nothing_holds_nobody_up(manager: tuple[socket.socket, str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "BARRIER", 0.01)
    notifier = Notifier({"NOTIFY_SOCKET": manager[1]})
    notifier.barrier()
    notifier.close()
