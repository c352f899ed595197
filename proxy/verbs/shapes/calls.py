"""Calls that pass, and the messages of them."""

from typing import Annotated, Any, Final, Literal, TypedDict

from proxy.verbs.shapes.fields import flag_field, limit_field, line_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, SOCKET, In, Verb

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

class OneCall(In):
    """Which call."""

    id: str = line_field("Of the call, in progress or over.", required=True, place="CALL")


class MadeBy(TypedDict):
    """Which record of direct callback had to do with where a call went."""

    why: Annotated[Literal["followed", "dialled", "expired", "off", "elsewhere"],
                   "followed: its agent was tried; dialled: that agent was dialled anyhow; expired: it was no more; "
                   "off: the agent's setting is type 0; elsewhere: the agent is none of the PBX that the call went to"]
    agent: str
    type: Annotated[int, "In force for the agent when the call came"]
    created: Annotated[Moment, "When the call ended of which it was made"]
    touched: Moment
    expires: Moment
    by: Annotated[str | None, "That call; null: it is not kept any more"]


class CallDetail(Call):
    """One call with why it went where it did."""

    reason: Annotated[str, "normal, direct, withheld, number, on_behalf, callback, in_queue, place, glare, adopted "
                           "(it was found under way, and what another node wrote of it has not come), ..."]
    evidence: Annotated[str | None, "What shows who had it: a header's name, dialled, number, dialog_event, ..."]
    tried: Annotated[str | None, "Extension that direct callback tried first"]
    answered: Annotated[Moment | None, "null: never"]
    ended: Annotated[Moment | None, "null: it goes on"]
    sip_call_id: str
    node: Annotated[str, "Where it began"]
    direct: Annotated[MadeBy | None, "null: its customer had no direct callback"]
    attempt: Annotated[str | None, "The attempt of a callback that it belongs to"]
    task: Annotated[str | None, "The callback that it belongs to"]


class MessagesOf(In):
    """Of which call."""

    id: str = line_field("Of a call, or of an attempt or a callback: then of all calls of it.", required=True,
                         place="ID")


Message = TypedDict("Message", {
    "time": Moment, "call": Annotated[str, "Our name of its call"],
    "from": Annotated[str, "A column, or an address"], "to": str, "line": Annotated[str, "What the arrow says"],
    "transport": Annotated[str, "udp, tcp or tls"], "source": Annotated[str, "host:port; ours: of the listener"],
    "destination": str, "data": Annotated[str, "The message, base64; what a digest proves is blotted out"],
})
Message.__doc__ = "One message that passed."


class Messages(TypedDict):
    """The messages of a call, or of several that belong together."""

    columns: Annotated[list[str], "Trunks, this node, PBXs: from left to right"]
    calls: Annotated[list[Call], "Of which calls"]
    messages: Annotated[list[Message], "In the order in which they passed"]
    kept: Annotated[Literal["memory", "disk", "nowhere"],
                    "memory: of the last minutes; disk: of an attempt or place that is over; nowhere: not any more"]
    since: Annotated[Moment | None, "How far back the memory goes; null: nothing is kept there"]


CALLS: Final = Verb("calls.list", ListCalls, list[Call], "agent", "Calls, the latest first")
END_CALL: Final = Verb("calls.end", EndCall, Ended, "supervisor",
                       "End a call: a callback with both its legs, a caller who waits, or a call that passes",
                       changes=True, key="id")
SHOW: Final = Verb("calls.show", OneCall, CallDetail, "agent", "One call, and why it went where it did", key="id")
MESSAGES: Final = Verb("calls.messages", MessagesOf, Messages, "supervisor",
                       "The SIP messages of a call, of an attempt or of a callback, as far as they are kept",
                       doors=NOT_BY_MQTT, key="id")
TRACE: Final = Verb("trace", Trace, TraceLine, "admin", "Follow a number or a call as a ladder", streams=True,
                    doors=SOCKET)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (CALLS, SHOW, END_CALL, MESSAGES, TRACE)
