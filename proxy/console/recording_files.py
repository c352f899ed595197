"""Recordings as a list: files of the data folder, with what the database says of their attempts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from config.places import RECORDINGS
from proxy.console.filters import RecordingFilters
from proxy.console.list_plans import Now
from proxy.recording_names import attempt_of, names_in
from proxy.verbs.shapes.recordings import Recording
from proxy.verbs.shapes.theirs import Reach
from proxy.verbs.shapes.verb import In, Role
from routing.store import listing
from routing.store.listing import ListReader, Recorded, Value

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
        names = [name for name in sorted(names_in(self._folder), reverse=descending)
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

    def _with_attempts(self, names: Sequence[str]) -> Iterator[tuple[str, Recorded | None]]:
        for start in range(0, len(names), LOOKED_UP):
            some = names[start:start + LOOKED_UP]
            attempts = {name: attempt for name in some if (attempt := attempt_of(name)) is not None}
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
