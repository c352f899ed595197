"""Leases of nodes that share a database, as it stands there."""

from collections.abc import Collection

from routing.duty import Beat, due_holder
from tests.kit.postgres import Postgres
from tests.kit.waiting import eventually


def holder_of(postgres: Postgres, lease: str) -> str:
    """Return who has a lease; an empty text: nobody."""
    found = postgres.run(
        f"SELECT holder FROM leases WHERE name='{lease}' AND until>extract(epoch FROM clock_timestamp())")
    return str(found[0][0]) if found else ""


def settled_holder(postgres: Postgres, lease: str, nodes: Collection[str]) -> str:
    """Wait until all of these nodes could have a lease, and the one has it that keeps it while they live; return that.

    Who is there first takes it, and gives it back when the other one has come: it has nobody then for a moment.
    """
    wanting = f"SELECT node FROM beats WHERE wants LIKE '%\"{lease}\"%'"
    eventually(lambda: {name for [name] in postgres.run(wanting)} >= set(nodes), f"all could have {lease}")
    due = due_holder(lease, [Beat(name, 1, 0.0, False, frozenset({lease})) for name in nodes])
    eventually(lambda: holder_of(postgres, lease) == due, f"{due} has {lease}")
    assert due is not None
    return due
