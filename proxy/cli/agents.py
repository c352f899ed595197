"""`boomerang agents`: who is there; one agent's desk, pause and wrap-up."""

from collections.abc import Mapping
from typing import Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask
from proxy.cli.asks import Given, asks, rest, table
from proxy.verbs.shapes import agents
from proxy.verbs.shapes.queues import AGENTS

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  invoke_without_command=True)

_AGENTS: Final = {
    "extension": "extension", "name": "name", "groups": "groups", "type": "type", "state": "state", "since": "since",
    "with": "with", "reason": "pause", "released_today": "rel",
}
_CARDS: Final = {"customer": "card", "phase": "phase", "group": "group", "serial": "no", "missed_at": "missed",
                 "note": "note", "task": "task"}
_CALLBACKS: Final = {"customer": "callback", "state": "state", "due": "due", "attempts": "made", "id": "id"}
_DIRECT: Final = {"customer": "direct", "type": "type", "touched": "touched", "expires": "expires"}


@app.callback()
def agents_(context: typer.Context, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the agents that are known.

    with: the customer whom a call engages them with; pause: why they are not to be rung; rel: callbacks that were taken
    from them today because they let them wait.
    """
    if context.invoked_subcommand is None:
        rows = ask(config, socket, AGENTS.name)
        render.show_json(rows) if json else table(_AGENTS, "no agents")(rows, {})


@asks(app, "desk", agents.DESK)
def desk(data: Any, given: Given) -> None:
    """Show what is before an agent."""
    said({**data["agent"], "pause": data["pause"]}, given)
    for rows, columns, empty in ((data["cards"], _CARDS, "no cards"), (data["callbacks"], _CALLBACKS, "no callbacks"),
                                 (data["direct"], _DIRECT, "no direct callbacks")):
        render.show_table(rows, columns, empty)


@asks(app, "pause", agents.PAUSE)
@asks(app, "resume", agents.RESUME)
@asks(app, "done", agents.DONE)
def said(data: Mapping[str, Any], given: Given) -> None:
    """Say what an agent does now."""
    reason = f" ({data['reason']})" if data["reason"] else ""
    later = ", a pause follows" if data["reason"] is not None and data["state"] != "paused" else ""
    render.show_line(f"{data['extension']}: {data['state']}{reason}{later}")


rest(app, agents.VERBS)
