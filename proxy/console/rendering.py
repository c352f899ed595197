"""Templates: how a page is made of facts and words."""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from proxy.console.asking import LANGUAGE_COOKIE, Asking, console_of, language_of
from proxy.console.said import said_in, tell
from proxy.console.statics import static_url
from proxy.console.words import FALLBACK, LANGUAGES, Words, words_of
from proxy.verbs.shapes.verb import Role

NOTHING: Final = "\u2013"
"""What is written where there is nothing: a dash."""
TEMPLATES: Final = files("proxy.console") / "templates"
Part = Literal["work", "rules", "node"]


class PageLink(NamedTuple):
    """A page in the navigation."""

    path: str
    name: str
    role: Role
    """The least that is shown it."""
    part: Part


def _links(part: Part, *names: tuple[str, Role]) -> tuple[PageLink, ...]:
    return tuple(PageLink("/" if name == "board" else f"/{name}", name, role, part) for name, role in names)


PAGES: Final = (
    *_links("work", ("board", "agent"), ("desk", "agent"), ("callbacks", "agent"), ("calls", "agent"),
            ("tickets", "agent"), ("direct", "agent"), ("reports", "supervisor")),
    *_links("rules", ("setup", "supervisor"), ("campaigns", "supervisor"), ("groups", "supervisor"),
            ("agents", "agent"), ("numbers", "supervisor"), ("hours", "supervisor"), ("do-not-call", "supervisor"),
            ("prompts", "supervisor")),
    *_links("node", ("users", "admin"), ("tokens", "admin"), ("audit", "admin"), ("system", "supervisor")),
)
"""The pages in the order of the navigation."""
FLASH_COOKIE: Final = "boomerang_said"
FLASH_SECONDS: Final = 60
FLASH_SIGNS: Final = 1_000
FLASH_BYTES: Final = 2_400
"""Of a line with its doubts: a cookie has 4,096, and base64 takes a third more."""
SEE_OTHER: Final = 303
YEAR: Final = 365 * 86_400

Kind = Literal["good", "bad"]


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


def moment_text(seconds: float | None, zone: ZoneInfo) -> str:
    """Write seconds since the epoch as day and time in a zone."""
    return NOTHING if seconds is None else f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S}"


