"""The tables that nodes share: their keys, as the log of changes has them, and what is taken of their rows."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    OfferCount,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.store import callback_sql, people_sql
from routing.store.postgres.statements import columns
from routing.writes import SavePolicy, SharedKind, TakeRow

Key = tuple[str, ...]
"""The values of the columns of a key, as texts."""


class SharedTable(NamedTuple):
    """One of them."""

    kind: SharedKind
    key: tuple[tuple[str, str], ...]
    """Columns, and their types in PostgreSQL."""
    fields: tuple[str, ...]
    """Columns that are read of it."""
    take: Callable[[tuple[Any, ...], int], TakeRow]
    """Makes of these what is taken; told the key as a number, where it is one, else 0. Raises ValueError or TypeError
    where a column holds what cannot be read."""

    def taken(self, row: Sequence[Any]) -> tuple[Key, TakeRow | None]:
        """Return the key of a row as the statements here find it, and what is taken of it; None: it cannot be read."""
        key = tuple(row[0])
        number = int(key[0]) if self.key[0][1] == "bigint" else 0
        try:
            return key, self.take(tuple(row[1:]), number)
        except (ValueError, TypeError):
            return key, None

    @property
    def _select(self) -> str:
        key = ", ".join(f't."{name}"::text' for name, _ in self.key)
        return f"SELECT ARRAY[{key}], {', '.join(f't.{each}' for each in columns(self.fields).split(', '))}"

    @property
    def _order(self) -> str:
        return ", ".join(f't."{name}"' for name, _ in self.key)

    def of_keys(self) -> str:
        """Return what finds the rows with these keys, in their order (a list of texts for each column of the key)."""
        lists = ", ".join(f"%s::text[]::{kind}[]" for _, kind in self.key)
        names = ", ".join(f"k{number}" for number in range(len(self.key)))
        same = " AND ".join(f't."{name}"=wanted.k{number}' for number, (name, _) in enumerate(self.key))
        return (f"{self._select} FROM {self.kind} AS t JOIN unnest({lists}) AS wanted({names}) ON {same} "
                f"ORDER BY {self._order}")

    @property
    def first(self) -> str:
        """Finds the first rows (limit)."""
        return f"{self._select} FROM {self.kind} AS t ORDER BY {self._order} LIMIT %s"

    @property
    def following(self) -> str:
        """Finds the first rows after a key (its columns as texts, limit)."""
        after = ", ".join(f"%s::text::{kind}" for _, kind in self.key)
        return f"{self._select} FROM {self.kind} AS t WHERE ({self._order})>({after}) ORDER BY {self._order} LIMIT %s"


def _rows(make: Callable[[tuple[Any, ...]], Any], node: str = "") -> Callable[[tuple[Any, ...], int], TakeRow]:
    """Take rows as they are made; `node`: the field of theirs that says whose they are."""
    def take(row: tuple[Any, ...], number: int) -> TakeRow:
        made = make(row)
        return TakeRow(made, getattr(made, node) if node else "")

    return take


def _delivery(row: tuple[Any, ...], number: int) -> TakeRow:
    return TakeRow(Delivery._make(row[:-1]), row[-1])


_TEXT: Final = "text"
_ID: Final = (("id", _TEXT),)
_SEQ: Final = (("seq", "bigint"),)

SHARED_TABLES: Final = (
    SharedTable("policy", (("version", "bigint"),), ("text", "saved_at", "saved_by"),
                lambda row, number: TakeRow(SavePolicy._make(row), "", number)),
    SharedTable("do_not_call", (("customer", _TEXT),), DoNotCallRow._fields, _rows(DoNotCallRow._make)),
    SharedTable("pauses", (("agent", _TEXT),), PauseRow._fields, _rows(PauseRow._make, "node")),
    SharedTable("users", (("name", _TEXT),), UserRow._fields, _rows(people_sql.to_user)),
    SharedTable("tokens", _ID, TokenRow._fields, _rows(people_sql.to_token)),
    SharedTable("tasks", _ID, TaskRow._fields, _rows(lambda row: callback_sql.to_task(row, ""), "changed_by")),
    SharedTable("attempts", _ID, AttemptRow._fields, _rows(AttemptRow._make, "node")),
    SharedTable("direct", (("customer", _TEXT), ("agent", _TEXT)), Record._fields, _rows(Record._make)),
    SharedTable("tickets", _ID, Ticket._fields, _rows(Ticket._make)),
    SharedTable("comments", _SEQ, TicketComment._fields, _rows(callback_sql.to_comment)),
    SharedTable("deliveries", _SEQ, (*Delivery._fields, "node"), _delivery),
    SharedTable("offers", (("quarter", "double precision"), ("group", _TEXT), ("number", _TEXT)), OfferCount._fields,
                _rows(OfferCount._make)),
    SharedTable("calls", _ID, CallRow._fields, _rows(CallRow._make, "node")),
    SharedTable("journal", _SEQ, JournalRow._fields,
                lambda row, number: TakeRow(callback_sql.to_journal(row), "", number)),
    SharedTable("audit", _ID, AuditRow._fields, _rows(people_sql.to_audit)),
)
"""In the order in which they are copied: what a node must know first comes first, history last."""

BY_KIND: Final = {table.kind: table for table in SHARED_TABLES}

OF_KEYS: Final = {table.kind: table.of_keys() for table in SHARED_TABLES}
"""Finds rows by their keys (`SharedTable.of_keys`): made once, for it is asked with each look."""
