"""An agent's desk: the card of the callback that is theirs now, what they say to it, wrap-up, pause, what waits."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.journal import states
from proxy.console.pages.tasks.streams import part_stream
from proxy.console.pages.tasks.task_words import journal_of, kinds, phases
from proxy.console.rendering import forward, fragment, page
from proxy.console.roster import agent_name
from proxy.console.said import tell
from proxy.control_client import ControlError, ForbiddenError, NotRunningError
from proxy.verbs.shapes import agents
from proxy.verbs.shapes.answers import read

router = APIRouter()
MOST_FIELDS: Final = 20
QUICK: Final = 1.0
"""Seconds between two looks while a card is there: how far an attempt is, is told by no event."""
SLOW: Final = 10.0
TO_ACCEPT: Final = frozenset({"claimed", "preview", "agent_rings", "agent_asked", "place"})
"""Phases in which a callback may be accepted or declined."""
SHOWN: Final = ("agent", "callback", "place", "direct")
"""What events of a desk are about."""
ACTS: Final[Mapping[str, str]] = {
    "accept": "callbacks.accept", "decline": "callbacks.decline", "done": "agents.done", "pause": "agents.pause",
    "resume": "agents.resume"}


@router.get("/desk")
async def desk(asking: Asked, agent: str | None = None) -> Response:
    """Show a desk; to whoever is no agent, the one that they choose."""
    name = agent or asking.caller.agent
    if name is None:
        listed = await asking.node.call("agents.list", {}, asking.caller)
        return page(asking, "desk_whose.html", agents=listed)
    return page(asking, "desk.html", **await _facts(asking, name))


@router.get("/desk/events", include_in_schema=False)
async def events(asking: Asked, agent: str) -> Response:
    """Stream what changes at a desk."""
    part = DeskPart(asking, agent)
    await part.render()
    answer: Response = part_stream(asking, "desk", part.render, part.shows, part.every)
    return answer


class DeskPart:
    """A desk that somebody looks at."""

    def __init__(self, asking: Asking, agent: str) -> None:
        self._asking, self._agent = asking, agent
        self._busy = False

    async def render(self) -> str:
        """Ask for the desk, and make it HTML. Raises ControlError."""
        facts = await _facts(self._asking, self._agent)
        self._busy = bool(facts["desk"]["cards"])
        return fragment(self._asking, "desk_now.html", **facts)

    def shows(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Whether an event changes what is at the desk."""
        return kind.partition(".")[0] in SHOWN and self._agent in (
            data.get("agent"), data.get("responsible"), data.get("extension"))

    def every(self) -> float:
        """Seconds until it is looked at again though nothing was told."""
        return QUICK if self._busy else SLOW


@router.post("/desk/{act}")
async def say(asking: Asked, request: Request, act: str) -> Response:
    """Say something to a card, or about oneself."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        typed = {name: str(form.get(name, "")).strip() for name in ("agent", "id", "reason")}
    agent = typed["agent"] or asking.caller.agent or ""
    back = "/desk" if agent == asking.caller.agent else f"/desk?agent={quote(agent, safe='')}"
    verb, gettext = ACTS.get(act), asking.words.gettext
    if verb is None:
        return forward(asking, back, gettext("Nothing was done."), "bad")
    args: dict[str, Any] = {"agent": agent}
    if act in ("accept", "decline"):
        args["id"] = typed["id"]
    if act in ("decline", "pause"):
        args["reason"] = typed["reason"]
    said = {
        "accept": gettext("Accepted: pick up your phone, if you have not yet; the customer is called then."),
        "decline": gettext("Declined: it goes to somebody else."),
        "done": gettext("Done: you may be rung again."),
        "pause": gettext("You are on pause once nothing engages you; nothing rings you then."),
        "resume": gettext("You may be rung again.")}
    try:
        await asking.node.call(verb, args, asking.caller)
    except (ForbiddenError, NotRunningError):
        raise
    except ControlError as error:
        await _want_theirs(asking, agent)
        return forward(asking, back, gettext("Not done: %(text)s") % {"text": tell(asking.words, str(error))}, "bad")
    return forward(asking, back, said[act])


async def _want_theirs(asking: Asking, agent: str) -> None:
    """Refuse somebody else's desk, whatever else was wrong with what was said there. Raises ForbiddenError."""
    try:
        await asking.node.call(agents.DESK.name, {"agent": agent}, asking.caller)
    except ForbiddenError:
        raise
    except ControlError:
        return


async def _facts(asking: Asking, name: str) -> dict[str, Any]:
    found = read(agents.DESK, await asking.node.call("agents.desk", {"agent": name}, asking.caller))
    return {
        "desk": found, "me": found["agent"], "called": agent_name(found["agent"]["extension"], found["agent"]["name"]),
        "own": asking.caller.agent == name, "to_accept": TO_ACCEPT, "kinds": kinds(asking.words),
        "phases": phases(asking.words), "task_states": states(asking.words), "result": journal_of(asking).result,
    }
