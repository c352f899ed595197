"""Callbacks: the list with its filters, what is done with many at once, and one more by hand."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request, Response

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked, Asking
from proxy.console.columns import shown_columns
from proxy.console.journal import states
from proxy.console.lists import ListQuery
from proxy.console.pages.tasks.streams import part_stream
from proxy.console.pages.tasks.task_words import Choices, choices_of, journal_of, kinds
from proxy.console.posted import errors_of
from proxy.console.rendering import forward, fragment, page
from proxy.console.roster import Roster
from proxy.control_client import ControlError, NotRunningError
from proxy.verbs.shapes.callbacks import MOST_TASKS, RUNNING
from proxy.verbs.shapes.errors import ForbiddenError
from proxy.verbs.shapes.fields import MOST_ROWS

router = APIRouter()
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
UNFINISHED: Final = "open,held"
NAMES: Final = ("group", "campaign", "kind", "agent", "responsible", "number", "customer", "reason", "due")
"""Filters that are passed on as they are."""
FILTERS: Final = ("state", "age", *NAMES)
AGES: Final[Mapping[str, tuple[float, bool]]] = {
    "1h": (HOUR, True), "24h": (DAY, True), "7d": (7 * DAY, True), "over-1h": (HOUR, False), "over-24h": (DAY, False)}
"""Seconds, and whether a callback was promised within them, or before."""
USUAL: Final = ("customer", "group", "kind", "state", "due", "attempts", "responsible", "created")
SORTS: Final = frozenset({"created", "due", "missed_at", "expires", "ended", "attempts", "customer", "group", "state",
                          "responsible"})
MOST_FIELDS: Final = 1_000
UNPROCESSABLE: Final = 422
FORBIDDEN: Final = 403
AWAY: Final = 503
TYPED: Final = ("customer", "group", "number", "campaign", "responsible", "responsible_wait", "at", "window",
                "attempts", "language", "preview", "note")


class Column(NamedTuple):
    """A column of the list."""

    key: str
    words: str
    sorts: bool
    style: str = ""


def columns(asking: Asking) -> list[Column]:
    """Return every column that the list may have."""
    gettext = asking.words.gettext
    said = {
        "customer": gettext("Customer"), "state": gettext("State"), "due": gettext("Next attempt"),
        "attempts": gettext("Attempts"), "responsible": gettext("Responsible"), "group": gettext("Group"),
        "kind": gettext("Came of"), "created": gettext("Promised"), "missed_at": gettext("Missed"),
        "expires": gettext("Window ends"), "ended": gettext("Ended"), "reason": gettext("Why"),
        "campaign": gettext("Campaign"), "number": gettext("Our number"), "declined": gettext("Declined by"),
    }
    return [Column(key, words, key in SORTS) for key, words in said.items()]


@router.get("/callbacks")
async def callbacks(asking: Asked) -> Response:
    """Show a page of the list."""
    now = time.time()
    found, (choices, running) = await asyncio.gather(
        asked_list(asking, "callbacks", FILTERS, "created", {"state": UNFINISHED}, partial(_filters, now)),
        _of_node(asking))
    every = columns(asking)
    shown = shown_columns(asking.request, "callbacks", [one.key for one in every], USUAL)
    return page(
        asking, "callbacks.html", status=UNPROCESSABLE if found.errors else 200, list=found,
        every=[one[:2] for one in every], columns=[one for one in every if one.key in shown], choices=choices,
        kinds=kinds(asking.words), states=states(asking.words), reason=journal_of(asking).reason,
        running=running, most=MOST_TASKS)


async def _of_node(asking: Asking) -> tuple[Choices, frozenset[str]]:
    """Return what may be chosen, and which callbacks are under way. While the daemon is away the list is shown all the
    same: it is read from the database.
    """
    try:
        choices, cards = await asyncio.gather(
            choices_of(asking), asking.node.call(RUNNING.name, {}, asking.caller))
    except NotRunningError:
        return Choices(Roster(), []), frozenset()
    return choices, frozenset(card["task"] for card in cards)


def _filters(now: float, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the list, by their names there."""
    filters = {name: asked[name] for name in NAMES}
    if asked["state"] != "all":
        filters["state"] = asked["state"]
    age = AGES.get(asked["age"])
    if age is not None:
        filters["from" if age[1] else "to"] = f"{now - age[0]:.0f}"
    return filters


