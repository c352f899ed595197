"""A second engine behind the store's interface: dictionaries, committed at once. Keeps the interface honest."""

from collections.abc import Callable, Sequence

from routing.direct import Record
from routing.events import Event
from routing.store.interface import CallRow, Counts, Fault, PolicyVersion, StoreError, Unit


class MemoryStore:
    def __init__(self) -> None:
        self.outbox = True
        self.on_fault: Callable[[Fault], None] = lambda fault: None
        self.on_events: Callable[[Sequence[Event]], None] = lambda events: None
        self.broken = False
        self.rows: dict[str, CallRow] = {}
        self.direct: dict[tuple[str, str], Record] = {}
        self.events: list[Event] = []
        self.policies: list[PolicyVersion] = []

    def _read(self) -> None:
        if self.broken:
            raise StoreError("broken on purpose")

    def records(self, customer: str) -> list[Record]:
        self._read()
        return [record for record in self.direct.values() if record.customer == customer]

    def record(self, customer: str, agent: str) -> Record | None:
        self._read()
        return self.direct.get((customer, agent))

    def expired(self, now: float, limit: int) -> list[Record]:
        self._read()
        found = sorted((record for record in self.direct.values() if record.expires_at <= now),
                       key=lambda record: record.expires_at)
        return found[:limit]

    def newest_records(self, now: float, limit: int) -> list[Record]:
        found = sorted((record for record in self.direct.values() if record.expires_at > now),
                       key=lambda record: -record.touched_at)
        return found[:limit]

    def count_records(self) -> int:
        return len(self.direct)

    def put(self, unit: Unit, done: Callable[[], None] | None = None) -> None:
        self.rows.update((row.id, row) for row in unit.calls)
        self.direct.update((record[:2], record) for record in unit.records)
        for record in unit.removed:
            self.direct.pop(record[:2], None)
        self.events += [event._replace(seq=len(self.events) + 1 + index) for index, event in enumerate(unit.events)]
        if unit.policy is not None:
            self.policies.append(PolicyVersion(len(self.policies) + 1, unit.policy[1], unit.policy[0]))
        if done is not None:
            done()

    def release(self) -> None:
        pass

    def open_calls(self) -> list[CallRow]:
        self._read()
        return [row for row in self.rows.values() if row.ended_at is None]

    def calls(self, limit: int, customer: str | None = None) -> list[CallRow]:
        return [row for row in reversed(self.rows.values()) if customer in (None, row.customer)][:limit]

    def counts(self, since: float) -> Counts:
        self._read()
        rows = [row for row in self.rows.values() if row.started_at >= since]
        return Counts(len(rows), sum(row.direction == "inbound" for row in rows),
                      sum(row.direction == "outbound" for row in rows),
                      sum(row.answered_at is not None for row in rows), sum(row.tried is not None for row in rows))

    def events_after(self, seq: int, limit: int) -> list[Event]:
        return self.events[seq:seq + limit]

    def delete_events_upto(self, seq: int) -> None:
        raise NotImplementedError

    def load_policy(self) -> str | None:
        return self.policies[-1].text if self.policies else None

    def save_policy(self, text: str, now: float, done: Callable[[], None] | None = None) -> None:
        self.put(Unit(policy=(text, now)), done)

    def policy_history(self, limit: int) -> list[PolicyVersion]:
        return self.policies[::-1][:limit]

    def close(self) -> None:
        pass
