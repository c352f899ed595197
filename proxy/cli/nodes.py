"""`boomerang nodes`: all of them, and this one."""

from typing import Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask
from proxy.cli.asks import Given, asks, rest
from proxy.verbs.shapes import nodes

_COLUMNS: Final = {"node": "node", "state": "state", "version": "version", "since": "since", "heard": "heard",
                   "push_lag_s": "push s", "pull_lag_s": "pull s", "leases": "leases"}
_ALONE: Final = {key: _COLUMNS[key] for key in ("node", "state", "version", "since")}

app = typer.Typer(help="Nodes: those that share a database, and this one.", invoke_without_command=True,
                  add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def all_nodes(ctx: typer.Context, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show the nodes that share a database: which live, who has which lease, how far behind each is."""
    if ctx.invoked_subcommand is None:
        data = ask(config, socket, nodes.LIST.name)
        render.show_json(data) if json else show(data, {})


@asks(app, "list", nodes.LIST, about="""
    push s: seconds for which the oldest waits that a node has not shared; pull s: seconds since it knew that it has all
    that the others have shared. A lease stands with its epoch, which grows with each change of holder.
""")
def show(data: Any, given: Given) -> None:
    """One line for each; whether they are all that is known."""
    if data["alone"]:
        render.show_table(data["nodes"], _ALONE, "")
        render.show_line("it shares with nobody: there is no [cluster] database")
        return
    rows = [{**one, "leases": " ".join(f"{lease['name']}:{lease['epoch']}" for lease in one["leases"])}
            for one in data["nodes"]]
    render.show_table(rows, _COLUMNS, "")
    if data["trouble"] is not None:
        render.show_line(f"the shared database is away, this was known last: {data['trouble']}")
    else:
        render.show_line("the shared database is there" if data["looked"] else "the shared database was not asked yet")


rest(app, nodes.VERBS)
