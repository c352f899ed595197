"""`boomerang dnc`: numbers that are never called back."""

from typing import Any

import typer

from proxy import render
from proxy.cli.asking import FAILED
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.verbs.shapes import do_not_call

app = group("The do-not-call list: numbers that are never called back.")

asks(app, "list", do_not_call.LIST)(table({"customer": "customer", "since": "since", "reason": "reason"}, "nobody"))


@asks(app, "add", do_not_call.ADD)
def added(data: Any, given: Given) -> None:
    """Say who."""
    render.show_line(f"{data['customer']} is never called back")


def _was_on_it(data: Any) -> None:
    if not data["removed"]:
        raise typer.Exit(FAILED)


@asks(app, "remove", do_not_call.REMOVE, check=_was_on_it)
def removed(data: Any, given: Given) -> None:
    """Say whether it was on it."""
    render.show_line(f"removed: {data['removed']}")


rest(app, do_not_call.VERBS)
