"""`/reports`: what happened on each day, by what somebody chooses; as a table, as curves, and as a file."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import StreamingResponse

from proxy.console.api.figures_route import lines_of
from proxy.console.asking import Asked as AskedBy
from proxy.console.asking import Asking
from proxy.console.columns import shown_columns
from proxy.console.drawing.curve import CURVES, Curve, curves
from proxy.console.figures import COUNTED, NAMES, Asked, By, FigureRow, asked, rows
from proxy.console.node_client import ForbiddenError
from proxy.console.posted import UNPROCESSABLE, errors_of
from proxy.console.rendering import page
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.theirs import Reach, reach
from routing.figures import Cell

router = APIRouter()

OF_DAYS: Final = ("missed", "promised", "kept", "kept_in_time")
"""Whose curves a report by day has."""
USUAL: Final[Mapping[By, str]] = {
    "day": "promised", "group": "promised", "agent": "kept", "number": "missed", "campaign": "kept"}
"""What the curves of things show where nobody says."""
COLUMNS: Final = ("missed", "promised", "dialled", "kept", "kept_in_time", "declined", "released", "average_wait_s",
                  "median_wait_s")
"""Which the table shows as long as nobody chooses others."""
OF_AGENTS: Final = ("dialled", "kept", "kept_in_time", "declined", "released", "direct_used", "average_wait_s",
                    "median_wait_s")
"""And of agents: calls are missed and callbacks promised by nobody."""
AT_ONCE: Final = 0.5
"""Seconds for which a page counts days before it answers; open, it asks again for those that are left."""
SPANS: Final = (1, 7, 30, 90, 365)
"""Stretches of days up to today that one click asks for."""


@router.get("/reports")
async def show(asking: AskedBy) -> Response:
    """Show a report; without a word of which, of the last week by day."""
    _want_supervisor(asking)
    figures, query = asking.console.figures, asking.request.query_params
    errors: dict[str, str] = {}
    wanted = asked(figures.today, None, None, None)
    try:
        wanted = asked(figures.today, query.get("from"), query.get("to"), query.get("by"))
    except ArgumentError as error:
        errors = errors_of(error)
    measure = query.get("measure") or USUAL[wanted.by]
    if measure not in COUNTED:
        measure = USUAL[wanted.by]
    days, left = await figures.some(wanted.days, AT_ONCE)
    theirs, names = reach(asking.caller, {}), names_of(asking.words.gettext)
    total = rows((cell for _, cells in days for cell in cells), "day", theirs, None)[0]
    table = "reports-agent" if wanted.by == "agent" else "reports"
    shown = shown_columns(asking.request, table, [*names], OF_AGENTS if wanted.by == "agent" else COLUMNS)
    found, sort, descending = _sorted(_table(days, wanted, theirs), wanted.by, query.get("sort"), query.get("order"))
    typed = {key: query.get(key, "") for key in ("from", "to")} if errors else {
        "from": wanted.first.isoformat(), "to": wanted.last.isoformat()}
    settled = total["kept"] + total["failed"] + total["expired"] + total["tickets"]
    things = things_of(asking.words.gettext)
    first = ("day" if wanted.by == "day" else "of", things[wanted.by], True)
    return page(
        asking, "reports.html", status=UNPROCESSABLE if errors else 200, typed=typed, left=left,
        again=asking.request.url.query, asked=wanted, measure=measure,
        measure_choices=[(key, names[key]) for key in COUNTED], found=found, total=total, errors=errors,
        things=things, columns_of=table, share=round(100 * total["kept_in_time"] / settled) if settled else None,
        spans=_spans(asking),
        as_of=time.time(), charts=_charts(asking, days, wanted, theirs, found, measure), words_of_columns=names,
        sum=total if wanted.by == "day" else together(days, wanted.by, theirs), shown=shown,
        all_columns=[*names.items()], sort=sort, descending=descending,
        head=[first, *((key, names[key], True, "number") for key in shown)])


@router.get("/reports.csv")
async def export(asking: AskedBy) -> Response:
    """Give a report as a file: a line for each day and thing."""
    _want_supervisor(asking)
    figures, query = asking.console.figures, asking.request.query_params
    try:
        wanted = asked(figures.today, query.get("from"), query.get("to"), query.get("by"))
    except ArgumentError as error:
        raise HTTPException(UNPROCESSABLE, str(error)) from None
    name = f"figures-{wanted.by}-{wanted.first}-{wanted.last}.csv"
    lines = lines_of(asking, wanted, "csv")
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8",
                             headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _want_supervisor(asking: Asking) -> None:
    if not asking.caller.may("supervisor"):
        raise ForbiddenError("reports are for supervisors")


def _table(days: Sequence[tuple[Any, list[Cell]]], wanted: Asked, theirs: Reach) -> list[FigureRow]:
    """Return a row a day, the newest first, or a row a thing of all days together."""
    if wanted.by == "day":
        return [row for day, cells in reversed(days) for row in rows(cells, "day", theirs, day.isoformat())]
    return rows((cell for _, cells in days for cell in cells), wanted.by, theirs, None)


def together(days: Sequence[tuple[Any, list[Cell]]], by: By, theirs: Reach) -> FigureRow:
    """Return what the rows of things come to; what is of no such thing stands in none of them."""
    named = [cell for _, cells in days for cell in cells if NAMES[by](cell) is not None]
    return rows(named, "day", theirs, None)[0]


def _sorted(found: list[FigureRow], by: By, sort: str | None, order: str | None) -> tuple[list[FigureRow], str, bool]:
    """Return rows in the order that is asked for, with what they are sorted by, and which way."""
    usual = "day" if by == "day" else "of"
    key = sort if sort in (*COUNTED, "average_wait_s", "median_wait_s", usual) else usual
    descending = order != "asc" if key != "of" or order else False

    def value(row: FigureRow) -> Any:
        one = row[key]  # type: ignore[literal-required]
        return (one is not None, one or 0) if key != usual else one or ""

    return sorted(found, key=value, reverse=descending), key, descending


def _spans(asking: Asking) -> list[tuple[str, str]]:
    """Return the stretches that one click asks for: from when, and what it is called."""
    words = asking.words
    return [(asked_from(asking, days), words.gettext("Today") if days == 1 else
             words.ngettext("Last %(num)s day", "Last %(num)s days", days) % {"num": days}) for days in SPANS]


def asked_from(asking: Asking, days: int) -> str:
    """Return the day on which a stretch of days that ends today begins."""
    today = asking.console.figures.today
    return today.fromordinal(today.toordinal() - days + 1).isoformat()


def _charts(asking: Asking, days: Sequence[tuple[Any, list[Cell]]], wanted: Asked, theirs: Reach,
            found: Sequence[FigureRow], measure: str) -> list[dict[str, Any]]:
    """Return the drawings, each with what its lines are called."""
    gettext, labels = asking.words.gettext, [f"{day:%m-%d}" for day, _ in days]
    names = names_of(gettext)
    each = [{row["of"]: row for row in rows(cells, wanted.by, theirs, None)} for _, cells in days]
    if wanted.by == "day":
        lines = [Curve(names[key], [_value(one, None, key) for one in each]) for key in OF_DAYS]
        title = gettext("What was promised and kept")
    else:
        most = sorted(found, key=lambda row: (-int(row[measure]), row["of"] or ""))  # type: ignore[literal-required]
        lines = [Curve(row["of"] or "", [_value(one, row["of"], measure) or 0.0 for one in each])
                 for row in most[:CURVES]]
        title = names[measure]
    whole = [rows(cells, "day", theirs, None)[0] for _, cells in days]
    waits = [Curve(names[key], [_minutes(row[key]) for row in whole])
             for key in ("average_wait_s", "median_wait_s")]
    charts = [{"title": title, "lines": [one.name for one in lines], "unit": "",
               "drawing": curves(labels, lines, title)}]
    wait = gettext("Wait for a callback, in minutes")
    if any(value is not None for one in waits for value in one.values):
        charts.append({"title": wait, "lines": [one.name for one in waits], "unit": "",
                       "drawing": curves(labels, waits, wait)})
    return charts


def _value(found: Mapping[str | None, FigureRow], of: str | None, key: str) -> float | None:
    row = found.get(of)
    return None if row is None else float(row[key])  # type: ignore[literal-required]


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 1)


def things_of(gettext: Any) -> dict[By, str]:
    """Return by what figures are counted, in words."""
    return {"day": gettext("Day"), "group": gettext("Group"), "agent": gettext("Agent"),
            "number": gettext("Our number"), "campaign": gettext("Campaign")}


def names_of(gettext: Any) -> dict[str, str]:
    """Return what each column is called."""
    return {
        "missed": gettext("Missed calls"), "offers_made": gettext("Offers made"),
        "offers_taken": gettext("Offers taken"), "promised": gettext("Callbacks promised"),
        "dialled": gettext("Attempts"),
        "kept": gettext("Promises kept"), "kept_in_time": gettext("Kept in time"),
        "called_meanwhile": gettext("Talked meanwhile"), "tickets": gettext("Ticket instead"),
        "failed": gettext("Not reached"), "expired": gettext("Expired"), "cancelled": gettext("Cancelled"),
        "declined": gettext("Declined by agents"), "released": gettext("Released from the responsible"),
        "tickets_opened": gettext("Tickets opened"), "direct_used": gettext("Direct callbacks used"),
        "average_wait_s": gettext("Average wait"), "median_wait_s": gettext("Median wait"),
    }
