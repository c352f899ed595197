"""What `boomerang check` looks at: the files, the policy that the database holds, and the world."""

import asyncio
from pathlib import Path
from typing import Final

from config.loading import locate, read_text
from config.node import Examined, NodeConfig, examine
from config.policy import Policy, diff_policies, parse_policy
from config.problem import ConfigError, Problem
from proxy.check.live import look_around
from proxy.control_client import ControlClient, ControlError
from proxy.daemon import building
from proxy.daemon.policies import differs
from routing.storage import StoreError
from routing.store.reader import Reader

CONTROL_PATIENCE: Final = 2.0
"""Seconds in which a daemon that runs says so."""


def examine_all(file: Path) -> Examined:
    """Say everything about a boomerang.toml and what it names. ConfigError where it cannot even be parsed."""
    found = examine(file)
    unshared = [] if found.config is None else building.sharing_problems(found.config, file)
    return found._replace(problems=[*found.problems, *unshared, *_differing(found)])


def look(file: Path, config: NodeConfig) -> list[Problem]:
    """Say whether the world is as the file says, what is well too; a few seconds. ConfigError where it is gone."""
    try:
        running = bool(ControlClient(config.socket, timeout=CONTROL_PATIENCE).call("status"))
    except ControlError:
        running = False
    name, text = str(file), read_text(file)
    looks = asyncio.run(look_around(config, running))
    return [problem for one in looks for problem in locate([(one.key, one.text)], text, name, one.level)]


def _differing(found: Examined) -> list[Problem]:
    """Say that the database holds another policy than the file: an edit of the file alone changes nothing."""
    if found.config is None or found.seed is None:
        return []
    name, database = str(found.config.policy.seed), found.config.database
    try:
        stored = stored_policy(database)
    except (StoreError, ConfigError) as error:
        said = f"the policy in {database}, which is the one in force, cannot be read: {error}"
        return [Problem(name, "", 0, said, "warning")]
    changes = [] if stored is None else diff_policies(stored, found.seed)
    return [Problem(name, "", 0, differs(name, [change.key for change in changes]), "warning")] if changes else []


def stored_policy(database: Path) -> Policy | None:
    """Return the policy that a database holds; None where there is none yet. Raises StoreError and ConfigError."""
    if not database.exists():
        return None
    reader = Reader(database, "", strict=True)
    try:
        text = reader.newest_policy()
    finally:
        reader.close()
    return None if text is None else parse_policy(text, "the policy in the database", kept=True)
