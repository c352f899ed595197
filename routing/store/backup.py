"""One file that holds everything: made beside a daemon that runs, and put back where none does.

A backup is a SQLite database without companions: it can be read from a disk that cannot be written. What is put back is
as old as the backup, but for what would harm people: who asked not to be called, and whose callback has ended, since
then, stays so as far as the database that is replaced can be read.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from routing.store import schema
from routing.store.salvage import COMPANIONS, MAGIC, connect, sync

HELD: Final = "restored"
"""Reason of a task that is held because it came from a backup."""


class BackupError(Exception):
    """It cannot be done; the text is for whoever asked for it."""


def make(database: Path, file: Path, replace: bool = False) -> dict[str, int]:
    """Copy a database, which may be in use, into one file; return how many rows of each table are in it.

    The file is its user's only, and on disk when this returns. `replace`: one that is there gives way, at the last
    moment, where it is empty or a SQLite database too. Raises BackupError, and then nothing is there that was not.
    """
    if not database.exists():
        raise BackupError(f"there is no database {database}")
    with _told(file):
        if file.parent.resolve() / file.name in _own_files(database):
            raise BackupError(f"{file} belongs to the database itself: name a file elsewhere")
        if file.exists() and (not file.is_file() or file.samefile(database) or not _may_give_way(file)):
            raise BackupError(f"{file} is there already, and is no backup")
    if file.exists() and not replace:
        raise BackupError(f"{file} is there already: --force replaces it")
    part = file.with_name(f".{file.name}.part")
    with _told(file), _made(part):
        with _told(database), contextlib.closing(connect(database, "ro")) as source:
            _copy(source, part)
        rows = _look_into(part, database)
        if replace:
            part.replace(file)
        else:
            _name_first(part, file)
        sync(file.parent)
    return rows


def _own_files(database: Path) -> list[Path]:
    """Give the names that SQLite knows a database and its companions by."""
    whole = database.resolve()
    return [Path(f"{whole}{ending}") for ending in ("", "-journal", *COMPANIONS)]


def _may_give_way(file: Path) -> bool:
    with file.open("rb") as raw:
        return raw.read(len(MAGIC)) in (b"", MAGIC)


def check(file: Path) -> dict[str, int]:
    """Look whether a file is a backup that can be put back, whole and not of a later version; return its rows.

    Raises BackupError.
    """
    with _told(file):
        with file.open("rb") as raw:
            if raw.read(len(MAGIC)) != MAGIC:
                raise BackupError(f"{file} is no backup: it is no SQLite database")
        return _look_into(file, file)


def later(database: Path) -> str | None:
    """Say in a sentence that a database is of a later version; None: it is not, or that cannot be read."""
    try:
        with contextlib.closing(connect(database, "ro")) as found:
            schema.refuse_later(found)
    except schema.LaterVersionError as error:
        return f"{database}: {error}"
    except sqlite3.Error:
        return None
    return None


class Restored(NamedTuple):
    """What was put back."""

    rows: dict[str, int]
    aside: Path | None
    """Where the database that was there is now."""
    open_tasks: int
    """Callbacks that will be tried, or are held where that was asked for."""
    do_not_call: int
    """Numbers that were not on the do-not-call list of the backup, and are on that of the database before."""
    ended: int
    """Callbacks that were open when the backup was made, and have ended since."""
    forgotten: int
    """Callbacks that were promised since, and are open in the database before."""
    unread: str | None
    """Why nothing could be learnt from the database that was there; None: it could be read, or there was none."""


def restore(file: Path, database: Path, now: float, hold: bool = False) -> Restored:
    """Put a backup in the place of a database that nobody has open: its folder is locked by whoever calls this.

    `now`: seconds since the epoch. `hold`: callbacks that are open are held until an operator resumes them. Raises
    BackupError, and then all is as it was.
    """
    check(file)
    fresh = Path(f"{database}.restored")
    with _told(database), _made(fresh):
        with contextlib.closing(_readable(file)) as source:
            _copy(source, fresh)
        with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as new:
            schema.migrate(new)
            schema.mend(new)
            learnt = _learn(new, database, now)
            new.execute(schema.FORGET_MARK)  # where nodes share, all that happened since is copied anew
            if hold:
                new.execute("UPDATE tasks SET state='held', reason=? WHERE state='open'", (HELD,))
            new.execute(f"PRAGMA user_version={int(now) % 2**31}")  # whoever remembers the one before counts anew
            (open_tasks,) = new.execute("SELECT count(*) FROM tasks WHERE state IN ('open', 'held')").fetchone()
        rows = _look_into(fresh, fresh)
        _give(fresh, database.parent)
        aside = _put_aside(database, now)
        fresh.replace(database)
        sync(database.parent)
    return Restored(rows, aside, open_tasks, *learnt)


_CLOSE_CALLS: Final = (
    "UPDATE calls SET ended_at=min(:now, coalesce(answered_at, started_at)), ended_by='lost', "
    "cause=CASE WHEN answered_at IS NULL THEN 408 ELSE 200 END WHERE ended_at IS NULL"
)
"""Calls that were in progress when the backup was made engage nobody now."""


class _Learnt(NamedTuple):
    """The last fields of `Restored`."""

    do_not_call: int
    ended: int
    forgotten: int
    unread: str | None


def _learn(new: sqlite3.Connection, database: Path, now: float) -> _Learnt:
    """Take over from the database that is replaced what would harm people if it were forgotten."""
    unread = None
    if database.exists():
        try:
            with contextlib.closing(connect(database, "rw")) as old:  # what a crash left in its log goes into the file
                old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            new.execute("ATTACH ? AS was", (str(database),))
            new.execute("BEGIN")
            learnt = _learn_from(new, now)
            new.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            unread = str(error)
            if new.in_transaction:
                new.execute("ROLLBACK")
        else:
            new.execute("DETACH was")
            return learnt
        with contextlib.suppress(sqlite3.Error):
            new.execute("DETACH was")
    new.execute(_CLOSE_CALLS, {"now": now})
    return _Learnt(0, 0, 0, unread)


_SAME_LINE: Final = (
    "EXISTS (SELECT 1 FROM main._sqlite_migrations AS a JOIN was._sqlite_migrations AS b USING (name, applied_at))"
)
"""Whether the backup was made of the database that is replaced: then an event that is gone there was published."""
_STILL: Final = "id IN (SELECT id FROM main.tasks WHERE ended_at IS NULL)"


_AS_THEY_ARE: Final = ("users", "tokens", "to_share", "sharing")
"""Stay so: nobody who was locked out since gets in by a backup; what waits for other nodes is still to be told."""


def _learn_from(new: sqlite3.Connection, now: float) -> _Learnt:
    """Take over rows of the schema `was`, of which those of the backup are earlier states."""
    do_not_call = new.execute("INSERT OR IGNORE INTO main.do_not_call (customer, added_at, reason) "
                              "SELECT customer, added_at, reason FROM was.do_not_call").rowcount
    (ended,) = new.execute(f"SELECT count(*) FROM was.tasks WHERE {_STILL} AND ended_at IS NOT NULL").fetchone()
    (forgotten,) = new.execute("SELECT count(*) FROM was.tasks WHERE ended_at IS NULL "
                               "AND id NOT IN (SELECT id FROM main.tasks)").fetchone()
    of_them = "task IN (SELECT id FROM main.tasks WHERE ended_at IS NULL)"
    _take_over(new, "attempts", of_them)
    _take_over(new, "journal", of_them)
    _take_over(new, "tasks", _STILL)
    _take_over(new, "calls", "id IN (SELECT id FROM main.calls WHERE ended_at IS NULL)")
    new.execute(f"{_CLOSE_CALLS} AND id NOT IN (SELECT id FROM was.calls)", {"now": now})
    new.execute(f"DELETE FROM main.outbox WHERE {_SAME_LINE} AND id NOT IN (SELECT id FROM was.outbox)")
    new.execute("UPDATE main.ticket_numbers SET last=max(last, coalesce((SELECT max(last) FROM was.ticket_numbers), "
                "0), coalesce((SELECT max(number) FROM was.tickets), 0))")
    for table in _AS_THEY_ARE:
        if new.execute("SELECT 1 FROM was.sqlite_schema WHERE type='table' AND name=?", (table,)).fetchone():
            new.execute(f"DELETE FROM main.{table}")
            new.execute(f"INSERT INTO main.{table} SELECT * FROM was.{table}")
    for name, last in new.execute("SELECT name, seq FROM was.sqlite_sequence").fetchall():
        schema.raise_sequence(new, name, last)
    return _Learnt(do_not_call, ended, forgotten, None)


def _take_over(new: sqlite3.Connection, table: str, which: str) -> int:
    """Replace rows by what they are in the other database; return how many."""
    there = {row[1] for row in new.execute(f'PRAGMA was.table_info("{table}")')}
    names = [row[1] for row in new.execute(f'PRAGMA main.table_info("{table}")') if row[1] in there]
    columns = ", ".join(f'"{name}"' for name in names)
    return new.execute(f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM was.{table} "
                       f"WHERE {which}").rowcount


def _put_aside(database: Path, now: float) -> Path | None:
    """Keep the database that is there under another name, beside its place, so that there is always one in it."""
    if not database.exists():
        return None
    aside = Path(f"{database}.before-restore-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S.%fZ}")
    for companion in COMPANIONS:  # first: a log left behind would be replayed into what comes
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{database}{companion}", f"{aside}{companion}")
    try:
        os.link(database, aside)
    except OSError:
        database.rename(aside)
    return aside


def _give(path: Path, folder: Path) -> None:
    """Let whoever the folder belongs to have a file that root has made there."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what goes wrong into a sentence that names a file."""
    try:
        yield
    except schema.LaterVersionError as error:
        raise BackupError(f"{path}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """Make an empty file for its user only, which is gone afterwards unless it has got another name."""
    _remove(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):
            _remove(path)


def _remove(path: Path) -> None:
    for ending in ("", "-journal", *COMPANIONS):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _copy(source: sqlite3.Connection, file: Path) -> None:
    """Copy a database page by page, as it is at one moment, into one without companions."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
    sync(file)


def _readable(file: Path) -> sqlite3.Connection:
    """Open a database read only, on a disk that cannot be written too."""
    found = connect(file, "ro")
    try:
        found.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        found.close()
        if Path(f"{file}-wal").exists():
            raise
        return sqlite3.connect(f"file:{quote(str(file))}?immutable=1", uri=True, isolation_level=None)
    return found


def _look_into(file: Path, named: Path) -> dict[str, int]:
    """Check a database whole, and count its rows. BackupError where it is broken, or none of ours; `named` in it."""
    with contextlib.closing(_readable(file)) as found:
        (said,) = found.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise BackupError(f"{named} is broken: {' '.join(said.split())}")
        if not schema.applied_steps(found):
            raise BackupError(f"{named} is no database of Boomerang")
        schema.refuse_later(found)
        there = {row[0] for row in found.execute("SELECT name FROM sqlite_schema WHERE type='table'")}
        return {table: found.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
                for table in schema.tables() if table in there}


def _name_first(part: Path, file: Path) -> None:
    """Give a file its name, which nobody else has taken meanwhile."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise BackupError(f"{file} is there already: --force replaces it") from None
    except OSError:  # a file system without links
        part.rename(file)
