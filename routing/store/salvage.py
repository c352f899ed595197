"""What is done with a database that seems to be broken: is it, and what can still be read of it.

- A disk that fails for seconds looks like a broken file: SQLite says "malformed" of a page that could not be read. So
  nothing is given up before the whole file was read and checked on a connection of its own.
- Of a broken one every table is copied into a new database, what would harm people if it were lost first. SQLite reads
  a table up to its first bad page, from both ends; what is between two of them is read from the pages (`pages.py`).
- A row that does not fit the tables as they are, or whose text is no text, is not believed.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from routing.store import schema
from routing.store.pages import Layout, Pages, layout

FIRST: Final = ("do_not_call", "policy", "tasks", "attempts", "legs", "journal", "tickets", "ticket_numbers",
                "comments", "deliveries", "direct", "users", "tokens", "audit", "sharing", "to_share")
"""Tables in the order of what their loss would do."""
LAST: Final = ("outbox", "calls")
"""What is only history comes after all others."""

COMPANIONS: Final = ("-wal", "-shm")
"""Files that SQLite keeps beside a database in WAL mode."""

CHUNK: Final = 1000
"""Rows that are written at a time."""
BLOCK: Final = 1 << 20
MAGIC: Final = b"SQLite format 3\0"
BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_UNREADABLE: Final = BROKEN | {sqlite3.SQLITE_IOERR}
_WAIT: Final = 1.0
"""Seconds to wait for a lock."""


DATABASE_ERRORS: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a broken file raises: also what should be text and is none, the text of an error among it."""


def code_of(error: Exception) -> int:
    """Return the primary result code of SQLite; 0 for other errors."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_broken(error: Exception) -> bool:
    """Whether the file itself seems to be no good."""
    return code_of(error) in BROKEN or is_garbled(error)


def is_garbled(error: Exception) -> bool:
    """Whether something that should be text was read and is none: no disk that fails for a moment gives that."""
    return isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8")


class Verdict(NamedTuple):
    """What a look at a database showed."""

    fault: str | None
    """What is wrong with the file; None: it is sound."""
    certain: bool = True
    """Whether a disk that fails for a moment cannot have looked like that."""


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database that is there. `mode`: `ro` or `rw`."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=_WAIT, isolation_level=None,
                           check_same_thread=False)


def examine(path: Path) -> Verdict:
    """Look at a database file on a fresh connection.

    Raises OSError where the disk does not let it be read, sqlite3.Error where it cannot be checked now: no verdict.
    """
    head = _read_through(path)
    if not head.startswith(MAGIC):
        return Verdict("the file is no database" if head else "the file is empty")
    try:
        with contextlib.closing(connect(path, "rw")) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except DATABASE_ERRORS as error:
        if not is_broken(error):
            raise
        found = str(error)
    return Verdict(None) if found == "ok" else Verdict(str(found).replace("\n", " "), certain=False)


def _read_through(path: Path) -> bytes:
    """Read all of a file, and return how it begins. Raises OSError where a part cannot be read."""
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        head = file.read(len(MAGIC))
        while file.read(BLOCK):
            pass
    return head


class Kept(NamedTuple):
    """What came out of one table."""

    table: str
    rows: int
    lost: int | None
    """Rows that did not; None: some, and nobody knows how many."""


def describe(found: Iterable[Kept]) -> str:
    """Say in words what was saved and what was not."""
    found = list(found)
    kept = ", ".join(f"{each.table} {each.rows}" for each in found if each.rows) or "nothing"
    lost = ", ".join(f"{each.table} {'an unknown number' if each.lost is None else each.lost}"
                     for each in found if each.lost != 0) or "nothing"
    return f"rows lost: {lost}; rows kept: {kept}"


def salvage(broken: Path, fresh: Path) -> list[Kept]:
    """Make a new database of what can be read of a broken one; it is on disk when this returns.

    Raises sqlite3.Error or OSError where the new one cannot be written, or the old one is locked; nothing is made then.
    """
    _remove(fresh)
    try:
        with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as new:
            new.execute("PRAGMA journal_mode=MEMORY")
            new.execute("PRAGMA synchronous=OFF")  # it is synced as a whole below
            with contextlib.closing(connect(broken, "rw")) as old:
                schema.migrate(new, like=_steps(old))
                new.execute("BEGIN")
                found = list(_copy_tables(old, new, broken))
                new.execute("COMMIT")
            schema.migrate(new)  # what later steps do to rows, too
            schema.mend(new)
        sync(fresh)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(fresh)
        raise
    return found


def _steps(old: sqlite3.Connection) -> list[str] | None:
    """Return the steps of the schema that a database has had; None: that cannot be read."""
    try:
        return schema.applied_steps(old)
    except DATABASE_ERRORS as error:
        _only_unreadable(error)
        return None


def sync(path: Path) -> None:
    """Have a file or folder outlive a loss of power. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _copy_tables(old: sqlite3.Connection, new: sqlite3.Connection, path: Path) -> Iterator[Kept]:
    old.text_factory = _text
    names = [name for name in schema.tables() if new.execute(f'PRAGMA table_info("{name}")').fetchall()]
    rest = [name for name in names if name not in FIRST and name not in LAST]
    with contextlib.ExitStack() as stack:
        pages = None
        with contextlib.suppress(OSError):
            pages = stack.enter_context(Pages(path))
        for name in (*(name for name in FIRST if name in names), *rest, *(name for name in LAST if name in names)):
            yield _Table(old, new, name, pages).copy()
    _copy_sequences(old, new)


