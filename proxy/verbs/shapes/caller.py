"""Who asks: what a door that knows it says with each verb, and what a role may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import LINE, shown
from proxy.verbs.shapes.verb import Door, Role

CallerDoor = Literal["socket", "mqtt", "api", "console", "file"]
"""Where somebody came in: the console's pages are a door of their own; `file`: a seed that was edited."""

KEYS: Final = ("name", "role", "door", "groups", "agent")
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
    """Groups of a supervisor; None: every group. An agent's are those that list them, by the policy."""
    agent: str | None = None
    """Extension of who is an agent; None: none is."""

    def may(self, role: Role) -> bool:
        """Whether somebody of this role at least is asked for, and this is one."""
        return RANKS[self.role] >= RANKS[role]

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"name": self.name, "role": self.role, "door": self.door, "agent": self.agent,
                "groups": None if self.groups is None else sorted(self.groups)}

    @property
    def named(self) -> bool:
        """Whether a person or a program is known by name, and not by the door alone."""
        return self.door in ("api", "console")

    @classmethod
    def from_json(cls, said: Any) -> "Caller":
        """Read who asks. Raises ArgumentError where it says nobody."""
        if not isinstance(said, dict):
            raise ArgumentError("as", "as: is no object that says who asks: name, role, door, groups, agent")
        unknown = [key for key in said if key not in KEYS]
        if unknown:
            raise ArgumentError("as", f"as: there is no {shown(unknown[0])}: {', '.join(KEYS)}")
        name, groups, agent = said.get("name"), said.get("groups"), said.get("agent")
        if not isinstance(name, str) or not 0 < len(name) <= LINE:
            raise ArgumentError("as.name", f"as.name is a text of 1 to {LINE} characters")
        if groups is not None and not (isinstance(groups, list) and all(isinstance(one, str) for one in groups)):
            raise ArgumentError("as.groups", "as.groups is a list of names, or null for every group")
        if agent is not None and not (isinstance(agent, str) and 0 < len(agent) <= LINE):
            raise ArgumentError("as.agent", f"as.agent is an extension of 1 to {LINE} characters, or null")
        return cls(name, cast(Role, _word("role", said, Role)), cast(CallerDoor, _word("door", said, CallerDoor)),
                   None if groups is None else frozenset(groups), agent)


def _word(key: str, said: Mapping[str, Any], words: Any) -> str:
    value = said.get(key)
    if not isinstance(value, str) or value not in get_args(words):
        raise ArgumentError(f"as.{key}", f"as.{key}: {shown(value)} is none of {', '.join(get_args(words))}")
    return value


OPERATOR: Final = Caller("operator", "admin", "socket")
"""Who may open the control socket, and says nothing of who they are."""


def of_door(door: Door) -> Caller:
    """Return whoever comes through a door that knows nobody by name: who may use it may do everything."""
    return OPERATOR if door == "socket" else Caller(door, "admin", door)
