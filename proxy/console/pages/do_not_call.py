"""`/do-not-call`: numbers that are never called back; many of them from a file, and all of them into one."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked, Asking
from proxy.console.lists import ListQuery
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.posted import Posted, errors_of, posted, status_of
from proxy.console.rendering import forward, page
from proxy.control_client import ControlError
from proxy.verbs.shapes import do_not_call as shapes
from proxy.verbs.shapes.errors import ArgumentError

router = APIRouter()
PATH: Final = "/do-not-call"
FILTERS: Final = ("digits", "text", "from", "to")
EXPORTED: Final = 1_000
"""Rows that an export reads at a time."""
FORMULA: Final = ("=", "+", "-", "@", "\t")
"""How a text begins that a spreadsheet would reckon with."""
NOTHING: Final = Posted({}, {}, {})


@router.get(PATH)
async def show(asking: Asked) -> Response:
    """Show a page of the list."""
    return await _page(asking, NOTHING)


@router.get(PATH + "/export")
async def export(asking: Asked) -> Response:
    """Give the whole list as CSV, in the form that an import takes."""
    await asking.console.lists.page("do-not-call", asking.caller, ListQuery(limit=1))  # refused before it begins
    return StreamingResponse(_rows(asking), media_type="text/csv; charset=utf-8", headers={
        "content-disposition": 'attachment; filename="do-not-call.csv"'})


async def _rows(asking: Asking) -> AsyncIterator[str]:
    yield _line("number", "reason", "since")
    cursor: str | None = None
    while True:
        found = await asking.console.lists.page("do-not-call", asking.caller, ListQuery(
            sort="customer", descending=False, cursor=cursor, limit=EXPORTED))
        yield "".join(_line(row["customer"], _plain(row["reason"]),
                            datetime.fromtimestamp(row["since"], asking.zone).isoformat(timespec="seconds"))
                      for row in found.items)
        cursor = found.next
        if cursor is None:
            return


def _line(*cells: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from reckoning with what somebody wrote."""
    return f"'{text}" if text.startswith(FORMULA) else text


@router.post(PATH)
async def change(request: Request, asking: Asked) -> Response:
    """Put a number on the list, take one off, or read a whole file."""
    form = await posted(request)
    words = asking.words
    try:
        match form.get("do"):
            case "remove":
                await asking.node.call(shapes.REMOVE.name, {"customer": form.get("customer")}, asking.caller)
                return forward(asking, PATH, words.gettext("The number is off the list: it may be called again."))
            case "import":
                arguments = {"text": await _text(form), "reason": form.get("reason") or None}
                report = await asking.node.call(shapes.IMPORT.name, arguments, asking.caller)
                return await _page(asking, NOTHING, report=report)
            case _:
                await asking.node.call(shapes.ADD.name, form.arguments(shapes.ADD), asking.caller)
                return forward(asking, PATH, words.gettext("The number is on the list: it is never called back."))
    except (ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return await _page(asking, form, error=error)


async def _text(form: Posted) -> str:
    """Return the file that was sent, else what was typed. ArgumentError where it is no text."""
    file = form.files.get("file")
    if file is None or not file.filename:
        return form.get("text")
    content = await file.read()
    for encoding in ("utf-8-sig", "utf-16", "cp1250"):
        if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ArgumentError("file", f"{file.filename} is no text")


async def _page(asking: Asking, form: Posted, *, report: Any = None, error: ControlError | None = None) -> Response:
    found = await asked_list(asking, "do-not-call", FILTERS, "since")
    status = 422 if found.errors else 200
    return page(asking, "do_not_call.html", status=status if error is None else status_of(error), list=found,
                form=form, report=report, errors={} if error is None else errors_of(error))
