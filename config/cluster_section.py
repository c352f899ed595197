"""`[cluster]` of boomerang.toml: other nodes that calls may be begun at, or go on at."""

from functools import cached_property
from typing import Annotated, Final

from config.address import parse_host_port
from config.checks import AfterValidator, Field
from config.section import Section

SIBLINGS_MAX: Final = 16
"""A CANCEL of a call that another node has begun goes out once for each of them."""
NOBODYS: Final = frozenset({"0.0.0.0", "::"})


def _sibling(text: str) -> str:
    host = parse_host_port(text)[0]
    if host in NOBODYS:
        raise ValueError(f"{text!r} is every address of a machine: write the one that the other node is reached by")
    return text


class Cluster(Section):
    """The other nodes."""

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

