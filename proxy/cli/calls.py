"""`boomerang calls` and `trace`: what passes, and the messages of it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Limit, Socket, ask, client_of, failure, show_rows, told
from proxy.ladder import Ladder

app = typer.Typer(help="Calls: those in progress and those that are over.", invoke_without_command=True)

Active = Annotated[bool, typer.Option("--active", help="Only calls in progress.")]

_COLUMNS: Final = {"time": "time", "dir": "dir", "customer": "customer", "agent": "agent", "dialled": "dialled",
                   "shown": "state", "seconds": "s", "id": "id"}


@app.callback()
def calls(
    context: typer.Context,
    active: Active = False,
    limit: Limit = 50,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List calls, the latest first.

    dir: in and out as the customer sees it; agent and cust are the two legs of a callback. state: while it goes on;
    then the final SIP status. s: seconds of talk.
    """
    if context.invoked_subcommand is None:
        calls_list(active, limit, config, socket, json)


@app.command("list")
def calls_list(active: Active = False, limit: Limit = 50, config: Config = None, socket: Socket = None,
               json: Json = False) -> None:
    """List calls, the latest first."""
    rows = ask(config, socket, "calls.list", limit=limit, active=active)
    if not json:
        rows = [{**row, "dir": _direction(row), "shown": row["cause"] if row["state"] == "ended" else row["state"],
                 "seconds": None if row["talk"] is None else round(row["talk"])} for row in rows]
    show_rows(rows, _COLUMNS, "no calls", json)


@app.command("end")
def calls_end(
    call: Annotated[str, typer.Argument(metavar="CALL", help="Id of the call, or as much of its end as is unique.")],
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """End a call in progress.

    A callback ends with both its legs. A call between trunk and PBX that was answered is hung up on both sides; one
    that rings is cancelled, its caller gets 480, and nobody is called back for it. Of a call that began before the last
    restart too little is known: the PBX or a phone ends it.
    """
    data = ask(config, socket, "calls.end", id=call)
    render.show_json(data) if json else render.show_line(f"call {data['id']} is being ended")


def _direction(row: dict[str, Any]) -> str:
    inbound = row["direction"] == "inbound"
    if row.get("kind") == "callback":
        return "agent" if inbound else "cust"
    return "in" if inbound else "out"


def trace(
    of: Annotated[str | None, typer.Argument(metavar="[NUMBER_OR_CALL]", help="Nothing: every call.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="End after so many seconds.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many messages.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Follow a number or a call as a ladder, until Ctrl-C."""
    began = time.monotonic()
    seen = 0
    try:
        with told():
            client = client_of(config, socket)
            items = client.stream("trace", seconds=seconds, of=of)
            seen = _follow(items, lambda: render.show_times_in(client.zone), count, json)
    except KeyboardInterrupt:
        return
    over = seconds is not None and time.monotonic() - began >= seconds
    if not over and (count is None or seen < count):
        raise failure("the daemon ended the trace")


def _follow(items: Iterator[Any], began: Callable[[], None], count: int | None, json: bool) -> int:
    """Draw messages as they come; return how many there were."""
    ladder = Ladder((), render.time_of_day)
    seen = 0
    for item in items:
        if "columns" in item:
            began()
            ladder = Ladder(item["columns"], render.time_of_day)
            if not json:
                render.show_line(ladder.head())
            continue
        if json:
            render.show_json_line(item)
        else:
            at = datetime.fromisoformat(item["time"]).timestamp()
            row = ladder.line(at, item["from"], item["to"], item["line"], item.get("note") or "")
            render.show_line(row)
        seen += 1
        if seen == count:
            break
    return seen
