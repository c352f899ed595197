"""How many callbacks wait for an agent, of those that somebody may see: what stands in the title of each page."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import Caller

FRESH: Final = 2.0
"""Seconds for which a number is good enough: whoever asks meanwhile is told the same."""
MOST: Final = 1_000
"""Callers whose numbers are remembered."""


class Asks(Protocol):
    """The way to the daemon."""

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """Return the answer's data; raises ControlError."""


class Unattended:
    """Counts them, once for all who ask at a time."""

    def __init__(self, node: Asks) -> None:
        self._node = node
        self._known: dict[Caller, tuple[float, asyncio.Future[int | None]]] = {}

    async def count(self, caller: Caller) -> int | None:
        """Return the number; None: the daemon gave none."""
        now = time.monotonic()
        known = self._known.get(caller)
        if known is None or now - known[0] > FRESH:
            if len(self._known) >= MOST:
                self._known.clear()
            known = self._known[caller] = (now, asyncio.ensure_future(self._ask(caller)))
        return await asyncio.shield(known[1])

    async def _ask(self, caller: Caller) -> int | None:
        try:
            if caller.role == "admin":
                return int((await self._node.call("status", {}, caller))["callbacks"]["due"])
            return sum(int(one["callbacks_due"]) for one in await self._node.call("queues.list", {}, caller))
        except ControlError:
            return None
