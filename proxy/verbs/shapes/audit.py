"""The audit log: every change, by whichever door, with who made it."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.fields import limit_field, line_field, one_of_field
from proxy.verbs.shapes.kinds import Facts, Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Verb

DOORS: Final = ("socket", "mqtt", "api", "console", "file")


class AuditLine(TypedDict):
    """One change, or one that was refused to somebody."""

    id: Annotated[str, "UUID version 7"]
    time: Moment
    who: Annotated[str, "A user or a token; of a door that knows nobody by name, what that is called"]
    role: str
    door: Annotated[str, "socket, mqtt, api, console; file: a policy's file that was read again"]
    verb: str
    about: Annotated[str, "What it was done to, in a word or two"]
    before: Annotated[Facts | None, "What was otherwise; null: nothing, or it is not known"]
    after: Annotated[Facts | None, "What it is now; of the policy the settings that changed"]
    refused: Annotated[str, "Why it was not done; empty: it was"]


class ListAudit(In):
    """Which lines."""

    limit: int = limit_field()
    who: str | None = line_field("Only what this user or token did.")
    door: str | None = one_of_field("Only by this door: socket, mqtt, api, console or file.", DOORS)
    verb: str | None = line_field("Only this verb, such as policy.set.")


LIST: Final = Verb("audit.list", ListAudit, list[AuditLine], "admin",
                   "Changes by whoever made them, the newest first, with what was before and after", doors=NOT_BY_MQTT)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST,)
