"""Lists: `{"items": [...], "next": cursor or null}`, and their exports."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, is_typeddict

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from proxy.console import cursors
from proxy.console.api.answering import JSON, answer, one_of_query, parameters, problems, query_of
from proxy.console.api.export_lines import ExportLines, chunks
from proxy.console.api.paths import NOUNS
from proxy.console.asking import Asking, asking
from proxy.console.lists import ROWS, ListPage, ListQuery, Lists
from proxy.control_client import ControlError
from proxy.logger import get_logger
from proxy.verbs.shapes.answers import Schemas, write_as
from proxy.verbs.shapes.catalogue import at
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import MOST_ROWS, Schema
from proxy.verbs.shapes.verb import Verb

WAYS: Final = ("desc", "asc")
FORMATS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
SLICE: Final = MOST_ROWS
"""Rows of an export that are read at a time: no query lasts, however long the export is and whoever reads it slowly."""
OF_PAGE: Final[dict[str, Schema]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": ROWS, "description": "Rows of a page."},
    "cursor": {"type": "string", "maxLength": cursors.LONGEST, "description": "`next` of the page before."}}
PATHS: Final = {"policy-versions": "/policy/versions"}
"""Of lists whose path is not their name."""
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "agents": ("extension",), "groups": ("group",), "campaigns": ("id",), "alarms": ("name",),
    "prompts": ("name", "language", "built_in")}
"""What no two items of a list that the daemon gives whole have alike."""

log = get_logger()


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add the lists that are read from the database, with their exports, and those that the daemon gives whole."""
    for name in Lists.names():
        _add(api, name, schemas)
        _export(api, name)
    for verb in at("api").values():
        path = NOUNS.get(verb.noun, verb.noun)
        if verb.act == "list" and path not in Lists.names() and is_typeddict(verb.gives.__args__[0]):
            _whole(api, verb, path, schemas)


def _order(name: str) -> dict[str, Schema]:
    sorts = Lists.sorts(name)
    return {"sort": {"type": "string", "enum": sorts, "default": sorts[0], "description": "In which order."},
            "order": {"type": "string", "enum": [*WAYS], "default": WAYS[0], "description": "Which way round."}}


def page_schema(item: Schema) -> Schema:
    """Return the schema of a page of such items."""
    return {"type": "object", "required": ["items", "next"], "additionalProperties": False, "properties": {
        "items": {"type": "array", "items": item},
        "next": {"anyOf": [{"type": "string"}, {"type": "null"}],
                 "description": "Cursor of the page after this one; null: this is the last"}}}


def _asked(request: Request, name: str, apart: Sequence[str]) -> ListQuery:
    """Read what of a list is asked for. Raises ArgumentError."""
    takes = Lists.filters(name)
    query_of(request, takes)  # that none is said twice
    filters = {key: text for key, text in request.query_params.items() if key not in apart}
    sort = one_of_query(request, "sort", Lists.sorts(name)[0], Lists.sorts(name))
    return ListQuery(filters, sort, one_of_query(request, "order", WAYS[0], WAYS) == WAYS[0],
                     request.query_params.get("cursor"), limit_of(request))


def limit_of(request: Request) -> int:
    """Return how many rows a page is to have. Raises ArgumentError."""
    text = request.query_params.get("limit", str(ROWS))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MOST_ROWS):
        raise ArgumentError("limit", f"limit: {text[:60]!r} is no whole number from 1 to {MOST_ROWS}")
    return int(text)


def _add(api: APIRouter, name: str, schemas: Schemas) -> None:
    shape = Lists.shape(name)

    async def page(request: Request) -> Response:
        asks = asking(request)
        found = await asks.console.lists.page(name, asks.caller, _asked(request, name, ("limit", "cursor", "sort",
                                                                                        "order")))
        return answer({"items": [write_as(shape, item) for item in found.items], "next": found.next})

    fields = {key: field.described() for key, field in Lists.filters(name).fields.items()}
    api.add_api_route(
        PATHS.get(name, f"/{name}"), page, methods=["GET"], summary=f"A page of {name.replace('-', ' ')}", tags=[name],
        name=f"GET /{name}", description=f"For the role {Lists.role(name)}: what is theirs.", response_class=Response,
        responses={200: {"description": "A page", "content": {JSON: {"schema": page_schema(schemas.of(shape))}}},
                   **problems()},
        openapi_extra={"parameters": parameters({**fields, **_order(name), **OF_PAGE})})


