"""One callback: how it stands, what is to come, its attempts with messages and recording, its journal, what can be done
with it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.asking import Asked, Asking
from proxy.console.drawing.ladder import LadderRow, ladder
from proxy.console.drawing.timeline import Mark, MarkKind, timeline
from proxy.console.journal import states
from proxy.console.pages.tasks.streams import part_stream
from proxy.console.pages.tasks.task_words import Choices, choices_of, journal_of, kinds, phases, state_sentence
from proxy.console.rendering import clock_text, forward, fragment, moment_text, page
from proxy.control_client import ControlError, ForbiddenError, NotRunningError
from proxy.verbs.shapes import callbacks as shapes
from proxy.verbs.shapes import calls
from proxy.verbs.shapes.answers import read

router = APIRouter()
MOST_FIELDS: Final = 20
AGAIN: Final = 3.0
"""Seconds after which an open page asks anew though nothing was told: that one is held or given away is no event."""
ACTS: Final = {"cancel": "callbacks.cancel", "hold": "callbacks.hold", "resume": "callbacks.resume",
               "call-now": "callbacks.call-now", "reassign": "callbacks.reassign"}


@router.get("/callbacks/{id}")
async def callback(asking: Asked, id: str) -> Response:  # noqa: A002  # as the API has it
    """Show one callback."""
    return page(asking, "callback.html", **await _facts(asking, id), refused="", refused_act="")


@router.get("/callbacks/{id}/events", include_in_schema=False)
async def events(asking: Asked, id: str) -> Response:  # noqa: A002
    """Stream what changes of one callback."""
    detail = read(shapes.SHOW, await asking.node.call("callbacks.show", {"id": id}, asking.caller))
    whole, choices = detail["id"], await choices_of(asking)

    async def render() -> str:
        return fragment(asking, "callback_now.html", **await _facts(asking, whole, choices))

    answer: Response = part_stream(asking, "callback", render, lambda kind, data: data.get("task") == whole,
                                   lambda: AGAIN)
    return answer


@router.post("/callbacks/{id}/{act}")
async def change(asking: Asked, request: Request, id: str, act: str) -> Response:  # noqa: A002
    """Change one callback."""
    verb = ACTS.get(act)
    if verb is None:
        return page(asking, "callback.html", status=404, **await _facts(asking, id), refused="", refused_act="")
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        typed = {name: str(form.get(name, "")).strip() for name in ("reason", "responsible", "force")}
    args: dict[str, Any] = {"id": id, "reason": typed["reason"] or None}
    if act == "reassign":
        args["responsible"] = typed["responsible"] or None
    if act == "call-now":
        args["force"] = typed["force"] == "yes"
    gettext = asking.words.gettext
    said = {"cancel": gettext("The callback is cancelled."), "hold": gettext("The callback is on hold."),
            "resume": gettext("The callback goes on."),
            "call-now": gettext("It is called as soon as an agent is free."),
            "reassign": gettext("The callback is given to somebody else.")}
    try:
        await asking.node.call(verb, args, asking.caller)
    except NotRunningError:
        raise
    except ControlError as error:
        status = 403 if isinstance(error, ForbiddenError) else 409
        return page(asking, "callback.html", status=status, **await _facts(asking, id), refused=str(error),
                    refused_act=act)
    return forward(asking, f"/callbacks/{id}", said[act])


@router.get("/callbacks/{id}/messages/{attempt}")
async def messages(asking: Asked, id: str, attempt: str) -> Response:  # noqa: A002
    """Show the SIP messages of an attempt; to a script that asks for a part of a page, the drawing alone."""
    found = read(calls.MESSAGES, await asking.node.call("calls.messages", {"id": attempt}, asking.caller))
    rows = [LadderRow(one["time"], one["from"], one["to"], one["line"], one["call"]) for one in found["messages"]]
    drawn = ladder(rows, found["columns"], lambda at: clock_text(at, asking.zone, "milliseconds"),
                   asking.words.gettext("The SIP messages of this attempt")) if rows else None
    facts = {"drawn": drawn, "found": found, "id": id, "attempt": attempt}
    if "hx-request" in asking.request.headers:
        return Response(fragment(asking, "callback_ladder.html", **facts), media_type="text/html")
    return page(asking, "callback_messages.html", **facts)


async def _facts(asking: Asking, name: str, choices: Choices | None = None) -> dict[str, Any]:
    """Ask for all that a callback's page shows; `choices`: those that were asked for already. Raises MissingError,
    ForbiddenError.
    """
    shown, planned = await asyncio.gather(
        asking.node.call("callbacks.show", {"id": name}, asking.caller),
        asking.node.call("callbacks.plan", {"id": name}, asking.caller))
    choices = choices or await choices_of(asking)
    task, plan, now = read(shapes.SHOW, shown), read(shapes.PLAN, planned), time.time()
    journal = journal_of(asking)
    return {
        "task": task, "plan": plan, "now_is": now, "choices": choices, "agent_names": choices.roster.names,
        "sentence": state_sentence(task, asking, now), "kinds": kinds(asking.words), "states": states(asking.words),
        "phases": phases(asking.words), "journal": journal, "reason": journal.reason, "result": journal.result,
        "drawn": _drawn(asking, task, plan, now), "left_out": _left_out(asking, task, plan),
        "lines": [(line["time"], journal.sentence(line["kind"], choices.roster.agent(line["agent"]), line["data"]))
                  for line in task["journal"]],
        "recordings": _recordings(task["journal"]),
        "may": asking.caller.may("supervisor"), "ticket": task["options"].get("ticket"),
        "over": task["ended"] is not None,
    }


def _recordings(journal: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the name of its recording by attempt."""
    return {line["data"]["attempt"]: line["data"]["recording"] for line in journal
            if line["kind"] == "result" and line["data"].get("recording") and line["data"].get("attempt")}


