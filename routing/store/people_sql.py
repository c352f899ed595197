"""The statements about users, tokens and the audit log, and how their rows stand in the tables."""

import json
from typing import Any, Final

from routing.events import write_json
from routing.rows import AuditRow, TokenRow, UserRow

PUT_USER: Final = (
    'INSERT INTO users (name, role, "groups", agent, password, created_at, disabled_at) VALUES (?,?,?,?,?,?,?) '
    'ON CONFLICT (name) DO UPDATE SET role=excluded.role, "groups"=excluded."groups", agent=excluded.agent, '
    "password=excluded.password, disabled_at=excluded.disabled_at"
)
PUT_TOKEN: Final = (
    'INSERT INTO tokens (id, name, role, "groups", agent, hash, created_at, expires_at, revoked_at) '
    "VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET revoked_at=excluded.revoked_at"
)
PUT_AUDIT: Final = "INSERT OR IGNORE INTO audit VALUES (?,?,?,?,?,?,?,?,?,?)"

USERS: Final = "SELECT * FROM users ORDER BY name"
USER: Final = "SELECT * FROM users WHERE name=?"
TOKENS: Final = "SELECT * FROM tokens ORDER BY id"
TOKEN: Final = "SELECT * FROM tokens WHERE hash=?"
AUDIT: Final = "SELECT * FROM audit"
DROP_AUDIT: Final = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id<? ORDER BY id LIMIT ?)"
"""The id says when; so `before` comes as the smallest id of that moment."""


def from_user(row: UserRow) -> tuple[object, ...]:
    """Return a user as the table has them."""
    return (*row[:2], _groups(row.groups), *row[3:])


def to_user(row: Any) -> UserRow:
    """Return a user as the table had them."""
    return UserRow._make((*row[:2], _read_groups(row[2]), *row[3:]))


def from_token(row: TokenRow) -> tuple[object, ...]:
    """Return a token as the table has it."""
    return (*row[:3], _groups(row.groups), *row[4:])


def to_token(row: Any) -> TokenRow:
    """Return a token as the table had it."""
    return TokenRow._make((*row[:3], _read_groups(row[3]), *row[4:]))


def from_audit(row: AuditRow) -> tuple[object, ...]:
    """Return a line of the audit log as the table has it."""
    return (*row[:7], *(None if facts is None else write_json(facts) for facts in row[7:9]), row.refused)


def to_audit(row: Any) -> AuditRow:
    """Return a line of the audit log as the table had it."""
    before, after = (None if facts is None else json.loads(facts) for facts in row[7:9])
    return AuditRow._make((*row[:7], before, after, row[9]))


def _groups(groups: frozenset[str] | None) -> str | None:
    return None if groups is None else write_json(sorted(groups))


def _read_groups(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))
