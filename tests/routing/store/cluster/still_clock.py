"""Nodes on one real server, for which time passes when the test says so."""

from routing.nodes_seen import Lag
from routing.store.cluster.leases import Leases
from routing.store.postgres.connection import Address
from routing.store.postgres.lease_table import LeaseTable
from tests.kit.postgres import Postgres

FAKE_CLOCK = """
CREATE SCHEMA fake;
CREATE TABLE fake.clock (seconds double precision);
INSERT INTO fake.clock VALUES (1.7e9);
CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT to_timestamp(seconds) FROM fake.clock $$;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, fake, pg_catalog', current_database()); END $$
"""
"""A clock of the server that goes on when the test says so: whoever connects from now on reads it."""


class Cluster:
    """Nodes on one database."""

    def __init__(self, postgres: Postgres, where: str) -> None:
        self._postgres, self._where = postgres, where
        self._database = where.rsplit("/", 1)[1]
        self._tables: list[LeaseTable] = []
        self.now = 1000.0
        self.lag = Lag(0.0, 0.5)
        """Of whoever beats."""
        self.wanted: list[str] = []
        postgres.run(FAKE_CLOCK, self._database)

    def node(self, name: str, where: str = "") -> Leases:
        """A process of this name."""
        self._tables.append(LeaseTable(Address(where or self._where, name), name, "1.0"))
        return Leases(self._tables[-1], name, lambda: self.now, lambda: self.wanted.append(name),
                      lambda: self.lag)

    def age(self, seconds: float) -> None:
        """So much time passes, by every clock."""
        self.now += seconds
        self.leap(seconds)

    def leap(self, seconds: float) -> None:
        """The database's clock alone goes forward."""
        self._postgres.run(f"UPDATE fake.clock SET seconds=seconds+({seconds})", self._database)

    def close(self) -> None:
        for table in self._tables:
            table.close()
        self._postgres.run(f"DROP SCHEMA fake CASCADE; ALTER DATABASE {self._database} RESET search_path",
                           self._database)