def _drawn(asking: Asking, task: Mapping[str, Any], plan: Mapping[str, Any], now: float) -> Any:
    """Draw the window with what was tried and what is to come."""
    gettext, journal = asking.words.gettext, journal_of(asking)
    marks: list[Mark] = []
    for tried in task["tries"]:
        kind: MarkKind = "running" if tried["ended"] is None else "kept" if tried["result"] == "talked" else "failed"
        at = tried["customer_at"] or tried["claimed"]
        became = journal.result(tried["result"]) if tried["ended"] is not None else gettext("under way")
        marks.append(Mark(at, kind, str(tried["serial"]), gettext("Attempt %(number)s at %(time)s: %(result)s") % {
            "number": tried["serial"], "time": moment_text(at, asking.zone), "result": became}))
    made = max((tried["serial"] for tried in task["tries"]), default=0)
    for number, coming in enumerate(plan["tries"], made + 1):
        told = {"number": number, "time": moment_text(coming["at"], asking.zone)}
        if coming["instead_of"] is None:
            marks.append(Mark(coming["at"], "planned", str(number),
                              gettext("Attempt %(number)s planned at %(time)s") % told))
        else:
            marks.append(Mark(coming["at"], "moved", str(number), gettext(
                "Attempt %(number)s planned at %(time)s, after quiet hours where the customer is") % told))
    title = gettext("Attempts between %(begin)s and %(end)s") % {
        "begin": moment_text(plan["begin"], asking.zone), "end": moment_text(plan["expires"], asking.zone)}
    return timeline(plan["begin"], plan["expires"], [(one["begin"], one["end"]) for one in plan["open"]], marks,
                    asking.zone, title, (now, gettext("now")), [(one["begin"], one["end"]) for one in plan["quiet"]])


def _left_out(asking: Asking, task: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """Say why there are fewer attempts than there may be; empty: there are not."""
    out, gettext = plan["left_out"], asking.words.gettext
    if out is None:
        return ""
    last = task["attempts_max"]
    told = {"number": last - out["attempts"] + 1, "last": last}
    one = out["attempts"] == 1
    if out["why"] == "window":
        return (gettext("Attempt %(number)s falls away: the window is over before.") if one else
                gettext("Attempts %(number)s to %(last)s fall away: the window is over before.")) % told
    told["time"] = moment_text(out["at"], asking.zone)
    return (gettext("Attempt %(number)s falls away: at %(time)s it would fall into quiet hours where the customer is.")
            if one else gettext(
                "Attempts %(number)s to %(last)s fall away: at %(time)s they would fall into quiet hours where the "
                "customer is.")) % told
