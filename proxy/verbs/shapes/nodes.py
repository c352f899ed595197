"""The node itself: where it listens, where it keeps what, what of the guard's caps is used up."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import SOCKET, Nothing, Verb


class Listening(TypedDict):
    """A listening socket."""

    transport: str
    bound: Annotated[str, "host:port, IPv6 in brackets"]
    advertised: Annotated[str, "What others are told"]


class Disk(TypedDict):
    """The data folder."""

    folder: str
    free: Annotated[int | None, "Bytes; null: it cannot be asked"]
    total: Annotated[int | None, "Bytes of the disk that it is on"]
    database: Annotated[int | None, "Bytes of the database"]
    log: Annotated[int, "Bytes of its log, which is written back to it"]


class Kept(TypedDict):
    """The SIP messages in memory."""

    bytes: int
    most: Annotated[int, "Bytes; 0: none are kept"]
    since: Annotated[Moment | None, "Of the oldest"]


class Cap(TypedDict):
    """One cap of the guard."""

    name: Annotated[str, "As in the policy below guard"]
    used: int
    most: int


class Guarded(TypedDict):
    """How the guard stands."""

    stop: Annotated[bool, "Nobody is called back"]
    halted: Annotated[str | None, "Why nobody at all is dialled for now: the guard's word"]
    caps: list[Cap]


class NodeHere(TypedDict):
    """This node."""

    node: str
    version: str
    python: str
    since: Annotated[Moment, "When it started"]
    pid: int
    listeners: list[Listening]
    disk: Disk
    messages: Kept
    guard: Guarded


HERE: Final = Verb("nodes.here", Nothing, NodeHere, "supervisor",
                   "This node: where it listens, its disk, the messages that are kept, the guard's caps", doors=SOCKET)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (HERE,)
