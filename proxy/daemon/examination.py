"""What `boomerang check` looks at: the files, and the policy that the database holds."""

from pathlib import Path

from config.node import Examined, examine
from config.policy import Policy, diff_policies, parse_policy
from config.problem import ConfigError, Problem
from proxy.daemon.policies import differs
from routing.store.interface import StoreError
from routing.store.reader import Reader


def examine_all(file: Path) -> Examined:
    """Say everything about a boomerang.toml and what it names. ConfigError where it cannot even be parsed."""
    found = examine(file)
    return found._replace(problems=[*found.problems, *_differing(found)])


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
