"""Tickets that callbacks have opened."""

from typing import Annotated, Any, Final, Literal, TypedDict, get_args

from proxy.verbs.shapes.callbacks import Task
from proxy.verbs.shapes.fields import (
    COMMENT,
    NOTE,
    flag_field,
    ident_field,
    limit_field,
    line_field,
    lines_field,
    number_field,
    one_of_field,
)
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import In, Verb

State = Literal["open", "closed"]


class Ticket(TypedDict):
    """A ticket."""

    id: Annotated[str, "UUID version 7"]
    number: Annotated[int | None, "As people say it; null: not committed yet"]
    task: Annotated[str | None, "The callback that opened it"]
    customer: Annotated[str, "E.164"]
    group: str | None
    agent: str | None
    subject: str
    state: State
    created: Moment
    ended: Annotated[Moment | None, "When it was closed"]


class Comment(TypedDict):
    """A comment on a ticket."""

    id: Annotated[str, "UUID version 7"]
    time: Moment
    author: str
    internal: Annotated[bool, "Not to be shown to the customer"]
    text: str


class Delivery(TypedDict):
    """A ticket, or a comment on it, on its way."""

    id: str
    channel: Annotated[str, "webhook or smtp"]
    comment: Annotated[str | None, "The comment; null: the ticket itself"]
    tries: int
    next: Annotated[Moment | None, "Next try; null: none"]
    delivered: Moment | None
    error: Annotated[str | None, "Of the last try"]


class TicketDetail(Ticket):
    """A ticket with its comments and where it was sent."""

    comments: list[Comment]
    deliveries: list[Delivery]


class ListTickets(In):
    """Which tickets."""

    limit: int = limit_field()
    state: str | None = one_of_field("Only tickets in this state: open or closed.", get_args(State))
    customer: str | None = number_field("Only this customer's.")


class OneTicket(In):
    """Which ticket."""

    id: str = ident_field("Number or id of the ticket.", required=True, place="TICKET")


class AddComment(OneTicket):
    """What is said of which ticket."""

    text: str = lines_field("What is said.", most=COMMENT, required=True, place="TEXT")
    author: str = line_field("Who says it.", default="operator")
    internal: bool = flag_field("Not to be shown to the customer.")


class CallTicket(OneTicket):
    """How the customer of a ticket is called back."""

    group: str | None = line_field("Who calls; the ticket's group where left out.")
    note: str | None = lines_field("What the agent's card says; else the subject.", most=NOTE)
    by: str | None = line_field("Who asks for it, for the journal.")


LIST: Final = Verb("tickets.list", ListTickets, list[Ticket], "agent", "Tickets, the newest first")
SHOW: Final = Verb("tickets.show", OneTicket, TicketDetail, "agent", "One ticket with its comments", key="id")
COMMENT_ON: Final = Verb("tickets.comment", AddComment, Ticket, "agent", "Comment on a ticket", changes=True, key="id")
CLOSE: Final = Verb("tickets.close", OneTicket, Ticket, "agent", "Close a ticket", changes=True, key="id")
CALL: Final = Verb("tickets.call", CallTicket, Task, "agent", "Promise the customer of a ticket a callback",
                   changes=True, key="id")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, SHOW, COMMENT_ON, CLOSE, CALL)
