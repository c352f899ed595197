"""Callback set-up: of missed calls and of the queue, for the company and for each group."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from proxy.console.asking import Asked, Asking
from proxy.console.drawing.timeline import Mark, timeline
from proxy.console.forms.example import days_of, moment_typed, noon, written
from proxy.console.forms.form import Filled, Form
from proxy.console.forms.shown import show
from proxy.console.forms.things import queue_form, setup_form
from proxy.console.levels import in_force
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.pages.typed import typed_of
from proxy.console.policy_pages import OK, Again, Kept, known_to, may_of, policy_of, save, want
from proxy.console.rendering import forward, page
from proxy.console.words import mark as _
from proxy.control_client import ControlError, NotRunningError
from proxy.verbs.shapes.answers import read
from proxy.verbs.shapes.callbacks import EXAMPLE
from routing.events import rfc3339

router = APIRouter()


@router.get("/setup")
async def setup(asking: Asked, group: str | None = None, at: str = "") -> Response:
    """Show how missed calls are called back."""
    kept = await policy_of(asking)
    form = _form(asking, kept, group)
    return await _shown(asking, kept, form, form.made(kept.raw), group, at)


@router.post("/setup")
async def change_setup(asking: Asked, group: str | None = None) -> Response:
    """Save it, or show what the example would be."""
    typed = await typed_of(asking.request)
    kept = await policy_of(asking)
    form = _form(asking, kept, group)
    at = typed.get("at", "")
    if typed.get("do") == "preview":
        return await _shown(asking, kept, form, form.typed(typed), group, at)
    done = await save(asking, form, typed)
    if isinstance(done, Again):
        return await _shown(asking, done.kept, form, done.filled, group, at, done.status)
    return forward(asking, _here("/setup", group), said_of(asking, done.changes), doubts=done.warnings)


@router.get("/setup/queue")
async def queue(asking: Asked) -> Response:
    """Show what callers who wait may ask for, where neither group nor number says otherwise."""
    kept = await policy_of(asking)
    return await _queue(asking, kept, queue_form().made(kept.raw))


@router.post("/setup/queue")
async def change_queue(asking: Asked) -> Response:
    """Save it."""
    done = await save(asking, queue_form(), await typed_of(asking.request))
    if isinstance(done, Again):
        return await _queue(asking, done.kept, done.filled, done.status)
    return forward(asking, "/setup/queue", said_of(asking, done.changes), doubts=done.warnings)


def said_of(asking: Asking, changes: int) -> str:
    """Return the line that says what a form has changed."""
    if not changes:
        return asking.words.gettext(_("Nothing was changed."))
    return asking.words.ngettext("Saved: %(number)s setting is another now.",
                                 "Saved: %(number)s settings are others now.", changes) % {"number": changes}


def _form(asking: Asking, kept: Kept, group: str | None) -> Form:
    if group is not None:
        want(asking, kept, "group", group)
    return setup_form(group)


def _here(path: str, group: str | None) -> str:
    return path if group is None else f"{path}?{urlencode({'group': group})}"


async def _queue(asking: Asking, kept: Kept, filled: Filled, status: int = OK) -> Response:
    shown = show(queue_form(), filled, kept.raw, asking.words, await known_to(asking, kept), may_of(asking, kept))
    return page(asking, "setup_queue.html", status=status, form=shown)


async def _shown(asking: Asking, kept: Kept, form: Form, filled: Filled, group: str | None, at: str,
                 status: int = OK) -> Response:
    shown = show(form, filled, kept.raw, asking.words, await known_to(asking, kept), may_of(asking, kept))
    return page(asking, "setup.html", status=status, form=shown, group=group, groups=sorted(kept.policy.group),
                off=_typed(form, filled, kept, "missed_callback.enabled") in (False, "false"),
                **await _example(asking, kept, form, filled, group, at))


async def _example(asking: Asking, kept: Kept, form: Form, filled: Filled, group: str | None,
                   at: str) -> Mapping[str, Any]:
    """Return the attempts of a call that is missed at a moment, for what stands in the form."""
    zone = kept.policy.timezone if group is None else kept.policy.zone_for(group)
    moment = moment_typed(at, zone)
    if moment is None:
        moment = noon(time.time(), zone)
    asked = {"group": group, "at": rfc3339(moment), "window": _typed(form, filled, kept, "missed_callback.window"),
             "attempts": _number(_typed(form, filled, kept, "missed_callback.attempts"))}
    facts = {"at": written(moment, zone), "example_zone": zone, "example": None, "drawing": "", "days": (),
             "refused": ""}
    try:
        found = read(EXAMPLE, await asking.node.call(EXAMPLE.name, asked, asking.caller))
    except (MissingError, ForbiddenError, NotRunningError):
        raise
    except ControlError as error:
        return {**facts, "refused": str(error)}
    planned = [one["at"] for one in found["tries"]]
    marks = [Mark(one, "planned", str(number), written(one, zone).replace("T", " "))
             for number, one in enumerate(planned, 1)]
    drawn = timeline(found["begin"], found["expires"], [(one["begin"], one["end"]) for one in found["open"]], marks,
                     ZoneInfo(zone), asking.words.gettext(_("The attempts on a line of time")))
    return {**facts, "example": found, "drawing": drawn, "days": days_of(planned, zone)}


def _number(typed: Any) -> Any:
    """Return the number that somebody typed; where it is none, what they typed, which is refused."""
    return int(typed) if isinstance(typed, str) and typed.isascii() and typed.isdigit() and len(typed) < 9 else typed


def _typed(form: Form, filled: Filled, kept: Kept, name: str) -> Any:
    """Return what stands in a field, or what holds where it is empty."""
    path = (*form.base, *name.split("."))
    return filled.texts.get(name) or in_force(kept.raw, path).value
