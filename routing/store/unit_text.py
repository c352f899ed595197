"""A unit as text: how what is committed here waits until the other nodes have it.

A later version reads what this one has written, and this one what the version before it has: of each write its kind
stands there and its fields in their order. So a field that is new is the last one, and has a default: that is what a
text without it says. More fields than are known here are left out. A kind that is not known here is refused: what it
says cannot be passed on.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from routing.events import write_json
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.writes import (
    ChangeTask,
    CloseAttempt,
    CountOffer,
    DropPause,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    Unit,
    Write,
)

KINDS: Final[dict[str, Any]] = {kind.__name__: kind for kind in (
    CallRow, Record, RemoveRecord, PauseRow, DropPause, SavePolicy, TaskRow, AttemptRow, JournalRow, Ticket,
    TicketComment, Delivery, DoNotCallRow, ChangeTask, CloseAttempt, RemoveDoNotCall, CountOffer, UserRow, TokenRow,
    AuditRow)}
"""What nodes share. Events, alarms and legs are each node's own."""

_OF_KIND: Final = frozenset(KINDS.values())

_INNER: Final[dict[str, Any]] = {
    "ChangeTask": TaskRow, "CloseAttempt": AttemptRow, "RemoveRecord": Record}
"""Writes that hold a row, as the first thing: of which kind."""

_MAKE: Final[dict[str, tuple[int, Callable[[Any], Any]]]] = {
    "TaskRow": (TaskRow._fields.index("declined"), tuple),
    "UserRow": (UserRow._fields.index("groups"), frozenset),
    "TokenRow": (TokenRow._fields.index("groups"), frozenset)}
"""Rows with a list in them that is no list here: in which place, and what it is made."""


class UnitTextError(ValueError):
    """A text that is no unit, or says what only a later version knows."""


def is_shared(write: Write) -> bool:
    """Whether other nodes are to know of a write."""
    return type(write) in _OF_KIND


def to_text(unit: Unit) -> str:
    """Return a unit as text. There is nothing in it but what is shared."""
    return write_json([unit.durable, [[type(write).__name__, _values(write)] for write in unit.writes]])


def to_unit(text: str) -> Unit:
    """Return the unit of a text. Raises UnitTextError."""
    try:
        durable, writes = json.loads(text)
        return Unit(tuple(_write(kind, values) for kind, values in writes), bool(durable))
    except UnitTextError:
        raise
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise UnitTextError(f"it is no unit ({type(error).__name__}: {error})") from error


def _values(row: Any) -> Any:
    """Return what JSON writes for a row: of a tuple, a list."""
    name = type(row).__name__
    if name in _INNER:
        return [_values(row[0]), *row[1:]]
    if name in _MAKE:
        place, _ = _MAKE[name]
        if isinstance(row[place], frozenset):
            return [*row[:place], sorted(row[place]), *row[place + 1:]]
    return row


def _write(name: str, values: list[Any]) -> Any:
    kind = KINDS.get(name)
    if kind is None:
        raise UnitTextError(f"it holds what only a later version knows ({name})")
    return _row(kind, values)


def _row(kind: Any, values: list[Any]) -> Any:
    name = kind.__name__
    if name in _INNER:
        values[0] = _row(_INNER[name], values[0])
    elif name in _MAKE:
        place, make = _MAKE[name]
        values[place] = None if values[place] is None else make(values[place])
    return kind(*values[:len(kind._fields)])
