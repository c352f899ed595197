"""Templates: how a page is made of facts and words."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from proxy.console.asking import Asking
from proxy.console.words import LANGUAGES, Words

NOTHING: Final = "\u2013"
"""What is written where there is nothing: a dash."""
TEMPLATES: Final = files("proxy.console") / "templates"
PAGES: Final = (
    ("/", "board", "agent"), ("/desk", "desk", "agent"), ("/callbacks", "callbacks", "agent"),
    ("/calls", "calls", "agent"), ("/tickets", "tickets", "agent"), ("/direct", "direct", "agent"),
    ("/reports", "reports", "supervisor"), ("/setup", "setup", "supervisor"), ("/campaigns", "campaigns", "supervisor"),
    ("/groups", "groups", "supervisor"), ("/agents", "agents", "agent"), ("/numbers", "numbers", "supervisor"),
    ("/hours", "hours", "supervisor"), ("/do-not-call", "do-not-call", "supervisor"),
    ("/prompts", "prompts", "supervisor"), ("/users", "users", "admin"), ("/tokens", "tokens", "admin"),
    ("/audit", "audit", "admin"), ("/system", "system", "supervisor"),
)
"""The pages in the order of the navigation: path, name, and the least role that is shown it."""


@pass_context
def _gettext(context: Context, text: str) -> str:
    return _words(context).gettext(text)


@pass_context
def _ngettext(context: Context, one: str, other: str, number: int) -> str:
    return _words(context).ngettext(one, other, number)


def _words(context: Context) -> Words:
    words: Words = context["words"]
    return words


def _at(context: Context, seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, context["zone"])


@pass_context
def _moment(context: Context, seconds: float | None) -> str:
    """Write seconds since the epoch as day and time in the policy's zone."""
    at = _at(context, seconds)
    return NOTHING if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


@pass_context
def _clock(context: Context, seconds: float | None) -> str:
    """Write seconds since the epoch as a time of day in the policy's zone."""
    at = _at(context, seconds)
    return NOTHING if at is None else at.strftime("%H:%M:%S")


@pass_context
def _day(context: Context, seconds: float | None) -> str:
    """Write seconds since the epoch as a day in the policy's zone."""
    at = _at(context, seconds)
    return NOTHING if at is None else at.strftime("%Y-%m-%d")


def duration(seconds: float | None) -> str:
    """Write seconds as minutes and seconds, or hours and minutes."""
    if seconds is None:
        return NOTHING
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def environment() -> Environment:
    """Return the templates' environment: everything escaped, nothing undefined is silent."""
    made = Environment(loader=FileSystemLoader(str(TEMPLATES)), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])
    made.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {"moment": _moment, "clock": _clock, "day": _day, "duration": duration}
    return made


ENVIRONMENT: Final = environment()


def page(asking: Asking, template: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page made of a template and facts."""
    nonce = asking.request.scope.setdefault("nonce", secrets.token_urlsafe(16))
    text = ENVIRONMENT.get_template(template).render(
        **_base(asking.request, asking.words, asking), nonce=nonce, **facts)
    return HTMLResponse(text, status)


def _base(request: Request, words: Words, asking: Asking) -> dict[str, Any]:
    return {"request": request, "words": words, "language": words.language, "languages": LANGUAGES,
            "caller": asking.caller, "zone": asking.zone, "version": asking.console.settings.version,
            "pages": shown_to(asking), "path": request.url.path}


def shown_to(asking: Asking) -> Iterable[tuple[str, str]]:
    """Return path and name of the pages that are shown to whoever asks."""
    return [(path, name) for path, name, role in PAGES if asking.caller.may(role)]  # type: ignore[arg-type]
