"""A service manager that does what systemd does about sockets: it is told, it keeps what it is given, it passes it on.

sd_notify(3), sd_pid_notify_with_fds(3) and sd_listen_fds(3), over a real Unix socket.
"""

import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.kit.waiting import PATIENCE, eventually

FIRST: Final = 3
"""The first descriptor that is passed (SD_LISTEN_FDS_START)."""
PASSES_ON: Final = 'n=$1; shift; LISTEN_PID=$$ LISTEN_FDS=$n exec "$@"'
"""Shell: the program's process id is that of the shell which becomes it."""


class ServiceManager:
    """`with ServiceManager(folder) as manager:`. `told`: every message; `kept`: sockets by name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.told: list[dict[str, str]] = []
        self.kept: dict[str, socket.socket] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a service is started with."""
        return {"NOTIFY_SOCKET": str(self.path)}

    def wait_for(self, key: str, value: str = "1", timeout: float = PATIENCE, *, after: int = 0) -> None:
        """Wait until this was told; `after`: messages to leave out from the beginning."""
        eventually(lambda: any(one.get(key) == value for one in self.told[after:]), f"{key}={value} is told", timeout)

    def passing(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """What to put before the command so that it is passed what is kept; and the descriptors, in their order."""
        return ("sh", "-c", PASSES_ON, "sh", str(len(self.kept))), tuple(one.fileno() for one in self.kept.values())

    def _listen(self) -> None:
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 8)
            if not data:
                return
            told = dict(line.partition("=")[::2] for line in data.decode().split("\n"))
            if told.get("FDSTORE") == "1":
                name = told["FDNAME"]
                assert ":" not in name
                if name in self.kept:  # systemd keeps both unless they are the same; ours are
                    os.close(descriptors[0])
                else:
                    self.kept[name] = socket.socket(fileno=descriptors[0])
            elif told.get("FDSTOREREMOVE") == "1":
                gone = self.kept.pop(told["FDNAME"], None)
                if gone is not None:
                    gone.close()
            else:
                for descriptor in descriptors:  # BARRIER=1: closing it is the answer
                    os.close(descriptor)
            self.told.append(told)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self._thread.join(PATIENCE)
        self._socket.close()
        for sock in self.kept.values():
            sock.close()
