"""`[cluster]` of boomerang.toml: other nodes that calls may be begun at, or go on at, and what all of them share."""

from functools import cached_property
from typing import Annotated, Final

from config.address import parse_host_port
from config.checks import AfterValidator, Field, SecretStr
from config.node_fields import Secret
from config.section import Section

SIBLINGS_MAX: Final = 16
"""A CANCEL of a call that another node has begun goes out once for each of them."""
NOBODYS: Final = frozenset({"0.0.0.0", "::"})
SCHEMES: Final = ("postgresql://", "postgres://")


def _sibling(text: str) -> str:
    host = parse_host_port(text)[0]
    if host in NOBODYS:
        raise ValueError(f"{text!r} is every address of a machine: write the one that the other node is reached by")
    return text


def _database(address: SecretStr) -> SecretStr:
    if not address.get_secret_value().startswith(SCHEMES):
        raise ValueError("what it names is no address of a PostgreSQL database: postgresql://user:password@host/name")
    return address


class Cluster(Section):
    """The other nodes."""

    database: Annotated[Secret, AfterValidator(_database)] | None = Field(
        default=None,
        description="Address of the PostgreSQL database that all nodes share, as env:NAME or file:PATH: "
        "postgresql://user:password@host/name, several hosts with commas between. Without it this node shares nothing.",
    )
    siblings: Annotated[
        tuple[Annotated[str, AfterValidator(_sibling)], ...], Field(max_length=SIBLINGS_MAX)
    ] = Field(
        default=(),
        description="Addresses of the other nodes, as they stand in Via and Record-Route: host:port as a node's "
        "listener is bound to or advertises (without a port: each transport's own). They count as our "
        "own. Names are compared, never looked up.",
    )

    @cached_property
    def places(self) -> tuple[tuple[str, int | None], ...]:
        """Host (lower case, IPv6 without brackets) and port of each; None: the transport's own port."""
        return tuple(map(parse_host_port, self.siblings))

