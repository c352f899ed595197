"""The messages of a call as people read them: who sent what to whom, out of memory while it is there, else from disk.

What belongs to attempts and places is put on disk when these end: a file for each call, in a folder for each day (UTC),
below `messages/` in the data folder. A line of it is one message as JSON, so that `zcat` shows it. What a digest proves
(`response="..."`) is blotted out wherever messages leave the memory.
"""

import contextlib
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from proxy.daemon.message_ring import MessageRing, Seen, find
from proxy.daemon.tracing import title_of
from proxy.sip.hop import Listener
from routing.ids import time7
from routing.rows import CallRow

DAY: Final = 86_400.0
MOST: Final = 2_000
"""Messages of one look at the most, the first ones."""
_DAY_NAME: Final = "%Y-%m-%d"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET: Final = re.compile(rb'(?i)(?<=\bresponse=")[0-9a-f]+')

Kept = Literal["memory", "disk", "nowhere"]


class Passed(NamedTuple):
    """One message of a call."""

    time: float
    """Seconds since the epoch."""
    call: str
    """Our name of its call."""
    source: str
    """A trunk, a PBX, this node, or an address."""
    destination: str
    line: str
    """What its arrow says."""
    transport: str
    source_address: str
    """`host:port`, IPv6 in brackets; of our own end that of the listener."""
    destination_address: str
    data: bytes


class Found(NamedTuple):
    """What is known of the messages of some calls."""

    messages: list[Passed]
    """In the order in which they passed."""
    kept: Kept
    since: float | None
    """How far back the memory goes; None: nothing is kept there."""


class MessageBook:
    """Names and finds messages, and keeps those of some calls on disk. Any thread, but for `look`."""

    def __init__(self, ring: MessageRing | None, folder: Path, node: str, name_of: Callable[[str, str, int], str],
                 listeners: Sequence[Listener]) -> None:
        """`ring`: None where messages are not kept. `name_of(transport, host, port)`: the peer at an address."""
        self._ring, self._folder, self._node, self._name_of = ring, folder, node, name_of
        self._own: dict[tuple[str, bool], str] = {}
        for one in listeners:
            host = one.host if one.host.strip("[]").strip("0.:") else one.bound_host
            v6 = ":" in one.bound_host
            self._own.setdefault((one.transport, v6), _address(host.strip("[]"), one.port))

    def look(self, calls: Sequence[CallRow]) -> Callable[[], Found]:
        """Return what finds the messages of some calls, for another thread. In the proxy's thread."""
        ring = self._ring
        kept = [] if ring is None or not calls else ring.copy()
        since = None if ring is None else ring.since

        def search() -> Found:
            found = self._in(kept, calls)
            if found:
                return Found(found, "memory", since)
            read = [message for call in calls for message in self._read(call)]
            return Found(sorted(read, key=lambda one: one.time)[:MOST], "disk" if read else "nowhere", since)

        return search

    def _in(self, kept: Sequence[Any], calls: Sequence[CallRow]) -> list[Passed]:
        names = {call.sip_call_id.encode("utf-8", "surrogateescape"): call.id for call in calls}
        if not kept or not names:
            return []
        begin = min(call.started_at for call in calls) - 1.0
        return [self._named(one, names[one.call_id]) for one in find(kept, names.keys(), begin)[:MOST]]

    def _named(self, one: Seen, call: str) -> Passed:
        far, far_address = self._name_of(one.transport, one.host, one.port), _address(one.host, one.port)
        own = self._own.get((one.transport, ":" in one.host)) or ("[::1]:5060" if ":" in one.host else "127.0.0.1:5060")
        ends = (far, self._node, far_address, own) if one.came else (self._node, far, own, far_address)
        data = _SECRET.sub(lambda match: b"x" * len(match[0]), one.data)
        return Passed(one.time, call, ends[0], ends[1], title_of(one.data), one.transport, ends[2], ends[3], data)

    # -- on disk

    def save(self, calls: Sequence[CallRow]) -> Callable[[], int]:
        """Return what puts the messages of some calls on disk, for another thread, and says of how many calls."""
        kept = [] if self._ring is None or not calls else self._ring.copy()

        def write() -> int:
            found = self._in(kept, calls)
            by_call: dict[str, list[Passed]] = {}
            for one in found:
                by_call.setdefault(one.call, []).append(one)
            for call in calls:
                if call.id in by_call:
                    self._write(self._path(call), by_call[call.id])
            return len(by_call)

        return write

    def _path(self, call: CallRow) -> Path:
        return self._folder / _day(time7(call.id)) / f"{call.id}.jsonl.gz"

    def _write(self, path: Path, messages: Collection[Passed]) -> None:
        for folder in (self._folder, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        aside = path.with_suffix(".part")
        with gzip.open(aside, "wt", encoding="ascii") as file:
            for one in messages:
                file.write(json.dumps(one._replace(data=b"")._asdict() | {
                    "data": one.data.decode("utf-8", "surrogateescape")}) + "\n")
        os.replace(aside, path)

    def _read(self, call: CallRow) -> Iterator[Passed]:
        if not _ID.fullmatch(call.id):
            return
        try:
            with gzip.open(self._path(call), "rt", encoding="ascii") as file:
                for line in file:
                    said = json.loads(line)
                    yield Passed(**{**said, "data": said["data"].encode("utf-8", "surrogateescape")})
        except FileNotFoundError:
            return
        except (OSError, EOFError, ValueError, TypeError, KeyError):
            return  # a file that was cut off, or that somebody else has written

    def prune(self, before: float) -> None:
        """Remove the days that ended before a moment, seconds since the epoch. Any thread."""
        with contextlib.suppress(FileNotFoundError):
            for day in sorted(self._folder.iterdir()):
                try:
                    ended = datetime.strptime(day.name, _DAY_NAME).replace(tzinfo=UTC) + timedelta(days=1)
                except ValueError:
                    continue
                if ended.timestamp() < before:
                    shutil.rmtree(day, ignore_errors=True)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(_DAY_NAME)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
