"""Lists for pages and API alike: read-only, from the database, a page at a time.

What somebody may see of a list is part of the question to the database, by the policy that is newest there. An item is
as the list's verb gives it.
"""

import asyncio
import json
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from proxy.console import cursors
from proxy.console.list_plans import PLANS, Now, Plan
from proxy.console.recording_files import RecordingFiles
from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.errors import ArgumentError, ForbiddenError
from proxy.verbs.shapes.fields import MOST_ROWS, shown
from proxy.verbs.shapes.theirs import Reach, reach
from proxy.verbs.shapes.verb import In, Role
from routing.storage import StoreError
from routing.store import listing
from routing.store.listing import Arm, Asked, Condition, ListReader, Sort

ROWS: Final = 100
"""Rows of a page, unless another number is asked for."""
AT_ONCE: Final = 4
"""Queries that run at a time."""
RECORDINGS: Final = "recordings"
NEWEST: Final = "SELECT version, text FROM policy WHERE version>? ORDER BY version DESC LIMIT 1"
T = TypeVar("T")


@dataclass(frozen=True)
class ListQuery:
    """Which rows of a list, and in which order."""

    filters: Mapping[str, str] = field(default_factory=dict)
    """What each row must have, by the name of a filter of that list (`filters.py`); an empty text asks for nothing."""
    sort: str = ""
    """Name of an order of that list (`Lists.sorts`); empty: as it is usually sorted, the newest first."""
    descending: bool = True
    cursor: str | None = None
    """`next` of the page before."""
    limit: int = ROWS
    """1 to 1,000."""


@dataclass(frozen=True)
class ListPage:
    """Some rows of a list."""

    items: list[dict[str, Any]]
    """In the shape that the list's verb gives; moments are seconds since the epoch."""
    next: str | None
    """Cursor of the page after this one; None: this is the last."""


class Lists:
    """Every list, by the name that its path in the API has. In one event loop; reads in threads."""

    def __init__(self, database: Path, data: Path, clock: Callable[[], float]) -> None:
        """`data`: the data folder; `clock`: seconds since the epoch."""
        self._reader = ListReader(database)
        self._files = RecordingFiles(data, self._reader)
        self._clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "lists")
        self._policy: tuple[int, str, dict[str, tuple[str, ...]]] = (0, "", {})
        """Version, region, and the extensions of each group."""

    @staticmethod
    def names() -> list[str]:
        """Return the names of all lists."""
        return [*PLANS, RECORDINGS]

    @staticmethod
    def filters(name: str) -> type[In]:
        """Return what a list can be filtered by: the fields of these arguments."""
        return PLANS[name].takes if name in PLANS else RecordingFiles.TAKES

    @staticmethod
    def sorts(name: str) -> list[str]:
        """Return the orders in which a list can be asked for, the usual one first."""
        return [*PLANS[name].listing.sorts] if name in PLANS else ["time"]

    @staticmethod
    def shape(name: str) -> Any:
        """Return the shape of an item of a list."""
        return PLANS[name].gives if name in PLANS else RecordingFiles.GIVES

    @staticmethod
    def role(name: str) -> Role:
        """Return who may see a list, at the least."""
        return PLANS[name].role if name in PLANS else RecordingFiles.ROLE

    async def page(self, name: str, caller: Caller, query: ListQuery) -> ListPage:
        """Return rows that the caller may see. Raises ArgumentError, which names what cannot be; ForbiddenError;
        ControlError where the database cannot be read.
        """
        return await self._in_thread(lambda: self._page(name, caller, query))

    async def one(self, name: str, caller: Caller, key: str | int) -> dict[str, Any] | None:
        """Return the row with a key (an id, a customer's number, a version); None where there is none that the caller
        may see. Raises as `page`.
        """
        return await self._in_thread(lambda: self._one(name, caller, key))

    async def reach(self, caller: Caller) -> Reach:
        """Return what is somebody's, by the policy that is newest in the database. Raises ControlError."""
        return await self._in_thread(lambda: self._reach(caller))

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, read: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        except StoreError as error:
            raise ControlError(f"the database cannot be read: {error}") from error

    def _page(self, name: str, caller: Caller, query: ListQuery) -> ListPage:
        self._admit(name, caller)
        wanted = self.filters(name).read(_values(self.filters(name), query.filters))
        if not 1 <= query.limit <= MOST_ROWS:
            raise ArgumentError("limit", f"limit: {query.limit} is no whole number from 1 to {MOST_ROWS}")
        sorts = self.sorts(name)
        sort = query.sort or sorts[0]
        if sort not in sorts:
            raise ArgumentError("sort", f"sort: {shown(sort)} is none of {', '.join(sorts)}")
        asked = sorted((key, value) for key, value in query.filters.items() if value)
        given_for = (name, sort, str(query.descending), json.dumps(asked))
        mine = self._reach(caller)
        now = Now(self._clock(), self._policy[1])
        if name == RECORDINGS:
            after = None if query.cursor is None else cursors.read(query.cursor, 1, *given_for)
            items, last = self._files.page(wanted, now, mine, after, query.descending, query.limit)
            return ListPage(items, None if last is None else cursors.write((last,), *given_for))
        plan = PLANS[name]
        place = None if query.cursor is None else cursors.read(query.cursor, 1 + len(plan.listing.key), *given_for)
        found = listing.ask(self._reader, plan.listing, Asked(
            (*plan.conditions(wanted, now), *self._theirs(plan, mine)), plan.listing.sorts[sort], query.descending,
            place, query.limit + 1))
        more = cursors.write(found.place(query.limit - 1), *given_for) if len(found.read) > query.limit else None
        return ListPage(plan.tell(self._reader, found.rows(query.limit)), more)

    def _one(self, name: str, caller: Caller, key: str | int) -> dict[str, Any] | None:
        self._admit(name, caller)
        plan = PLANS[name]
        column = plan.listing.key[0]
        this = Condition((Arm(column, "=?", (key,)),), 100)
        theirs = self._theirs(plan, self._reach(caller))
        found = listing.ask(self._reader, plan.listing, Asked((this, *theirs), Sort(column), True, None, 1))
        return next(iter(plan.tell(self._reader, found.rows(1))), None)

    def _admit(self, name: str, caller: Caller) -> None:
        if name not in PLANS and name != RECORDINGS:
            raise ArgumentError("name", f"there is no list {shown(name)}: {', '.join(self.names())}")
        if not caller.may(self.role(name)):
            raise ForbiddenError(f"{name}: it is for the role {self.role(name)}, and {caller.name} is {caller.role}")

    @staticmethod
    def _theirs(plan: Plan, mine: Reach) -> tuple[Condition, ...]:
        return () if mine.everything else tuple(plan.theirs(mine))

    def _reach(self, caller: Caller) -> Reach:
        known = self._policy[0]
        for version, text in self._reader.read(NEWEST, (known,)):
            policy = tomllib.loads(text)
            groups = {name: tuple(map(str, group.get("agents", ()))) for name, group in policy.get("group", {}).items()}
            self._policy = (version, str(policy.get("region", "")), groups)
        return reach(caller, self._policy[2])


def _values(takes: type[In], filters: Mapping[str, str]) -> dict[str, Any]:
    """Return filters as JSON has them, from their texts."""
    return {name: takes.fields[name].from_text(text) if name in takes.fields else text
            for name, text in filters.items() if text != ""}
