"""What every page asks for by itself: whether the node is there, and which columns its tables show."""

import secrets
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from proxy.console.asking import Asked, console_of
from proxy.console.columns import keep_columns
from proxy.console.pages.login import place

router = APIRouter()
RUN: Final = secrets.token_hex(4)
"""Of this process: a page sees by it that the console was started again."""
SEE_OTHER: Final = 303


@router.get("/alive", include_in_schema=False)
async def alive(request: Request) -> Response:
    """Say which process this is, whether the node is there, and to whoever has logged in how much waits for them."""
    console = console_of(request)
    caller = console.doorkeeper.who(request)
    said: dict[str, object] = {"run": RUN, "node": console.live.there}
    if caller is not None and console.live.there:
        said["unattended"] = await console.snapshots.unattended(caller)
    return JSONResponse(said)


@router.post("/columns", include_in_schema=False)
async def columns(request: Request, asking: Asked) -> Response:
    """Keep which columns of a table are shown."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    answer = RedirectResponse(place(form.get("back", ["/"])[0]), SEE_OTHER)
    keep_columns(request, answer, form.get("table", [""])[0], form.get("column", []))
    return answer
