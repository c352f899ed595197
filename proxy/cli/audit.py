"""`boomerang audit`: who changed what."""

import json
from pathlib import Path
from typing import Any, Final

from proxy import render
from proxy.cli.asking import ask
from proxy.cli.asks import given_of, shaped
from proxy.verbs.shapes.audit import LIST

_COLUMNS: Final = {"time": "time", "who": "who", "door": "door", "verb": "verb", "about": "about", "change": "change"}
ROWS: Final = 50


def _audit(config: Path | None, socket: Path | None, json: bool, **typed: Any) -> None:
    rows = ask(config, socket, LIST.name, **given_of(LIST, typed))
    if json:
        render.show_json(rows)
        return
    render.show_table([{**row, "change": change_of(row)} for row in rows], _COLUMNS, "nothing was changed")


def change_of(row: Any) -> str:
    """Say in a line what was otherwise before and what is now, or that it was refused."""
    if row["refused"]:
        return f"REFUSED: {row['refused']}"
    before, after = row["before"] or {}, row["after"] or {}
    keys = [*before, *(key for key in after if key not in before)]
    said = [f"{key}: {_short(before[key])} -> {_short(after.get(key))}" if key in before else
            f"{key}: {_short(after[key])}" for key in keys if before.get(key) != after.get(key)]
    return "; ".join(said)


def _short(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


audit = shaped(_audit, LIST, f"{LIST.means}.", rows=ROWS)
