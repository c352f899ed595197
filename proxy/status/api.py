"""The API under `/api/v1/`: each path is a command.

Who may is asked before any of it, by `door.py`: `access.py` has the rules.
"""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from config.limits import LONGEST_RING, LONGEST_WINDOW
from proxy.status import policy_api
from proxy.status.api_base import Body, Do, JsonRoute, answer
from proxy.status.commands import Commands, outcome


class NewCallback(Body):
    """A callback task to add."""

    customer: str = Field(max_length=64, description="Number of the customer, as +E.164 or as the region writes it.")
    group: str | None = Field(default=None, description="Group that calls; the only one where it is left out.")
    number: str | None = Field(default=None, description="Our number to show; the group's where it is left out.")
    campaign: str | None = Field(default=None, description="Five-digit id of the campaign it belongs to.")
    responsible: str | None = Field(
        default=None, description="Extension that it waits for (`current`), or `group:NAME`."
    )
    responsible_wait: float | None = Field(default=None, ge=0, le=LONGEST_WINDOW,
                                           description="Seconds that it waits for them.")
    language: str | None = Field(default=None, description="Language of the prompts.")
    preview: float | None = Field(default=None, ge=0, le=LONGEST_RING, description="Seconds the agent sees it.")
    at: str | None = Field(default=None, description="When to try first, RFC 3339 with its zone; at once if left out.")
    window: str | None = Field(default=None, description="How long it is tried: end_of_day, or 1s to 14d.",
                               examples=["24h"])
    attempts: int | None = Field(default=None, ge=1, le=10, description="How often at most; the group's if left out.")
    note: str = Field(default="", max_length=500, description="What the card says beside.")


class Reason(Body):
    """Why somebody does something."""

    reason: str = Field(default="", max_length=200, description="For the journal.")


class CallNow(Reason):
    """How a task is made due."""

    force: bool = Field(default=False, description="Although it is closed.")


class CallTicket(Body):
    """How the customer of a ticket is called back."""

    group: str | None = Field(default=None, description="Who calls; the ticket's group where it is left out.")
    note: str | None = Field(default=None, max_length=500, description="What the card says; else the subject.")


class Renumber(Body):
    """Another id for a campaign."""

    to: str = Field(min_length=1, max_length=16, description="Five digits.")


class Bar(Body):
    """A number for the do-not-call list."""

    customer: str = Field(max_length=64, description="Number, as +E.164 or as the policy's region writes it.")
    reason: str = Field(default="", max_length=200)


class Comment(Body):
    """A comment on a ticket."""

    text: str = Field(min_length=1, max_length=4000)
    author: str = Field(default="api", max_length=64)
    internal: bool = Field(default=False, description="Not to be shown to the customer.")


Limit = Annotated[int, Query(ge=1, le=1_000, description="At most so many.")]
Ident = Annotated[str, Path(min_length=1, max_length=64)]
WAV: Final = "audio/wav"
_NO_REASON: Final = Reason()
_AS_USUAL: Final = CallNow()
_AS_IT_IS: Final = CallTicket()


def mount(app: FastAPI, commands: Commands) -> None:
    """Add every path of the API."""

    async def do(verb: str, write: Callable[[Any], Response] = answer, **args: Any) -> Response:
        said = await outcome(commands, verb, {key: value for key, value in args.items() if value is not None})
        if said["ok"]:
            return write(said["data"])
        status = 404 if said.get("unknown") else 422 if said["problems"] else 409
        return answer({"detail": said["error"], "problems": said["problems"]}, status)

    api = APIRouter(prefix="/api/v1", route_class=JsonRoute, responses={
        401: {"description": "No token, or a wrong one"}, 403: {"description": "Not from this machine"},
        404: {"description": "Nothing of this name"}, 409: {"description": "It cannot be done; `detail` says why"}})
    _callbacks(api, do)
    _lists(api, do)
    _tickets(api, do)
    _recordings(api, do, commands)
    policy_api.mount(api, do)
    app.include_router(api)


def _callbacks(api: APIRouter, do: Do) -> None:
    @api.get("/callbacks", summary="Callback tasks, the newest first", tags=["callbacks"])
    async def callbacks(limit: Limit = 100, state: str | None = None, customer: str | None = None,
                        group: str | None = None) -> Response:
        return await do("callbacks.list", limit=limit, state=state, customer=customer, group=group)

    @api.get("/callbacks/running", summary="Attempts under way: the agents' cards", tags=["callbacks"])
    async def running() -> Response:
        return await do("callbacks.running")

    @api.post("/callbacks", summary="Promise a callback", tags=["callbacks"])
    async def add(new: NewCallback) -> Response:
        return await do("callbacks.add", **new.model_dump())

    @api.get("/callbacks/{task}", summary="One task with its attempts and its journal", tags=["callbacks"])
    async def show(task: Ident) -> Response:
        return await do("callbacks.show", id=task)

    def act(name: str, summary: str) -> None:
        @api.post(f"/callbacks/{{task}}/{name}", summary=summary, tags=["callbacks"], name=f"callback_{name}")
        async def change(task: Ident, body: Reason = _NO_REASON) -> Response:
            return await do(f"callbacks.{name}", id=task, reason=body.reason or None)

    act("cancel", "End a task for good")
    act("hold", "Stop a task for now")
    act("resume", "Let a held task go on")

    @api.post("/callbacks/{task}/call-now", summary="Make a task due at once", tags=["callbacks"])
    async def call_now(task: Ident, body: CallNow = _AS_USUAL) -> Response:
        return await do("callbacks.call-now", id=task, reason=body.reason or None, force=body.force)


