"""Whose is what: the one rule by which a row, a state or an event is shown to somebody.

| thing | a supervisor's | an agent's |
|---|---|---|
| group | one of theirs | one that lists them |
| agent | listed by one of their groups | themselves |
| number | of one of their groups | of one of their groups |
| task | of one of their groups | they are its responsible, or an attempt of it was theirs |
| call | of one of their groups, or with an agent of theirs | theirs, or direct callback tried them |
| direct callback | with an agent of theirs | with them |
| ticket | of one of their groups, or of an agent of theirs | theirs, or nobody's and of one of their groups |
| recording | of an attempt of an agent of theirs, or of a task of their groups | none |
| campaign | of one of their groups | of one of their groups |

Everything is an admin's. A supervisor whose groups are not named (`Caller.groups` None) has every group.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.policy import NAMED
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.verb import Role


@dataclass(frozen=True)
class Reach:
    """What is somebody's, by the policy in force."""

    role: Role
    groups: frozenset[str] | None
    """None: every one."""
    agents: frozenset[str] | None
    """Extensions; None: every one."""
    agent: str | None
    """Of an agent, their own extension."""

    @property
    def everything(self) -> bool:
        """Whether nothing is kept from them."""
        return self.groups is None and self.agents is None

    def has_group(self, group: str | None) -> bool:
        """Whether a group is theirs; what is of no group is nobody's but who has every one."""
        return self.groups is None or group in self.groups

    def has_agent(self, agent: str | None) -> bool:
        """Whether an agent is theirs, or is they themselves."""
        return self.agents is None or agent in self.agents

    def has_task(self, group: str, responsible: str | None, tried: Collection[str | None]) -> bool:
        """Whether a task is theirs. `responsible`: the extension it is held for; `tried`: agents of its attempts."""
        if self.role != "agent":
            return self.has_group(group)
        return self.agent is not None and (responsible == self.agent or self.agent in tried)

    def has_call(self, group: str | None, agents: Collection[str | None]) -> bool:
        """Whether a call is theirs. `agents`: who called, answered, or was tried."""
        if self.role != "agent" and self.has_group(group):
            return True
        return any(self.has_agent(agent) for agent in agents if agent is not None)

    def has_ticket(self, group: str | None, agent: str | None) -> bool:
        """Whether a ticket is theirs."""
        if self.role == "agent" and agent is not None:
            return self.has_agent(agent)
        return self.has_group(group) or (agent is not None and self.has_agent(agent))

    def has_event(self, data: Mapping[str, Any]) -> bool:
        """Whether an event is theirs, by what it tells: an agent, a group; of neither, it is not."""
        if self.everything:
            return True
        agent, group = data.get("agent"), data.get("group")
        if self.role == "agent":
            return agent is not None and self.has_agent(agent)
        return self.has_group(group) or (agent is not None and self.has_agent(agent))


OF_GROUP: Final = frozenset({"hours", "timezone", "holidays", "on_missed", "missed_callback", "queue_callback",
                             "callback", "tickets", "direct_callback"})
"""Settings of a group of theirs that a supervisor may change."""
OF_NUMBER: Final = frozenset({"queue_callback"})
OF_AGENT: Final = frozenset({"name", "direct_callback"})
NOT_THEIRS: Final = frozenset({("callback", "show")})
"""Of these, what an admin alone may change."""


def may_set(of: Reach, path: Sequence[str], group: str | None) -> bool:
    """Whether somebody may change a setting of the policy, by its key as names. `group`: that of the number or of the
    campaign that it names, if it is one's."""
    if of.everything:
        return True
    kind, name, rest = path[0], path[1] if len(path) > 1 else "", tuple(path[2:])
    if kind == "campaign":
        return group is not None and of.has_group(group)
    if not rest:
        return False
    if kind == "group":
        return rest[0] in OF_GROUP and rest not in NOT_THEIRS and of.has_group(name)
    if kind == "number":
        return rest[0] in OF_NUMBER and group is not None and of.has_group(group)
    return kind == "agent" and rest[0] in OF_AGENT and of.has_agent(name)


def sees_setting(of: Reach, path: Sequence[str], group: object) -> bool:
    """Whether somebody is shown a setting of the policy, by its key as names: what is the company's shows which level
    wins, what belongs to a group that is not theirs is kept from them. `group`: as of `may_set`."""
    kind, name = path[0], path[1] if len(path) > 1 else ""
    if of.groups is None or kind not in NAMED:
        return True
    if kind == "agent":
        return of.has_agent(name)
    return of.has_group(name) if kind == "group" else isinstance(group, str) and of.has_group(group)


def policy_part(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what somebody is shown of a policy as JSON has it."""
    groups = raw.get("group", {})
    mine = reach(caller, {name: group.get("agents", ()) for name, group in groups.items()})
    part = {kind: {name: one for name, one in inside.items() if sees_setting(mine, (kind, name), one.get("group"))}
            if kind in NAMED else inside for kind, inside in raw.items()}
    return {kind: inside for kind, inside in part.items() if inside != {}}


def reach(caller: Caller, members: Mapping[str, Collection[str]]) -> Reach:
    """Return what is a caller's. `members`: the extensions that each group of the policy lists."""
    if caller.role == "admin" or (caller.role == "supervisor" and caller.groups is None):
        return Reach(caller.role, None, None, None)
    if caller.role == "supervisor":
        groups = caller.groups or frozenset()
        return Reach("supervisor", groups,
                     frozenset(agent for name in groups for agent in members.get(name, ())), None)
    own = frozenset(() if caller.agent is None else (caller.agent,))
    listed = frozenset(name for name, agents in members.items() if caller.agent is not None and caller.agent in agents)
    return Reach("agent", listed, own, caller.agent)
