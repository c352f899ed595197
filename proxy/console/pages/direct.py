"""Direct callback: the live records, and the setting with its five types at each level."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Response

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked, Asking
from proxy.console.forms.form import Filled, Form
from proxy.console.forms.sections import type_pairs
from proxy.console.forms.shown import ShownForm, show
from proxy.console.forms.things import direct_form
from proxy.console.pages.setup import said_of
from proxy.console.pages.typed import typed_of
from proxy.console.policy_pages import (
    FORBIDDEN,
    NAMED,
    OK,
    UNPROCESSABLE,
    Again,
    Kept,
    agents_of,
    known_to,
    may_of,
    policy_of,
    save,
    want,
)
from proxy.console.rendering import forward, page
from proxy.console.roster import roster_of_list
from proxy.console.words import mark as _
from proxy.control_client import ControlError, ForbiddenError

router = APIRouter()
FILTERS: Final = ("customer", "with", "type")
"""Of the records; `group` and `agent` say whose setting is shown."""


@router.get("/direct")
async def direct(asking: Asked) -> Response:
    """Show the live records and, to supervisors, the setting."""
    if not asking.caller.may("supervisor"):
        return await _shown(asking, None, None)
    kept = await policy_of(asking)
    form = _form(asking, kept)
    return await _shown(asking, kept, form.made(kept.raw))


@router.post("/direct")
async def change(asking: Asked) -> Response:
    """Save the setting of a level."""
    form = _form(asking, await policy_of(asking))
    done = await save(asking, form, await typed_of(asking.request), unlisted=form.base[:1] == ("agent",))
    if isinstance(done, Again):
        return await _shown(asking, done.kept, done.filled, done.status)
    query = asking.request.url.query
    return forward(asking, f"/direct?{query}" if query else "/direct", said_of(asking, done.changes),
                   doubts=done.warnings)


@router.post("/direct/remove")
async def remove(asking: Asked) -> Response:
    """Remove one record."""
    typed = await typed_of(asking.request)
    try:
        await asking.node.call("direct.remove", {"customer": typed.get("customer", ""), "agent": typed.get("agent")},
                               asking.caller)
    except ControlError as error:
        return page(asking, "direct_refused.html", text=str(error),
                    status=FORBIDDEN if isinstance(error, ForbiddenError) else UNPROCESSABLE)
    return forward(asking, "/direct", asking.words.gettext(_("The record is removed: the customer's calls take the "
                                                             "usual way again.")))


def _level(asking: Asking) -> tuple[str, str | None]:
    """Return whose setting is shown."""
    asked = asking.request.query_params
    if asked.get("agent"):
        return "agent", asked["agent"]
    return "group", asked.get("group") or None


def _filters(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the list, by their names there."""
    return {"agent" if key == "with" else key: text for key, text in asked.items()}


def _form(asking: Asking, kept: Kept) -> Form:
    kind, name = _level(asking)
    if name is not None:
        want(asking, kept, kind, name)
    return direct_form(kind, name)


async def _shown(asking: Asking, kept: Kept | None, filled: Filled | None, status: int = OK) -> Response:
    records, roster = await asyncio.gather(asked_list(asking, "direct", FILTERS, "touched", read=_filters),
                                           roster_of_list(asking))
    kind, name = _level(asking)
    form: ShownForm | None = None
    groups: list[str] = []
    agents: list[tuple[str, str, int]] = []
    if kept is not None and filled is not None:
        form = show(_form(asking, kept), filled, kept.raw, asking.words, await known_to(asking, kept),
                    may_of(asking, kept))
        groups = sorted(kept.policy.group)
        agents = [(one, kept.policy.agent[one].name if one in kept.policy.agent else "",
                   kept.policy.direct_for(one).type) for one in agents_of(kept)[:NAMED]]
    types = type_pairs(asking.words)
    return page(asking, "direct.html", status=UNPROCESSABLE if records.errors else status, list=records, roster=roster,
                types=types, types_said=dict(types), now=time.time(), form=form, groups=groups, agents=agents,
                group=name if kind == "group" else None, agent=name if kind == "agent" else None)
