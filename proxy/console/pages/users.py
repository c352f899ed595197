"""`/users`: who may log in, in which role; their sessions."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.posted import Posted, errors_of, posted, status_of
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError
from proxy.verbs.shapes import answers, people

router = APIRouter()
PATH: Final = "/users"
NOTHING: Final = Posted({}, {}, {})


@router.get(PATH)
async def show(asking: Asked) -> Response:
    """Show everybody, or with `?name=` one of them."""
    return await _page(asking, asking.request.query_params.get("name"), NOTHING)


@router.post(PATH)
async def change(request: Request, asking: Asked) -> Response:
    """Do what a form of the page asks for."""
    form = await posted(request)
    name, act = form.get("name"), form.get("do")
    words = asking.words
    try:
        match act:
            case "add":
                made = await asking.node.call(people.ADD_USER.name, form.arguments(people.ADD_USER), asking.caller)
                return await _page(asking, None, NOTHING, made=made)
            case "passwd":
                made = await asking.node.call(people.PASSWD.name, form.arguments(people.PASSWD), asking.caller)
                await asyncio.to_thread(asking.console.sessions.revoke_all, name)
                return await _page(asking, name, NOTHING, made=made)
            case "change":
                await asking.node.call(people.CHANGE_USER.name, form.arguments(people.CHANGE_USER), asking.caller)
                return forward(asking, PATH, words.gettext("Saved."))
            case "disable":
                await asking.node.call(people.DISABLE.name, {"name": name}, asking.caller)
                await asyncio.to_thread(asking.console.sessions.revoke_all, name)
                return forward(asking, PATH, words.gettext("The user may not log in any more."))
            case "enable":
                await asking.node.call(people.ENABLE.name, {"name": name}, asking.caller)
                return forward(asking, PATH, words.gettext("The user may log in again."))
            case _:
                await _admin(asking)
                await asyncio.to_thread(asking.console.sessions.revoke, form.get("session"))
                return forward(asking, PATH, words.gettext("The session is ended."))
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return await _page(asking, None if act == "add" else name, form, act=act, error=error)


async def _admin(asking: Asking) -> list[Any]:
    """Return every user; whoever may not see them is refused by the node."""
    found = await asking.node.call(people.USERS.name, {}, asking.caller)
    rows: list[Any] = answers.read(people.USERS, found)
    return rows


async def _page(asking: Asking, name: str | None, form: Posted, *, act: str = "", made: Any = None,
                error: ControlError | None = None) -> Response:
    users = await _admin(asking)
    policy = await asking.node.call("policy.show", {}, asking.caller)
    one = next((row for row in users if row["name"] == name), None)
    if name is not None and one is None:
        raise MissingError(f"there is no user {name!r}")
    errors = {} if error is None else errors_of(error)
    return page(asking, "users.html", status=200 if error is None else status_of(error), users=users, one=one,
                groups=[*policy.get("group", {})], form=form, act=act, errors=errors, made=made,
                sessions=[] if one is None else asking.console.sessions.of(one["name"]))
