"""The messages of a call as people read them: who sent what to whom, out of memory, and from disk what is gone there.

What belongs to attempts and places is put on disk when these end: a file for each call, in a folder for each day (UTC),
below `messages/` in the data folder. A line of it is one message as JSON, so that `zcat` shows it. What proves who
somebody is (`response="..."` of a digest, other credentials) and the keys of encrypted talk (RFC 4568, `a=crypto`;
RFC 4567, `a=key-mgmt`; `k=`) are blotted out wherever messages leave the memory.
"""

import contextlib
import gzip
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
"""Messages of one call, and of one look, at the most, the first ones."""
_DAY_NAME: Final = "%Y-%m-%d"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET: Final = re.compile(
    rb'(\b(?:response|rspauth)[ \t\r\n]*=[ \t\r\n]*"?)([^",\r\n]+)'
    rb"|(^(?:proxy-)?authorization[ \t]*:[ \t\r\n]*(?:basic|bearer)[ \t\r\n]+)([^\r\n]+)"
    rb"|(\binline:[ \t]*)([^|;\r\n]+)"
    rb"|(^a=key-mgmt:[ \t]*[^ \t\r\n]+[ \t]+)([^\r\n]+)"
    rb"|(^k=(?:clear|base64|uri):)([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
"""Pairs of what stands before a secret, and the secret."""

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
            fresh = self._in(kept, calls)
            gone = [*_others((one for call in calls for one in self._read(call)), fresh)]
            messages = _in_order([*gone, *fresh]) if gone else fresh
            return Found(messages[:MOST], "disk" if gone else "memory" if fresh else "nowhere", since)

        return search

    def _in(self, kept: Sequence[Any], calls: Sequence[CallRow]) -> list[Passed]:
        names = {call.sip_call_id.encode("utf-8", "surrogateescape"): call.id for call in calls}
        if not kept or not names:
            return []
        begin = min(call.started_at for call in calls) - 1.0
        found: list[Passed] = []
        seen: Counter[bytes] = Counter()
        for one in find(kept, names.keys(), begin):
            seen[one.call_id] += 1
            if seen[one.call_id] <= MOST:
                found.append(self._named(one, names[one.call_id]))
        return found

    def _named(self, one: Seen, call: str) -> Passed:
        far, far_address = self._name_of(one.transport, one.host, one.port), _address(one.host, one.port)
        own = self._own.get((one.transport, ":" in one.host)) or ("[::1]:5060" if ":" in one.host else "127.0.0.1:5060")
        ends = (far, self._node, far_address, own) if one.came else (self._node, far, own, far_address)
        data = _SECRET.sub(_blotted, one.data)
        return Passed(one.time, call, ends[0], ends[1], title_of(one.data), one.transport, ends[2], ends[3], data)

    # -- on disk

    def save(self, calls: Sequence[CallRow]) -> Callable[[], int]:
        """Return what puts the messages of some calls on disk, for another thread, and says of how many calls.

        What a file has already stays in it: the memory may have let go the beginning of a call meanwhile.
        """
        kept = [] if self._ring is None or not calls else self._ring.copy()

        def write() -> int:
            by_call: dict[str, list[Passed]] = {}
            for one in self._in(kept, calls):
                by_call.setdefault(one.call, []).append(one)
            written = 0
            for call in calls:
                fresh = by_call.get(call.id, [])
                before = [*self._read(call)] if fresh else []
                if [*_others(fresh, before)]:
                    gone = [*_others(before, fresh)]
                    self._write(self._path(call), (_in_order([*gone, *fresh]) if gone else fresh)[:MOST])
                    written += 1
            return written

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


def _blotted(match: re.Match[bytes]) -> bytes:
    number = match.lastindex or 0
    return match[number - 1] + b"x" * len(match[number])


def _others(messages: Iterable[Passed], known: Iterable[Passed]) -> Iterator[Passed]:
    """Yield the messages that are not among those that are known; one sent twice in one moment is two."""
    left = Counter(map(_mark, known))
    for one in messages:
        if left[_mark(one)] > 0:
            left[_mark(one)] -= 1
        else:
            yield one


def _mark(one: Passed) -> tuple[float, str, str, bytes]:
    return one.time, one.source_address, one.destination_address, one.data


def _in_order(messages: Iterable[Passed]) -> list[Passed]:
    return sorted(messages, key=lambda one: one.time)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(_DAY_NAME)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
