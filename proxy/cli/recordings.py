"""`boomerang recordings`."""

import base64
import sys
from pathlib import Path
from typing import Any, Final

from proxy import render
from proxy.cli.asking import ask, failure
from proxy.cli.asks import asks, given_of, group, option, rest, shaped, table
from proxy.verbs.shapes.fields import MOST_ROWS
from proxy.verbs.shapes.recordings import GET, LIST, VERBS

app = group("Recordings of callbacks.")

_COLUMNS: Final = {"time": "begun", "customer": "customer", "agent": "agent", "talk": "s", "task": "task",
                   "name": "name"}

asks(app, "list", LIST)(table(_COLUMNS, "no recordings"))


def _get(config: Path | None, socket: Path | None, output: Path | None, **typed: Any) -> None:
    given = given_of(GET, typed)
    part = ask(config, socket, GET.name, **{**given, "name": _named(given["name"], config, socket)})
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
            part = ask(config, socket, GET.name, name=part["name"], offset=part["next_offset"])
    except OSError as error:
        raise failure(f"{to}: {error.strerror}") from None
    finally:
        if str(to) != "-":
            file.close()
    if str(to) != "-":
        render.show_line(f"{to}: {part['bytes']} bytes")


app.command("get")(shaped(
    _get, GET, "Fetch a recording: a WAV file, the agent left and the customer right.\n\nNAME may be as much of the "
    "name as is unique.", json=False, more=[option("output", Path | None, "-o", "--output", about=
                                              "File to write, - for standard output; else the recording's own name, "
                                              "here.")]))


rest(app, VERBS)


def _named(name: str, config: Path | None, socket: Path | None) -> str:
    """Return the whole name where a part of one is given that is in one name only."""
    names = [row["name"] for row in ask(config, socket, LIST.name, limit=MOST_ROWS)]
    found = [one for one in names if name in one]
    if name in names or len(found) == 0:
        return name
    if len(found) > 1:
        raise failure(f"{name!r} is in the names of {len(found)} recordings: name more of it")
    return str(found[0])
