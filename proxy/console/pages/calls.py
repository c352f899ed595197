"""Calls: the list, searched; one call with why it went where it did, its messages as a ladder and a capture, its
recording."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from proxy.console.asking import Asked, Asking
from proxy.console.call_story import Story
from proxy.console.columns import shown_columns
from proxy.console.drawing.ladder import LadderRow, ladder
from proxy.console.lists import ListPage, ListQuery
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.rendering import duration, forward, page
from proxy.control_client import ControlError, NotRunningError
from proxy.pcap import capture, packets_of
from proxy.verbs.shapes import calls as shapes
from proxy.verbs.shapes.answers import read
from proxy.verbs.shapes.errors import ArgumentError
from routing.events import rfc3339

router = APIRouter()
NAMES: Final = ("customer", "number", "agent", "group", "direction", "kind", "result", "cause")
"""Filters that are passed on as they are."""
MOMENTS: Final = ("from", "to")
USUAL: Final = ("time", "direction", "customer", "number", "agent", "group", "state", "talk")
DRAWN: Final = 150
"""Messages that the page draws and writes out; the capture has all."""
WRITTEN: Final = 90_000
"""Bytes of messages that it writes out."""
UNPROCESSABLE: Final = 422


@router.get("/calls")
async def calls(asking: Asked) -> Response:
    """Show a page of the list."""
    asked, wrong = asking.request.query_params, ""
    try:
        found = await asking.console.lists.page("calls", asking.caller, _query(asked, asking.zone))
    except ArgumentError as error:
        found, wrong = ListPage([], None), str(error)
    gettext = asking.words.gettext
    every = [("time", gettext("Began")), ("direction", gettext("Direction")), ("customer", gettext("Customer")),
             ("number", gettext("Our number")), ("agent", gettext("Agent")), ("group", gettext("Group")),
             ("state", gettext("Result")), ("talk", gettext("Talk")), ("dialled", gettext("Dialled")),
             ("trunk", gettext("Trunk")), ("pbx", gettext("PBX")), ("by", gettext("Ended by"))]
    shown = shown_columns(asking.request, "calls", [key for key, _ in every], USUAL)
    return page(asking, "calls.html", status=UNPROCESSABLE if wrong else 200, found=found, wrong=wrong, asked=asked,
                every=every, export=_export(asked, asking.zone),
                columns=[(key, words, key in ("time", "talk"), "number" if key == "talk" else "")
                         for key, words in every if key in shown],
                sort=asked.get("sort") or "time", descending=asked.get("order", "desc") != "asc")


def _export(asked: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return where all calls that fit come as a file."""
    return "/api/v1/calls/export?" + urlencode({"format": "csv", **_filters(asked, zone)})


def _query(asked: Mapping[str, str], zone: ZoneInfo) -> ListQuery:
    return ListQuery(_filters(asked, zone), asked.get("sort", ""), asked.get("order", "desc") != "asc",
                     asked.get("cursor") or None)


def _filters(asked: Mapping[str, str], zone: ZoneInfo) -> dict[str, str]:
    filters = {name: asked[name].strip() for name in NAMES if asked.get(name, "").strip()}
    for name in MOMENTS:
        if asked.get(name, "").strip():
            filters[name] = _moment(asked[name].strip(), zone)
    return filters


