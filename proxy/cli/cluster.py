"""`boomerang cluster`: what several nodes share."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy import render
from proxy.cli.asking import Config, Json, config_of, failure, told
from proxy.cli.asks import group
from proxy.folder import UMASK, FolderHeldError, FolderLock

if TYPE_CHECKING:
    from config.checks import SecretStr
    from routing.store.postgres.importing import Imported

app = group("What several nodes share.")

SHOWN = 10
"""Renumbered tickets that are told one by one; `--json` has all."""


@app.callback()
def options() -> None:
    """What several nodes share."""


@app.command("import")
def take_in(
    database: Annotated[str | None, typer.Option(
        "--database", metavar="WHERE", help="The PostgreSQL database, as env:NAME, file:PATH or postgresql://...; else "
                                            "cluster.database of boomerang.toml.")] = None,
    merge: Annotated[bool, typer.Option(
        "--merge", help="Add to what others have there; without, a database that is not empty is refused.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken, and change nothing.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Take what this node has in its file into the PostgreSQL database of all nodes. The daemon must be stopped.

    Whoever says it again takes nothing twice.
    """
    from config.places import DATABASE_NAME

    with told():
        from config.node import load_node

        settings = load_node(config_of(config), seeded=False)
    file = settings.node.data / DATABASE_NAME
    with _failing():
        from routing.store.postgres.connection import Address
        from routing.store.postgres.importing import ImportingError
        from routing.store.postgres.importing import take_in as import_file

        address = Address(_address(database, settings.cluster.database), f"boomerang {settings.node.name}")
        os.umask(UMASK)
        if not file.parent.is_dir():
            raise failure(f"there is no {file.parent}: nothing to take in")
        try:
            with FolderLock.take(file.parent):
                done = import_file(file, address, settings.node.name, time.time(), merge=merge, rehearse=dry_run)
        except ImportingError as error:
            raise failure(str(error)) from None
    if json:
        render.show_json({
            "file": str(file), "database": done.database, "dry_run": dry_run,
            "tables": {table: counts._asdict() for table, counts in done.tables.items()},
            "doubled": done.doubled, "touched_later": done.touched_later,
            "renumbered": {str(before): number for before, number in done.renumbered.items()},
            "policy_stays": done.policy_stays})
    else:
        _show(done, file, dry_run)


def _address(named: str | None, of_node: "SecretStr | None") -> str:
    """Return the address of the database that is meant: what was said, else what boomerang.toml says."""
    from config.secret import is_reference, read_secret

    if named is None:
        if of_node is None:
            raise ValueError("boomerang.toml has no cluster.database: name the database with --database")
        return of_node.get_secret_value()
    return read_secret(named, Path.cwd()) if is_reference(named) else named


def _show(done: "Imported", file: Path, dry_run: bool) -> None:
    render.show_line(f"{file} {'would be' if dry_run else 'is'} taken into {done.database}")
    for table, counts in done.tables.items():
        if counts.found:
            there = counts.found - counts.taken
            render.show_line(f"  {table:12} {counts.taken}" + (f" ({there} there already)" if there else ""))
    if done.doubled:
        render.show_line(f"{done.doubled} open callbacks of customers who have one of the same group there: that one "
                         "stands, with the missed calls of both, and these are cancelled")
    if done.touched_later:
        render.show_line(f"{done.touched_later} direct callbacks were touched later there, and stand as they are there")
    if done.policy_stays:
        render.show_line("the policy that is in force there stays, and this node's are left out: `boomerang policy "
                         "export` and `apply` bring another one")
    if done.renumbered:
        some = ", ".join(f"{before} is {number or 'a new one'}"
                         for before, number in list(done.renumbered.items())[:SHOWN])
        more = "" if len(done.renumbered) <= SHOWN else f" and {len(done.renumbered) - SHOWN} more (--json has all)"
        render.show_line(f"tickets whose number another one has there: {some}{more}; each says so in a comment")
    if not dry_run:
        render.show_line("start the node with cluster.database: it takes from there what the others have")


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise failure(f"PostgreSQL's driver is not installed ({error}): pip install 'boomerang[cluster]'") from None
    except FolderHeldError as error:
        raise failure(f"{error}: stop it first") from None
    except (ValueError, OSError) as error:
        raise failure(str(error)) from None
