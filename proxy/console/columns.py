"""Which columns of a table somebody wants to see: kept in a cookie of theirs, one for all tables."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

COOKIE: Final = "boomerang_columns"
TABLES: Final = 20
"""Tables that are remembered; the one that was set longest ago is forgotten first."""
YEAR: Final = 365 * 86_400
_NAME: Final = re.compile(r"[a-z0-9_-]{1,40}")


def shown_columns(request: Request, table: str, all_of_it: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Return the columns of a table in their order: those that were chosen, else the usual ones."""
    chosen = _kept(request).get(table)
    found = [] if chosen is None else [one for one in all_of_it if one in chosen]
    return found or [one for one in all_of_it if one in usual]


def keep_columns(request: Request, response: Response, table: str, columns: Sequence[str]) -> None:
    """Remember them; none: the usual ones again."""
    if not _NAME.fullmatch(table):
        return
    kept = dict(_kept(request))
    kept.pop(table, None)
    chosen = [one for one in columns if _NAME.fullmatch(one)]
    if chosen:
        kept[table] = chosen
    last = list(kept.items())[-TABLES:]
    value = "|".join(f"{name}:{'.'.join(chosen)}" for name, chosen in last)
    response.set_cookie(COOKIE, value, max_age=YEAR, path="/", httponly=True, samesite="lax",
                        secure=request.scope["scheme"] == "https")


def _kept(request: Request) -> Mapping[str, list[str]]:
    kept: dict[str, list[str]] = {}
    for part in request.cookies.get(COOKIE, "").split("|"):
        table, _, columns = part.partition(":")
        if _NAME.fullmatch(table):
            kept[table] = [one for one in columns.split(".") if _NAME.fullmatch(one)]
    return kept
