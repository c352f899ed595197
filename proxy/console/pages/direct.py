"""Direct callback: the live records, and the setting with its five types at each level."""

import time
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from proxy.console.asking import Asked, Asking
from proxy.console.forms.form import Filled, Form
from proxy.console.forms.shown import ShownForm, show
from proxy.console.forms.things import direct_form
from proxy.console.lists import ListQuery
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
    may_of,
    names_of,
    policy_of,
    save,
)
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError, ForbiddenError

router = APIRouter()
ROWS: Final = 100


def _(text: str) -> str:
    """Mark a sentence of the pages: it is translated when it is shown."""
    return text


@router.get("/direct")
async def direct(asking: Asked, cursor: str | None = None) -> Response:
    """Show the live records and, to supervisors, the setting."""
    if not asking.caller.may("supervisor"):
        return await _shown(asking, None, None, cursor)
    kept = await policy_of(asking)
    form = _form(asking, kept)
    return await _shown(asking, kept, form.made(kept.raw), cursor)


@router.post("/direct")
async def change(asking: Asked) -> Response:
    """Save the setting of a level."""
    form = _form(asking, await policy_of(asking))
    done = await save(asking, form, await typed_of(asking.request), unlisted=form.base[:1] == ("agent",))
    if isinstance(done, Again):
        return await _shown(asking, done.kept, done.filled, None, done.status)
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


def _form(asking: Asking, kept: Kept) -> Form:
    kind, name = _level(asking)
    if kind == "group" and name is not None and name not in kept.policy.group:
        raise HTTPException(404)
    return direct_form(kind, name)


async def _shown(asking: Asking, kept: Kept | None, filled: Filled | None, cursor: str | None,
                 status: int = OK) -> Response:
    records = await asking.console.lists.page("direct", asking.caller, ListQuery(cursor=cursor, limit=ROWS))
    kind, name = _level(asking)
    form: ShownForm | None = None
    groups: list[str] = []
    agents: list[tuple[str, str, int]] = []
    if kept is not None and filled is not None:
        form = show(_form(asking, kept), filled, kept.raw, asking.words, await names_of(asking, kept),
                    may_of(asking, kept))
        groups = sorted(kept.policy.group)
        agents = [(one, kept.policy.agent[one].name if one in kept.policy.agent else "",
                   kept.policy.direct_for(one).type) for one in agents_of(kept)[:NAMED]]
    return page(asking, "direct.html", status=status, records=records, now=time.time(), form=form, groups=groups,
                agents=agents, group=name if kind == "group" else None, agent=name if kind == "agent" else None)
