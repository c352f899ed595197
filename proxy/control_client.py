"""The command's end of the control socket (`proxy.control`): plain blocking calls, and no library that is slow to load.

A command that asks the daemon one question must be there in a third of a second: nothing is imported here but what
Python brings along.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ANSWER_BYTES: Final = 64 << 20
"""Longest answer line that a client takes."""

ANSWER_SECONDS: Final = 30.0
"""How long the command waits for an answer, or the daemon for a client that does not read."""

SHORTEST_WAIT: Final = 0.001
"""A socket's timeout must not be 0, which would mean not to wait at all."""

PATH_BYTES: Final = 107
"""Longest path of a Unix socket on Linux (unix(7))."""


class ControlError(Exception):
    """Raised by a handler: the request cannot be done, and why. Raised in the command: the daemon said so."""

    def __init__(self, text: str, problems: list[dict[str, Any]] | None = None) -> None:
        super().__init__(text)
        self.problems = problems or []


class UnknownError(ControlError):
    """There is nothing of that name."""


class ForbiddenError(ControlError):
    """Whoever asks may not: it is not for their role, or not theirs."""


class ConflictError(ControlError):
    """Another change came first: what was asked for was made from something older."""


class NotRunningError(ControlError):
    """Nobody listens at the socket."""


class ControlClient:
    """The command's end: plain blocking calls, one connection each."""

    def __init__(self, path: str | Path, timeout: float = ANSWER_SECONDS) -> None:
        self._path = Path(path)
        self._timeout = timeout
        self.zone: str | None = None
        """Time zone (IANA name) in which the daemon's people read times, once it has answered."""

    def call(self, verb: str, /, **args: Any) -> Any:
        """Return the answer's data; ControlError with what the daemon said, NotRunningError where there is none."""
        for data in self.stream(verb, seconds=self._timeout, **args):
            return data
        raise ControlError("the daemon gave no answer")

    def stream(self, verb: str, /, *, seconds: float | None = None, **args: Any) -> Iterator[Any]:
        """Yield the data of every answer line until the daemon closes or `seconds` are over (None: never)."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._connect() as sock, self._lost(), sock.makefile("rb") as file:
            with contextlib.suppress(BrokenPipeError):  # refused before we asked: the answer that says so is there
                sock.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            while end is None or end > time.monotonic():
                sock.settimeout(None if end is None else max(end - time.monotonic(), SHORTEST_WAIT))
                line = file.readline(ANSWER_BYTES)
                if not line:
                    return
                yield self._data(line)

    def _connect(self) -> socket.socket:
        address = socket_address(self._path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self._timeout)
        try:
            sock.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            raise NotRunningError(f"no daemon is running at {self._path}") from None
        except OSError as error:
            sock.close()
            raise ControlError(f"{self._path}: {error.strerror or error}") from None
        return sock

    def _data(self, line: bytes) -> Any:
        try:
            answer = json.loads(line)
            ok = answer["ok"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ControlError("the daemon's answer cannot be read") from None
        if ok is not True:
            kind = (ForbiddenError if answer.get("forbidden") else UnknownError if answer.get("unknown")
                    else ConflictError if answer.get("conflict") else ControlError)
            raise kind(str(answer.get("error", "failed")), answer.get("problems"))
        self.zone = answer.get("zone") or self.zone
        return answer.get("data")

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            pass
        except OSError as error:
            raise ControlError(f"the daemon went away: {error.strerror or error}") from None


def socket_address(path: Path) -> str:
    """Return a path as the address of a Unix socket. ControlError where it is too long for one."""
    if len(os.fsencode(path)) > PATH_BYTES:
        raise ControlError(f"{path} is longer than {PATH_BYTES} bytes, which is all that a socket's path may have")
    return str(path)
