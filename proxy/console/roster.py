"""Groups and agents of whoever asks: what a list is filtered by, and what they are called in it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.console.asking import Asking
from proxy.control_client import NotRunningError


@dataclass(frozen=True)
class Roster:
    """Who there is."""

    groups: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """What each agent is called, by extension."""

    def agent(self, extension: str | None) -> str | None:
        """Return what an agent is called; the extension of one who is not known, None for nobody."""
        return None if extension is None else self.names.get(extension, extension)

    @property
    def agent_pairs(self) -> list[tuple[str, str]]:
        """Return the agents as value and words."""
        return [*self.names.items()]

    @property
    def group_pairs(self) -> list[tuple[str, str]]:
        """Return the groups as value and words."""
        return [(name, name) for name in self.groups]


def agent_name(extension: str, name: str | None) -> str:
    """Return what an agent is called."""
    return f"{extension} {name}" if name else extension


async def roster_of(asking: Asking) -> Roster:
    """Ask for who there is, of what is theirs. Raises ControlError."""
    queues, agents = await asyncio.gather(*(
        asking.node.call(verb, {}, asking.caller) for verb in ("queues.list", "agents.list")))
    return Roster(tuple(one["group"] for one in queues),
                  {one["extension"]: agent_name(one["extension"], one["name"]) for one in agents})


async def roster_of_list(asking: Asking) -> Roster:
    """Return who there is for a list, which is shown while the daemon is away too: it is read from the database."""
    try:
        return await roster_of(asking)
    except NotRunningError:
        return Roster()
