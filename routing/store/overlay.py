"""What was put but is not committed yet lies over what is read, so a record is there the moment it was decided."""

from collections.abc import Mapping

from routing.rows import Record
from routing.store.queries import DirectQuery, Read
from routing.writes import RemoveRecord, Unit


class Overlay:
    """Direct callbacks that are on their way into the database, or out of it."""

    def __init__(self) -> None:
        self._over: dict[str, dict[str, tuple[int, Record | None]]] = {}
        """By customer and agent: the serial of the last unit that says something of it, and what."""

    def __len__(self) -> int:
        """Return of how many customers something is on its way."""
        return len(self._over)

    def cover(self, serial: int, unit: Unit) -> None:
        """Put what a unit says over what is read."""
        for write in unit.writes:
            if isinstance(write, Record):
                self._over.setdefault(write.customer, {})[write.agent] = serial, write
            elif isinstance(write, RemoveRecord):
                self._over.setdefault(write.record.customer, {})[write.record.agent] = serial, None

    def uncover(self, serial: int, unit: Unit) -> None:
        """Take away what a unit said, where none that came later says something else: the database says it itself."""
        for write in unit.writes:
            if isinstance(write, Record):
                self._uncover(serial, write)
            elif isinstance(write, RemoveRecord):
                self._uncover(serial, write.record)

    def _uncover(self, serial: int, record: Record) -> None:
        over = self._over.get(record.customer)
        if over is not None and over.get(record.agent, (0,))[0] == serial:
            del over[record.agent]
            if not over:
                del self._over[record.customer]

    def of(self, customer: str) -> Mapping[str, tuple[int, Record | None]]:
        """Return what lies over a customer's records, by agent: None where one is removed."""
        return self._over.get(customer, {})


class DirectReads:
    """`storage.DirectReads` by queries, with what is on its way."""

    def __init__(self, read: Read, overlay: Overlay) -> None:
        self._read, self._overlay = read, overlay

    def records(self, customer: str) -> list[Record]:
        rows: list[Record] = self._read(DirectQuery.RECORDS, (customer,))
        over = self._overlay.of(customer)
        if not over:
            return rows
        found: dict[str, Record | None] = {row.agent: row for row in rows}
        found.update((agent, record) for agent, (_, record) in over.items())
        return [record for record in found.values() if record is not None]

    def record(self, customer: str, agent: str) -> Record | None:
        return next((record for record in self.records(customer) if record.agent == agent), None)

    def expired(self, now: float, limit: int) -> list[Record]:
        found: list[Record] = self._read(DirectQuery.EXPIRED, (now, limit))
        return [record for record in found if record.agent not in self._overlay.of(record.customer)]

    def count(self) -> int:
        return int(self._read(DirectQuery.COUNT_RECORDS, ())[0][0])
