"""`/audit`: every change with who made it."""

import json
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked
from proxy.console.posted import UNPROCESSABLE
from proxy.console.rendering import moment_text, page
from proxy.verbs.shapes.answers import MOMENTS
from proxy.verbs.shapes.audit import DOORS

router = APIRouter()
FILTERS: Final = ("who", "door", "verb", "about", "from", "to", "refused")


@router.get("/audit")
async def show(asking: Asked) -> Response:
    """Show a page of the changes, the newest first; of one user, door, verb and thing, within some days, where that is
    asked for."""
    found = await asked_list(asking, "audit", FILTERS, "time")
    return page(asking, "audit.html", status=UNPROCESSABLE if found.errors else 200, list=found, doors=DOORS,
                lines=[{**one, "changes": [*changes_of(one, asking.zone)]} for one in found.found.items])


def changes_of(line: Any, zone: ZoneInfo) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield what changed of a line: what, before, after; None: there was, or is, nothing. `zone`: of moments."""
    before, after = line["before"] or {}, line["after"] or {}
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield key, _text(key, before.get(key), zone), _text(key, after.get(key), zone)


def _text(key: str, value: Any, zone: ZoneInfo) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if key in MOMENTS and isinstance(value, float):
        return moment_text(value, zone)
    return json.dumps(value, ensure_ascii=False)