def _lists(api: APIRouter, do: Do) -> None:
    @api.get("/calls", summary="Calls, the latest first", tags=["calls"])
    async def calls(limit: Limit = 100, active: bool = False) -> Response:
        return await do("calls.list", limit=limit, active=active)

    @api.post("/calls/{call}/end", tags=["calls"],
              summary="End a call: a callback with both its legs, a caller who waits, or a call that passes")
    async def end_call(call: Ident) -> Response:
        return await do("calls.end", id=call)

    @api.get("/direct", summary="Live direct callbacks, the one touched last first", tags=["direct callbacks"])
    async def records(limit: Limit = 100) -> Response:
        return await do("direct.list", limit=limit)

    @api.get("/direct/{customer}", summary="Those of one customer: the first one is where a call would go",
             tags=["direct callbacks"])
    async def records_of(customer: Ident) -> Response:
        return await do("direct.show", customer=customer)

    @api.delete("/direct/{customer}", summary="Remove those of one customer, or the one with one agent",
                tags=["direct callbacks"])
    async def remove_records(customer: Ident, agent: str | None = None) -> Response:
        return await do("direct.remove", customer=customer, agent=agent)

    @api.get("/alarms", summary="Alarms that are up, and whether each waits for an operator", tags=["alarms"])
    async def alarms() -> Response:
        return await do("alarms.list")

    @api.post("/alarms/{alarm}/clear", summary="Take down an alarm that stays until somebody has seen it",
              tags=["alarms"])
    async def clear_alarm(alarm: Ident) -> Response:
        return await do("alarms.clear", name=alarm)

    @api.get("/agents", summary="Agents, what they do, and tasks they were not free for in time", tags=["agents"])
    async def agents() -> Response:
        return await do("agents.list")

    @api.get("/groups", summary="Groups: their callers, agents and callbacks", tags=["groups"])
    async def queues() -> Response:
        return await do("queues.list")

    @api.get("/groups/{group}", summary="One group with each caller and agent, and the callbacks that come first",
             tags=["groups"])
    async def queue(group: Ident, limit: Limit = 100) -> Response:
        return await do("queues.show", group=group, limit=limit)

    @api.get("/figures", summary="What became of callbacks today, by group, number and campaign", tags=["callbacks"])
    async def figures() -> Response:
        return await do("callbacks.figures")

    @api.get("/campaigns", summary="Campaigns and how they go", tags=["campaigns"])
    async def campaigns() -> Response:
        return await do("campaigns.list")

    @api.get("/campaigns/{campaign}", summary="One campaign with its settings", tags=["campaigns"])
    async def campaign_show(campaign: Ident) -> Response:
        return await do("campaigns.show", id=campaign)

    @api.post("/campaigns/{campaign}/renumber", summary="Give a campaign another id", tags=["campaigns"])
    async def renumber(campaign: Ident, body: Renumber) -> Response:
        return await do("campaigns.renumber", id=campaign, to=body.to)

    @api.get("/dnc", summary="The do-not-call list, the newest first", tags=["do-not-call"])
    async def barred(limit: Limit = 100) -> Response:
        return await do("dnc.list", limit=limit)

    @api.post("/dnc", summary="Never call a number back", tags=["do-not-call"])
    async def bar(body: Bar) -> Response:
        return await do("dnc.add", **body.model_dump())

    @api.delete("/dnc/{customer}", summary="Take a number off the do-not-call list", tags=["do-not-call"])
    async def unbar(customer: Ident) -> Response:
        return await do("dnc.remove", customer=customer)


def _tickets(api: APIRouter, do: Do) -> None:
    @api.get("/tickets", summary="Tickets, the newest first", tags=["tickets"])
    async def tickets(limit: Limit = 100, state: str | None = None, customer: str | None = None) -> Response:
        return await do("tickets.list", limit=limit, state=state, customer=customer)

    @api.get("/tickets/{ticket}", summary="One ticket with its comments", tags=["tickets"])
    async def ticket_show(ticket: Ident) -> Response:
        return await do("tickets.show", id=ticket)

    @api.post("/tickets/{ticket}/comments", summary="Comment on a ticket", tags=["tickets"])
    async def comment(ticket: Ident, body: Comment) -> Response:
        return await do("tickets.comment", id=ticket, **body.model_dump())

    @api.post("/tickets/{ticket}/call", summary="Promise the customer of a ticket a callback", tags=["tickets"])
    async def call(ticket: Ident, body: CallTicket = _AS_IT_IS) -> Response:
        return await do("tickets.call", id=ticket, **body.model_dump())

    @api.post("/tickets/{ticket}/close", summary="Close a ticket", tags=["tickets"])
    async def close(ticket: Ident) -> Response:
        return await do("tickets.close", id=ticket)


def _recordings(api: APIRouter, do: Do, commands: Commands) -> None:
    @api.get("/recordings", summary="Recordings that are whole, the newest first", tags=["recordings"])
    async def recordings(limit: Limit = 100, customer: str | None = None) -> Response:
        return await do("recordings.list", limit=limit, customer=customer)

    @api.get("/recordings/{name}", summary="A recording: the agent left, the customer right", tags=["recordings"],
             response_class=Response, responses={200: {"content": {WAV: {}}}})
    async def recording(name: Annotated[str, Path(min_length=1, max_length=255)]) -> Response:
        return await do("recordings.get", lambda first: StreamingResponse(
            _parts(commands, first), media_type=WAV, headers={"Content-Length": str(first["bytes"])}), name=name)


async def _parts(commands: Commands, part: dict[str, Any]) -> AsyncIterator[bytes]:
    """Give a recording from its first part on."""
    while True:
        yield base64.b64decode(part["data"])
        if part["next_offset"] is None:
            return
        part = await commands.run("recordings.get", {"name": part["name"], "offset": part["next_offset"]})
