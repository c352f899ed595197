"""A verb: its name, what it takes and gives, who may say it, where, and whether it changes something."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar

from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import Field, shown

Role = Literal["agent", "supervisor", "admin"]
"""Who may say a verb, each also whatever those before may. `agent`: what is their own; `supervisor`: what is of their
groups; `admin`: everything. What is whose stands in `theirs.py`."""

Door = Literal["socket", "mqtt", "api"]
"""Where a verb comes in; the command comes by the socket."""

EVERYWHERE: Final[frozenset[Door]] = frozenset({"socket", "mqtt", "api"})
NOT_BY_MQTT: Final[frozenset[Door]] = frozenset({"socket", "api"})
"""What whoever may write to the broker's command topics may not do."""
SOCKET: Final[frozenset[Door]] = frozenset({"socket"})

MOST_NAMED: Final = 40
"""Arguments that the refusal of an unknown one names."""


class In:
    """The arguments of one verb: subclasses have a `Field` for each, and an instance what was read of it."""

    fields: ClassVar[Mapping[str, Field]] = {}
    """By name, in the order in which they are shown."""
    others: ClassVar[str] = ""
    """What arguments beside these are, where there may be some; empty: they are errors."""
    more: Mapping[str, Any] = {}
    """Those, as they came."""

    def __init_subclass__(cls) -> None:
        """Collect the fields, those of a base class first."""
        own = {value.name: value for value in vars(cls).values() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}

    @classmethod
    def read(cls, args: Mapping[str, Any]) -> Self:
        """Read arguments as JSON has them. Raises ArgumentError, which names the first that cannot be."""
        unknown = [name for name in args if name not in cls.fields]
        if unknown and not cls.others:
            known = ", ".join([*cls.fields][:MOST_NAMED]) or "none"
            raise ArgumentError(shown(unknown[0])[1:-1], f"there is no argument {shown(unknown[0])}: {known}")
        found = cls()
        for name, field in cls.fields.items():
            setattr(found, _attribute(cls, name), field.read(args.get(name)))
        if unknown:
            found.more = {name: args[name] for name in unknown}
        return found

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the arguments as one object."""
        required = [name for name, field in cls.fields.items() if field.required]
        return {"type": "object", "properties": {name: field.described() for name, field in cls.fields.items()},
                **({"required": required} if required else {}), "additionalProperties": bool(cls.others)}


def _attribute(kind: type, name: str) -> str:
    return name if hasattr(kind, name) else name + "_"


class Nothing(In):
    """No arguments."""


I = TypeVar("I", bound=In)  # noqa: E741
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, eq=False)
class Verb(Generic[I, O]):
    """One thing that can be asked or changed."""

    name: str
    """`noun.act`, or one word."""
    takes: type[I]
    gives: type[O]
    """The answer's shape (see `answers`); of a stream, that of each item."""
    role: Role
    means: str
    """A sentence: what it does."""
    changes: bool = False
    """It is answered once what it did is committed and every reader sees it."""
    streams: bool = False
    """It answers with one item after another, for as long as somebody listens."""
    doors: frozenset[Door] = EVERYWHERE
    key: str = ""
    """The argument that says which one is meant; the API has it in the path."""

    @property
    def noun(self) -> str:
        """What it is about."""
        return self.name.partition(".")[0]

    @property
    def act(self) -> str:
        """What is done with it; empty: the verb is one word."""
        return self.name.partition(".")[2]

    def by(self, handler: "Callable[[I], O | Awaitable[O]]") -> "Bound":
        """Say who answers it."""
        return Bound(self, handler)

    def streamed_by(self, handler: "Callable[[I], AsyncIterator[O]]") -> "Bound":
        """Say who answers it, item by item."""
        return Bound(self, handler)


@dataclass(frozen=True, eq=False)
class Bound:
    """A verb and who answers it."""

    verb: Verb[Any, Any]
    handler: Callable[[Any], Any]
    """Takes what `verb.takes` has read. Runs in the daemon's loop; raises ControlError where it cannot be done."""
