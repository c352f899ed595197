"""Whether a database could be used from here, without changing anything in it."""

import psycopg

from routing.store.postgres.connection import Address


def look_at(text: str, patience: float) -> tuple[str, str | None]:
    """Connect to the database of an address, and see whether it can be used; return what it is called, and why it
    cannot, None: it can. `patience`: seconds that each answer may take. Raises ValueError where it is no address."""
    address = Address(text, "boomerang check")
    try:
        with address.connect(patience, "SELECT 1") as connection:
            encoding = connection.info.parameter_status("server_encoding")
            may_make = connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone()
    except (psycopg.Error, OSError) as error:
        return address.name, address.describe(error).removeprefix(f"{address.name}: ")
    if encoding != "UTF8":
        return address.name, f"its encoding is {encoding}: UTF8 is needed"
    return address.name, None if may_make == (True,) else "this role may make no tables in it: it must own the database"
