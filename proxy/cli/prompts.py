"""`boomerang prompts`: what callers and agents hear."""

import base64
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, failure
from proxy.cli.asks import Given, asks, group, rest
from proxy.verbs.shapes import prompts

app = group("Recordings that callers and agents hear.")

_COLUMNS: Final = {"name": "name", "language": "language", "built_in": "shipped", "seconds": "s", "used": "used by"}
_LANGUAGE: Final = typer.Option("--language", help="Of this language; of every one where left out.")


@asks(app, "list", prompts.LIST)
def listed(rows: Any, given: Given) -> None:
    """Show them as a table."""
    render.show_table([{**row, "used": ", ".join(row["used"]), "language": row["language"] or "every"}
                       for row in rows], _COLUMNS, "none")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="By which settings name it: letters, digits, _ and -.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A WAV file of any rate; it is converted.")],
    language: Annotated[str | None, _LANGUAGE] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Upload a recording, in the place of the one of its name and language."""
    try:
        data = base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise failure(f"{file}: {error.strerror}") from None
    if len(data) > prompts.MOST_DATA:
        raise failure(f"{file} is larger than {prompts.MOST_DATA * 3 // 4} bytes: write it at a lower rate")
    made = ask(config, socket, prompts.ADD.name, name=name, language=language, data=data)
    render.show_json(made) if json else render.show_line(f"{made['name']}: {made['seconds']} s")


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the recording.")],
    language: Annotated[str | None, _LANGUAGE] = None,
    shipped: Annotated[bool, typer.Option("--built-in", help="The one that came with the program.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write, - for standard output; else "
                                                                       "NAME.wav, here.")] = None,
    config: Config = None,
    socket: Socket = None,
) -> None:
    """Fetch a recording as a WAV file."""
    to, parts, offset = output or Path(f"{name}.wav"), list[bytes](), 0
    while True:
        part = ask(config, socket, prompts.GET.name, name=name, language=language, built_in=shipped, offset=offset)
        parts.append(base64.b64decode(part["data"]))
        if part["next_offset"] is None:
            break
        offset = part["next_offset"]
    try:
        if str(to) == "-":
            sys.stdout.buffer.write(b"".join(parts))
            return
        with to.open("xb") as file:
            file.write(b"".join(parts))
    except OSError as error:
        raise failure(f"{to}: {error.strerror}") from None
    render.show_line(f"{to}: {part['bytes']} bytes")


@asks(app, "remove", prompts.REMOVE)
def removed(data: Any, given: Given) -> None:
    """Say which."""
    render.show_line(f"removed: {data['name']}")


rest(app, prompts.VERBS)
