"""`/audit`: every change with who made it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Response

from proxy.console.asking import Asked
from proxy.console.posted import errors_of, status_of
from proxy.console.rendering import page
from proxy.control_client import ControlError
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.audit import DOORS, LIST

router = APIRouter()
ROWS: Final = 200
FILTERS: Final = ("who", "door", "verb")


@router.get("/audit")
async def show(asking: Asked) -> Response:
    """Show the newest changes, of one user, door and verb where they are asked for."""
    asked = {key: asking.request.query_params.get(key, "").strip() for key in FILTERS}
    errors: dict[str, str] = {}
    lines: list[Any] = []
    status = 200
    try:
        found = await asking.node.call(LIST.name, {"limit": ROWS, **{k: v for k, v in asked.items() if v}},
                                       asking.caller)
        lines = answers.read(LIST, found)
    except ControlError as error:
        if not error.problems:
            raise
        errors, status = errors_of(error), status_of(error)
    return page(asking, "audit.html", status=status, lines=[{**one, "changes": [*changes_of(one)]} for one in lines],
                asked=asked, errors=errors, doors=DOORS, most=ROWS)


def changes_of(line: Any) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield what changed of a line: what, before, after; None: there was, or is, nothing."""
    before, after = line["before"] or {}, line["after"] or {}
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield key, _text(before.get(key)), _text(after.get(key))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
