"""Writing TOML: as much of TOML 1.0 as settings need (tables, strings, numbers, booleans, arrays of those)."""

import json
from collections.abc import Mapping
from typing import Any

from config.lines import format_key


def to_toml(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> str:
    """Write nested dicts as TOML: the values of a table first, its tables after them, in the order given."""
    values = [f"{format_key((name,))} = {to_value(value)}" for name, value in table.items() if not _is_table(value)]
    tables = {name: value for name, value in table.items() if _is_table(value)}
    head = [f"[{format_key(above)}]"] if above and (values or not tables) else []
    blocks = ["\n".join([*head, *values]) + "\n"] if head or values else []
    blocks += [to_toml(value, (*above, name)) for name, value in tables.items()]
    return "\n".join(blocks)


def to_value(value: Any) -> str:
    """Write one value; TypeError for what settings never hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_value, value))}]"
    raise TypeError(f"no TOML form for {type(value).__name__}")


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)
