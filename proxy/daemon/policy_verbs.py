"""What an operator may ask and change of the policy; the shapes stand in `proxy.control`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from config.cautions import cautions
from config.lines import format_key
from config.loading import FILE_BYTES, Found, locate
from config.policy import (
    Peers,
    Policy,
    diff_policies,
    export_policy,
    means,
    parse_policy,
    plain_policy,
    set_key,
    unset_key,
)
from config.problem import Problem
from proxy.control import Handler
from proxy.daemon.arguments import flag, kept, text, word
from routing.ledger import Ledger
from routing.storage import Store

PATH: Final = 4096
"""Characters of a file's name."""
KEY: Final = 500
"""Characters of a setting's key."""
VALUE: Final = 65_536
"""Characters of a setting's value."""

PutPolicy = Callable[[Policy], None]
"""Puts a policy in force and keeps it."""


class PolicyVerbs:
    """Handlers of `policy.*`. What changes the policy raises ConfigError where it cannot, and nothing has changed."""

    def __init__(self, ledger: Ledger, store: Store, peers: Peers, data: Path, put_policy: PutPolicy) -> None:
        """`peers`: what boomerang.toml says, which a policy may name; `data`: the data folder."""
        self._ledger, self._store, self._put_policy = ledger, store, put_policy
        self._peers, self._data = peers, data

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {
            "policy.show": lambda args: plain_policy(self._ledger.policy),
            "policy.export": lambda args: {"toml": export_policy(self._ledger.policy)},
            "policy.apply": kept(self.apply, self._store), "policy.set": kept(self.set, self._store),
            "policy.unset": kept(self.unset, self._store),
        }

    async def apply(self, args: dict[str, Any]) -> dict[str, Any]:
        """Put a whole policy in force, and say everything that is doubtful about it."""
        toml, name = text(args, "toml", FILE_BYTES), word(args, "name", PATH) or "policy.toml"
        policy = await asyncio.to_thread(parse_policy, toml, name, self._peers)  # a large one takes seconds
        return self._change(policy, locate(self._doubts(policy), toml, name, "warning"))

    def set(self, args: dict[str, Any]) -> dict[str, Any]:
        """Change one key."""
        key, value, new = word(args, "key", KEY) or "", text(args, "value", VALUE), flag(args, "new")
        return self._one(set_key(self._ledger.policy, key, value, self._peers, new))

    def unset(self, args: dict[str, Any]) -> dict[str, Any]:
        """Take one key, or all of an agent, number, group or campaign, out of the policy."""
        return self._one(unset_key(self._ledger.policy, word(args, "key", KEY) or "", self._peers))

    def _doubts(self, policy: Policy) -> list[Found]:
        return cautions(policy, self._peers, self._data)

    def _one(self, policy: Policy) -> dict[str, Any]:
        """Put a policy in force that differs in one thing; what was doubtful before is not told again."""
        before = self._doubts(self._ledger.policy)
        return self._change(policy, [_doubt(one) for one in self._doubts(policy) if one not in before])

    def _change(self, policy: Policy, warnings: list[Problem]) -> dict[str, Any]:
        changes = diff_policies(self._ledger.policy, policy)
        if changes:
            self._put_policy(policy)
        told: dict[str, Any] = {"changes": [
            {**change._asdict(), **({"means": said} if (said := means(change.key, change.new)) else {})}
            for change in changes]}
        return {**told, "warnings": [problem._asdict() for problem in warnings]} if warnings else told


def _doubt(found: Found) -> Problem:
    path, said = found
    return Problem("policy", format_key(path), 0, said, "warning")
