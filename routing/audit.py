"""Lines of the audit log about the policy: which settings are others now."""

from config.policy import Policy, diff_policies
from routing.rows import AuditRow, UserRole

MOST_KEYS = 5
"""Settings that a line names; what it says of each is in `before` and `after`."""


def policy_line(name: str, at: float, who: str, role: UserRole, door: str, verb: str, was: Policy,
                now: Policy) -> AuditRow | None:
    """Return the line of another policy; None where it is the same. `name`: a new id; `at`: seconds since the epoch."""
    changes = diff_policies(was, now)
    if not changes:
        return None
    keys = [change.key for change in changes]
    about = ", ".join(keys[:MOST_KEYS]) + (f" and {len(keys) - MOST_KEYS} more" if keys[MOST_KEYS:] else "")
    return AuditRow(name, at, who, role, door, verb, about,
                    {change.key: change.old for change in changes if change.old is not None},
                    {change.key: change.new for change in changes if change.new is not None}, "")
