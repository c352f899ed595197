"""`boomerang recordings`."""

import base64
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Limit, Socket, ask, failure, show_rows

app = typer.Typer(help="Recordings of callbacks.", no_args_is_help=True)

_COLUMNS: Final = {"time": "begun", "customer": "customer", "agent": "agent", "talk": "s", "task": "task",
                   "name": "name"}


@app.command("list")
def recordings_list(
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer's.")] = None,
    limit: Limit = 50,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List recordings that are whole, the newest first."""
    show_rows(ask(config, socket, "recordings.list", customer=customer, limit=limit), _COLUMNS, "no recordings", json)


@app.command("get")
def recordings_get(
    name: Annotated[str, typer.Argument(help="Name as in the list, or as much of it as is unique.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write, - for standard output; else "
                                                "the recording's own name, here.")] = None,
    config: Config = None,
    socket: Socket = None,
) -> None:
    """Fetch a recording: a WAV file, the agent left and the customer right."""
    part = ask(config, socket, "recordings.get", name=_named(name, config, socket))
    to = output or Path(part["name"])
    if str(to) == "-":
        file = sys.stdout.buffer
    else:
        try:
            file = to.open("xb")
        except OSError as error:
            raise failure(f"{to}: {error.strerror}") from None
    try:
        while True:
            file.write(base64.b64decode(part["data"]))
            if part["next_offset"] is None:
                break
            part = ask(config, socket, "recordings.get", name=part["name"], offset=part["next_offset"])
    except OSError as error:
        raise failure(f"{to}: {error.strerror}") from None
    finally:
        if str(to) != "-":
            file.close()
    if str(to) != "-":
        render.show_line(f"{to}: {part['bytes']} bytes")


def _named(name: str, config: Path | None, socket: Path | None) -> str:
    """Return the whole name where a part of one is given that is in one name only."""
    names = [row["name"] for row in ask(config, socket, "recordings.list", limit=1_000)]
    found = [one for one in names if name in one]
    if name in names or len(found) == 0:
        return name
    if len(found) > 1:
        raise failure(f"{name!r} is in the names of {len(found)} recordings: name more of it")
    return str(found[0])
