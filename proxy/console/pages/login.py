"""Log in, log out."""

import math
from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from proxy.console.asking import Asked, console_of
from proxy.console.doorkeeper import drop_session, set_session
from proxy.console.rendering import bare, page

router = APIRouter()
SEE_OTHER: Final = 303
STATUS: Final = {"wrong": 401, "locked": 429, "busy": 503, "unreadable": 503}
PLACE_SIGNS: Final = 2_000
"""Longest place that somebody is brought back to."""


def place(text: str) -> str:
    """Return where somebody goes after they logged in: a path of ours, whatever a link says."""
    usable = (text.startswith("/") and not text.startswith(("//", "/\\", "/login", "/logout"))
              and len(text) <= PLACE_SIGNS and text.isprintable() and "\\" not in text)
    return text if usable else "/"


@router.get("/login")
async def show(request: Request, next: str = "/") -> Response:  # noqa: A002  # as links have it
    """Ask who it is; whoever has logged in already goes on."""
    if console_of(request).doorkeeper.who(request) is not None and "lang" not in request.query_params:
        return RedirectResponse(place(next), SEE_OTHER)
    return bare(request, "login.html", next=place(next), name="", refused=None, wait=0)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Look at name and password."""
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
    name, onward = form.get("name", "").strip(), place(form.get("next", "/"))
    client = request.client
    found = await console_of(request).doorkeeper.log_in(
        name, form.get("password", ""), client.host if client is not None else "",
        request.headers.get("user-agent", ""))
    if found.token is None:
        assert found.refused is not None
        wait = math.ceil(found.wait)
        answer = bare(request, "login.html", status=STATUS[found.refused], next=onward, name=name,
                      refused=found.refused, wait=wait)
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer
    await console_of(request).doorkeeper.log_out(request)  # the session that this browser had before
    onwards = RedirectResponse(onward, SEE_OTHER)
    set_session(request, onwards, found.token)
    return onwards


@router.get("/logout")
async def ask(asking: Asked) -> Response:
    """Ask whether they mean it: a link must not log anybody out."""
    return page(asking, "logout.html")


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session."""
    await console_of(request).doorkeeper.log_out(request)
    answer = RedirectResponse("/login", SEE_OTHER)
    drop_session(request, answer)
    return answer
