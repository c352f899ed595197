"""A list as a page's address asks for it: filters, order, cursor."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from proxy.console.asking import Asking
from proxy.console.lists import ListPage, ListQuery
from proxy.console.posted import errors_of
from proxy.control_client import ControlError
from routing.events import rfc3339

DAYS: Final = ("from", "to")
"""Filters that are days: the first and the last one that count."""
DAY: Final = len("2026-01-31")
Typed = Mapping[str, str]


class AskedList(NamedTuple):
    """What a page shows of a list."""

    name: str
    """By which the API has it."""
    found: ListPage
    asked: Typed
    """The filters as they were typed; an empty text for those that were not."""
    filters: Typed
    """The same as the list takes them."""
    sort: str
    descending: bool
    errors: Mapping[str, str]
    """What cannot be, by filter."""

    @property
    def elsewhere(self) -> list[str]:
        """Return what cannot be, of what has no field: a cursor, an order."""
        return [text for key, text in self.errors.items() if key not in self.asked]

    @property
    def export(self) -> str:
        """Return where all rows that fit come as a file."""
        return f"/api/v1/{self.name}/export?" + urlencode({"format": "csv", **self.filters})


async def asked_list(asking: Asking, name: str, filters: Iterable[str], usual: str,
                     defaults: Typed | None = None, read: Callable[[Typed], Typed] = dict) -> AskedList:
    """Return the rows that a page's address asks for; none where something in it cannot be, which is said.

    `usual`: the order where none is asked for; `defaults`: filters where the address says nothing of them; `read`:
    makes filters of the list of those that were typed. `DAYS` among the filters are read as days of the policy's zone.
    """
    given = asking.request.query_params
    asked = {key: given.get(key, (defaults or {}).get(key, "")).strip() for key in filters}
    descending = given.get("order", "desc") != "asc"
    taken = {key: text for key, text in read(stretch_of(asked, asking.zone)).items() if text}
    query = ListQuery(taken, given.get("sort", ""), descending, given.get("cursor") or None)
    errors: Mapping[str, Any] = {}
    try:
        found = await asking.console.lists.page(name, asking.caller, query)
    except ControlError as error:
        if not error.problems:
            raise
        found, errors = ListPage([], None), errors_of(error)
    return AskedList(name, found, asked, taken, given.get("sort") or usual, descending, errors)


def stretch_of(typed: Typed, zone: ZoneInfo) -> Typed:
    """Return filters with moments in the place of days: the first day's begin, the last day's end.

    A day with a time of day is that moment; what is neither is left for the list to refuse.
    """
    return {key: _moment(text, zone, int(key == DAYS[1])) if key in DAYS and text else text
            for key, text in typed.items()}


def _moment(typed: str, zone: ZoneInfo, later: int) -> str:
    """`later`: days that are added to a day."""
    try:
        if len(typed) == DAY:
            day = date.fromisoformat(typed) + timedelta(later)
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            at = datetime.fromisoformat(typed)
        return rfc3339((at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        return typed
