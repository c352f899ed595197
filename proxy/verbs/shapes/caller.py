"""Who asks: what a door that knows it says with each verb, and what a role may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.verb import Role

CallerDoor = Literal["socket", "mqtt", "api", "console", "file"]
"""Where somebody came in: the console's pages are a door of their own; `file`: a seed that was edited."""

RANKS: Final[Mapping[Role, int]] = {"agent": 0, "supervisor": 1, "admin": 2}
"""Each may also whatever those before it may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks, by name."""

    name: str
    """Of the user or token; of the socket and MQTT, the door's own name."""
    role: Role
    door: CallerDoor
    groups: frozenset[str] | None = None
    """Groups of a supervisor or an agent; None: every group."""
    agent: str | None = None
    """Extension of who is an agent; None: none is."""

    def may(self, role: Role) -> bool:
        """Whether somebody of this role at least is asked for, and this is one."""
        return RANKS[self.role] >= RANKS[role]

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"name": self.name, "role": self.role, "door": self.door, "agent": self.agent,
                "groups": None if self.groups is None else sorted(self.groups)}

    @classmethod
    def from_json(cls, said: Any) -> "Caller":
        """Read who asks. Raises ArgumentError where it says nobody."""
        if not isinstance(said, dict):
            raise ArgumentError("as", "as: is no object that says who asks")
        name, role, door = said.get("name"), said.get("role"), said.get("door")
        groups, agent = said.get("groups"), said.get("agent")
        if not isinstance(name, str) or role not in get_args(Role) or door not in get_args(CallerDoor):
            raise ArgumentError("as", "as: name, role or door is missing")
        if groups is not None and not (isinstance(groups, list) and all(isinstance(one, str) for one in groups)):
            raise ArgumentError("as", "as: groups is no list of names")
        if agent is not None and not isinstance(agent, str):
            raise ArgumentError("as", "as: agent is no extension")
        return cls(name, cast(Role, role), cast(CallerDoor, door), None if groups is None else frozenset(groups), agent)


OPERATOR: Final = Caller("operator", "admin", "socket")
"""Who may open the control socket, and says nothing of who they are."""
