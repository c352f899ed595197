"""Rows read from the pages of a database, page by page and without SQLite, which stops at the first bad one.

What is here stands in https://www.sqlite.org/fileformat2.html, in its names. A page of the write-ahead log stands for
the one in the file. A page that is not what its parent says, and a cell that does not fit, are passed by. Where a page
that leads to others is bad, those are found as pages that no tree comes to, and their rows by their values.
"""

import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

TABLE_INTERIOR, TABLE_LEAF = 0x05, 0x0D
INDEX_INTERIOR, INDEX_LEAF = 0x02, 0x0A
_LEFT: Final = {TABLE_INTERIOR: TABLE_LEAF, INDEX_INTERIOR: INDEX_LEAF}
HEAD: Final = 100
"""Octets of the file's header, on its first page."""
DEPTH: Final = 20
"""Levels that a tree has at the most."""
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Octets of an integer, by its serial type."""


LIKELY_SIZE: Final = 4096
"""Octets of a page where the header cannot be read: what SQLite takes by default."""
OLDEST: Final = 1e8
"""Seconds since the epoch (1973): what is less is no moment, but a number of something else."""
_LOG_MAGIC: Final = 0x377F0682
_LOG_HEAD, _FRAME_HEAD = 32, 24
_WORD: Final = 0xFFFFFFFF
_CUSTOMER: Final = re.compile(r"\+[0-9]{6,17}")


class BadPageError(Exception):
    """A page or a cell that is none."""


class Layout(NamedTuple):
    """How the rows of a table lie in its tree."""

    columns: tuple[str, ...]
    """In the order of a record."""
    rowid: str | None
    """The column that is the rowid, if there is one."""
    by_key: bool
    """WITHOUT ROWID: the tree is an index."""
    kinds: dict[str, str]
    """Declared type of each column."""
    needed: frozenset[str]
    """Columns that are not NULL."""
    defaults: dict[str, Any]
    """Columns that were added later, and what rows from before have in them. Those after the first of them, too."""

    def full(self, values: list[Any]) -> list[Any]:
        """Return a record with what it lacks because columns were added after it was written."""
        missing = self.columns[len(values):]
        return [*values, *(self.defaults[column] for column in missing)] \
            if missing and all(column in self.defaults for column in missing) else values

    def fits(self, rowid: int | None, values: list[Any]) -> bool:
        """Whether a record may be a row of this table, and not one of something else."""
        if len(values) != len(self.columns) or (rowid is None) != self.by_key:
            return False
        return all(self._fits(column, value) for column, value in zip(self.columns, values, strict=True))

    def _fits(self, column: str, value: Any) -> bool:
        if value is None:
            return column == self.rowid or column not in self.needed
        if column == "customer" and not (isinstance(value, str) and _CUSTOMER.fullmatch(value)):
            return False
        if column.endswith("_at") and not (isinstance(value, int | float) and value >= OLDEST):
            return False
        return isinstance(value, str if self.kinds[column] == "TEXT" else int if self.kinds[column] == "INTEGER"
                          else int | float)


def layout(info: Sequence[Sequence[Any]], sql: str) -> Layout:
    """Read a layout out of `PRAGMA table_info` and the statement that made the table."""
    columns = [str(row[1]) for row in info]
    keys = [str(row[1]) for row in sorted(info, key=lambda row: int(row[5])) if row[5]]
    kinds = {str(row[1]): {"FLOAT": "REAL"}.get(str(row[2]).upper(), str(row[2]).upper()) for row in info}
    needed = frozenset({str(row[1]) for row in info if row[3]} | set(keys))
    if sql.upper().rstrip(" ;\n").endswith("WITHOUT ROWID"):
        order = (*keys, *(column for column in columns if column not in keys))
        return Layout(order, None, True, kinds, needed, _defaults(info))
    rowid = keys[0] if len(keys) == 1 and kinds[keys[0]] == "INTEGER" else None
    return Layout(tuple(columns), rowid, False, kinds, needed, _defaults(info))


def _defaults(info: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Read the columns that were added later: they are the last ones, and the first of them has a default."""
    found: dict[str, Any] = {}
    for row in info:
        if row[4] is not None:
            found[str(row[1])] = int(row[4]) if str(row[2]).upper() == "INTEGER" else str(row[4]).strip("'")
        elif found:
            found[str(row[1])] = None
    return found


