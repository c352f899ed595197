"""A list as a page's address asks for it: filters, order, cursor."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from proxy.console.asking import Asking
from proxy.console.lists import ListPage, ListQuery
from proxy.console.posted import errors_of
from proxy.control_client import ControlError


class AskedList(NamedTuple):
    """What a page shows of a list."""

    found: ListPage
    asked: Mapping[str, str]
    """The filters as they were typed; an empty text for those that were not."""
    sort: str
    descending: bool
    errors: Mapping[str, str]
    """What cannot be, by filter."""


async def asked_list(asking: Asking, name: str, filters: Iterable[str], usual: str,
                     defaults: Mapping[str, str] | None = None) -> AskedList:
    """Return the rows that a page's address asks for; none where something in it cannot be, which is said.

    `usual`: the order where none is asked for; `defaults`: filters where the address says nothing of them.
    """
    given = asking.request.query_params
    asked = {key: given.get(key, (defaults or {}).get(key, "")).strip() for key in filters}
    descending = given.get("order", "desc") != "asc"
    query = ListQuery({key: text for key, text in asked.items() if text}, given.get("sort", ""), descending,
                      given.get("cursor") or None)
    errors: Mapping[str, Any] = {}
    try:
        found = await asking.console.lists.page(name, asking.caller, query)
    except ControlError as error:
        if not error.problems:
            raise
        found, errors = ListPage([], None), errors_of(error)
    return AskedList(found, asked, given.get("sort") or usual, descending, errors)
