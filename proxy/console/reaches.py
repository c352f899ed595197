"""What is whose, as the policy in force has it: for what this process shows without asking the daemon each time."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.theirs import Reach, reach

CONSOLE = Caller("console", "admin", "console")
"""Who asks for what all viewers share."""


class Asks(Protocol):
    """The way to the daemon."""

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """Return the answer's data; raises ControlError."""


class Reaches:
    """Who belongs to which group, asked for now and then. Before the first answer nothing is anybody's but an admin's.
    """

    def __init__(self, node: Asks) -> None:
        self._node = node
        self._members: Mapping[str, list[str]] = {}

    async def refresh(self) -> None:
        """Ask the daemon; while it is away what it said last stands."""
        with contextlib.suppress(ControlError):
            self.learn(await self._node.call("agents.list", {}, CONSOLE))

    def learn(self, agents: Sequence[Mapping[str, Any]]) -> None:
        """Take over what `agents.list` answered."""
        members: dict[str, list[str]] = {}
        for agent in agents:
            for group in agent["groups"]:
                members.setdefault(group, []).append(agent["extension"])
        self._members = members

    def of(self, caller: Caller) -> Reach:
        """Return what is somebody's."""
        return reach(caller, self._members)

    def sees(self, caller: Caller, data: Mapping[str, Any]) -> bool:
        """Whether an event with these facts is shown to somebody."""
        return self.of(caller).has_event(data)
