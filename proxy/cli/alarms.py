"""`boomerang alarms`."""

from typing import Any

from proxy import render
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.verbs.shapes import status

app = group("What is wrong, and was: some alarms stay until you have seen them.")

asks(app, "list", status.ALARMS)(table({"name": "name", "since": "since", "by_hand": "by hand", "text": "text"},
                                       "no alarms"))


@asks(app, "clear", status.CLEAR_ALARM)
def cleared(data: Any, given: Given) -> None:
    """Say which."""
    render.show_line(f"{data['name']} is down")


rest(app, (verb for verb in status.VERBS if verb.noun == "alarms"))
