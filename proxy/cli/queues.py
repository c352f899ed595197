"""`boomerang queues`: who waits, who is there, and how the callbacks of a group stand."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask
from proxy.cli.asks import given_of
from proxy.verbs.shapes.queues import LIST, SHOW

_QUEUES: Final = {
    "group": "group", "waiting": "wait", "longest_wait_s": "first s", "estimated_wait_s": "est s",
    "agents_free": "free", "agents_busy": "busy", "agents_paused": "pause", "agents_away": "away",
    "agents_unknown": "?",
}
_CALLBACKS: Final = {
    "group": "group", "offers_made": "off", "offers_taken": "ask", "places_held": "places",
    "callbacks_in_queue": "open", "callbacks_due": "due", "callbacks_running": "run", "callbacks_total": "today",
    "callbacks_kept": "kept", "average_callback_wait_s": "avg s",
}


def queues(
    group: Annotated[str | None, typer.Argument(help="Show this group's callers, agents and callbacks.")] = None,
    limit: Annotated[str, typer.Option("--limit", metavar="N", help=SHOW.takes.fields["limit"].means)] = "20",
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Show who waits in each group, how long, who is there, and how its callbacks stand.

    wait: callers who wait for an agent; first s: seconds that the first of them has; est s: seconds that who rings in
    now has to wait. off, ask: callers who were told today that they may ask for a callback, and those who did; places:
    held in the PBX's queue for them; open, due, run: callbacks that are promised, that wait for an agent, that are
    under way; today, kept, avg s: promised today, kept today, and the seconds to the talk from the missed call, or
    from the request in the queue.
    """
    if group is None:
        rows = ask(config, socket, LIST.name)
        render.show_json(rows) if json else _show(rows)
        return
    data = ask(config, socket, SHOW.name, **given_of(SHOW, {"group": group, "limit": limit}))
    if json:
        render.show_json(data)
        return
    _show([data])
    render.show_table(data["callers"], {"customer": "caller", "number": "dialled", "since": "since",
                                        "wait_s": "waits s"}, "nobody waits")
    render.show_table(data["agents"], {"extension": "agent", "name": "name", "state": "state", "since": "since",
                                       "with": "with"}, "no agents")
    render.show_table(data["callbacks"], {"customer": "callback", "state": "state", "due": "due", "attempts": "made",
                                          "attempts_max": "of", "id": "id"}, "no callbacks")


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print groups: who is there, and below them how their callbacks stand."""
    render.show_table(rows, _QUEUES, "no groups")
    if rows:
        render.show_table(rows, _CALLBACKS, "")
