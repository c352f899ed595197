"""The console's way to the daemon: verbs over the control socket, each said by whoever asks.

One connection a verb, as the control socket has it; few at a time, so that whoever opens many pages holds up nobody at
the command line.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from proxy.control_client import (
    ANSWER_BYTES,
    ConflictError,
    ControlError,
    ForbiddenError,
    NotRunningError,
    socket_address,
)
from proxy.control_client import UnknownError as MissingError
from proxy.verbs.shapes.caller import Caller

AT_ONCE: Final = 8
"""Verbs that wait for their answer at a time; further ones wait here."""
PATIENCE: Final = 10.0
"""Seconds that the daemon has for an answer."""


__all__ = ["ConflictError", "ForbiddenError", "LostAnswerError", "MissingError", "NodeClient"]


class LostAnswerError(NotRunningError):
    """The daemon was asked and did not answer: nobody knows whether it was done."""


class NodeClient:
    """Asks one daemon."""

    def __init__(self, path: Path, zone: str = "UTC") -> None:
        """`path`: of its control socket. `zone`: the time zone until it has answered."""
        self._path = path
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.zone = zone
        """Time zone (IANA name) of the daemon's policy, once it has answered."""

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """Return the answer's data as JSON has it. Raises NotRunningError, LostAnswerError, ForbiddenError,
        MissingError, ConflictError, ControlError; the error's `problems` name arguments.
        """
        async with self._slots:
            reader, writer = await self._ask(verb, args, caller)
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await reader.readline()
            except TimeoutError:
                raise LostAnswerError(f"the daemon gave no answer within {PATIENCE:g} s") from None
            except (OSError, ValueError) as error:
                raise LostAnswerError(f"the daemon went away: {error}") from None
            finally:
                writer.close()
        if not line.endswith(b"\n"):
            raise LostAnswerError("the daemon went away")
        return self._data(line)

    async def stream(self, verb: str, args: Mapping[str, Any], caller: Caller) -> AsyncIterator[Any]:
        """Yield the items of a verb that streams until the daemon closes. Raises as `call`."""
        reader, writer = await self._ask(verb, args, caller)
        try:
            while line := await reader.readline():
                yield self._data(line)
        except (OSError, ValueError) as error:
            raise ControlError(f"the daemon went away: {error}") from None
        finally:
            writer.close()

    async def _ask(self, verb: str, args: Mapping[str, Any],
                   caller: Caller) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, writer = await asyncio.open_unix_connection(socket_address(self._path), limit=ANSWER_BYTES)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError("no daemon is running") from None
        except OSError as error:
            raise ControlError(f"the daemon cannot be reached: {error.strerror or error}") from None
        asked = {"verb": verb, "args": dict(args), "as": caller.as_json()}
        writer.write(json.dumps(asked).encode() + b"\n")
        return reader, writer

    def _data(self, line: bytes) -> Any:
        answer = json.loads(line)
        if answer.get("ok") is True:
            self.zone = answer.get("zone") or self.zone
            return answer.get("data")
        text, problems = str(answer.get("error", "failed")), answer.get("problems")
        if answer.get("forbidden"):
            raise ForbiddenError(text, problems)
        if answer.get("unknown"):
            raise MissingError(text, problems)
        if answer.get("conflict"):
            raise ConflictError(text, problems)
        raise ControlError(text, problems)
