"""Calls that other nodes began, or have ended, as their rows say it: looked at where it matters here, not before."""

from typing import Final

from routing.call_records import CallRecords
from routing.calls import Call
from routing.rows import CallRow
from routing.storage import NOTHING_CHANGED, ChangedRows, Store, StoreError

LOOKED_AT: Final = 100
"""Rows that are read in one turn: calls wait for no more than these."""


class OtherCalls:
    """Reads what other nodes have written of calls that are in progress here."""

    __slots__ = ("_changed", "_records", "_store")

    def __init__(self, store: Store, records: CallRecords) -> None:
        self._store, self._records = store, records
        self._changed = NOTHING_CHANGED.calls or frozenset()
        store.tell_changes_to(self)

    def on_changed(self, changed: ChangedRows) -> None:
        """Take note of the calls in progress here that another node has changed."""
        if "calls" in changed.tables:
            known = self._records.by_name
            found = frozenset(known if changed.calls is None else [name for name in changed.calls if name in known])
            self._changed = self._changed.union(found)

    def turn(self) -> list[tuple[Call, CallRow]]:
        """Return some of the calls that another node has changed, each with its row; the others come with later turns,
        and so does what cannot be read now."""
        if not self._changed:
            return []
        found: list[tuple[Call, CallRow]] = []
        looked = sorted(self._changed)[:LOOKED_AT]
        try:
            for name in looked:
                entry, row = self._records.by_name.get(name), self._store.calls.one(name)
                if entry is not None and row is not None:
                    found.append((entry, row))
        except StoreError:
            return []
        self._changed -= frozenset(looked)
        return found

    def row(self, name: str) -> CallRow | None:
        """Return what is known of a call by its name. Raises StoreError."""
        return self._store.calls.one(name)

    def open_row(self, sip_call_id: str) -> CallRow | None:
        """Return the row of a call that another node began, and nobody has ended, by its Call-ID; None too where
        nothing can be read."""
        try:
            return self._store.calls.open_elsewhere(sip_call_id)
        except StoreError:
            return None
