"""Lists for pages and API alike: read-only, from the database, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from proxy.verbs.shapes.caller import Caller

ROWS: Final = 100
"""Rows of a page, unless another number is asked for."""


@dataclass(frozen=True)
class ListQuery:
    """Which rows of a list, and in which order."""

    filters: Mapping[str, str] = field(default_factory=dict)
    """What each row must have, by the name of a filter of that list. Raises ArgumentError where there is no such."""
    sort: str = ""
    """Name of a column; empty: as the list is usually sorted, the newest first."""
    descending: bool = True
    cursor: str | None = None
    """`next` of the page before."""
    limit: int = ROWS


@dataclass(frozen=True)
class ListPage:
    """Some rows of a list."""

    items: list[dict[str, Any]]
    """In the shape that the list's verb gives; moments are seconds since the epoch."""
    next: str | None
    """Cursor of the page after this one; None: this is the last."""


class Lists(Protocol):
    """Every list, by the name that its path in the API has."""

    async def page(self, name: str, caller: Caller, query: ListQuery) -> ListPage:
        """Return rows that the caller may see. Raises ArgumentError, which names what cannot be."""


class NoLists:
    """Where there is no list."""

    async def page(self, name: str, caller: Caller, query: ListQuery) -> ListPage:
        return ListPage([], None)
