"""What an operator and the API may ask about recordings; the shapes stand in `proxy.control`."""

import asyncio
import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from proxy.control import ControlError, Handler
from proxy.daemon.arguments import UnknownError, limit_of, look_up, number_of, whole, word
from routing.store.reader import Reader

NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9A-Za-z]+-[0-9A-Za-z]+\.wav")
"""A name that `proxy.callbacks.talk.recording_name` gives: when it began, and the attempt."""
LONGEST_NAME: Final = 255
LARGEST: Final = 1 << 40
"""Bytes of a recording, at the most."""
CHUNK: Final = 1 << 18
"""Bytes of a recording that one answer holds at the most."""


class RecordingVerbs:
    """Handlers of `recordings.*`. The folder is read in another thread."""

    def __init__(self, folder: Path, reader: Reader, region: Callable[[], str]) -> None:
        """`region`: in which numbers without + are read."""
        self._folder, self._reader, self._region = folder, reader, region

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"recordings.list": self.recordings, "recordings.get": self.recording}

    async def recordings(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Recordings that are whole, the newest first."""
        customer = number_of(args, "customer", self._region()) if args.get("customer") else None
        limit = limit_of(args)
        return await look_up(lambda: self._list(limit, customer))

    def _list(self, limit: int, customer: str | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
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

    async def recording(self, args: dict[str, Any]) -> dict[str, Any]:
        """Give a part of a recording, from `offset` on, in base64; `next` is where the next one begins."""
        name, offset = word(args, "name", LONGEST_NAME) or "", whole(args, "offset", 0, LARGEST) or 0
        return await asyncio.to_thread(self._part, name, offset)

    def _part(self, name: str, offset: int) -> dict[str, Any]:
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