def _moment(typed: str, zone: ZoneInfo) -> str:
    """Return a moment as it was typed, in the zone of the page; what is none is left for the list to refuse."""
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        return typed
    return rfc3339((at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp())


@router.get("/calls/{name}")
async def call(asking: Asked, name: str) -> Response:
    """Show one call."""
    return page(asking, "call.html", **await _facts(asking, name), refused="")


async def _facts(asking: Asking, name: str) -> dict[str, Any]:
    one = read(shapes.SHOW, await asking.node.call("calls.show", {"id": name}, asking.caller))
    messages: Any = None
    recordings: list[str] = []
    if asking.caller.may("supervisor"):
        messages, recordings = await asyncio.gather(_messages(asking, name), _recordings(asking, one))
    facts: dict[str, Any] = {"call": one, "sentences": story_of(asking).sentences(one), "messages": messages,
                             "recordings": recordings, "drawn": None, "texts": [], "most": DRAWN,
                             "others": [] if messages is None else
                             [other for other in messages["calls"] if other["id"] != one["id"]]}
    if messages is not None and messages["messages"]:
        facts["drawn"] = drawn(asking, messages)
        facts["texts"] = texts(messages)
    return facts


def story_of(asking: Asking) -> Story:
    """Return who tells calls to somebody."""
    zone = asking.zone
    return Story(asking.words, lambda at: datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S"), duration)


def drawn(asking: Asking, found: Mapping[str, Any]) -> Any:
    """Return the ladder of messages as `calls.messages` gives them."""
    zone = asking.zone

    def clock(at: float) -> str:
        return f"{datetime.fromtimestamp(at, zone):%H:%M:%S.%f}"[:-3]

    rows = [LadderRow(one["time"], one["from"], one["to"], one["line"], one["call"])
            for one in found["messages"][:DRAWN]]
    return ladder(rows, found["columns"], clock, asking.words.gettext("SIP messages, from top to bottom"))


def texts(found: Mapping[str, Any]) -> list[tuple[float, str, str]]:
    """Return time, line and text of messages, as many as a page can hold."""
    told, written = [], 0
    for one in found["messages"][:DRAWN]:
        text = base64.b64decode(one["data"]).decode("utf-8", "replace")
        written += len(text)
        if written > WRITTEN:
            break
        told.append((one["time"], f"{one['from']} \u2192 {one['to']}: {one['line']}", text))
    return told


async def _messages(asking: Asking, name: str) -> Any:
    try:
        return read(shapes.MESSAGES, await asking.node.call("calls.messages", {"id": name}, asking.caller))
    except (ForbiddenError, MissingError):
        return None  # of the same attempt there are calls that are not theirs


async def _recordings(asking: Asking, one: Mapping[str, Any]) -> list[str]:
    """Return the names of the recordings of the attempt that a call belongs to."""
    if one["attempt"] is None or one["customer"] is None:
        return []
    try:
        found = await asking.node.call("recordings.list", {"customer": one["customer"]}, asking.caller)
    except NotRunningError:
        raise
    except ControlError:
        return []
    return [recording["name"] for recording in found if one["attempt"] in recording["name"]]


@router.get("/calls/{name}/messages.pcap")
async def pcap(asking: Asked, name: str) -> Response:
    """Send the messages of a call as a capture."""
    found = await asking.node.call("calls.messages", {"id": name}, asking.caller)
    return Response(capture(packets_of(found["messages"])), media_type="application/vnd.tcpdump.pcap", headers={
        "Content-Disposition": f'attachment; filename="call-{found["calls"][0]["id"]}.pcap"'})


@router.get("/calls/{name}/recordings/{recording}")
async def recording(asking: Asked, name: str, recording: str) -> Response:
    """Send a recording of the talk that a call was part of."""
    first = await asking.node.call("recordings.get", {"name": recording}, asking.caller)

    async def parts() -> AsyncIterator[bytes]:
        part = first
        while True:
            yield base64.b64decode(part["data"])
            if part["next_offset"] is None:
                return
            part = await asking.node.call("recordings.get", {"name": recording, "offset": part["next_offset"]},
                                          asking.caller)

    return StreamingResponse(parts(), media_type="audio/wav", headers={"Content-Length": str(first["bytes"])})


@router.post("/calls/{name}/end")
async def end(asking: Asked, name: str) -> Response:
    """End a call."""
    try:
        await asking.node.call("calls.end", {"id": name}, asking.caller)
    except (NotRunningError, ForbiddenError, MissingError):
        raise
    except ControlError as error:
        return page(asking, "call.html", status=409, **await _facts(asking, name), refused=str(error))
    return forward(asking, f"/calls/{name}", asking.words.gettext("The call is being ended."))
