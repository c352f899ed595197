"""`boomerang events` and `log`: what happens, as it happens, and how much the log says."""

import time
from typing import Annotated, Any

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Socket, ask, client_of, failure, told

log_app = typer.Typer(help="How much the log says.", no_args_is_help=True)


def events(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[KIND]...", help="Such as call.ended, or callback for "
                                                      "all that begin so; every event where none is named.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="End after so many seconds.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many events.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Follow events as they are committed, until Ctrl-C."""
    end = None if seconds is None else time.monotonic() + seconds
    seen = 0
    try:
        with told():
            client = client_of(config, socket)
            for item in client.stream("events", seconds=seconds, kinds=kinds or []):
                render.show_times_in(client.zone)
                if "following" in item:
                    continue
                if json:
                    render.show_json_line(item)
                else:
                    _show(item)
                seen += 1
                if seen == count:
                    return
    except KeyboardInterrupt:
        return
    if end is None or time.monotonic() < end:
        raise failure("the daemon ended the stream of events")


def _show(item: dict[str, Any]) -> None:
    if item.get("missed"):
        render.show_line(f"{item['missed']} events left out before this one")
    known = {name: value for name, value in item["data"].items() if value not in (None, "", [])}
    render.show_line(f"{render.moment(item['time'])}  {item['kind']}  {render.details(known)}")


@log_app.command("level")
def log_level(
    level: Annotated[str | None, typer.Argument(help="debug, info, warning or error; nothing: only say it.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Set the level of the log until the daemon ends, or say which it is."""
    data = ask(config, socket, "log.level", level=level)
    render.show_json(data) if json else render.show_line(f"the log's level is {data['level']}")