class Pages:
    """A file and its log, read only. Raises OSError on opening."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._log: int | None = None
        self._logged: dict[int, int] = {}
        self._reached: set[int] | None = None
        self._size = self._usable = LIKELY_SIZE
        try:
            log = Path(f"{path}-wal")
            if log.exists():
                self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
                self._read_log(self._log)
            self._read_head()
        except BaseException:
            self.close()
            raise

    def _read_head(self) -> None:
        try:
            head = self._page(1)[:HEAD]
        except (OSError, BadPageError):
            return
        size = struct.unpack_from(">H", head, 16)[0]
        size = 65_536 if size == 1 else size
        if head.startswith(b"SQLite format 3") and size >= 512 and not size & (size - 1) and size - head[20] >= 480:
            self._size, self._usable = size, size - head[20]

    def _read_log(self, log: int) -> None:
        """Find the last committed version of each page that is in the log."""
        head = os.pread(log, _LOG_HEAD, 0)
        if len(head) < _LOG_HEAD:
            return
        magic, _, size, _, *rest = struct.unpack(">8I", head)
        order = ">" if magic & 1 else "<"
        sums = _checksum(head[:24], order, (0, 0))
        if magic & ~1 != _LOG_MAGIC or sums != tuple(rest[2:]) or size < 512:
            return
        self._size = self._usable = size
        place, open_frames = _LOG_HEAD, dict[int, int]()
        while True:
            frame = os.pread(log, _FRAME_HEAD + size, place)
            if len(frame) < _FRAME_HEAD + size:
                return
            number, committed, *salts_and_sums = struct.unpack(">6I", frame[:_FRAME_HEAD])
            sums = _checksum(frame[_FRAME_HEAD:], order, _checksum(frame[:8], order, sums))
            if salts_and_sums != [*rest[:2], *sums]:
                return
            open_frames[number] = place + _FRAME_HEAD
            if committed:
                self._logged |= open_frames
                open_frames = {}
            place += _FRAME_HEAD + size

    def close(self) -> None:
        """Give the files back."""
        os.close(self._descriptor)
        if self._log is not None:
            os.close(self._log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def rows(self, root: int, how: Layout) -> Iterator[dict[str, Any]]:
        """Yield every row that can be read of the tree that begins at page `root`; by name, without those that are
        NULL because they were added later.
        """
        for rowid, values in self._walk(root, how.by_key, set(), DEPTH):
            if len(values) <= len(how.columns):
                yield _named(how, rowid, how.full(values))

    def orphans(self, roots: Iterable[int], how: Layout) -> Iterator[dict[str, Any]]:
        """Yield what may be rows of a table among the pages that no tree comes to. `roots`: of all trees."""
        if self._reached is None:
            self._reached = set()
            for root in roots:
                self._reach(root, self._reached, DEPTH)
        for number in range(1, self._count() + 1):
            if number not in self._reached:
                for rowid, values in self._cells(number, how.by_key):
                    full = how.full(values)
                    if how.fits(rowid, full):
                        yield _named(how, rowid, full)

    def _count(self) -> int:
        return max([os.fstat(self._descriptor).st_size // self._size, *self._logged])

    def _reach(self, number: int, reached: set[int], depth: int) -> None:
        if number in reached or not depth:
            return
        try:
            kind, begin, page, places = self._node(number)
        except (OSError, BadPageError, struct.error, IndexError):
            return
        reached.add(number)
        if kind in _LEFT:
            for place in (*places, begin + 8):
                if place + 4 <= len(page):
                    self._reach(struct.unpack_from(">I", page, place)[0], reached, depth - 1)

    def _cells(self, number: int, by_key: bool) -> Iterator[tuple[int | None, list[Any]]]:
        """Yield what can be read of one page, whatever it belongs to."""
        try:
            kind, _, page, places = self._node(number)
        except (OSError, BadPageError, struct.error, IndexError):
            return
        if kind not in ((INDEX_INTERIOR, INDEX_LEAF) if by_key else (TABLE_LEAF,)):
            return
        for place in places:
            try:
                yield self._cell(page, place + (4 if kind == INDEX_INTERIOR else 0), by_key)
            except (OSError, BadPageError, struct.error, IndexError, UnicodeDecodeError):
                continue

    def _node(self, number: int) -> tuple[int, int, bytes, tuple[int, ...]]:
        """Read a page of a tree: its kind, where its header is, itself, and where its cells are."""
        page = self._page(number)
        begin = HEAD if number == 1 else 0
        kind = page[begin]
        if kind not in (TABLE_INTERIOR, TABLE_LEAF, INDEX_INTERIOR, INDEX_LEAF):
            raise BadPageError(f"page {number} is of no tree")
        count = struct.unpack_from(">H", page, begin + 3)[0]
        return kind, begin, page, struct.unpack_from(f">{count}H", page, begin + (12 if kind in _LEFT else 8))

    def _walk(self, number: int, by_key: bool, seen: set[int], depth: int) -> Iterator[tuple[int | None, list[Any]]]:
        if number in seen or not depth:
            return
        seen.add(number)
        try:
            kind, begin, page, places = self._node(number)
        except (OSError, BadPageError, struct.error, IndexError):
            return
        if kind not in ((INDEX_INTERIOR, INDEX_LEAF) if by_key else (TABLE_INTERIOR, TABLE_LEAF)):
            return
        inner = kind in _LEFT
        for place in places:
            if inner and place + 4 <= len(page):
                yield from self._walk(struct.unpack_from(">I", page, place)[0], by_key, seen, depth - 1)
            if kind != TABLE_INTERIOR:
                try:
                    yield self._cell(page, place + (4 if inner else 0), by_key)
                except (OSError, BadPageError, struct.error, IndexError, UnicodeDecodeError):
                    continue
        if inner:
            yield from self._walk(struct.unpack_from(">I", page, begin + 8)[0], by_key, seen, depth - 1)

    def _page(self, number: int) -> bytes:
        if number in self._logged and self._log is not None:
            page = os.pread(self._log, self._size, self._logged[number])
        else:
            page = os.pread(self._descriptor, self._size, (number - 1) * self._size) if number > 0 else b""
        if len(page) != self._size:
            raise BadPageError(f"page {number} is not in the file")
        return page

    def _cell(self, page: bytes, place: int, by_key: bool) -> tuple[int | None, list[Any]]:
        """Read a cell: its rowid, and its record."""
        size, place = _varint(page, place)
        rowid = None
        if not by_key:
            rowid, place = _varint(page, place)
        usable = self._usable
        most = ((usable - 12) * 64 // 255) - 23 if by_key else usable - 35
        if size > most:
            least = ((usable - 12) * 32 // 255) - 23
            here = least + (size - least) % (usable - 4)
            here = here if here <= most else least
        else:
            here = size
        if place + here > usable:
            raise BadPageError("a cell that leaves its page")
        payload = page[place : place + here]
        if here < size:
            payload += self._overflow(struct.unpack_from(">I", page, place + here)[0], size - here)
        return rowid, _record(payload)

    def _overflow(self, number: int, size: int) -> bytes:
        found = bytearray()
        room = self._usable - 4
        while len(found) < size:
            page = self._page(number)
            found += page[4 : 4 + min(room, size - len(found))]
            number = struct.unpack_from(">I", page)[0]
        return bytes(found)


def _named(how: Layout, rowid: int | None, values: list[Any]) -> dict[str, Any]:
    row = dict(zip(how.columns, values, strict=False))
    if how.rowid is not None:
        row[how.rowid] = rowid
    return row


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """Go on with the checksum of a log over some octets, a multiple of eight of them."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & _WORD
        second = (second + two + first) & _WORD
    return first, second


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Read a number of one to nine octets; return it and the place after it."""
    value = 0
    for length in range(8):
        octet = data[place + length]
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            return value, place + length + 1
    value = value << 8 | data[place + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, place + 9


def _record(payload: bytes) -> list[Any]:
    head, place = _varint(payload, 0)
    body = head
    values = []
    while place < head:
        kind, place = _varint(payload, place)
        value, size = _value(payload, body, kind)
        values.append(value)
        body += size
    if place != head or body != len(payload):
        raise BadPageError("a record that does not fit its cell")
    return values


def _value(payload: bytes, place: int, kind: int) -> tuple[Any, int]:
    """Read one value by its serial type; return it and how many octets it has."""
    if kind == 0:
        return None, 0
    if kind in _INTEGERS:
        size = _INTEGERS[kind]
        return int.from_bytes(payload[place : place + size], "big", signed=True), size
    if kind == 7:
        return struct.unpack_from(">d", payload, place)[0], 8
    if kind in (8, 9):
        return kind - 8, 0
    if kind < 12:
        raise BadPageError("a serial type that is none")
    size = (kind - 12) // 2
    data = payload[place : place + size]
    return (data.decode() if kind % 2 else data), size