def clock_text(seconds: float | None, zone: ZoneInfo, precise: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """Write seconds since the epoch as a time of day in a zone."""
    if seconds is None:
        return NOTHING
    return datetime.fromtimestamp(seconds, zone).time().isoformat(precise)


def _unbroken(text: str) -> Markup:
    """Return a day as it stands in a page: it does not wrap at its hyphens."""
    return Markup('<span class="moment">{}</span>').format(text)


@pass_context
def _told(context: Context, text: str | None) -> str:
    """Write in the page's language what the daemon or we said in English; what is not known as it is."""
    return tell(_words(context), text or "")


@pass_context
def _english(context: Context, text: str | None) -> bool:
    """Say whether a text stays English on a page that is not."""
    return bool(text) and context["language"] != FALLBACK and said_in(context["language"]).tell(str(text)) is None


@pass_context
def _moment(context: Context, seconds: float | None) -> Markup:
    """Write seconds since the epoch as day and time in the policy's zone."""
    return _unbroken(moment_text(seconds, context["zone"]))


@pass_context
def _clock(context: Context, seconds: float | None) -> str:
    """Write seconds since the epoch as a time of day in the policy's zone."""
    return clock_text(seconds, context["zone"])


@pass_context
def _day(context: Context, seconds: float | None) -> Markup:
    """Write seconds since the epoch as a day in the policy's zone."""
    at = _at(context, seconds)
    return _unbroken(NOTHING if at is None else at.strftime("%Y-%m-%d"))


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
    made.filters |= {"moment": _moment, "clock": _clock, "day": _day, "duration": duration, "said": _told}
    made.tests |= {"english": _english}
    return made


ENVIRONMENT: Final = environment()


def warm() -> None:
    """Make every template and catalogue ready, so that nobody waits for the first page of a kind. Any thread."""
    for name in ENVIRONMENT.list_templates():
        ENVIRONMENT.get_template(name)
    for language in LANGUAGES:
        words_of(language)


def page(asking: Asking, template: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page made of a template and facts."""
    base = {"caller": asking.caller, "zone": asking.zone, "pages": shown_to(asking)}
    return _made(asking.request, asking.words, template, status, {**base, **facts})


def fragment(asking: Asking, template: str, **facts: Any) -> str:
    """Return a part of a page as text, for whoever shows it again while the page is open."""
    base = {"caller": asking.caller, "zone": asking.zone, "pages": ()}
    return _text(asking.request, asking.words, template, {"said": None, **base, **facts})


def bare(request: Request, template: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page for whoever it is: without navigation."""
    base = {"caller": None, "zone": console_of(request).zone, "pages": ()}
    return _made(request, words_of(language_of(request)), template, status, {**base, **facts})


def forward(asking: Asking, path: str, said: str, kind: Kind = "good", doubts: Iterable[str] = ()) -> Response:
    """Have the browser show another page after a change, with one line of what became of it, in its language.

    `doubts`: what the node finds doubtful about it; what a cookie has no room for is left out.
    """
    answer = RedirectResponse(path, SEE_OTHER)
    told: list[Any] = [kind, said[:FLASH_SIGNS]]
    for doubt in doubts:
        if len(json.dumps([*told, doubt])) <= FLASH_BYTES:
            told.append(doubt)
    value = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
    answer.set_cookie(FLASH_COOKIE, value, max_age=FLASH_SECONDS, httponly=True, samesite="lax",
                      secure=asking.request.scope["scheme"] == "https")
    return answer


def shown_to(asking: Asking) -> list[PageLink]:
    """Return the pages that are shown to whoever asks."""
    return [one for one in PAGES if asking.caller.may(one.role)]


def _made(request: Request, words: Words, template: str, status: int, facts: Mapping[str, Any]) -> Response:
    said = _said(request)
    answer = HTMLResponse(_text(request, words, template, {"said": said, **facts}), status)
    if said is not None:
        answer.delete_cookie(FLASH_COOKIE)
    wanted = request.query_params.get("lang")
    if wanted in LANGUAGES and request.cookies.get(LANGUAGE_COOKIE) != wanted:
        answer.set_cookie(LANGUAGE_COOKIE, str(wanted), max_age=YEAR, samesite="lax",
                          secure=request.scope["scheme"] == "https")
    return answer


def _text(request: Request, words: Words, template: str, facts: Mapping[str, Any]) -> str:
    console = console_of(request)
    return ENVIRONMENT.get_template(template).render({
        "request": request, "words": words, "language": words.language, "languages": LANGUAGES,
        "version": console.settings.version, "node": console.settings.node, "path": request.url.path,
        "nonce": request.scope["nonce"], "static": static_url, "in_language": _in_language(request),
        "now": f"{time.time():.3f}", "with_query": partial(_with_query, request),
        "form_token": console.doorkeeper.form_token(request), **facts})


def _said(request: Request) -> tuple[Kind, str, list[str]] | None:
    """Return what the page before this one wanted to be said, and what is doubtful about it."""
    try:
        kind, text, *doubts = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH_COOKIE, "")))
    except (ValueError, TypeError, RecursionError):
        return None
    return ("bad" if kind == "bad" else "good"), str(text)[:FLASH_SIGNS], [str(one)[:FLASH_SIGNS] for one in doubts]


def _with_query(request: Request, **changes: str | None) -> str:
    """Return where this page is with another query: what is None is left out."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in changes and key != "lang"]
    asked = urlencode([*kept, *((key, value) for key, value in changes.items() if value is not None)])
    return f"{request.url.path}?{asked}" if asked else request.url.path


def _in_language(request: Request) -> Mapping[str, str]:
    """Return where this very page is in each language."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    return {code: f"{request.url.path}?{urlencode([*kept, ('lang', code)])}" for code in LANGUAGES}
