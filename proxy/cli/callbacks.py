"""`boomerang callbacks`: what was promised to customers."""

from typing import Any, Final

from proxy import render
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.verbs.shapes import callbacks

app = group("Callback tasks: promises to call a customer.")

_COLUMNS: Final = {
    "customer": "customer", "group": "group", "kind": "kind", "state": "state", "next": "due, why", "tried": "tried",
    "responsible": "for", "id": "id",
}
_DETAILS: Final = (
    "id", "customer", "number", "group", "campaign", "kind", "state", "reason", "missed_at", "missed", "due",
    "attempts", "attempts_max", "responsible", "expires", "ended",
)
_FIGURES: Final = {
    "of": "", "offers_made": "off", "offers_taken": "ask", "promised": "made", "dialled": "tried", "kept": "kept",
    "called_meanwhile": "talk", "tickets": "tick",
    "failed": "fail", "expired": "exp", "cancelled": "canc", "average_wait_s": "avg s",
}
_HELD: Final = ("responsible_kind", "responsible_since", "waits_until", "released")
_ATTEMPTS: Final = {
    "serial": "no", "claimed": "begun", "agent": "agent", "became": "result", "cause": "cause", "talk": "s",
    "ended": "ended",
}
_JOURNAL: Final = {"time": "time", "kind": "what", "agent": "agent", "text": "details"}

asks(app, "running", callbacks.RUNNING)(table(
    {"claimed": "begun", "customer": "customer", "agent": "agent", "group": "group", "kind": "kind", "phase": "phase",
     "note": "note", "task": "task"}, "nothing is under way"))


@asks(app, "list", callbacks.LIST, about="""
due, why: when it is tried next, that its place in the PBX's queue is held, or why it ended or is held; tried: attempts
that count, and how many there are at the most; for: whom it is held for.
""")
def listed(data: Any, given: Given) -> None:
    """Show a line for each task."""
    rows = [{**one, "next": one["reason"] or (_queued(one) or one["due"]),
             "tried": f"{one['attempts']}/{one['attempts_max']}"} for one in data]
    render.show_table(rows, _COLUMNS, "no callbacks")


@asks(app, "figures", callbacks.FIGURES, about="""
off, ask: callers who were told in a queue that they may ask for a callback, and those who did; made: promised; tried:
times that a customer was dialled; kept: ended with a talk by a callback; talk: they talked in another call; tick: a
ticket was opened instead; fail, exp, canc: failed, expired, cancelled; avg s: seconds to the talk from the missed call,
or from the request in the queue.
""")
def figures(data: Any, given: Given) -> None:
    """Show a line for all, and one for each kind, group, number and campaign."""
    rows = [{"of": "all", **data["total"]}]
    for kind in ("kinds", "groups", "numbers", "campaigns"):
        called = "" if kind == "numbers" else f"{kind[:-1]} "
        rows += [{"of": f"{called}{name}", **one} for name, one in data[kind].items()]
    render.show_line(f"{data['day']} ({data['timezone']})")
    render.show_table(rows, _FIGURES, "")


@asks(app, "show", callbacks.SHOW)
def detail(data: Any, given: Given) -> None:
    """Show a task with its attempts and its journal."""
    declined = ", ".join(f"{agent} ({times})" if times > 1 else agent for agent, times in data["declined_by"].items())
    place = {f"place {name.replace('_', ' ')}": value for name, value in (data["place"] or {}).items()}
    render.show_pairs({**data, **place, "declined_by": declined or None}, (*_DETAILS, *_HELD, *place, "declined_by"))
    tries = [{**one, "became": one["result"] or one["step"]} for one in data["tries"]]
    render.show_table(tries, _ATTEMPTS, "no attempts")
    lines = [{**line, "text": render.details(line["data"])} for line in data["journal"]]
    render.show_table(lines, _JOURNAL, "an empty journal")


@asks(app, "add", callbacks.ADD)
@asks(app, "cancel", callbacks.CANCEL)
@asks(app, "hold", callbacks.HOLD)
@asks(app, "resume", callbacks.RESUME)
@asks(app, "call-now", callbacks.CALL_NOW)
@asks(app, "reassign", callbacks.REASSIGN)
def said(data: Any, given: Given) -> None:
    """Say how a task is now."""
    due = f", due {render.moment(data['due'])}" if data.get("due") is not None else ""
    reason = f" ({data['reason']})" if data.get("reason") else ""
    render.show_line(f"{data['id']} {data['customer']}: {data['state']}{reason}{due}")


@asks(app, "bulk", callbacks.BULK)
def changed(data: Any, given: Given) -> None:
    """Say what became of each task."""
    rows = [{**one, "became": one["state"] if one["done"] else one["text"]} for one in data]
    render.show_table(rows, {"id": "id", "customer": "customer", "became": "became"}, "none")


WHY_LEFT_OUT: Final = {"quiet_hours": "quiet hours where the customer is", "window": "the window would be over"}


@asks(app, "plan", callbacks.PLAN)
@asks(app, "example", callbacks.EXAMPLE)
def planned(data: Any, given: Given) -> None:
    """Show when a task would be tried."""
    not_now, out = data["not_now"], data["left_out"]
    render.show_pairs({**data, "not now": None if not_now is None else not_now["text"],
                       "left out": None if out is None else f"{out['attempts']}: {WHY_LEFT_OUT[out['why']]}"},
                      ("begin", "expires", "zone", "not now", "left out"))
    render.show_table(data["tries"], {"at": "tried", "instead_of": "instead of"}, "no attempts")
    render.show_table(data["open"], {"begin": "open from", "end": "to"}, "closed all the time")


def _queued(task: Any) -> str:
    return "in the queue" if task["place"] is not None and task["place"]["held_since"] is not None else ""


rest(app, callbacks.VERBS)
