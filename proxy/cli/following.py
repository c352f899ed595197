"""`boomerang events` and `log`: what happens, as it happens, and how much the log says."""

import time
from pathlib import Path
from typing import Any

from proxy import render
from proxy.cli.asking import client_of, failure, told
from proxy.cli.asks import Given, asks, given_of, group, shaped, until
from proxy.verbs.shapes.events import EVENTS, LOG_LEVEL

log_app = group("How much the log says.")


def _events(config: Path | None, socket: Path | None, json: bool, seconds: float | None, count: int | None,
            **typed: Any) -> None:
    given = given_of(EVENTS, typed)
    end = None if seconds is None else time.monotonic() + seconds
    seen = 0
    try:
        with told():
            client = client_of(config, socket)
            for item in client.stream(EVENTS.name, seconds=seconds, **given):
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


events = shaped(_events, EVENTS, "Follow events as they are committed, until Ctrl-C.", more=until("events"))


def _show(item: dict[str, Any]) -> None:
    if item.get("missed"):
        render.show_line(f"{item['missed']} events left out before this one")
    known = {name: value for name, value in item["data"].items() if value not in (None, "", [])}
    render.show_line(f"{render.moment(item['time'])}  {item['kind']}  {render.details(known)}")


@asks(log_app, "level", LOG_LEVEL)
def level(data: Any, given: Given) -> None:
    """Say which it is."""
    render.show_line(f"the log's level is {data['level']}")
