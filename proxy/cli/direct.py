"""`boomerang direct`: calls of this customer go to this agent."""

from typing import Any, Final

import typer

from proxy import render
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.cli.said import FAILED
from proxy.verbs.shapes import direct

app = group("Direct callbacks: calls of this customer go to this agent.")

_DIRECT_COLUMNS: Final = {
    "customer": "customer",
    "agent": "agent",
    "type": "type",
    "touched": "touched",
    "expires": "expires",
}

asks(app, "list", direct.LIST)(table(_DIRECT_COLUMNS, "no direct callbacks"))


@asks(app, "show", direct.SHOW)
def of_customer(data: Any, given: Given) -> None:
    """Show the records, or that there are none."""
    render.show_table(data, _DIRECT_COLUMNS, f"nothing for {given['customer']}")


def _was_there(data: Any) -> None:
    if not data["removed"]:
        raise typer.Exit(FAILED)


@asks(app, "remove", direct.REMOVE, check=_was_there)
def removed(data: Any, given: Given) -> None:
    """Say how many."""
    render.show_line(f"removed: {data['removed']}")


rest(app, direct.VERBS)
