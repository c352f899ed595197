"""Groups: a list, and each with all of its settings."""

from typing import Any, Final

from fastapi import APIRouter, Response

from config.checks import InvalidError, value_of
from config.fields import Name
from proxy.console.asking import Asked
from proxy.console.forms.fields import TypedError
from proxy.console.forms.things import group_form
from proxy.console.levels import in_force
from proxy.console.pages.thing_pages import (
    Thing,
    may_make,
    mount,
    no_facts,
    nothing_proposed,
    rows_of,
)
from proxy.console.policy_pages import Kept, policy_of
from proxy.console.rendering import page
from proxy.console.words import mark as _

router = APIRouter()


def _name(text: str, kept: Kept) -> str:
    try:
        name: str = value_of(Name, text)
    except InvalidError:
        raise TypedError(_("Write a name: letters, digits and . _ -, without spaces.")) from None
    return name


GROUPS: Final = Thing("group", "/groups", "groups_one.html", lambda name, kept: group_form(name),
                      {"on_missed": "nothing"}, _name, _("There is a group of this name already."), nothing_proposed,
                      no_facts)


@router.get("/groups")
async def groups(asking: Asked, q: str = "", begin: int = 0) -> Response:
    """List the groups."""
    kept = await policy_of(asking)
    raw = kept.raw
    listed: list[dict[str, Any]] = [
        {"name": name, "agents": one.get("agents", []), "target": one.get("target"), "hours": one.get("hours", []),
         "missed": in_force(raw, ("group", name, "missed_callback", "enabled")),
         "queue": in_force(raw, ("group", name, "queue_callback", "enabled")),
         "numbers": sum(number.get("group") == name for number in raw.get("number", {}).values())}
        for name, one in sorted(raw.get("group", {}).items())]
    return page(asking, "groups.html", may_add=may_make(asking, kept, "group"),
                rows=rows_of(listed, lambda one: str(one["name"]), q, begin))


mount(router, GROUPS)
