"""A unit as text: how what is committed here waits until the other nodes have it.

A later version reads what this one has written, and this one what the version before it has: of each write its kind and
its fields stand there by name. A field that a text lacks has its default; one that is not known here is left out. A
kind that is not known here is refused: what it says cannot be passed on.
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

_INNER: Final[dict[str, tuple[str, Any]]] = {
    "ChangeTask": ("task", TaskRow), "CloseAttempt": ("attempt", AttemptRow), "RemoveRecord": ("record", Record)}
"""Writes that hold a row: in which field, and of which kind."""

_MAKE: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "TaskRow": ("declined", tuple), "UserRow": ("groups", frozenset), "TokenRow": ("groups", frozenset)}
"""Rows with a list in them that is no list here: in which field, and what it is made."""


class UnitTextError(ValueError):
    """A text that is no unit, or says what only a later version knows."""


def is_shared(write: Write) -> bool:
    """Whether other nodes are to know of a write."""
    return type(write) in _OF_KIND


def to_text(unit: Unit) -> str:
    """Return a unit as text. There is nothing in it but what is shared."""
    return write_json([unit.durable, [[type(write).__name__, _fields(write)] for write in unit.writes]])


def to_unit(text: str) -> Unit:
    """Return the unit of a text. Raises UnitTextError."""
    try:
        durable, writes = json.loads(text)
        return Unit(tuple(_write(kind, fields) for kind, fields in writes), bool(durable))
    except UnitTextError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnitTextError(f"it is no unit ({type(error).__name__}: {error})") from error


def _fields(row: Any) -> dict[str, Any]:
    fields = dict(zip(row._fields, row, strict=True))
    name = type(row).__name__
    if name in _INNER:
        field, _ = _INNER[name]
        fields[field] = _fields(fields[field])
    elif name in _MAKE:
        field, _ = _MAKE[name]
        fields[field] = sorted(fields[field]) if isinstance(fields[field], frozenset) else fields[field]
    return fields


def _write(name: str, fields: dict[str, Any]) -> Any:
    kind = KINDS.get(name)
    if kind is None:
        raise UnitTextError(f"it holds what only a later version knows ({name})")
    return _row(kind, fields)


def _row(kind: Any, fields: dict[str, Any]) -> Any:
    known = {name: fields[name] for name in kind._fields if name in fields}
    name = kind.__name__
    if name in _INNER:
        field, inner = _INNER[name]
        known[field] = _row(inner, known[field])
    elif name in _MAKE:
        field, make = _MAKE[name]
        known[field] = None if known[field] is None else make(known[field])
    return kind(**known)
