"""Telling systemd how the daemon is (sd_notify(3), sd_watchdog_enabled(3)).

Without systemd nothing happens. Nothing here raises or blocks: a service manager that does not listen must not stop
calls.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

MICROSECONDS: Final = 1_000_000

STATUS_SIGNS: Final = 200
"""Longest status text."""


class Notifier:
    """The way to the service manager that started this process."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        self.interval = _interval(environ) if self._address else None
        """Seconds between two signs of life, half of what systemd allows; None where it asks for none."""

    def ready(self) -> None:
        """Calls are taken: after the start, and after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The drain begins."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say in a line what the daemon does, for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())[:STATUS_SIGNS]}")

    def alive(self) -> None:
        """Give a sign of life to the watchdog."""
        self._send("WATCHDOG=1")

    async def watch(self) -> None:
        """Give signs of life for ever: run from the loop that carries the calls, so that a stuck loop is noticed."""
        while self.interval is not None:
            self.alive()
            await asyncio.sleep(self.interval)

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.sendto(message.encode(), self._address)


def _address(path: str) -> str:
    """Address of NOTIFY_SOCKET: a path, or with @ a name in the abstract space; other kinds are not for us."""
    if path.startswith("@"):
        return "\0" + path[1:]
    return path if path.startswith("/") else ""


def _interval(environ: Mapping[str, str]) -> float | None:
    allowed = environ.get("WATCHDOG_USEC", "")
    process = environ.get("WATCHDOG_PID", str(os.getpid()))
    if not (allowed.isascii() and allowed.isdigit() and len(allowed) < 16) or process != str(os.getpid()):
        return None
    return int(allowed) / MICROSECONDS / 2 or None
