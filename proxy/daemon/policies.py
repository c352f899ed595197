"""Which policy is in force: the database's, the seed's, one that an operator put."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from config.cautions import cautions
from config.contradictions import unbounded
from config.lines import format_key
from config.loading import Found
from config.node import NodeConfig, load_seed, peers_of
from config.policy import Policy, diff_policies, export_policy, parse_policy, plain_policy
from config.problem import ConfigError
from proxy.logger import get_logger
from routing.audit import policy_line
from routing.ids import uuid7
from routing.storage import ChangedRows, Store, StoreError

NAMED_KEYS: Final = 5
"""Most settings that are named where the policy in the database differs from its file."""


UNUSABLE: Final = "policy"
"""Alarm: the newest policy in the database is none that this version can use."""

HISTORY: Final = 100
"""Older policies that are looked at for one that can be used."""


def _parse(text: str) -> Policy:
    return parse_policy(text, "the policy in the database", kept=True)


def differs(name: str, keys: Sequence[str]) -> str:
    """Say in which settings the file `name` differs from the policy in force, and what to do."""
    shown = ", ".join(keys[:NAMED_KEYS]) + (f" and {len(keys) - NAMED_KEYS} more" if keys[NAMED_KEYS:] else "")
    return (f"differs from the policy in the database, which is the one in force, in {shown}: `boomerang policy apply "
            f"{name}` puts the file in force, `boomerang policy export` shows what is")


class Policies:
    """Reads, keeps and changes the policy. In the daemon's thread."""

    def __init__(self, config: NodeConfig, store: Store, put_in_force: Callable[[Policy], None],
                 report_alarm: Callable[[str, str | None], None]) -> None:
        """`put_in_force` is told of every policy but the first, which whoever asks for it puts in force.
        `report_alarm`: raises an alarm (name, text), or clears it (None).
        """
        self._config, self._store, self._put_in_force = config, store, put_in_force
        self._report_alarm = report_alarm
        self._log = get_logger()
        self._unread = self._changed = False
        self._now = Policy()
        self._seed_hash = self._hash()
        store.tell_changes_to(self)

    def first(self) -> Policy:
        """Return the policy to begin with: the database's, else the seed's, else the defaults.

        A database that cannot be read now may hold a newer policy than the seed: nothing is written over it, and it is
        asked again when it is well (`read_late`). Raises ConfigError where the seed is needed and wrong.
        """
        self._now = self._first()
        for path, text in (*unbounded(plain_policy(self._now)), *self._doubts()):
            self._log.warning("policy_doubtful", key=format_key(path), text=text)
        return self._now

    def _doubts(self) -> list[Found]:
        return cautions(self._now, peers_of(self._config), self._config.node.data)

    def _first(self) -> Policy:
        try:
            policy = self._stored()
        except StoreError:
            self._unread = True
            return self._seed_or_defaults()
        except ConfigError as error:
            return self._usable(error)
        if policy is not None:
            self._compare(policy)
            return policy
        seed = load_seed(self._config)
        if seed is not None:
            self._store.save_policy(export_policy(seed), time.time())
        return seed or Policy()

    def _seed_or_defaults(self) -> Policy:
        with contextlib.suppress(ConfigError):
            return load_seed(self._config) or Policy()
        return Policy()

    def _usable(self, error: ConfigError) -> Policy:
        """Return what to begin with where this version cannot read the newest policy: the newest one that it can.
        Nothing is written, for the newest one is another version's."""
        self._refuse(error)
        with contextlib.suppress(StoreError):
            for version in self._store.policy_history(HISTORY):
                with contextlib.suppress(ConfigError):
                    return _parse(version.text)
        return self._seed_or_defaults()

    def _compare(self, policy: Policy) -> None:
        """Say that a seed file says something else than the database: who edited it may think that it is in force."""
        with contextlib.suppress(ConfigError):
            seed = load_seed(self._config)
            changes = [] if seed is None else diff_policies(policy, seed)
            if changes:
                name = str(self._config.policy.seed)
                self._log.warning("policy_file_differs", file=name, settings=len(changes),
                                  text=differs(name, [change.key for change in changes]))

    def put(self, policy: Policy) -> None:
        """Put a policy in force and keep it. No call is touched."""
        changes = diff_policies(self._now, policy)
        self._log.info("policy_changed", changes=len(changes), keys=" ".join(change.key for change in changes)[:1000])
        self._in_force(policy)
        self._report_alarm(UNUSABLE, None)
        self._store.save_policy(export_policy(policy), time.time())

    def on_changed(self, changed: ChangedRows) -> None:
        self._changed = self._changed or "policy" in changed.tables

    def turn(self) -> None:
        """Put in force what another node has saved. No call is touched."""
        if not self._changed:
            return
        try:
            policy = self._stored()
        except StoreError:
            return  # it is read with a later turn
        except ConfigError as error:
            self._changed = False
            self._refuse(error)
            return
        self._changed = False
        changes = () if policy is None else diff_policies(self._now, policy)
        if policy is not None:
            self._report_alarm(UNUSABLE, None)
        if policy is not None and changes:
            self._log.info("policy_taken", changes=len(changes),
                           keys=" ".join(change.key for change in changes)[:1000])
            self._in_force(policy)

    def _refuse(self, error: ConfigError) -> None:
        """Say that the newest policy is none for this version: the one in force stays so."""
        self._log.error("stored_policy_unusable", problems=str(error))
        first, *others = error.problems
        self._report_alarm(UNUSABLE, "the newest policy in the database cannot be used by this version: "
                           f"{first}{f', and {len(others)} more' if others else ''}")

    def read_late(self) -> None:
        """Read the policy that could not be read at the start, now that the database is well again."""
        if not self._unread:
            return
        try:
            policy = self._stored()
        except StoreError:
            return
        except ConfigError as error:
            self._unread = False
            self._in_force(self._usable(error))
            return
        self._unread = False
        if policy is not None:
            self._in_force(policy)
        else:
            self.put(self._now)

    def reload(self) -> None:
        """Apply a seed file that was edited, else read the policy in the database again; what is wrong is logged."""
        try:
            self._reload()
        except (ConfigError, StoreError, OSError) as error:
            self._log.error("reload_failed", reason=str(error))

    def _reload(self) -> None:
        digest = self._hash()
        if digest is not None and digest != self._seed_hash:
            policy = load_seed(self._config)
            self._seed_hash = digest
        else:
            policy = self._stored()
        changes = [] if policy is None else diff_policies(self._now, policy)
        if policy is not None and changes:
            line = policy_line(uuid7(time.time(), os.urandom), time.time(), "SIGHUP", "admin", "file", "policy.reload",
                               self._now, policy)
            with self._store.together([] if line is None else [line]):
                self.put(policy)
        self._log.info("policy_reloaded", changes=len(changes))

    def _in_force(self, policy: Policy) -> None:
        self._now = policy
        self._put_in_force(policy)

    def _stored(self) -> Policy | None:
        """Return the newest policy in the database; None: there is none. Raises StoreError, and ConfigError where it is
        none for this version."""
        text = self._store.load_policy()
        return None if text is None else _parse(text)

    def _hash(self) -> str | None:
        seed = self._config.policy.seed
        try:
            return None if seed is None else hashlib.sha256(Path(seed).read_bytes()).hexdigest()
        except OSError:
            return None
