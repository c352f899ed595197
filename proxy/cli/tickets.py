"""`boomerang tickets`."""

from typing import Any, Final

from proxy import render
from proxy.cli.asks import Given, asks, group, rest, table
from proxy.verbs.shapes import tickets

app = group("Tickets that callbacks have opened.")

_COLUMNS: Final = {"number": "no", "created": "created", "state": "state", "customer": "customer", "group": "group",
                   "agent": "agent", "subject": "subject"}

asks(app, "list", tickets.LIST)(table(_COLUMNS, "no tickets"))


@asks(app, "show", tickets.SHOW)
def detail(data: Any, given: Given) -> None:
    """Show a ticket, its comments, and where it was sent."""
    render.show_pairs(data, ("number", "subject", "state", "customer", "group", "agent", "created", "task"))
    render.show_table(data["comments"], {"time": "time", "author": "author", "internal": "internal", "text": "text"},
                      "no comments")
    render.show_table(data["deliveries"], {"channel": "to", "tries": "tries", "delivered": "delivered",
                                           "error": "last error"}, "sent nowhere")


@asks(app, "comment", tickets.COMMENT_ON)
def commented(data: Any, given: Given) -> None:
    """Say on which."""
    render.show_line(f"commented on ticket {data['number']}")


@asks(app, "close", tickets.CLOSE)
def closed(data: Any, given: Given) -> None:
    """Say how it is now."""
    render.show_line(f"ticket {data['number']} is {data['state']}")


@asks(app, "call", tickets.CALL, about="What comes of it is written under the ticket.")
def called(data: Any, given: Given) -> None:
    """Say what was promised."""
    due = f", due {render.moment(data['due'])}" if data.get("due") is not None else ""
    render.show_line(f"{data['id']} {data['customer']}: {data['state']}{due}")


rest(app, tickets.VERBS)
