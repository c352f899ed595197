"""`boomerang alarms`."""

from typing import Annotated

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, show_rows

app = typer.Typer(help="What is wrong, and was: some alarms stay until you have seen them.", no_args_is_help=True)


@app.command("list")
def alarms_list(config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """List the alarms that are up."""
    show_rows(ask(config, socket, "alarms.list"), {"name": "name", "since": "since", "by_hand": "by hand",
                                                   "text": "text"}, "no alarms", json)


@app.command("clear")
def alarms_clear(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the alarm, as `alarms list` shows it.")],
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Take an alarm down that stays until you have seen it (`by hand`)."""
    data = ask(config, socket, "alarms.clear", name=name)
    render.show_json(data) if json else render.show_line(f"{data['name']} is down")
