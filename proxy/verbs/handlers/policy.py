"""What may be asked and changed of the policy."""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from config.cautions import cautions
from config.lines import format_key
from config.loading import Found, locate
from config.policy import (
    Change,
    Peers,
    Policy,
    diff_policies,
    diff_texts,
    edit_policy,
    export_policy,
    means,
    parse_policy,
    plain_policy,
    set_key,
    unset_key,
)
from config.problem import ConfigError, Problem
from config.toml import to_value
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import policy as shapes
from proxy.verbs.shapes.errors import ArgumentError, ConflictError, UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.rows import policy_of
from proxy.verbs.shapes.verb import Bound
from routing.ledger import Ledger
from routing.rows import PolicyVersion
from routing.storage import Store, StoreError
from routing.store.reader import Reader

DIGITS: Final = 15
"""Of the number of a version."""
PutPolicy = Callable[[Policy], None]
"""Puts a policy in force and keeps it."""


class PolicyVersions:
    """Knows which version of the database is the policy in force."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[str, int] | None = None

    def now(self) -> int | None:
        """Return it; None: it is not on disk yet, or what is there cannot be read."""
        try:
            text = self._store.load_policy()
            if text is not None and (self._known is None or self._known[0] != text):
                newest = self._store.policy_history(1)
                self._known = (text, newest[0].version) if newest and newest[0].text == text else None
        except StoreError:
            return None
        return None if text is None or self._known is None else self._known[1]


class PolicyAnswers:
    """Answers `policy.*`. What changes the policy raises ConfigError where it cannot, and nothing has changed."""

    def __init__(self, ledger: Ledger, peers: Peers, data: Path, store: Store, reader: Reader,
                 put_policy: PutPolicy) -> None:
        """`peers`: what boomerang.toml says, which a policy may name; `data`: the data folder; `store`: where policies
        are kept; `reader`: a strict one, for those that were in force.
        """
        self._reader = reader
        self._ledger, self._put_policy, self._versions = ledger, put_policy, PolicyVersions(store)
        self._peers, self._data = peers, data
        self._one_at_a_time = asyncio.Lock()

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.SHOW.by(self.show), shapes.EXPORT.by(self.export), shapes.APPLY.by(self.apply),
                shapes.SET.by(self.set_one), shapes.EDIT.by(self.edit),
                shapes.UNSET.by(self.unset), shapes.HISTORY.by(self.history), shapes.AT.by(self.at)]

    def show(self, args: object) -> dict[str, Any]:
        """Every setting."""
        return plain_policy(self._ledger.policy)

    def export(self, args: object) -> shapes.Toml:
        """The policy as TOML."""
        policy = self._ledger.policy
        try:
            free = policy.free_campaign()
        except ValueError:
            free = None
        return {"toml": export_policy(policy), "version": self._versions.now(), "free_campaign": free}

    async def apply(self, args: shapes.Apply) -> shapes.Changes:
        """Put a whole policy in force, and say everything that is doubtful about it."""
        policy = await asyncio.to_thread(parse_policy, args.toml, args.name, self._peers)  # a large one takes seconds
        self._refuse_older(args.version)
        return self._change(policy, locate(self._doubts(policy), args.toml, args.name, "warning"))

    def set_one(self, args: shapes.Set) -> shapes.Changes:
        """Change one key."""
        value = args.value if isinstance(args.value, str) else to_value(args.value)
        return self._one(set_key(self._ledger.policy, args.key, value, self._peers, args.new))

    def edit(self, args: shapes.Edit) -> shapes.Changes:
        """Change several keys at once, or none."""
        self._refuse_older(args.version)
        return self._one(edit_policy(self._ledger.policy, args.changes, self._peers, args.new))

    def unset(self, args: shapes.Unset) -> shapes.Changes:
        """Take one key, or all of an agent, number, group or campaign, out of the policy."""
        return self._one(unset_key(self._ledger.policy, args.key, self._peers))

    def _refuse_older(self, version: int | None) -> None:
        """Raise ConflictError where another version is in force than the one that a change was made from."""
        now = None if version is None else self._versions.now()
        if now != version:
            what = "another change is being kept" if now is None else f"version {now} is in force"
            raise ConflictError(f"made from version {version} of the policy, and {what}: look at it again")

    async def history(self, args: shapes.History) -> list[shapes.PolicyStep]:
        """Policies that were in force, the newest first, each with what it changed."""
        rows = await look_up(lambda: self._reader.policies(min(args.limit, shapes.MOST_STEPS) + 1, args.before))
        async with self._one_at_a_time:  # a thread that reads policies takes from what calls have
            return await asyncio.to_thread(_steps, rows, min(args.limit, shapes.MOST_STEPS))

    async def at(self, args: shapes.OneVersion) -> shapes.PolicyText:
        """A policy that was in force."""
        if not args.version.isascii() or not args.version.isdigit() or len(args.version) > DIGITS:
            raise ArgumentError("version", f"version: {shown(args.version)} is no number of a version")
        version = int(args.version)
        rows = await look_up(lambda: self._reader.policies(1, version + 1))
        if not rows or rows[0].version != version:
            raise UnknownError(f"there is no version {args.version} of the policy")
        return {**policy_of(rows[0]), "toml": rows[0].text}

    def _doubts(self, policy: Policy) -> list[Found]:
        return cautions(policy, self._peers, self._data)

    def _one(self, policy: Policy) -> shapes.Changes:
        """Put a policy in force that differs in one thing; what was doubtful before is not told again."""
        before = self._doubts(self._ledger.policy)
        return self._change(policy, [_doubt(one) for one in self._doubts(policy) if one not in before])

    def _change(self, policy: Policy, warnings: list[Problem]) -> shapes.Changes:
        changes = diff_policies(self._ledger.policy, policy)
        if changes:
            self._put_policy(policy)
        told: shapes.Changes = {"changes": [_told(change) for change in changes]}
        if warnings:
            told["warnings"] = [{"file": one.file, "key": one.key, "line": one.line, "text": one.text,
                                 "level": "error" if one.level == "error" else "warning"} for one in warnings]
        return told


def _steps(rows: Sequence[PolicyVersion], limit: int) -> list[shapes.PolicyStep]:
    """Return versions with what each changed: `rows` has the one before the last of them too, where there is one."""
    read = lru_cache(maxsize=2)(_read)
    found: list[shapes.PolicyStep] = []
    for row, before in zip(rows[:limit], [*rows[1:], None], strict=False):
        changes = [] if before is None else diff_texts(before.text, row.text)
        if changes is None and before is not None:
            old, new = read(before.text), read(row.text)
            changes = [] if old is None or new is None else diff_policies(old, new)
        found.append({**policy_of(row), "changes": [_told(change) for change in changes or ()]})
    return found


def _read(text: str) -> Policy | None:
    try:
        return parse_policy(text, kept=True)
    except ConfigError:
        return None  # of a version that knew other settings: what it changed cannot be told


def _told(change: Change) -> shapes.Change:
    told: shapes.Change = {"key": change.key, "old": change.old, "new": change.new}
    said = means(change.key, change.new)
    if said:
        told["means"] = said
    return told


def _doubt(found: Found) -> Problem:
    path, said = found
    return Problem("policy", format_key(path), 0, said, "warning")
