"""Recordings as a list: files of the data folder, with what the database says of their attempts."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from config.places import RECORDINGS
from proxy.console.filters import RecordingFilters
from proxy.console.list_plans import Now
from proxy.control_client import ControlError
from proxy.verbs.shapes.recordings import Recording
from proxy.verbs.shapes.theirs import Reach
from proxy.verbs.shapes.verb import In, Role
from routing.store import listing
from routing.store.listing import ListReader, Recorded, Value

NAME: Final = re.compile(r"\d{8}T\d{6}Z-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9A-Za-z]+-[0-9A-Za-z]+\.wav")
"""A name as recordings have it: when it began, the attempt, agent and customer; so names sort by time."""
LOOKED_UP: Final = 500
"""Recordings whose attempts are looked up at a time."""


class RecordingFiles:
    """Lists recordings. In a thread."""

    TAKES: ClassVar[type[In]] = RecordingFilters
    GIVES: ClassVar[Any] = Recording
    ROLE: ClassVar[Role] = "supervisor"

    def __init__(self, data: Path, reader: ListReader) -> None:
        """`data`: the data folder."""
        self._folder, self._reader = data / RECORDINGS, reader

    def page(self, of: Any, at: Now, mine: Reach, after: tuple[Value, ...] | None, descending: bool,
             limit: int) -> tuple[list[Any], str | None]:
        """Return recordings after a name, and the name of the last where there are more. `of`: RecordingFilters."""
        last = None if after is None else str(after[0])
        names = [name for name in sorted(self._names(), reverse=descending)
                 if last is None or (name < last if descending else name > last)]
        customer = at.number("customer", of.customer)
        found: list[Any] = []
        for name, about in self._with_attempts(names):
            if not self._fits(about, of, customer, mine):
                continue
            told = self._tell(name, about)
            if told is None or not (of.from_ or float("-inf")) <= told["time"] < (of.to or float("inf")):
                continue
            if len(found) == limit:
                return found, found[-1]["name"]
            found.append(told)
        return found, None

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return [one.name for one in entries if one.name.endswith(".wav") and one.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ControlError(f"the recordings cannot be read: {error.strerror}") from None

    def _with_attempts(self, names: Sequence[str]) -> Iterator[tuple[str, Recorded | None]]:
        for start in range(0, len(names), LOOKED_UP):
            some = names[start:start + LOOKED_UP]
            attempts = {name: match[1] for name in some if (match := NAME.fullmatch(name))}
            about = listing.recorded(self._reader, [*attempts.values()])
            for name in some:
                yield name, about.get(attempts.get(name, ""))

    @staticmethod
    def _fits(about: Recorded | None, of: RecordingFilters, customer: str | None, mine: Reach) -> bool:
        if about is None:
            return mine.everything and not (customer or of.agent or of.group or of.task)
        if not (mine.has_group(about.group) or (about.agent is not None and mine.has_agent(about.agent))):
            return False
        return all(wanted is None or wanted == there for wanted, there in (
            (customer, about.customer), (of.agent, about.agent), (of.group, about.group), (of.task, about.task)))

    def _tell(self, name: str, about: Recorded | None) -> Recording | None:
        try:
            file = (self._folder / name).stat()
        except OSError:
            return None  # it was too old meanwhile
        return {"name": name, "time": file.st_mtime if about is None else about.claimed_at, "bytes": file.st_size,
                "customer": None if about is None else about.customer, "agent": None if about is None else about.agent,
                "task": None if about is None else about.task, "talk": None if about is None else about.talk_s}
