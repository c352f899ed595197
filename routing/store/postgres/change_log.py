"""The log of what was changed, as a step of the schema: triggers put the key of each row that is shared into it.

An entry says who changed the row. Whoever reads leaves out its own, so an entry is nobody's (empty) where the row may
have become another one than was put: where it is merged, or where others may have changed it meanwhile. What somebody
changes by hand is nobody's, too.

History is not followed when it is removed: each node removes from its own file what is too old there.
"""

from typing import Final, NamedTuple

CHANNEL: Final = "boomerang_changes"
"""What is notified of, once for each transaction that changes something; the payload is the name of the node."""

NODE_SETTING: Final = "boomerang.node"
"""The setting of a session that says which node it is of."""

PRUNED: Final = "pruned"
"""The number that says up to which transaction entries have been removed."""

_NODE: Final = f"coalesce(current_setting('{NODE_SETTING}', true), '')"
_NOBODY: Final = "''"


class _Logged(NamedTuple):
    """A table whose changes are logged."""

    table: str
    key: tuple[str, ...]
    node: str
    """Whose an entry is."""
    touched: str = ""
    """What a row that is removed had here is kept with the entry; empty: that it is removed is not logged."""


_LOGGED: Final = (
    # Several nodes may tell of one call: then nobody has it as it has become.
    _Logged("calls", ("id",), f"CASE WHEN NEW.writer={_NODE} THEN NEW.writer ELSE '' END"),
    _Logged("direct", ("customer", "agent"), _NODE, "OLD.touched_at"),
    _Logged("policy", ("version",), _NOBODY),
    _Logged("tasks", ("id",), _NODE),
    # That it engages its agent may have been refused.
    _Logged("attempts", ("id",), f"CASE WHEN NEW.engages IS NULL AND NEW.ended_at IS NULL THEN '' ELSE {_NODE} END"),
    _Logged("journal", ("seq",), _NODE),
    _Logged("tickets", ("id",), _NOBODY),
    _Logged("comments", ("seq",), _NODE),
    _Logged("deliveries", ("seq",), _NODE),
    _Logged("do_not_call", ("customer",), _NOBODY, "OLD.added_at"),
    _Logged("offers", ("quarter", "group", "number"), _NOBODY),
    _Logged("users", ("name",), _NOBODY, "0"),
    _Logged("tokens", ("id",), _NOBODY, "0"),
    _Logged("audit", ("id",), _NODE),
    _Logged("pauses", ("agent",), _NOBODY, "OLD.since"),
)


def _trigger(name: str, when: str, table: str, condition: str, values: str) -> tuple[str, str]:
    """Return the function and the trigger that log what happens to the rows of a table."""
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO changes (node, kind, key, gone) VALUES ({values}); RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION {name}()",
    )


def _key(logged: _Logged, row: str) -> str:
    return "ARRAY[" + ", ".join(f'{row}."{column}"::text' for column in logged.key) + "]"


def _triggers(logged: _Logged) -> list[str]:
    table = logged.table
    put = f"{logged.node}, '{table}', {_key(logged, 'NEW')}, NULL"
    statements = [
        *_trigger(f"log_{table}", "INSERT", table, "", put),
        f"CREATE TRIGGER log_{table}_changed AFTER UPDATE ON {table} FOR EACH ROW "
        f"WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION log_{table}()",
    ]
    if logged.touched:
        statements += _trigger(f"log_{table}_gone", "DELETE", table, "",
                               f"'', '{table}', {_key(logged, 'OLD')}, {logged.touched}")
    return statements


STATEMENTS: Final = (
    # Of a call that several nodes have told of nobody is the writer.
    "ALTER TABLE calls ADD COLUMN writer TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE changes (
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(), seq INTEGER NOT NULL GENERATED ALWAYS AS IDENTITY,
        node TEXT NOT NULL, kind TEXT NOT NULL, key text[] COLLATE "C" NOT NULL, gone REAL,
        at REAL NOT NULL DEFAULT extract(epoch FROM now()), PRIMARY KEY (xid, seq)
    ) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000)""",
    *(statement for logged in _LOGGED for statement in _triggers(logged)),
    f"INSERT INTO numbers VALUES ('{PRUNED}', 0)",
    "ALTER TABLE nodes ADD COLUMN shared INTEGER NOT NULL DEFAULT 0, ADD COLUMN slot INTEGER UNIQUE",
)
