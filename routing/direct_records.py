"""The records of direct callback: read for each call, changed by what its end was, tidied when they expire."""

from typing import Final

from routing import direct, outcome
from routing.calls import Call
from routing.events import Event
from routing.facts import Ending
from routing.route import Rules
from routing.rows import Record
from routing.storage import Store, StoreError
from routing.teller import Teller, record_data
from routing.writes import RemoveRecord, Unit, Write

SWEEP_SLICE: Final = 500
"""Expired records tidied in one turn."""


class DirectRecords:
    """Direct callbacks over a store. A database that cannot be read has none: the store has raised the alarm."""

    def __init__(self, store: Store, rules: Rules, teller: Teller) -> None:
        self._store, self._rules, self._teller = store, rules, teller
        self._in_use: dict[str, int] = {}
        """Customers in a call that began with a live record, and how many such calls: their records are not tidied."""
        self._tidy_limit = SWEEP_SLICE

    def of(self, customer: str | None) -> list[Record]:
        """Return a customer's records; of nobody that is known there are none."""
        if customer is None:
            return []
        try:
            return self._store.direct.records(customer)
        except StoreError:
            return []

    def begin(self, entry: Call, records: list[Record], now: float) -> None:
        """Remember whose records live when a call begins, and keep the sweep off them."""
        if records:
            self._keep(entry, [record for record in records if direct.live(record, now)])

    def restore(self, entry: Call) -> None:
        """Remember whose records lived when a call began that was read back."""
        if entry.customer is not None:
            self._keep(entry, [record for record in self.of(entry.customer)
                               if record.made_at <= entry.started_at < record.expires_at])

    def used_event(self, entry: Call, record: Record, now: float) -> Event:
        """Make the event of a record that sends a call somewhere."""
        data = record_data(record, entry.id)
        data["type"] = self._rules.policy.direct_for(record.agent).type
        data["dialled"] = entry.number or entry.dialled
        return self._teller.event("direct.used", data, now)

    def used_after_all_events(self, entry: Call, now: float) -> tuple[Event, ...]:
        """Make the same event for a call that goes to the agent of its record now, not to an attempt before them."""
        if entry.tried is None:
            return ()
        return tuple(self.used_event(entry, record, now) for record in self.of(entry.customer)
                     if record.agent == entry.tried)

    def changes(self, entry: Call, ending: Ending, now: float) -> list[Write]:
        """Return what the end of a call does to the records of its customer, and the events of it."""
        agents = () if entry.to_agent else outcome.concerned(entry, ending)
        if not agents or entry.customer is None:
            return []
        found: list[Write] = []
        for change, before in outcome.changes(entry, entry.customer, agents, ending, self.of(entry.customer),
                                              self._rules.policy, now):
            if change.record is not None:
                found.append(RemoveRecord(change.record) if change.kind == "removed" else change.record)
            found += self._teller.change(change, before, entry.id, now)
        return found

    def end(self, entry: Call) -> None:
        """Let the records of a call that is over be tidied."""
        if entry.sent.live and entry.customer is not None:
            left = self._in_use[entry.customer] - 1
            if left:
                self._in_use[entry.customer] = left
            else:
                del self._in_use[entry.customer]

    def remove(self, record: Record, now: float) -> None:
        """Remove a direct callback because an operator says so."""
        event = self._teller.event("direct.removed", record_data(record, None), now)
        self._store.put(Unit((RemoveRecord(record), event)))

    def tidy(self, now: float) -> None:
        """Remove a slice of the expired records, save those that a call which began before may still restart."""
        try:
            expired = self._store.direct.expired(now, self._tidy_limit)
        except StoreError:
            expired = []
        gone = tuple(record for record in expired if record.customer not in self._in_use)
        self._tidy_limit = SWEEP_SLICE + len(expired) - len(gone)
        self._store.put(Unit((*map(RemoveRecord, gone), *(self._teller.expired(record, now) for record in gone))))

    def _keep(self, entry: Call, live: list[Record]) -> None:
        entry.sent.live = tuple(record.agent for record in live)
        if live and entry.customer is not None:
            self._in_use[entry.customer] = self._in_use.get(entry.customer, 0) + 1
