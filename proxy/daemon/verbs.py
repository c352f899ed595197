"""What the daemon answers on its control socket; the shapes stand in `proxy.control`."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple

from proxy.control import Handler
from proxy.daemon.arguments import flag, kept, limit_of, look_up, number_of, read, word
from proxy.daemon.source import DaemonSource
from proxy.daemon.tracing import MessageTracer
from routing.calls import OWN
from routing.ledger import Ledger
from routing.numbers import Numbers
from routing.rows import CallRow, Record
from routing.storage import Store
from routing.store.reader import Reader

CALL_ID: Final = 256
"""Characters of a Call-ID that is followed."""


class Sides(NamedTuple):
    """Who stands where, from left to right."""

    trunks: tuple[str, ...]
    node: str
    pbxs: tuple[str, ...]


class Verbs:
    """All handlers."""

    def __init__(self, ledger: Ledger, store: Store, reader: Reader, source: DaemonSource, tracer: MessageTracer,
                 version: str, sides: Sides, wall: Callable[[], float]) -> None:
        self._ledger = ledger
        self._store = store
        self._reader = reader
        self._source = source
        self._tracer = tracer
        self._version = version
        self._sides = sides
        self._wall = wall

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {
            "status": self.status, "calls.list": self.calls, "direct.list": self.direct_list,
            "direct.show": self.direct_show, "direct.remove": kept(self.direct_remove, self._store),
            "trace": self.trace,
        }

    async def status(self, args: dict[str, Any]) -> dict[str, Any]:
        """The daemon in one look."""
        self._source.refresh()
        shot = self._source.snapshot()
        return {
            "node": shot.node, "version": self._version, "since": shot.started, "state": shot.state,
            "calls": shot.calls._asdict(),
            "trunks": {name: peer._asdict() for name, peer in shot.trunks.items()},
            "pbxs": {name: peer._asdict() for name, peer in shot.pbxs.items()},
            "alarms": [alarm._asdict() for alarm in shot.alarms],
            "direct": {"live": await self._source.count_direct()},
            "callbacks": {
                "in_queue": sum(group.callbacks_in_queue for group in shot.groups.values()),
                "due": sum(group.callbacks_due for group in shot.groups.values()),
                "running": sum(group.callbacks_running for group in shot.groups.values())},
        }

    async def calls(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Calls, newest first."""
        limit = limit_of(args)
        calls = self._ledger.calls()
        active = {call.id: call.row() for call in calls[max(0, len(calls) - limit):]}
        rows = list(reversed(active.values()))
        if not flag(args, "active"):
            ids = {call.id for call in calls}
            ended = await look_up(lambda: self._reader.calls.newest(limit))
            rows = [*rows, *(row for row in ended if row.id not in ids)]
        return [_call(row, row.id in active) for row in rows[:limit]]

    async def direct_list(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Live direct callbacks, the one touched last first."""
        now, limit = self._wall(), limit_of(args)
        return [_record(one) for one in await look_up(lambda: self._reader.newest_records(now, limit))]

    def direct_show(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Live direct callbacks of one customer."""
        now = self._wall()
        found = [one for one in self._records(args) if now < one.expires_at]
        return [_record(one) for one in sorted(found, key=lambda one: one.touched_at, reverse=True)]

    def _records(self, args: dict[str, Any]) -> list[Record]:
        """Every record of the customer who is meant, expired ones too."""
        customer = number_of(args, "customer", self._ledger.policy.region)
        return read(lambda: self._store.direct.records(customer))

    def direct_remove(self, args: dict[str, Any]) -> dict[str, int]:
        """Remove a customer's direct callbacks, or the one with one agent."""
        agent = word(args, "agent")
        found = [one for one in self._records(args)
                 if agent is None or one.agent == agent]
        for one in found:
            self._ledger.direct.remove(one, self._wall())
        return {"removed": len(found)}


    async def trace(self, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Follow one number, one call, or everything."""
        of = word(args, "of", CALL_ID) or ""
        yield {"columns": [*self._sides.trunks, self._sides.node, *self._sides.pbxs]}
        digits, call_ids = "", set[bytes]()
        if of:
            call_ids = {call.sip_call_id.encode() for call in self._ledger.calls() if call.id == of}
            if not call_ids:
                number = Numbers(self._ledger.policy.region).e164(of)
                digits = (number or of).lstrip("+") if of.lstrip("+").replace(" ", "").isdigit() else ""
                call_ids = {of.encode()}
        async for row in self._tracer.watch(digits, call_ids):
            yield row


def _record(one: Record) -> dict[str, Any]:
    return {"customer": one.customer, "agent": one.agent, "type": one.type, "created": one.made_at,
            "touched": one.touched_at, "expires": one.expires_at}


def _call(row: CallRow, active: bool) -> dict[str, Any]:
    state = "ended" if not active else "ringing" if row.answered_at is None else "talking"
    return {"id": row.id, "time": row.started_at, "kind": "callback" if row.reason == OWN else "call",
            "direction": row.direction, "customer": row.customer,
            "agent": row.agent or row.tried, "dialled": row.dialled, "trunk": row.trunk, "pbx": row.pbx,
            "state": state, "cause": row.cause, "by": row.ended_by, "talk": row.talk_s}
