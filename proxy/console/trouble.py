"""What whoever asks is shown where something went wrong: a page in their language, a problem (RFC 9457) below /api."""

import sqlite3
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from proxy.console.asking import Asking, NobodyError, asking
from proxy.console.entry import API, Refusal
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.rendering import bare, page
from proxy.control_client import ControlError, NotRunningError
from proxy.logger import get_logger

PROBLEM: Final = "application/problem+json"
SEE_OTHER: Final = 303

log = get_logger()


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return a problem."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(said, status, headers, media_type=PROBLEM)


async def refuse(request: Request, refusal: Refusal) -> Response:
    """Answer who is refused before anything was looked at."""
    return answer(request, refusal.status, refusal.text)


def answer(request: Request, status: int, text: str) -> Response:
    """Answer with what went wrong, in English as the daemon or we said it, below a heading in the page's language."""
    if request.url.path.startswith(API):
        return problem(status, text, {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None)
    known = _asking(request)
    if known is None:
        return bare(request, "trouble.html", status=status, code=status, text=text)
    return page(known, "trouble.html", status=status, code=status, text=text)


def _asking(request: Request) -> Asking | None:
    """Return who asks, for the navigation around what went wrong; None: nobody knows."""
    try:
        return asking(request)
    except (NobodyError, sqlite3.Error, OSError):
        return None


def to_log_in(request: Request) -> Response:
    """Have somebody log in, and come back to where they were."""
    if request.url.path.startswith(API):
        return answer(request, 401, "log in, or show an API token: Authorization: Bearer TOKEN")
    back = _here(request)
    place = f"/login?next={quote(back, safe='')}" if back not in ("", "/") and (
        request.method in ("GET", "HEAD") or "hx-current-url" in request.headers) else "/login"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": place})
    return RedirectResponse(place, SEE_OTHER)


def _here(request: Request) -> str:
    """Return where somebody is: the page, where a part of it was asked for."""
    own = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    try:
        page_of_it = urlsplit(request.headers.get("hx-current-url", own))
    except ValueError:
        return own
    return page_of_it.path + (f"?{page_of_it.query}" if page_of_it.query else "")


def install(app: FastAPI) -> None:
    """Have an application answer with these."""

    @app.exception_handler(NobodyError)
    async def nobody(request: Request, error: NobodyError) -> Response:
        return to_log_in(request)

    @app.exception_handler(ControlError)
    async def refused(request: Request, error: ControlError) -> Response:
        match error:
            case ForbiddenError():
                return answer(request, 403, str(error))
            case MissingError():
                return answer(request, 404, str(error))
            case NotRunningError():
                return answer(request, 503, str(error))
        if error.problems and request.url.path.startswith(API):
            return problem(422, str(error), errors=[
                {"field": one.get("key", ""), "reason": one.get("text", ""), "line": one.get("line", 0)}
                for one in error.problems])
        return answer(request, 409, str(error))

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> Response:
        made = answer(request, error.status_code, str(error.detail))
        for name, value in (error.headers or {}).items():
            made.headers[name] = value
        return made

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return answer(request, 422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")

    @app.exception_handler(sqlite3.Error)
    async def unreadable(request: Request, error: sqlite3.Error) -> Response:
        log.error("console_database_trouble", path=request.url.path, reason=repr(error))
        return answer(request, 503, "the database cannot be read or written just now")

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("console_request_failed", path=request.url.path, exc_info=error)
        return answer(request, 500, "an error of the console: its log says more")
