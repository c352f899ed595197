"""`/tokens`: what programs show to the API."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.posted import Posted, errors_of, posted, status_of
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError
from proxy.verbs.shapes import answers, people

router = APIRouter()
PATH: Final = "/tokens"
UNIT: Final = "expires.unit"
"""The field with the unit of how long a token is good: `h` or `d`."""
NOTHING: Final = Posted({}, {}, {})


@router.get(PATH)
async def show(asking: Asked) -> Response:
    """Show every token, and when each was last used."""
    return await _page(asking, NOTHING)


@router.post(PATH)
async def change(request: Request, asking: Asked) -> Response:
    """Make a token, or take one back."""
    form = await posted(request)
    try:
        if form.get("do") == "revoke":
            await asking.node.call(people.REVOKE.name, {"name": form.get("name")}, asking.caller)
            return forward(asking, PATH, asking.words.gettext("The token is good no more."))
        made = await asking.node.call(people.ADD_TOKEN.name, _arguments(form), asking.caller)
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return await _page(asking, form, error=error)
    return await _page(asking, NOTHING, made=made)


def _arguments(form: Posted) -> dict[str, Any]:
    """Return what the verb is asked with: how long it is good is a number and its unit there."""
    found = form.arguments(people.ADD_TOKEN)
    if "expires" in found:
        found["expires"] += form.get(UNIT)
    return found


async def _page(asking: Asking, form: Posted, *, made: Any = None, error: ControlError | None = None) -> Response:
    found = await asking.node.call(people.TOKENS.name, {}, asking.caller)
    policy = await asking.node.call("policy.show", {}, asking.caller)
    uses = asking.console.sessions.token_uses()
    return page(asking, "tokens.html", status=200 if error is None else status_of(error),
                tokens=[{**row, "used": uses.get(row["id"])} for row in answers.read(people.TOKENS, found)],
                groups=[*policy.get("group", {})], form=form, made=made,
                errors={} if error is None else errors_of(error))
