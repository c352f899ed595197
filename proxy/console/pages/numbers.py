"""Numbers of ours: a list, and each with its kind, group and callback from the queue."""

from typing import Any, Final

from fastapi import APIRouter, Response

from config.numbering import read as read_number
from proxy.console.asking import Asked
from proxy.console.forms.fields import TypedError
from proxy.console.forms.things import number_form
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
    found = read_number(text, kept.policy.region)
    if found is None:
        raise TypedError(_("This is no number: write it as +COUNTRY NUMBER, such as +3614445555."))
    return found


NUMBERS: Final = Thing("number", "/numbers", "numbers_one.html", lambda name, kept: number_form(name),
                       {"kind": "shared"}, _name, _("This number is listed already."), nothing_proposed, no_facts)


@router.get("/numbers")
async def numbers(asking: Asked, q: str = "", begin: int = 0) -> Response:
    """List our numbers."""
    kept = await policy_of(asking)
    listed: list[dict[str, Any]] = [
        {"number": name, **one, "offers": in_force(kept.raw, ("number", name, "queue_callback", "enabled"))}
        for name, one in sorted(kept.raw.get("number", {}).items())]
    rows = rows_of(listed, lambda one: f"{one['number']} {one['description']} {one.get('group', '')}", q, begin)
    return page(asking, "numbers.html", may_add=may_make(asking, kept, "number"),
                rows=rows)


mount(router, NUMBERS)
