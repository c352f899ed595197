"""Pages of what the policy lists: one is shown, changed, made and taken out, be it a number, a group or an agent."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Response

from proxy.console.asking import Asked, Asking
from proxy.console.forms.fields import TypedError
from proxy.console.forms.form import Filled, Form
from proxy.console.forms.shown import show
from proxy.console.pages.setup import said_of
from proxy.console.pages.typed import typed_of
from proxy.console.policy_pages import (
    FORBIDDEN,
    OK,
    UNPROCESSABLE,
    Again,
    Kept,
    known_to,
    may_of,
    policy_of,
    save,
    take_out,
    want,
)
from proxy.console.rendering import forward, page
from proxy.console.words import mark as _
from proxy.control_client import ControlError, ForbiddenError

NAME: Final = "id"
"""The input that names what is made."""
ROWS: Final = 200
"""Rows of a list that are shown at a time."""


@dataclass(frozen=True)
class Thing:
    """One kind of what the policy lists."""

    kind: str
    path: str
    template: str
    form: Callable[[str, Kept], Form]
    always: Mapping[str, Any]
    """What a new one has, whatever is typed."""
    read: Callable[[str, Kept], str]
    """Reads its name as it was typed. Raises TypedError."""
    there: str
    """Msgid: there is one of that name already."""
    proposed: Callable[[Kept], str]
    """The name that is proposed for a new one."""
    facts: Callable[[Asking, Kept, str], Awaitable[Mapping[str, Any]]]
    """What its page shows beside the form; of a name that the policy does not list, what a new one shows."""


def nothing_proposed(kept: Kept) -> str:
    """Propose no name."""
    return ""


async def no_facts(asking: Asking, kept: Kept, name: str) -> Mapping[str, Any]:
    """Show the form alone."""
    return {}


@dataclass(frozen=True)
class Rows:
    """Some rows of a list that stands in the policy."""

    items: Sequence[Any]
    asked: str
    """What was searched for."""
    more: int | None
    """Where the next ones begin; None: these are the last."""
    total: int


def rows_of(items: Sequence[Any], says: Callable[[Any], str], asked: str, begin: int) -> Rows:
    """Return those of some rows that hold a text, from one of them on. `says`: what of a row is searched."""
    wanted = asked.casefold().strip()
    found = [one for one in items if wanted in says(one).casefold()] if wanted else items
    begin = max(0, begin)
    more = begin + ROWS if begin + ROWS < len(found) else None
    return Rows(found[begin:begin + ROWS], asked, more, len(found))


def here(thing: Thing, name: str) -> str:
    """Return the path of one."""
    return f"{thing.path}/{quote(name, safe='')}"


def may_make(asking: Asking, kept: Kept, kind: str) -> bool:
    """Whether whoever asks may make one, or has to ask an administrator."""
    return may_of(asking, kept)((kind, ""))


async def show_one(asking: Asking, thing: Thing, name: str, status: int = OK, **facts: Any) -> Response:
    """Show one with its form; `facts` beside those that it has."""
    kept = await policy_of(asking)
    form = _form(asking, thing, name, kept)
    return await _shown(asking, thing, kept, form, form.made(kept.raw), name, status, **facts)


async def change_one(asking: Asking, thing: Thing, name: str) -> Response:
    """Save the form of one."""
    typed = await typed_of(asking.request)
    form = _form(asking, thing, name, await policy_of(asking))
    done = await save(asking, form, typed, unlisted=thing.kind == "agent")
    if isinstance(done, Again):
        return await _shown(asking, thing, done.kept, form, done.filled, name, done.status)
    return forward(asking, here(thing, name), said_of(asking, done.changes), doubts=done.warnings)


async def show_new(asking: Asking, thing: Thing) -> Response:
    """Show an empty form to whoever may make one. Raises ForbiddenError."""
    kept = await policy_of(asking)
    _want_maker(asking, kept, thing)
    form = thing.form("", kept)
    return await _shown_new(asking, thing, kept, form, form.made(_with(kept, thing)), thing.proposed(kept))


def _want_maker(asking: Asking, kept: Kept, thing: Thing) -> None:
    if not may_make(asking, kept, thing.kind):
        raise ForbiddenError(f"{asking.caller.name} may make no {thing.kind}: an administrator may")


async def make_one(asking: Asking, thing: Thing) -> Response:
    """Make one as it was typed."""
    typed = await typed_of(asking.request)
    kept = await policy_of(asking)
    _want_maker(asking, kept, thing)
    text = typed.get(NAME, "").strip()
    try:
        name = thing.read(text, kept)
        if name in kept.raw.get(thing.kind, {}):
            raise TypedError(thing.there)
    except TypedError as error:
        form = thing.form("", kept)
        filled = replace(form.typed(typed), errors={NAME: asking.words.gettext(str(error))})
        return await _shown_new(asking, thing, kept, form, filled, text, UNPROCESSABLE)
    form = thing.form(name, kept)
    done = await save(asking, form, typed, new=thing.always)
    if isinstance(done, Again):
        return await _shown_new(asking, thing, done.kept, form, done.filled, text, done.status)
    return forward(asking, here(thing, name), asking.words.gettext(_("Added: %(name)s")) % {"name": name},
                   doubts=done.warnings)


async def remove_one(asking: Asking, thing: Thing, name: str) -> Response:
    """Take one out, or say why it cannot go."""
    try:
        await take_out(asking, thing.kind, name)
    except ControlError as error:
        kept = await policy_of(asking)
        form = _form(asking, thing, name, kept)
        said = [f"{one['key']}: {one['text']}" for one in error.problems or ()] or [str(error)]
        filled = replace(form.made(kept.raw), others=tuple(said))
        status = FORBIDDEN if isinstance(error, ForbiddenError) else UNPROCESSABLE
        return await _shown(asking, thing, kept, form, filled, name, status)
    return forward(asking, thing.path, asking.words.gettext(_("Removed: %(name)s")) % {"name": name})


def mount(router: APIRouter, thing: Thing) -> None:
    """Add the paths of one kind: a new one, and each of those that there are."""

    @router.get(f"{thing.path}/new")
    async def new(asking: Asked) -> Response:
        return await show_new(asking, thing)

    @router.post(f"{thing.path}/new")
    async def make(asking: Asked) -> Response:
        return await make_one(asking, thing)

    @router.get(f"{thing.path}/{{name}}")
    async def one(asking: Asked, name: str) -> Response:
        return await show_one(asking, thing, name)

    @router.post(f"{thing.path}/{{name}}")
    async def change(asking: Asked, name: str) -> Response:
        return await change_one(asking, thing, name)

    @router.post(f"{thing.path}/{{name}}/remove")
    async def remove(asking: Asked, name: str) -> Response:
        return await remove_one(asking, thing, name)


def _form(asking: Asking, thing: Thing, name: str, kept: Kept) -> Form:
    want(asking, kept, thing.kind, name)
    return thing.form(name, kept)


def _with(kept: Kept, thing: Thing) -> dict[str, Any]:
    """Return the policy as if there were a new one without a name."""
    return {**kept.raw, thing.kind: {**kept.raw.get(thing.kind, {}), "": dict(thing.always)}}


async def _shown(asking: Asking, thing: Thing, kept: Kept, form: Form, filled: Filled, name: str, status: int = OK,
                 **facts: Any) -> Response:
    may = may_of(asking, kept)
    shown = show(form, filled, kept.raw, asking.words, await known_to(asking, kept), may)
    return page(asking, thing.template, status=status, form=shown, name=name, new=False, id_error="",
                may_remove=may((thing.kind, name)), here=here(thing, name), listed=name in kept.raw.get(thing.kind, {}),
                **{**await thing.facts(asking, kept, name), **facts})


async def _shown_new(asking: Asking, thing: Thing, kept: Kept, form: Form, filled: Filled, name: str,
                     status: int = OK) -> Response:
    raw = _with(kept, thing) if form.base[1] == "" else kept.raw
    shown = show(form, filled, raw, asking.words, await known_to(asking, kept), may_of(asking, kept))
    return page(asking, thing.template, status=status, form=shown, name=name, new=True, may_remove=False,
                id_error=filled.errors.get(NAME, ""), here=f"{thing.path}/new", listed=False,
                **await thing.facts(asking, kept, ""))
