"""What it takes to end a call that passes: to each side a BYE as if the other one had sent it (RFC 3261 sections
12.2.1.1 and 15.1.1).

Kept as the fields that came, and read only when somebody ends the call. The 2xx says most of it: To, Contact and, on
either side of our own Record-Route, the route to each end. Contacts move with each target refresh that
passes, CSeq numbers with each request; they are counted for the call, not for each dialog, as gaps do no harm.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from proxy.core.seals import Speaker, tag_text
from proxy.sip.address import NameAddr
from proxy.sip.dialog import Dialog, DialogKey, DialogState
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Message, Request, Response, split_values
from proxy.sip.text import field_value

CALLS_LIMIT: Final = 20_000
"""Calls that are kept; the oldest gives way."""
ANSWERS_LIMIT: Final = 8
"""Answers of one call that are kept, the first."""
CSEQ_MAX: Final = 2**31 - 1
"""RFC 3261 section 8.1.1.5."""

Caller = Literal["caller", "callee"]


class FarEnd(NamedTuple):
    """One end of one dialog, to be told that the other one hangs up."""

    side: Caller
    """Who is told."""
    dialog: Dialog
    """As the other end has it."""
    place: Flow | Hop
    """Where its messages come from, or where it was called."""


class _Answer:
    """One 2xx: fields as they came, None or empty where it had none."""

    __slots__ = ("contact", "hop", "routes", "tag", "to")

    def __init__(self, response: Response, tag: bytes, hop: Hop) -> None:
        self.tag = tag
        """The callee's."""
        self.to = _field(response, b"to") or b""
        self.contact = _field(response, b"contact")
        self.routes = _fields(response, b"record-route")
        self.hop = hop


class _Call:
    """One call."""

    __slots__ = ("answers", "call_id", "callee_cseq", "caller_cseq", "contact", "flow", "from_")

    def __init__(self) -> None:
        self.answers: list[_Answer] = []
        self.call_id = b""
        self.from_ = b""
        self.contact: bytes | None = None
        """The caller's."""
        self.flow: Flow | None = None
        self.caller_cseq = self.callee_cseq = 0
        """Highest number of a request of theirs; 0: none was seen."""


class PassingCalls:
    """By call, what was said of its ends."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def _call(self, call: str) -> _Call:
        entry = self._calls.get(call)
        if entry is None:
            if len(self._calls) >= CALLS_LIMIT:
                del self._calls[next(iter(self._calls))]
            entry = self._calls[call] = _Call()
        return entry

    def count(self, call: str, speaker: Speaker, number: int) -> None:
        """Take note of the CSeq number of a request that passes."""
        entry = self._call(call)
        if speaker.side == "caller":
            entry.caller_cseq = max(entry.caller_cseq, number)
        else:
            entry.callee_cseq = max(entry.callee_cseq, number)

    def answered(self, call: str, response: Response, hop: Hop, flow: Flow, invite: Request | None) -> None:
        """Take a 2xx to the INVITE of a call. `invite`: as it was sent on; None where another answer has shown it."""
        entry = self._call(call)
        tag = response.to.tag or b""
        if len(entry.answers) >= ANSWERS_LIMIT or any(answer.tag == tag for answer in entry.answers):
            return
        entry.answers.append(_Answer(response, tag, hop))
        if invite is not None and entry.flow is None:
            entry.flow, entry.contact = flow, _field(invite, b"contact")
            entry.from_, entry.call_id = _field(invite, b"from") or b"", invite.call_id
            entry.caller_cseq = max(entry.caller_cseq, invite.cseq.number)

    def refreshed(self, call: str, speaker: Speaker, contact: bytes | None, response: Response) -> None:
        """Move the targets of both ends: a request of `speaker` with this Contact (a field) was accepted."""
        entry = self._calls.get(call)
        if entry is None:
            return
        theirs = _field(response, b"contact")
        of_caller, of_callee = (contact, theirs) if speaker.side == "caller" else (theirs, contact)
        entry.contact = of_caller or entry.contact
        for answer in entry.answers:
            if speaker.dialog == tag_text(answer.tag):
                answer.contact = of_callee or answer.contact

    def hung_up(self, call: str, dialog: str | None) -> None:
        """Drop the dialog in which the callee has this tag."""
        entry = self._calls.get(call)
        if entry is not None and dialog is not None:
            entry.answers = [answer for answer in entry.answers if tag_text(answer.tag) != dialog]

    def forget(self, call: str) -> None:
        """Drop a call that is over."""
        self._calls.pop(call, None)

    def far_ends(self, call: str, is_ours: Callable[[NameAddr, bytes], bool]) -> list[FarEnd]:
        """Give both ends of every dialog of a call; none where nothing is known of any.

        `is_ours`: whether a Record-Route value is what we wrote into this call, which has this Call-ID.
        """
        entry = self._calls.get(call)
        if entry is None or entry.flow is None:
            return []
        found = []
        from_ = field_value(entry.from_)
        from_tag = _tag(from_)
        for answer in entry.answers:
            routes = _values(answer.routes)
            ours = [number for number, route in enumerate(routes) if is_ours(route, entry.call_id)]
            to_callee, to_caller = (routes[:ours[0]], routes[ours[-1] + 1:]) if ours else ([], routes)
            to = field_value(answer.to)
            found.append(FarEnd("callee", Dialog(
                DialogKey(entry.call_id, from_tag, answer.tag), from_, to, DialogState.CONFIRMED,
                _target(answer.contact, answer.hop), tuple(reversed(to_callee)), _below_max(entry.caller_cseq), None),
                answer.hop))
            found.append(FarEnd("caller", Dialog(
                DialogKey(entry.call_id, answer.tag, from_tag), to, from_, DialogState.CONFIRMED,
                _target(entry.contact, entry.flow), tuple(to_caller), _below_max(entry.callee_cseq), None),
                entry.flow))
        return found

    def __len__(self) -> int:
        return len(self._calls)


def contact_of(message: Message) -> bytes | None:
    """Give the first Contact field of a message, as it came; None where it has none."""
    return _field(message, b"contact")


def _field(message: Message, name: bytes) -> bytes | None:
    try:
        return message.fields[message.names.index(name)]
    except ValueError:
        return None


def _fields(message: Message, name: bytes) -> tuple[bytes, ...]:
    if message.names.count(name) < 2:
        field = _field(message, name)
        return () if field is None else (field,)
    return tuple(field for field, each in zip(message.fields, message.names, strict=True) if each == name)


def _below_max(number: int) -> int | None:
    return min(number, CSEQ_MAX - 1) or None


def _values(fields: tuple[bytes, ...]) -> list[NameAddr]:
    """Read Record-Route fields; none where one cannot be read, as a part of a route leads nowhere."""
    try:
        return [NameAddr.parse(value) for field in fields for value in split_values(field_value(field))]
    except SipError:
        return []


def _tag(value: bytes) -> bytes:
    try:
        return NameAddr.parse(value).tag or b""
    except SipError:
        return b""


def _target(contact: bytes | None, place: Flow | Hop) -> bytes:
    """Give the URI of an end; where its Contact says nothing, that of the place where it is."""
    if contact is not None:
        try:
            return NameAddr.parse(split_values(field_value(contact))[0]).uri
        except (SipError, IndexError):
            pass
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"sip:{host}:{place.port}".encode()
