"""`/account`: what everybody has of their own: who they are here, their sessions, their password."""

import asyncio
import math
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.doorkeeper import session_of, set_session
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.pages.login import STATUS
from proxy.console.posted import UNPROCESSABLE, Posted, errors_of, posted, status_of
from proxy.console.rendering import forward, page
from proxy.console.sessions import id_of
from proxy.console.words import mark as _
from proxy.control_client import ControlError
from proxy.verbs.shapes import people

router = APIRouter()
PATH: Final = "/account"
FORBIDDEN: Final = 403

REFUSED: Final = {
    "wrong": _("This is not your password."), "locked": _("Too many tries: wait %(seconds)s s."),
    "busy": _("Many log in just now: try again in a moment."),
    "unreadable": _("The users cannot be read just now: try again in a moment."),
}
"""Why the old password was not taken."""


@router.get(PATH)
async def show(asking: Asked) -> Response:
    """Show somebody what is theirs."""
    return _page(asking)


@router.post(PATH)
async def change(request: Request, asking: Asked) -> Response:
    """Take another password, or end sessions."""
    _person(asking)
    form, words, sessions = await posted(request), asking.words, asking.console.sessions
    own = _own(asking)
    others = [one.id for one in sessions.of(asking.caller.name) if one.id != own]
    match form.get("do"):
        case "passwd":
            return await _passwd(asking, form)
        case "end":
            wanted = [one for one in others if one == form.get("session")]
        case _:
            wanted = others
    ended = await asyncio.to_thread(lambda: sum(sessions.revoke(one) for one in wanted))
    return forward(asking, PATH, words.ngettext("%(num)s session is ended.", "%(num)s sessions are ended.",
                                                ended) % {"num": ended})


async def _passwd(asking: Asking, form: Posted) -> Response:
    """Look at the old password, and have the node keep the new one; this browser goes on."""
    request, name, words = asking.request, asking.caller.name, asking.words
    if form.get("password") != form.get("again"):
        return _page(asking, {"again": words.gettext("This is not what stands above.")}, UNPROCESSABLE)
    address = request.client.host if request.client is not None else ""
    doorkeeper = asking.console.doorkeeper
    found = await doorkeeper.prove(name, form.get("old"), address)
    if found.refused is not None:
        wait = math.ceil(found.wait)
        said = words.gettext(REFUSED[found.refused]) % {"seconds": wait}
        status = UNPROCESSABLE if found.refused == "wrong" else STATUS[found.refused]  # 401 is for who is not known
        answer = _page(asking, {"old": said}, status)
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer
    try:
        await asking.node.call(people.OWN_PASSWORD.name, {"name": name, "password": form.get("password")},
                               asking.caller)
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return _page(asking, errors_of(error), status_of(error))
    token = await doorkeeper.begin_again(name, address, request.headers.get("user-agent", ""))
    done = forward(asking, PATH, words.gettext("Your password is another now, and your other sessions are ended."))
    if token is not None:
        set_session(request, done, token)
    return done


def _page(asking: Asking, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    _person(asking)
    return page(asking, "account.html", status=status, errors=errors or {}, own=_own(asking),
                sessions=asking.console.sessions.of(asking.caller.name), shortest=people.SHORTEST_PASSWORD,
                longest=people.LONGEST_PASSWORD)


def _person(asking: Asking) -> None:
    """Refuse a program: its token is no user, though it may be called as one."""
    if asking.caller.door != "console":
        raise HTTPException(FORBIDDEN, "an API token has no account")


def _own(asking: Asking) -> str | None:
    """Return the id of the session that asks."""
    token = session_of(asking.request)
    return None if token is None else id_of(token)
