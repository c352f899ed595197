"""The daemon in one look, the calls, the direct callbacks, and the messages as they pass."""

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Protocol

from proxy.build import build
from proxy.status.source import Snapshot
from proxy.verbs.handlers.reading import e164, look_up, read
from proxy.verbs.shapes import calls, direct, status
from proxy.verbs.shapes.rows import call_of, record_of
from proxy.verbs.shapes.verb import Bound
from routing.calls import Call, row_of
from routing.ledger import Ledger
from routing.numbers import Numbers
from routing.rows import IN_QUEUE, Record
from routing.storage import Store
from routing.store.reader import Reader


class Sides(NamedTuple):
    """Who stands where, from left to right."""

    trunks: tuple[str, ...]
    node: str
    pbxs: tuple[str, ...]


class Look(Protocol):
    """The daemon as it is now."""

    def refresh(self) -> None:
        """Make a new snapshot."""

    def snapshot(self) -> Snapshot:
        """Return the last one."""

    async def count_direct(self) -> int | None:
        """Count the live direct callbacks; None while the database cannot be read."""


class Tracer(Protocol):
    """Who sees every message."""

    def watch(self, digits: str, call_ids: set[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Yield a line for each message from now on; `digits` and `call_ids`: of these calls only."""


class LookAnswers:
    """Answers `status`, `calls.list`, `direct.*` and `trace`."""

    def __init__(self, ledger: Ledger, store: Store, reader: Reader, look: Look, tracer: Tracer, version: str,
                 sides: Sides, wall: Callable[[], float], place_of: Callable[[str], str | None]) -> None:
        """`place_of`: the leg of ours that is the place in a queue of a call's caller (`QueueRoom.place_of`)."""
        self._ledger, self._place_of = ledger, place_of
        self._store = store
        self._reader = reader
        self._look = look
        self._tracer = tracer
        self._version = version
        self._sides = sides
        self._wall = wall

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [status.STATUS.by(self.overview), calls.CALLS.by(self.call_list), direct.LIST.by(self.direct_list),
                direct.SHOW.by(self.direct_show), direct.REMOVE.by(self.direct_remove),
                calls.TRACE.streamed_by(self.trace)]

    async def overview(self, args: object) -> status.Status:
        """The daemon in one look."""
        self._look.refresh()
        live = await self._look.count_direct()
        return status_of(self._look.snapshot(), self._version, live)

    async def call_list(self, args: calls.ListCalls) -> list[calls.Call]:
        """Calls, newest first."""
        found = self._ledger.calls()
        latest = found[max(0, len(found) - args.limit):]
        active = {call.id: state_of(call) for call in latest}
        rows = [row_of(call) for call in reversed(latest)]
        if not args.active:
            ids = {call.id for call in found}
            ended = await look_up(lambda: self._reader.calls.newest(args.limit))
            rows = [*rows, *(row for row in ended if row.id not in ids)]
        return [call_of(row, active.get(row.id, "ended")) for row in rows[:args.limit]]

    async def direct_list(self, args: direct.ListDirect) -> list[direct.Direct]:
        """Live direct callbacks, the one touched last first."""
        now = self._wall()
        return [record_of(one) for one in await look_up(lambda: self._reader.newest_records(now, args.limit))]

    def direct_show(self, args: direct.OfCustomer) -> list[direct.Direct]:
        """Live direct callbacks of one customer."""
        now = self._wall()
        found = [one for one in self._records(args) if now < one.expires_at]
        return [record_of(one) for one in sorted(found, key=lambda one: one.touched_at, reverse=True)]

    def _records(self, args: direct.OfCustomer) -> list[Record]:
        """Every record of the customer who is meant, expired ones too."""
        customer = e164("customer", args.customer, self._ledger.policy.region)
        return read(lambda: self._store.direct.records(customer))

    def direct_remove(self, args: direct.RemoveDirect) -> direct.Removed:
        """Remove a customer's direct callbacks, or the one with one agent."""
        found = [one for one in self._records(args) if args.agent is None or one.agent == args.agent]
        for one in found:
            self._ledger.direct.remove(one, self._wall())
        return {"removed": len(found)}

    async def trace(self, args: calls.Trace) -> AsyncIterator[calls.TraceLine]:
        """Follow one number, one call, or everything."""
        of = args.of or ""
        yield {"columns": [*self._sides.trunks, self._sides.node, *self._sides.pbxs]}
        digits, call_ids = "", set[bytes]()
        if of:
            call_ids = self._call_ids(of)
            if not call_ids:
                number = Numbers(self._ledger.policy.region).e164(of)
                digits = (number or of).lstrip("+") if of.lstrip("+").replace(" ", "").isdigit() else ""
                call_ids = {of.encode()}
        async for row in self._tracer.watch(digits, call_ids):
            yield row  # type: ignore[misc]  # the tracer writes lines of this shape

    def _call_ids(self, name: str) -> set[bytes]:
        """Return the Call-IDs of a call in progress, and of what belongs to it: its caller's place, the other leg of
        its attempt. A leg of ours has its own name for one."""
        found = self._ledger.calls()
        of = next((call for call in found if call.id == name), None)
        if of is None:
            return set()
        place = self._place_of(name)
        beside = [call.sip_call_id for call in found if of.attempt is not None and call.attempt == of.attempt]
        return {text.encode() for text in (of.sip_call_id, *beside, *([] if place is None else [place]))}


def status_of(shot: Snapshot, version: str, direct_live: int | None) -> status.Status:
    """Return what `status` says of a snapshot."""
    groups = shot.groups.values()
    return {
        "node": shot.node, "version": version, "build": build(), "since": shot.started, "state": shot.state,
        "calls": shot.calls._asdict(),  # type: ignore[typeddict-item]  # a test holds them to the shape
        "trunks": {name: {"state": peer.state, "since": peer.since, "latency_ms": peer.latency_ms}
                   for name, peer in shot.trunks.items()},
        "pbxs": {name: {"state": peer.state, "since": peer.since, "latency_ms": peer.latency_ms}
                 for name, peer in shot.pbxs.items()},
        "alarms": [{"name": alarm.name, "text": alarm.text, "since": alarm.since} for alarm in shot.alarms],
        "direct": {"live": direct_live},
        "callbacks": {"in_queue": sum(group.callbacks_in_queue for group in groups),
                      "due": sum(group.callbacks_due for group in groups),
                      "running": sum(group.callbacks_running for group in groups),
                      "places_held": sum(group.places_held for group in groups)},
        "queues": {name: {"waiting": group.waiting, "estimated_wait_s": group.estimated_wait_s,
                          "places_held": group.places_held, "offers_made": group.offers_made,
                          "offers_taken": group.offers_taken} for name, group in shot.groups.items()},
    }


def state_of(call: Call) -> calls.State:
    """Return how a call in progress stands."""
    if call.answered_at is None:
        return "ringing"
    return "waiting" if call.seen.waits or (call.reason == IN_QUEUE and call.attempt is None) else "talking"
