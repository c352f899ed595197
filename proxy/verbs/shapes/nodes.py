"""The nodes that share a database; the node itself: where it listens, where it keeps what, what of the guard's caps is
used up."""

from typing import Annotated, Any, Final, Literal, TypedDict

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


class Held(TypedDict):
    """A lease: something that one node at a time does."""

    name: Annotated[str, "desk/GROUP: who calls back for a group; registration/TRUNK; retention; deliveries"]
    epoch: Annotated[int, "One more with each change of holder"]


class Node(TypedDict):
    """One of the nodes that share a database."""

    node: str
    here: Annotated[bool, "It is the one that was asked"]
    version: str
    state: Annotated[Literal["alive", "draining", "left", "gone"],
                     "left: it has said that it ends; gone: it is not heard any more, and said nothing"]
    since: Annotated[Moment | None, "When its process began; null: it does not say"]
    heard: Annotated[Moment | None, "When the database heard it last; null: it has left, or was never heard"]
    leases: Annotated[list[Held], "Those that are its own"]
    push_lag_s: Annotated[float | None, "Seconds for which the oldest waits that it has not shared; 0: all is shared; "
                          "of another node, with its last beat; null: it does not say"]
    pull_lag_s: Annotated[float | None, "Seconds since it knew last that it has all that others have shared, likewise"]


class Nodes(TypedDict):
    """All of them."""

    alone: Annotated[bool, "This node shares with nobody"]
    looked: Annotated[Moment | None, "When the shared database was asked last; null: there is none, or it has never "
                      "answered"]
    trouble: Annotated[str | None, "Why the shared database does not answer: what stands here was known last"]
    nodes: Annotated[list[Node], "By name"]


LIST: Final = Verb("nodes.list", Nothing, Nodes, "supervisor",
                   "The nodes that share a database: which live, who has which lease, how far behind each is",
                   doors=SOCKET)
HERE: Final = Verb("nodes.here", Nothing, NodeHere, "supervisor",
                   "This node: where it listens, its disk, the messages that are kept, the guard's caps", doors=SOCKET)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, HERE)
