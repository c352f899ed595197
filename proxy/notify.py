"""Telling systemd how the daemon is (sd_notify(3), sd_watchdog_enabled(3)), and having it keep our sockets.

Without systemd nothing happens. Nothing here raises or blocks: a service manager that does not listen must not stop
calls.
"""

import array
import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import Mapping
from typing import Final

MICROSECONDS: Final = 1_000_000

BARRIER: Final = 1.0
"""Seconds that the service manager has to read what it was told."""

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

    def keep(self, name: str, sock: socket.socket) -> None:
        """Have a socket kept for the process after this one, however this one ends.

        Done where the unit has FileDescriptorStoreMax. FDPOLL=0: an ICMP error is no reason to throw it away.
        """
        self._send(f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", sock.fileno())

    def forget(self, name: str) -> None:
        """Have a socket that was kept closed."""
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def barrier(self) -> None:
        """Wait until what was told so far is done (sd_notify_barrier(3)), a second at most."""
        if not self._address:
            return
        ours, theirs = os.pipe()
        try:
            self._send("BARRIER=1", theirs)
        finally:
            os.close(theirs)
        poll = select.poll()
        poll.register(ours, 0)  # POLLHUP is always told
        poll.poll(BARRIER * 1000)
        os.close(ours)

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

    def _send(self, message: str, descriptor: int | None = None) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            rights = [] if descriptor is None else [
                (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            self._socket.sendmsg([message.encode()], rights, 0, self._address)


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
