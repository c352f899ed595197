"""`GET /api/v1/figures`: what became of callbacks today, or with `from`, `to` or `by` on each day; that as a file."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, Final, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from proxy.console import cursors
from proxy.console.api.answering import JSON, answer, one_of_query, parameters, problems, query_of
from proxy.console.api.list_routes import FORMATS, OF_PAGE, limit_of, page_schema
from proxy.console.api.verb_routes import say
from proxy.console.asking import Asking, asking
from proxy.console.csv_lines import cell, line
from proxy.console.figures import COLUMNS, Asked, By, FigureRow, asked
from proxy.verbs.shapes import callbacks
from proxy.verbs.shapes.answers import Schemas
from proxy.verbs.shapes.fields import line_field, one_of_field
from proxy.verbs.shapes.theirs import reach
from proxy.verbs.shapes.verb import In
from routing.events import write_answer

TAGS: Final[list[str | Enum]] = ["figures"]


class FigureQuery(In):
    """Which days, by what."""

    from_: str | None = line_field("First day, such as 2026-11-24; where it is left out six days before the last.")
    to: str | None = line_field("Last day; where it is left out it is today.")
    by: str | None = one_of_field("By what each day is divided: day (not at all), group, agent, number or campaign.",
                                  get_args(By))


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add the paths."""
    fields = {key: field.described() for key, field in FigureQuery.fields.items()}
    days = page_schema(schemas.of(FigureRow))
    api.add_api_route(
        "/figures", figures, methods=["GET"], tags=TAGS, name="GET /figures", response_class=Response,
        summary="What became of callbacks: today as it stands, or day by day",
        description="Without `from`, `to` and `by`: today, as the verb `callbacks.figures` gives it. With one of them: "
                    "a row for each day and thing, the first day first; what is theirs, for the role agent.",
        responses={200: {"description": "Today, or a page of days", "content": {
            JSON: {"schema": {"anyOf": [schemas.of(callbacks.FIGURES.gives), days]}}}}, **problems()},
        openapi_extra={"parameters": parameters({**fields, **OF_PAGE})})
    form = {"type": "string", "enum": [*FORMATS], "default": "csv",
            "description": "csv, with a first line of names; or a JSON object a line."}
    api.add_api_route(
        "/figures/export", export, methods=["GET"], tags=TAGS, name="GET /figures/export", response_class=Response,
        summary="All of these days, as a file", description="It comes as it is counted.",
        responses={200: {"description": "A file", "content": {
            kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in FORMATS.values()}}, **problems()},
        openapi_extra={"parameters": parameters({"format": form, **fields})})


async def figures(request: Request) -> Response:
    """Give today, or days."""
    asks = asking(request)
    if not request.query_params.keys():
        return answer(await say(asks, callbacks.FIGURES, {}))
    wanted, limit = _asked(request, asks, ("limit", "cursor")), limit_of(request)
    given_for = ("figures", wanted.by, str(wanted.first), str(wanted.last))
    cursor = request.query_params.get("cursor")
    after = None if cursor is None else cursors.read(cursor, 2, *given_for)
    items: list[FigureRow] = []
    async for row in _after(asks, wanted, after):
        if len(items) == limit:
            last = items[-1]
            return answer({"items": items, "next": cursors.write((last["day"], last["of"]), *given_for)})
        items.append(row)
    return answer({"items": items, "next": None})


async def _after(asks: Asking, wanted: Asked, place: tuple[Any, ...] | None) -> AsyncIterator[FigureRow]:
    """Count from the row after a place on: what was before is not counted again."""
    day, of = ("", "") if place is None else (str(place[0]), str(place[1] or ""))
    begun = next((one for one in wanted.days if one.isoformat() == day), wanted.first)
    async for row in asks.console.figures.rows(Asked(begun, wanted.last, wanted.by), reach(asks.caller, {})):
        if place is None or (row["day"] or "", row["of"] or "") > (day, of):
            yield row


async def export(request: Request) -> Response:
    """Give days as a file."""
    asks = asking(request)
    kind = one_of_query(request, "format", "csv", [*FORMATS])
    wanted = _asked(request, asks, ("format",))
    headers = {"Content-Disposition":
               f'attachment; filename="figures-{wanted.by}-{wanted.first}-{wanted.last}.{kind}"'}
    return StreamingResponse(lines_of(asks, wanted, kind), 200, headers, FORMATS[kind])


async def lines_of(asks: Asking, wanted: Asked, kind: str) -> AsyncIterator[bytes]:
    """Write what is theirs of these days, a line for each day and thing; `kind`: csv or jsonl."""
    if kind == "csv":
        yield line(COLUMNS)
    async for row in asks.console.figures.rows(wanted, reach(asks.caller, {})):
        yield line([cell(value) for value in row.values()]) if kind == "csv" else \
            write_answer(row).encode(errors="backslashreplace") + b"\n"


def _asked(request: Request, asks: Asking, apart: tuple[str, ...]) -> Asked:
    query = FigureQuery.read(query_of(request, FigureQuery, apart))
    return asked(asks.console.figures.today, query.from_, query.to, query.by)