class _NoTextError(Exception):
    """A value that should be text is none."""


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _NoTextError


def _copy_sequences(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """A number that was given once is not given again, though its row is gone."""
    try:
        rows = old.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    except DATABASE_ERRORS as error:
        _only_unreadable(error)
        return
    for name, last in rows:
        if name in schema.tables() and isinstance(last, int):
            schema.raise_sequence(new, name, last)


def _only_unreadable(error: sqlite3.DatabaseError | UnicodeDecodeError) -> None:
    """Take an error for what a broken file answers, or raise it. SQLITE_ERROR: there is no such table."""
    if not is_garbled(error) and code_of(error) not in (*_UNREADABLE, sqlite3.SQLITE_ERROR):
        raise error


class _Table:
    """One table on its way."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, name: str, pages: Pages | None) -> None:
        """`pages`: of `old`; None: they cannot be read at all."""
        self._old, self._new, self._name, self._pages = old, new, name, pages
        wanted = new.execute(f'PRAGMA table_info("{name}")').fetchall()
        try:
            there = {row[1] for row in old.execute(f'PRAGMA table_info("{name}")')}
        except DATABASE_ERRORS as error:
            _only_unreadable(error)
            there = set()
        columns = [row[1] for row in wanted if row[1] in there or not there]
        keys = [row[1] for row in sorted(wanted, key=lambda row: int(row[5])) if row[5]] or ["rowid"]
        self._names, self._known = columns, bool(there)
        self._there = bool(columns) and set(keys) <= {*columns, "rowid"}
        self._columns = ", ".join(f'"{column}"' for column in columns)
        self._keys = [f'"{key}"' if key != "rowid" else key for key in keys]
        self._put = f'INSERT OR IGNORE INTO "{name}" ({self._columns}) VALUES ({", ".join("?" * len(columns))})'
        self._rows = self._doubtful = 0

    def copy(self) -> Kept:
        """Copy what can be read."""
        if not self._there:
            return Kept(self._name, 0, None)
        (before,) = self._new.execute(f'SELECT count(*) FROM "{self._name}"').fetchone()
        if before:  # what the steps of the schema put there gives way to what was there
            self._new.execute(f'DELETE FROM "{self._name}"')
        whole = self._fill()
        (self._rows,) = self._new.execute(f'SELECT count(*) FROM "{self._name}"').fetchone()
        if whole and not self._doubtful:
            return Kept(self._name, self._rows, 0)
        expected = self._count()
        return Kept(self._name, self._rows, None if expected is None else max(expected - self._rows, 0))

    def _count(self) -> int | None:
        """Count the rows without reading them, where an index is whole."""
        try:
            indexes = self._old.execute("SELECT name FROM sqlite_schema WHERE type='index' AND tbl_name=? AND "
                                        "sql NOT LIKE '% WHERE %'", (self._name,)).fetchall()
        except DATABASE_ERRORS:
            return None
        for by in ("", *(f' INDEXED BY "{index}"' for (index,) in indexes)):
            with contextlib.suppress(*DATABASE_ERRORS):
                return int(self._old.execute(f'SELECT count(*) FROM "{self._name}"{by}').fetchone()[0])
        return None

    def _fill(self) -> bool:
        """Copy row after row, around what cannot be read; whether there was nothing of that."""
        if self._known and self._walk(""):
            return True
        if not (self._known and self._walk(" DESC")) and self._pages is not None:
            self._read_pages(self._pages)
        return False

    def _walk(self, order: str) -> bool:
        """Have SQLite read row after row until one cannot be read; whether all could."""
        by = ", ".join(f"{each}{order}" for each in self._keys)
        select = f'SELECT {self._keys[0]}, {self._columns} FROM "{self._name}" NOT INDEXED'
        last: Any = None
        chunk: list[tuple[Any, ...]] = []
        try:
            for row in self._old.execute(f"{select} ORDER BY {by}"):
                last = last if row[0] is _NoTextError else row[0]
                self._take(row[1:], chunk)
        except DATABASE_ERRORS as error:
            _only_unreadable(error)
            with contextlib.suppress(*DATABASE_ERRORS):  # the module steps ahead, and loses the row before the bad
                where = "" if last is None else f" WHERE {self._keys[0]} {'<' if order else '>'} ?"
                for row in self._old.execute(f"{select}{where} ORDER BY {by} LIMIT 1", () if last is None else (last,)):
                    self._take(row[1:], chunk)
            return False
        finally:
            self._write(chunk)
        return True

    def _read_pages(self, pages: Pages) -> None:
        """Copy what SQLite did not come to: from the pages of the table, then from those that nothing leads to."""
        roots, root = [1], None
        try:
            for name, page in self._old.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 1"):
                roots.append(page)
                root = page if name == self._name else root
        except DATABASE_ERRORS as error:
            _only_unreadable(error)
        chunk: list[tuple[Any, ...]] = []
        for row in () if root is None else pages.rows(root, self._layout(self._old)):
            self._take(tuple(row.get(column) for column in self._names), chunk)
        for row in pages.orphans(roots, self._layout(self._old if root is not None else self._new)):
            self._take(tuple(row.get(column) for column in self._names), chunk)
        self._write(chunk)

    def _layout(self, of: sqlite3.Connection) -> Layout:
        found = of.execute("SELECT sql FROM sqlite_schema WHERE type='table' AND name=?", (self._name,)).fetchone()
        if of is not self._new and (found is None or not isinstance(found[0], str)):
            return self._layout(self._new)
        return layout(of.execute(f'PRAGMA table_info("{self._name}")').fetchall(), found[0])

    def _take(self, row: tuple[Any, ...], chunk: list[tuple[Any, ...]]) -> None:
        if any(value is _NoTextError for value in row):
            self._doubtful += 1
            return
        chunk.append(row)
        if len(chunk) == CHUNK:
            self._write(chunk)

    def _write(self, chunk: list[tuple[Any, ...]]) -> None:
        rows = list(chunk)
        chunk.clear()
        self._new.executemany(self._put, rows)
