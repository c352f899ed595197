"""`boomerang tickets`."""

from typing import Annotated, Final

import typer

from proxy import render
from proxy.cli.asking import Config, Json, Limit, Socket, ask, show_rows

app = typer.Typer(help="Tickets that callbacks have opened.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="TICKET", help="Number or id of the ticket.")]

_COLUMNS: Final = {"number": "no", "created": "created", "state": "state", "customer": "customer", "group": "group",
                   "agent": "agent", "subject": "subject"}


@app.command("list")
def tickets_list(
    state: Annotated[str | None, typer.Option("--state", help="open or closed.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer's.")] = None,
    limit: Limit = 50,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """List tickets, the newest first."""
    show_rows(ask(config, socket, "tickets.list", state=state, customer=customer, limit=limit), _COLUMNS,
              "no tickets", json)


@app.command("show")
def tickets_show(ticket: Number, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Show a ticket, its comments, and where it was sent."""
    data = ask(config, socket, "tickets.show", id=ticket)
    if json:
        render.show_json(data)
        return
    render.show_pairs(data, ("number", "subject", "state", "customer", "group", "agent", "created", "task"))
    render.show_table(data["comments"], {"time": "time", "author": "author", "internal": "internal", "text": "text"},
                      "no comments")
    render.show_table(data["deliveries"], {"channel": "to", "tries": "tries", "delivered": "delivered",
                                           "error": "last error"}, "sent nowhere")


@app.command("comment")
def tickets_comment(
    ticket: Number,
    text: str,
    author: Annotated[str, typer.Option("--author", help="Who says it.")] = "operator",
    internal: Annotated[bool, typer.Option("--internal", help="Not to be shown to the customer.")] = False,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Comment on a ticket."""
    data = ask(config, socket, "tickets.comment", id=ticket, text=text, author=author, internal=internal)
    render.show_json(data) if json else render.show_line(f"commented on ticket {data['number']}")


@app.command("close")
def tickets_close(ticket: Number, config: Config = None, socket: Socket = None, json: Json = False) -> None:
    """Close a ticket."""
    data = ask(config, socket, "tickets.close", id=ticket)
    render.show_json(data) if json else render.show_line(f"ticket {data['number']} is {data['state']}")


@app.command("call")
def tickets_call(
    ticket: Number,
    group: Annotated[str | None, typer.Option("--group", help="Who calls; the ticket's group where left out.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What the agent's card says; else the subject.")] = None,
    config: Config = None,
    socket: Socket = None,
    json: Json = False,
) -> None:
    """Promise the customer of a ticket a callback; what comes of it is written under the ticket."""
    data = ask(config, socket, "tickets.call", id=ticket, group=group, note=note)
    if json:
        render.show_json(data)
    else:
        due = f", due {render.moment(data['due'])}" if data.get("due") is not None else ""
        render.show_line(f"{data['id']} {data['customer']}: {data['state']}{due}")
