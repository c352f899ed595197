"""What may be asked about recordings."""

import asyncio
import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.control_client import ControlError
from proxy.verbs.handlers.reading import e164_or_none, look_up
from proxy.verbs.shapes import recordings as shapes
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.verb import Bound
from routing.store.reader import Reader

NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9A-Za-z]+-[0-9A-Za-z]+\.wav")
"""A name that `proxy.callbacks.conversation.recording_name` gives: when it began, and the attempt."""
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
        for name in sorted(self._names(), reverse=True):
            if len(found) >= limit:
                break
            match = NAME.fullmatch(name)
            of = None if match is None else self._reader.attempt(match[2])
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

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return [one.name for one in entries if one.name.endswith(".wav") and one.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ControlError(f"the recordings cannot be read: {error.strerror}") from None

    async def recording(self, args: shapes.GetRecording) -> shapes.Part:
        """Give a part of a recording, from `offset` on, in base64; `next_offset` is where the next one begins."""
        return await asyncio.to_thread(self._part, args.name, args.offset)

    def _part(self, name: str, offset: int) -> shapes.Part:
        if name not in self._names():  # so nothing that leads out of the folder
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
