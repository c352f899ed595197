"""`GET /api/v1/events`: what happens, as server-sent events.

Each has the kind as its `event`, the event as MQTT tells it as its `data`, and its id, which is what a Last-Event-ID
holds: who comes back with one is told what came after it. `reset`: that event is not known any more, so read anew what
you show. `missed`: so many were left out, because they were not taken quickly enough. `away`, `back`: the daemon.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from proxy.console.api.answering import parameters, problems
from proxy.console.asking import Asking, asking
from proxy.console.live import Told
from proxy.verbs.shapes.errors import ArgumentError
from routing.hub import KINDS

PING: Final = 15
"""Seconds between two signs of life."""
LONGEST_ID: Final = 100
KINDS_SCHEMA: Final = {"type": "string", "maxLength": 2_000, "examples": ["call.ended,callback"],
                       "description": "With commas between them: kinds, or what they begin with; every one where left "
                                      "out."}


def mount(api: APIRouter) -> None:
    """Add the path."""
    api.add_api_route(
        "/events", events, methods=["GET"], tags=["events"], name="GET /events", response_class=Response,
        summary="Follow what happens, as it happens",
        description="Server-sent events without an end, of what is theirs. `reset`: the Last-Event-ID is not known any "
                    "more; `missed`: so many were left out; `away`, `back`: the daemon.",
        responses={200: {"description": "A stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                   **problems()},
        openapi_extra={"parameters": [*parameters({"kinds": KINDS_SCHEMA}), {
            "name": "Last-Event-ID", "in": "header", "required": False,
            "schema": {"type": "string", "maxLength": LONGEST_ID},
            "description": "`id` of the last event that was heard."}]})


async def events(request: Request) -> Response:
    """Follow events."""
    asks = asking(request)
    kinds = _kinds(request)
    last = request.headers.get("last-event-id") or None
    if last is not None and len(last) > LONGEST_ID:
        raise ArgumentError("Last-Event-ID", f"Last-Event-ID: {LONGEST_ID} characters at most")
    return EventSourceResponse(_told(asks, kinds, last), ping=PING)


def _kinds(request: Request) -> frozenset[str] | None:
    unknown = [name for name in request.query_params if name != "kinds"]
    if unknown:
        raise ArgumentError(unknown[0], f"there is no argument {unknown[0][:60]!r}: kinds")
    text = request.query_params.get("kinds", "")
    if not text:
        return None
    found: set[str] = set()
    for word in text.split(","):
        fitting = {kind for kind in KINDS if kind == word or kind.partition(".")[0] == word.removesuffix(".*")}
        if not fitting:
            raise ArgumentError("kinds", f"kinds: there is no event {word[:60]!r}: {', '.join(sorted(KINDS))}")
        found |= fitting
    return frozenset(found)


async def _told(asks: Asking, kinds: frozenset[str] | None, last: str | None) -> AsyncIterator[ServerSentEvent]:
    with asks.console.live.follow(asks.caller, last) as following:
        yield ServerSentEvent(comment="following")
        async for told in following:
            item: Any = told.item or {}
            if told.word == "event" and kinds is not None and item.get("kind") not in kinds:
                continue
            yield written(told)


def written(told: Told) -> ServerSentEvent:
    """Return one thing as it is sent."""
    if told.word == "event" and told.item is not None:
        return ServerSentEvent(json.dumps(told.item), event=str(told.item["kind"]), id=told.id)
    if told.word == "missed":
        return ServerSentEvent(json.dumps({"missed": told.missed}), event="reset" if told.missed is None else "missed")
    return ServerSentEvent("{}", event=told.word)