@router.get("/callbacks/events", include_in_schema=False)
async def events(asking: Asked) -> Response:
    """Stream how many callbacks wait, and that the list is not what it was."""
    async def render() -> str:
        return fragment(asking, "callbacks_counts.html", counts=await _counts(asking))

    answer: Response = part_stream(asking, "counts", render, lambda kind, data: kind.startswith("callback."),
                                   lambda: 30.0)
    return answer


async def _counts(asking: Asking) -> Mapping[str, int | None]:
    """Count what whoever asks sees in the list: of an agent, their own; of others, what is of their groups."""
    if asking.caller.role == "agent":
        own = (await asking.console.lists.page("callbacks", asking.caller,
                                               ListQuery({"state": UNFINISHED}, limit=MOST_ROWS))).items
        now = time.time()
        return {"in_queue": len(own), "running": None,
                "due": sum(one["state"] == "open" and one["due"] is not None and one["due"] <= now for one in own)}
    queues = await asking.console.snapshots.queues(asking.caller)
    return {key: sum(one[f"callbacks_{key}"] for one in queues) for key in ("in_queue", "due", "running")}


@router.post("/callbacks/bulk")
async def bulk(asking: Asked, request: Request) -> Response:
    """Change many callbacks, and say what became of each."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        ids = [str(one) for one in form.getlist("id")]
        typed = {name: str(form.get(name, "")).strip() for name in ("act", "reason", "responsible", "back")}
    gettext = asking.words.gettext
    back = typed["back"] if typed["back"].startswith("/callbacks") else "/callbacks"
    if not ids:
        return forward(asking, back, gettext("Nothing was done: no callback was chosen."), "bad")
    args: dict[str, Any] = {"act": typed["act"], "ids": ids, "reason": typed["reason"] or None}
    if typed["act"] == "reassign":
        args["responsible"] = typed["responsible"] or None
    try:
        became = await asking.node.call("callbacks.bulk", args, asking.caller)
    except ControlError as error:
        return page(asking, "callbacks_done.html", status=_status(error), became=[], refused=str(error), back=back,
                    states=states(asking.words))
    return page(asking, "callbacks_done.html", became=became, refused="", back=back, states=states(asking.words))


@router.get("/callbacks/add")
async def ask(asking: Asked) -> Response:
    """Ask what is to be promised; a link may have filled some of it in."""
    typed = {name: asking.request.query_params.get(name, "") for name in TYPED}
    return page(asking, "callbacks_add.html", typed=typed, errors={}, refused="", choices=await choices_of(asking))


@router.post("/callbacks/add")
async def add(asking: Asked, request: Request) -> Response:
    """Promise a callback."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        typed = {name: str(form.get(name, "")).strip() for name in TYPED}
    args, errors = _args(typed, asking)
    refused, status = "", UNPROCESSABLE
    if not errors:
        try:
            made = await asking.node.call("callbacks.add", args, asking.caller)
        except ControlError as error:
            status = _status(error)
            errors = {key: text for key, text in errors_of(error).items() if key in TYPED}
            refused = "" if errors else str(error)
        else:
            told = asking.words.gettext("The callback is promised.")
            return forward(asking, f"/callbacks/{made['id']}", told)
    return page(asking, "callbacks_add.html", status=status, typed=typed, errors=errors, refused=refused,
                choices=await choices_of(asking))


def _args(typed: Mapping[str, str], asking: Asking) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments that a form stands for, and by field what cannot be."""
    gettext = asking.words.gettext
    args: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name in TYPED:
        text = typed[name]
        if not text:
            continue
        try:
            if name in ("responsible_wait", "preview"):
                args[name] = float(text.replace(",", "."))
            elif name == "attempts":
                args[name] = int(text)
            elif name == "at":
                args[name] = datetime.fromisoformat(text).replace(tzinfo=asking.zone).timestamp()
            else:
                args[name] = text
        except ValueError:
            errors[name] = gettext("This cannot be read: write a day and a time.") if name == "at" else \
                gettext("This cannot be read: write a number.")
    if "customer" not in args:
        errors["customer"] = gettext("Write the customer's number.")
    return args, errors


def _status(error: ControlError) -> int:
    return FORBIDDEN if isinstance(error, ForbiddenError) else AWAY if isinstance(error, NotRunningError) \
        else UNPROCESSABLE


