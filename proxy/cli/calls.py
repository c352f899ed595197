"""`boomerang calls` and `trace`: what passes, and the messages of it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, client_of, failure, told
from proxy.cli.asks import Given, asks, given_of, rest, shaped, until
from proxy.ladder import Ladder
from proxy.pcap import capture, packets_of
from proxy.verbs.shapes.calls import CALLS, END_CALL, MESSAGES, SHOW, TRACE, VERBS
from proxy.verbs.shapes.fields import MOST_ROWS

app = typer.Typer(help="Calls: those in progress and those that are over.", invoke_without_command=True,
                  add_completion=False, rich_markup_mode=None)

_ACTIVE: Final = typer.Option("--active", help=CALLS.takes.fields["active"].means)
_LIMIT: Final = typer.Option("--limit", metavar="N", help=CALLS.takes.fields["limit"].means)

_COLUMNS: Final = {"time": "time", "dir": "dir", "customer": "customer", "agent": "agent", "dialled": "dialled",
                   "shown": "state", "seconds": "s", "id": "id"}


@app.callback()
def calls(
    context: typer.Context,
    active: Annotated[bool, _ACTIVE] = False,
    limit: Annotated[str, _LIMIT] = "50",
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List calls, the latest first.

    dir: in and out as the customer sees it; agent and cust are the two legs of a callback, place is one that stands in
    the PBX's queue for who asked for a callback. state: while it goes on; then the final SIP status. s: seconds of
    talk.
    """
    if context.invoked_subcommand is None:
        given = given_of(CALLS, {"active": active, "limit": limit})
        rows = ask(config, socket, CALLS.name, **given)
        render.show_json(rows) if json else listed(rows, given)


@asks(app, "list", CALLS)
def listed(rows: Any, given: Given) -> None:
    """Show a line for each call."""
    shown = [{**row, "dir": _direction(row), "shown": row["cause"] if row["state"] == "ended" else row["state"],
              "seconds": None if row["talk"] is None else round(row["talk"])} for row in rows]
    render.show_table(shown, _COLUMNS, "no calls")


@asks(app, "end", END_CALL, about="""
A callback ends with both its legs. A call between trunk and PBX that was answered is hung up on both sides; one that
rings is cancelled, its caller gets 480, and nobody is called back for it. Of a call that began before the last restart
too little is known: the PBX or a phone ends it.
""")
def ended(data: Any, given: Given) -> None:
    """Say which."""
    render.show_line(f"call {data['id']} is being ended")


UUID: Final = 36
"""Characters of a whole id."""


def _whole(config: Path | None, socket: Path | None, name: str) -> str:
    """Return the id of the call that is meant by the end of one, as the list shows it."""
    if len(name) >= UUID:
        return name
    found = [row["id"] for row in ask(config, socket, CALLS.name, limit=MOST_ROWS) if row["id"].endswith(name)]
    if len(found) > 1:
        raise failure(f"{name!r} is the end of {len(found)} calls: name more of it")
    return found[0] if found else name


@app.command("show")
def one(
    call: Annotated[str, typer.Argument(metavar="CALL", help=SHOW.takes.fields["id"].means)],
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """One call, and why it went where it did; of its id the end is enough, while it is among the last ones."""
    data = ask(config, socket, SHOW.name, **given_of(SHOW, {"id": _whole(config, socket, call)}))
    if json:
        render.show_json(data)
        return
    keys = tuple(key for key in data if key != "direct")
    render.show_pairs({key: data[key] for key in keys}, keys)
    if data["direct"] is not None:
        render.show_line("direct callback:")
        render.show_pairs(data["direct"], tuple(data["direct"]))


_PCAP: Final = typer.Option("--pcap", metavar="FILE", help="Write them into a file that Wireshark opens.")


@app.command("messages")
def messages(
    call: Annotated[str, typer.Argument(metavar="ID", help=MESSAGES.takes.fields["id"].means)],
    pcap: Annotated[Path | None, _PCAP] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """The SIP messages of a call, of an attempt or of a callback as a ladder, as far as they are kept.

    Those of the last minutes are in memory (capture.keep, capture.memory); those of callbacks that are over on disk.
    """
    data = ask(config, socket, MESSAGES.name, **given_of(MESSAGES, {"id": _whole(config, socket, call)}))
    if pcap is not None:
        try:
            pcap.write_bytes(capture(packets_of(data["messages"])))
        except OSError as error:
            raise failure(f"{pcap} cannot be written: {error.strerror}") from None
    if json:
        render.show_json(data)
        return
    if not data["messages"]:
        render.show_line("no messages are kept of it any more")
        return
    ladder = Ladder(data["columns"], render.time_of_day)
    render.show_line(ladder.head())
    for row in data["messages"]:
        at = datetime.fromisoformat(row["time"]).timestamp()
        render.show_line(ladder.line(at, row["from"], row["to"], row["line"]))


def _direction(row: dict[str, Any]) -> str:
    inbound = row["direction"] == "inbound"
    if row.get("kind") == "place":
        return "place"
    if row.get("kind") == "callback":
        return "agent" if inbound else "cust"
    return "in" if inbound else "out"


def _trace(config: Path | None, socket: Path | None, json: bool, seconds: float | None, count: int | None,
           **typed: Any) -> None:
    began = time.monotonic()
    seen = 0
    try:
        with told():
            client = client_of(config, socket)
            items = client.stream(TRACE.name, seconds=seconds, **given_of(TRACE, typed))
            seen = _follow(items, lambda: render.show_times_in(client.zone), count, json)
    except KeyboardInterrupt:
        return
    over = seconds is not None and time.monotonic() - began >= seconds
    if not over and (count is None or seen < count):
        raise failure("the daemon ended the trace")


trace = shaped(_trace, TRACE, "Follow a number or a call as a ladder, until Ctrl-C.", more=until("messages"))


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


rest(app, VERBS)
