"""Calls: the list, searched; one call with why it went where it did, its messages as a ladder and a capture, its
recording."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from proxy.console.asked_list import asked_list
from proxy.console.asking import Asked, Asking
from proxy.console.call_story import Story
from proxy.console.columns import shown_columns
from proxy.console.drawing.ladder import LadderRow, ladder
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.posted import UNPROCESSABLE
from proxy.console.rendering import clock_text, duration, forward, page
from proxy.console.roster import roster_of_list
from proxy.control_client import ControlError, NotRunningError
from proxy.pcap import capture, packets_of
from proxy.verbs.shapes import calls as shapes
from proxy.verbs.shapes.answers import read

router = APIRouter()
FILTERS: Final = ("customer", "number", "agent", "group", "from", "to", "result", "direction", "kind", "cause")
USUAL: Final = ("time", "direction", "customer", "number", "agent", "group", "state", "talk")
DRAWN: Final = 150
"""Messages that the page draws and writes out; the capture has all."""
WRITTEN: Final = 90_000
"""Bytes of messages that it writes out."""


@router.get("/calls")
async def calls(asking: Asked) -> Response:
    """Show a page of the list."""
    found, roster = await asyncio.gather(asked_list(asking, "calls", FILTERS, "time"), roster_of_list(asking))
    gettext = asking.words.gettext
    every = [("time", gettext("Began")), ("customer", gettext("Customer")), ("state", gettext("Result")),
             ("talk", gettext("Talk")), ("direction", gettext("Direction")), ("agent", gettext("Agent")),
             ("group", gettext("Group")), ("number", gettext("Our number")), ("dialled", gettext("Dialled")),
             ("trunk", gettext("Trunk")), ("pbx", gettext("PBX")), ("by", gettext("Ended by"))]
    shown = shown_columns(asking.request, "calls", [key for key, _ in every], USUAL)
    return page(asking, "calls.html", status=UNPROCESSABLE if found.errors else 200, list=found, roster=roster,
                every=every, columns=[(key, words, key in ("time", "talk"), "number" if key == "talk" else "")
                                      for key, words in every if key in shown])


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
    return Story(asking.words, lambda at: datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S"), duration,
                 asking.console.settings.node)


def drawn(asking: Asking, found: Mapping[str, Any]) -> Any:
    """Return the ladder of messages as `calls.messages` gives them."""
    zone = asking.zone

    rows = [LadderRow(one["time"], one["from"], one["to"], one["line"], one["call"])
            for one in found["messages"][:DRAWN]]
    return ladder(rows, found["columns"], lambda at: clock_text(at, zone, "milliseconds"),
                  asking.words.gettext("SIP messages, from top to bottom"))


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
