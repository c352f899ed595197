"""Calls that pass, and the messages of them."""

from typing import Annotated, Final, Literal, TypedDict

from proxy.verbs.shapes.fields import flag_field, limit_field, line_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import SOCKET, In, Verb

CALL_ID: Final = 256
"""Characters of a Call-ID that is followed."""


Kind = Literal["call", "callback", "place"]
State = Literal["ringing", "waiting", "talking", "ended"]


class Call(TypedDict):
    """A call, or a leg of ours."""

    id: Annotated[str, "UUID version 7, as in the log"]
    time: Annotated[Moment, "When it began"]
    kind: Annotated[Kind, "callback: a leg of ours, inbound to its agent, outbound to its customer; place: a leg of "
                          "ours that stands in the PBX's queue for who asked for a callback"]
    direction: Literal["inbound", "outbound"]
    customer: Annotated[str | None, "E.164; null: withheld or unreadable"]
    number: Annotated[str | None, "Our number, E.164: the one dialled, or shown"]
    group: Annotated[str | None, "Whose number or agent it is; null: of none"]
    agent: Annotated[str | None, "Extension that called or answered, or whom direct callback tried"]
    dialled: str
    trunk: str
    pbx: str
    state: Annotated[State, "waiting: answered by the PBX, and no agent has it yet"]
    cause: Annotated[int | None, "Final SIP status; null: it goes on"]
    by: Annotated[str | None, "Who ended it"]
    talk: Annotated[float | None, "Seconds from answer to end; null: never answered"]


class ListCalls(In):
    """Which calls."""

    limit: int = limit_field()
    active: bool = flag_field("Only calls in progress.")


class EndCall(In):
    """Which call."""

    id: str = line_field("Of the call, or as much of its end as is unique.", required=True, place="CALL")


class Ended(TypedDict):
    """A call that is being ended."""

    id: str


class Trace(In):
    """What is followed."""

    of: str | None = line_field("A number, a call's id or a Call-ID; nothing: every call.", most=CALL_ID,
                                place="NUMBER_OR_CALL")


TraceLine = TypedDict("TraceLine", {
    "columns": Annotated[list[str], "In the first item alone: the names from left to right"], "time": Moment,
    "call": str, "from": Annotated[str, "A column"], "to": Annotated[str, "A column"],
    "line": Annotated[str, "What the arrow says"], "note": str | None,
}, total=False)
TraceLine.__doc__ = "One message: an arrow from one column to another."

CALLS: Final = Verb("calls.list", ListCalls, list[Call], "agent", "Calls, the latest first")
END_CALL: Final = Verb("calls.end", EndCall, Ended, "supervisor",
                       "End a call: a callback with both its legs, a caller who waits, or a call that passes",
                       changes=True, key="id")
TRACE: Final = Verb("trace", Trace, TraceLine, "admin", "Follow a number or a call as a ladder", streams=True,
                    doors=SOCKET)

VERBS: Final = (CALLS, END_CALL, TRACE)