def _whole(api: APIRouter, verb: Verb[Any, Any], path: str, schemas: Schemas) -> None:
    """Add a list that the daemon gives whole, cut into pages here, by the items' key."""
    [item] = verb.gives.__args__
    key = KEYS[path]
    has_limit = "limit" in verb.takes.fields

    async def page(request: Request) -> Response:
        asks = asking(request)
        limit, after = limit_of(request), request.query_params.get("cursor")
        args = query_of(request, verb.takes, ("limit", "cursor"))
        if has_limit:
            args["limit"] = MOST_ROWS
        verb.takes.read(args)
        found = cut(await asks.node.call(verb.name, args, asks.caller), key, verb.name, limit, after)
        return answer({"items": found.items, "next": found.next})

    fields = {name: field.described() for name, field in verb.takes.fields.items() if name != "limit"}
    api.add_api_route(
        f"/{path}", page, methods=["GET"], summary=verb.means, tags=[path], name=f"GET /{path}",
        description=f"Verb `{verb.name}`, for the role {verb.role}: what is theirs.", response_class=Response,
        responses={200: {"description": "A page", "content": {JSON: {"schema": page_schema(schemas.of(item))}}},
                   **problems()},
        openapi_extra={"parameters": parameters({**fields, **OF_PAGE})})


def cut(items: Sequence[Any], key: Sequence[str], name: str, limit: int, after: str | None) -> ListPage:
    """Return a page of items, in the order of keys that no two have alike. Raises ArgumentError for a cursor that is
    none of this list's.
    """
    def place(item: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(item[one]) for one in key)

    ordered = sorted(items, key=place)
    if after is not None:
        last = tuple(map(str, cursors.read(after, len(key), name)))
        ordered = [item for item in ordered if place(item) > last]
    shown = [dict(item) for item in ordered[:limit]]
    return ListPage(shown, cursors.write(place(shown[-1]), name) if len(ordered) > limit else None)


def _export(api: APIRouter, name: str) -> None:
    fields = {key: field.described() for key, field in Lists.filters(name).fields.items()}
    form: Schema = {"type": "string", "enum": [*FORMATS], "default": "csv",
                    "description": "csv, with a first line of names; or a JSON object a line."}

    async def export(request: Request) -> Response:
        asks = asking(request)
        kind = one_of_query(request, "format", "csv", [*FORMATS])
        query = _asked(request, name, ("format", "sort", "order"))
        return await exported(asks, name, query, kind)

    api.add_api_route(
        f"{PATHS.get(name, f'/{name}')}/export", export, methods=["GET"], name=f"GET /{name}/export", tags=[name],
        summary=f"All {name.replace('-', ' ')} that fit, as a file", response_class=Response,
        description="It comes as it is read. One that ends before its end was cut: ask again.",
        responses={200: {"description": "A file", "content": {
            kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in FORMATS.values()}}, **problems()},
        openapi_extra={"parameters": parameters({"format": form, **fields, **_order(name)})})


async def exported(asks: Asking, name: str, query: ListQuery, kind: str) -> Response:
    """Return a list as a file that is read while it is sent. Raises as `Lists.page`, before anything is sent.

    `kind`: csv or jsonl. The query's cursor and limit are not looked at.
    """
    lists = asks.console.lists
    query = ListQuery(query.filters, query.sort, query.descending, None, SLICE)
    first = await lists.page(name, asks.caller, query)
    at_now = datetime.now(UTC)
    headers = {"Content-Disposition": f'attachment; filename="{name}-{at_now:%Y%m%dT%H%M%SZ}.{kind}"'}
    lines = ExportLines(Lists.shape(name), kind)
    return StreamingResponse(_rows(lists, asks, name, query, first, lines), 200, headers, FORMATS[kind])


async def _rows(lists: Lists, asks: Asking, name: str, query: ListQuery, page: ListPage,
                lines: ExportLines) -> AsyncIterator[bytes]:
    yield lines.head()
    while True:
        items = page.items
        data = await to_thread.run_sync(lambda rows=items: lines.written(rows))  # type: ignore[misc]
        for part in chunks(data):
            yield part
        if page.next is None:
            return
        try:
            page = await lists.page(name, asks.caller, ListQuery(query.filters, query.sort, query.descending, page.next,
                                                                 SLICE))
        except ControlError as error:
            log.error("export_cut", list=name, reason=str(error))
            raise
