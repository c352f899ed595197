"""One call: why it went where it did, and its messages."""

import base64
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from proxy.verbs.handlers.looking import Sides, state_of
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import calls
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.rows import call_of
from proxy.verbs.shapes.verb import Bound
from routing import grounds
from routing.calls import LEGS, Call, row_of
from routing.ids import beside7
from routing.rows import OWN, CallRow
from routing.store.reader import Reader


class Passed(Protocol):
    """One message."""

    @property
    def time(self) -> float: ...
    @property
    def call(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def line(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def source_address(self) -> str: ...
    @property
    def destination_address(self) -> str: ...
    @property
    def data(self) -> bytes: ...


class Found(Protocol):
    """What is known of the messages of some calls."""

    @property
    def messages(self) -> Sequence[Passed]: ...
    @property
    def kept(self) -> Literal["memory", "disk", "nowhere"]: ...
    @property
    def since(self) -> float | None: ...


class Book(Protocol):
    """Where messages are found."""

    def look(self, calls: Sequence[CallRow]) -> Callable[[], Found]:
        """Return what finds the messages of calls, for another thread."""


class CallDetailAnswers:
    """Answers `calls.show` and `calls.messages`."""

    def __init__(self, in_progress: Callable[[], tuple[Call, ...]], reader: Reader, book: Book, sides: Sides) -> None:
        """`in_progress`: the calls that are."""
        self._in_progress, self._reader, self._book, self._sides = in_progress, reader, book, sides

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [calls.SHOW.by(self.show), calls.MESSAGES.by(self.messages)]

    async def show(self, args: calls.OneCall) -> calls.CallDetail:
        """One call."""
        live = self._live(args.id)
        row = row_of(live) if live is not None else None
        if live is None or live.restored_at is not None:  # what goes on here may have begun at another node
            kept = await look_up(lambda: self._reader.calls.one(args.id))
            row = kept if row is None else row if kept is None else row._replace(node=kept.node)
        if row is None:
            raise UnknownError(f"there is no call {args.id!r}")
        found = grounds.read(row.grounds)
        made: list[CallRow] = []
        if found is not None and row.customer is not None:
            customer, at = row.customer, found.made_at
            made = await look_up(lambda: self._reader.ended_then(customer, at))
        return {
            **call_of(row, self._state_elsewhere(row) if live is None else state_of(live)),
            "reason": row.reason, "evidence": row.evidence, "tried": row.tried, "answered": row.answered_at,
            "ended": row.ended_at, "sip_call_id": row.sip_call_id, "node": row.node or self._sides.node,
            "direct": None if found is None else {
                "why": found.why, "agent": found.agent, "type": found.type, "created": found.made_at,
                "touched": found.touched_at, "expires": found.expires_at,
                "by": next((one.id for one in made if found.agent in (one.agent, one.tried)), None)},
            "attempt": row.attempt, "task": row.task,
        }

    def _state_elsewhere(self, row: CallRow) -> calls.State:
        """Return how a call stands that is not in progress here: it may be at another node."""
        if row.ended_at is not None or row.node in ("", self._sides.node):
            return "ended"
        return "ringing" if row.answered_at is None else "talking"

    async def messages(self, args: calls.MessagesOf) -> calls.Messages:
        """The messages of a call, or of all calls of an attempt or a callback."""
        rows = await self._calls_of(args.id)
        if not rows:
            raise UnknownError(f"there is no call, attempt or callback {args.id!r} that had a call")
        live = {call.id: state_of(call) for call in self._in_progress()}
        found = await look_up(self._book.look([*rows, *_unlisted(rows)]))
        messages: list[calls.Message] = [{
            "time": one.time, "call": one.call, "from": one.source, "to": one.destination, "line": one.line,
            "transport": one.transport, "source": one.source_address, "destination": one.destination_address,
            "data": base64.b64encode(one.data).decode()} for one in found.messages]
        return {"columns": [*self._sides.trunks, self._sides.node, *self._sides.pbxs],
                "calls": [call_of(row, live.get(row.id, "ended")) for row in rows],
                "messages": messages, "kept": found.kept, "since": found.since}

    def _live(self, name: str) -> Call | None:
        return next((call for call in self._in_progress() if call.id == name), None)

    async def _calls_of(self, name: str) -> list[CallRow]:
        """Return the calls that a name means: itself, with those of its attempt or else its request, of a caller who
        waits or waited their place, of a place its caller; or those of an attempt or a request."""
        one = await self._one(name)
        of = name if one is None else one.attempt or one.task
        found = {} if one is None else {one.id: one}
        if of is not None:
            found |= {call.id: row_of(call) for call in self._in_progress() if of in (call.attempt, call.task)}
            found |= {row.id: row for row in await look_up(lambda: self._reader.calls_of(of)) if row.id not in found}
        for row in [*found.values()]:
            found |= {other.id: other for other in await self._beside(row) if other.id not in found}
        return sorted(found.values(), key=lambda row: (row.started_at, row.id))

    async def _one(self, name: str) -> CallRow | None:
        live = self._live(name)
        return row_of(live) if live is not None else await look_up(lambda: self._reader.calls.one(name))

    async def _beside(self, row: CallRow) -> list[CallRow]:
        """Return the caller of a place; of a caller their places, as far as they are calls of their own."""
        if row.direction == "outbound" or row.reason == OWN:
            return []
        return [one for one in [await self._one(name) for name in beside7(row.id)] if one is not None]


def _unlisted(rows: Sequence[CallRow]) -> list[CallRow]:
    """Return the places of callers that are no calls of their own: nobody has asked for a callback there."""
    listed = {row.id for row in rows}
    return [row._replace(id=name, sip_call_id=name) for row in rows
            if row.direction == "inbound" and row.reason not in LEGS for name in beside7(row.id) if name not in listed]
