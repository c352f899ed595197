"""The control socket stands where commands look for it: made at the start, made again where it was removed."""

import asyncio
from collections.abc import Callable
from typing import Final

from proxy.control import ControlServer
from proxy.control_client import ControlError
from proxy.logger import get_logger

CONTROL_PAUSE: Final = 2.0
"""Seconds between two looks whether the control socket is still there."""


class ControlKeeping:
    """Keeps the server of the control socket in its place."""

    def __init__(self, server: ControlServer, path: str, alarm: Callable[[str, str | None], None]) -> None:
        """`path`: of the socket, for the log. `alarm(name, text)`: None clears it."""
        self._server, self._path, self._alarm = server, path, alarm
        self._looked = False

    async def look(self) -> None:
        """Make the socket if it is not there; where that cannot be done an alarm says why."""
        again, self._looked = self._looked, True
        try:
            made = await self._server.stand()
        except ControlError as error:
            self._alarm("control", str(error))
            return
        if made and again:
            get_logger().warning("control_socket_made_again", path=self._path)
        self._alarm("control", None)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(CONTROL_PAUSE)
            await self.look()

    async def close(self) -> None:
        """Take the socket away."""
        await self._server.close()
