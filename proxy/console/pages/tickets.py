"""`/tickets`: what callbacks have opened; comments, the end of one, and a callback from one by a click."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked, Asking
from proxy.console.columns import shown_columns
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.pages.tasks.task_words import journal_of
from proxy.console.posted import UNPROCESSABLE, Posted, errors_of, posted, status_of
from proxy.console.rendering import forward, page
from proxy.console.roster import roster_of_list
from proxy.console.ticket_notes import TicketNotes
from proxy.control_client import ControlError
from proxy.verbs.shapes import answers, tickets

router = APIRouter()
PATH: Final = "/tickets"
FILTERS: Final = ("state", "group", "agent", "from", "to", "customer", "text")
COLUMNS: Final = ("number", "customer", "state", "created", "agent", "group", "subject", "ended")
USUAL: Final = ("number", "customer", "state", "created", "agent", "group", "subject")
NOTHING: Final = Posted({}, {}, {})


@router.get(PATH)
async def show_all(asking: Asked) -> Response:
    """Show a page of the list: open ones, unless others are asked for."""
    found, roster = await asyncio.gather(asked_list(asking, "tickets", FILTERS, "number", {"state": "open"}),
                                         roster_of_list(asking))
    return page(asking, "tickets.html", status=UNPROCESSABLE if found.errors else 200, list=found, roster=roster,
                told=_told(asking),
                columns=shown_columns(asking.request, "tickets", COLUMNS, USUAL), all_columns=COLUMNS)


@router.get(PATH + "/{ticket}")
async def show(asking: Asked, ticket: str) -> Response:
    """Show one ticket with its comments and where it was sent."""
    return await _page(asking, ticket, NOTHING)


@router.post(PATH + "/{ticket}")
async def change(request: Request, asking: Asked, ticket: str) -> Response:
    """Comment on a ticket, close it, or have its customer called back."""
    form = await posted(request)
    words = asking.words
    try:
        match form.get("do"):
            case "close":
                await asking.node.call(tickets.CLOSE.name, {"id": ticket}, asking.caller)
                return forward(asking, f"{PATH}/{ticket}", words.gettext("The ticket is closed."))
            case "call":
                task = await asking.node.call(tickets.CALL.name, {**form.arguments(tickets.CALL), "id": ticket},
                                              asking.caller)
                return forward(asking, f"/callbacks/{task['id']}",
                               words.gettext("The customer will be called back as soon as an agent is free."))
            case _:
                await asking.node.call(tickets.COMMENT_ON.name, {**form.arguments(tickets.COMMENT_ON), "id": ticket},
                                       asking.caller)
                return forward(asking, f"{PATH}/{ticket}", words.gettext("The comment is added."))
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return await _page(asking, ticket, form, error)


def _told(asking: Asking) -> TicketNotes:
    return TicketNotes(asking.words, journal_of(asking))


async def _page(asking: Asking, ticket: str, form: Posted, error: ControlError | None = None) -> Response:
    found = await asking.node.call(tickets.SHOW.name, {"id": ticket}, asking.caller)
    one: Any = answers.read(tickets.SHOW, found)
    return page(asking, "ticket.html", status=200 if error is None else status_of(error), one=one, form=form,
                told=_told(asking), errors={} if error is None else errors_of(error))
