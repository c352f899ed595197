"""`boomerang backup` and `restore`: on the files of the data folder, whether a daemon runs or not."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.control_socket import find_socket
from config.places import DATABASE_NAME
from proxy import render
from proxy.cli.asking import Config, Json, config_of, failure, told
from proxy.folder import UMASK, FolderHeldError, FolderLock, make


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to make.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a backup that is there.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Copy the database into FILE, while the daemon runs or not: one whole file, its user's only."""
    from routing.store import backup as backups

    with _failing():
        rows = backups.make(_database(config), file, force)
    if json:
        render.show_json({"file": str(file), "bytes": file.stat().st_size, "rows": rows})
        return
    held = ", ".join(f"{table} {count}" for table, count in rows.items() if count) or "no rows"
    render.show_line(f"{file}: {held}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `boomerang backup` made.")],
    hold: Annotated[bool, typer.Option("--hold", help="Hold every open callback until it is resumed.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Put FILE in the place of the database, which is kept beside it. The daemon must be stopped."""
    from routing.store import backup as backups

    database = _database(config)
    os.umask(UMASK)
    with _failing():
        backups.check(file)
        make(database.parent)
        with FolderLock.take(database.parent):
            done = backups.restore(file, database, time.time(), hold)
    if json:
        told = {**done._asdict(), "aside": None if done.aside is None else str(done.aside)}
        render.show_json({"barred" if name == "do_not_call" else name: value for name, value in told.items()})
        return
    render.show_line(f"{database} is {file} now" + ("" if done.aside is None else f"; what was there is {done.aside}"))
    if done.unread is not None:
        render.show_line(f"what was there could not be read ({done.unread}): numbers put on the do-not-call list since "
                         "the backup are not on it, and callbacks that ended since then are open")
    elif done.aside is not None:
        render.show_line(
            f"from what was there: {done.do_not_call} numbers never to be called, {done.ended} callbacks that have "
            f"ended; {done.forgotten} callbacks that were promised since the backup are left out")
    state = "held: `boomerang callbacks resume` lets one go" if hold else "open, and tried as soon as the daemon runs"
    if done.open_tasks:
        render.show_line(f"{done.open_tasks} callbacks are {state}")


def _database(config: Path | None) -> Path:
    with told():
        return find_socket(config_of(config)).parent / DATABASE_NAME


@contextmanager
def _failing() -> Iterator[None]:
    from routing.store.backup import BackupError

    try:
        yield
    except FolderHeldError as error:
        raise failure(f"{error}: stop it first") from None
    except (BackupError, OSError) as error:
        raise failure(str(error)) from None
