"""What may be asked about recordings."""

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.control_client import ControlError
from proxy.recording_names import attempt_of, names_in
from proxy.verbs.handlers.reading import e164_or_none, look_up
from proxy.verbs.shapes import recordings as shapes
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.verb import Bound
from routing.store.reader import Reader

CHUNK: Final = 1 << 18
"""Bytes of a recording that one answer holds at the most."""


class RecordingAnswers:
    """Answers `recordings.*`. The folder is read in another thread."""

    def __init__(self, folder: Path, reader: Reader, region: Callable[[], str]) -> None:
        """`region`: in which numbers without + are read."""
        self._folder, self._reader, self._region = folder, reader, region

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.LIST.by(self.recordings), shapes.GET.by(self.recording)]

    async def recordings(self, args: shapes.ListRecordings) -> list[shapes.Recording]:
        """Recordings that are whole, the newest first."""
        customer = e164_or_none("customer", args.customer, self._region())
        return await look_up(lambda: self._list(args.limit, customer))

    def _list(self, limit: int, customer: str | None) -> list[shapes.Recording]:
        found: list[shapes.Recording] = []
        for name in sorted(names_in(self._folder), reverse=True):
            if len(found) >= limit:
                break
            attempt = attempt_of(name)
            of = None if attempt is None else self._reader.attempt(attempt)
            if customer is not None and (of is None or of.customer != customer):
                continue
            try:
                about = (self._folder / name).stat()
            except OSError:
                continue  # it was too old meanwhile
            found.append({
                "name": name, "time": of.claimed_at if of is not None else about.st_mtime, "bytes": about.st_size,
                "customer": None if of is None else of.customer, "agent": None if of is None else of.agent,
                "task": None if of is None else of.task, "talk": None if of is None else of.talk_s})
        return found

    async def recording(self, args: shapes.GetRecording) -> shapes.Part:
        """Give a part of a recording, from `offset` on, in base64; `next_offset` is where the next one begins."""
        return await asyncio.to_thread(self._part, args.name, args.offset)

    def _part(self, name: str, offset: int) -> shapes.Part:
        if name not in names_in(self._folder):  # so nothing that leads out of the folder
            raise UnknownError(f"there is no recording {name!r}")
        try:
            with (self._folder / name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(min(offset, size))
                data = file.read(CHUNK)
        except OSError as error:
            raise ControlError(f"{name} cannot be read: {error.strerror}") from None
        after = offset + len(data)
        return {"name": name, "bytes": size, "offset": offset, "data": base64.b64encode(data).decode(),
                "next_offset": after if after < size and data else None}
