"""Which policy is in force: the database's, the seed's, one that an operator put."""

import contextlib
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from config.node import NodeConfig, load_seed
from config.policy import Policy, diff_policies, export_policy, parse_policy
from config.problem import ConfigError
from routing.store.interface import Store, StoreError


class Policies:
    """Reads, keeps and changes the policy. In the daemon's thread."""

    def __init__(self, config: NodeConfig, store: Store, put_in_force: Callable[[Policy], None]) -> None:
        """`put_in_force` is told of every policy but the first, which whoever asks for it puts in force."""
        self._config, self._store, self._put_in_force = config, store, put_in_force
        self._log = structlog.get_logger()
        self._unread = False
        self._now = Policy()
        self._seed_hash = self._hash()

    def first(self) -> Policy:
        """Return the policy to begin with: the database's, else the seed's, else the defaults.

        A database that cannot be read now may hold a newer policy than the seed: nothing is written over it, and it is
        asked again when it is well (`read_late`). Raises ConfigError where the seed is needed and wrong.
        """
        self._now = self._first()
        return self._now

    def _first(self) -> Policy:
        try:
            policy = self._stored()
        except StoreError:
            self._unread = True
            with contextlib.suppress(ConfigError):
                return load_seed(self._config) or Policy()
            return Policy()
        if policy is not None:
            return policy
        seed = load_seed(self._config)
        if seed is not None:
            self._store.save_policy(export_policy(seed), time.time())
        return seed or Policy()

    def put(self, policy: Policy) -> None:
        """Put a policy in force and keep it. No call is touched."""
        changes = diff_policies(self._now, policy)
        self._log.info("policy_changed", changes=len(changes), keys=" ".join(change.key for change in changes)[:1000])
        self._in_force(policy)
        self._store.save_policy(export_policy(policy), time.time())

    def read_late(self) -> None:
        """Read the policy that could not be read at the start, now that the database is well again."""
        if not self._unread:
            return
        try:
            policy = self._stored()
        except StoreError:
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
            self.put(policy)
        self._log.info("policy_reloaded", changes=len(changes))

    def _in_force(self, policy: Policy) -> None:
        self._now = policy
        self._put_in_force(policy)

    def _stored(self) -> Policy | None:
        text = self._store.load_policy()
        if text is None:
            return None
        try:
            return parse_policy(text, "the policy in the database")
        except ConfigError as error:
            self._log.error("stored_policy_unusable", problems=str(error))
            return None

    def _hash(self) -> str | None:
        seed = self._config.policy.seed
        try:
            return None if seed is None else hashlib.sha256(Path(seed).read_bytes()).hexdigest()
        except OSError:
            return None
