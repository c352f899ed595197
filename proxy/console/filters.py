"""What each list can be filtered by, as arguments are: the kind of value, and the sentence that pages show.

`from` is the first moment of a stretch of time, `to` the first one after it.
"""

from typing import Any, Final, get_args

from proxy.verbs.shapes.audit import DOORS
from proxy.verbs.shapes.callbacks import TaskKind, TaskState
from proxy.verbs.shapes.calls import Kind
from proxy.verbs.shapes.fields import (
    LINE,
    Line,
    Make,
    Schema,
    ident_field,
    line_field,
    moment_field,
    number_field,
    one_of_field,
    shown,
    whole_field,
)
from proxy.verbs.shapes.tickets import State
from proxy.verbs.shapes.verb import In, Role

RESULTS: Final = ("answered", "missed", "failed", "active")


class SomeOf(Line):
    """Some of some words, with commas between them."""

    def __init__(self, means: str, words: tuple[str, ...]) -> None:
        super().__init__(means)
        self.words = words

    def take(self, value: Any) -> Any:
        found = super().take(value)
        if found is None:
            return None
        several = tuple(dict.fromkeys(one.strip() for one in found.split(",")))
        for one in several:
            if one not in self.words:
                raise self.refuse(f": {shown(one)} is none of {', '.join(self.words)}")
        return several

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": LINE, "examples": [",".join(self.words[:2])]}


some_of_field: Final[Make] = SomeOf


class InTime(In):
    """A stretch of time."""

    from_: float | None = moment_field("Not before this moment.")
    to: float | None = moment_field("Before this moment.")


class CallFilters(InTime):
    """Which calls."""

    customer: str | None = number_field("Only this customer's.")
    number: str | None = number_field("Only to or from this number of ours.")
    agent: str | None = line_field("Only those that this agent called, answered, or was tried for.")
    group: str | None = line_field("Only this group's.")
    direction: str | None = one_of_field("inbound: from the trunk; or outbound.", ("inbound", "outbound"))
    kind: tuple[str, ...] | None = some_of_field("call; callback: legs of ours; place: legs that stand in a queue.",
                                                 get_args(Kind))
    result: tuple[str, ...] | None = some_of_field(
        "answered; missed: from the trunk and not answered; failed: to the trunk and not answered; active: it goes on.",
        RESULTS)
    cause: int | None = whole_field("Only those that ended with this SIP status.", 100, 699)
    trunk: str | None = line_field("Only those of this trunk.")
    pbx: str | None = line_field("Only those of this PBX.")


class TaskFilters(InTime):
    """Which callbacks. The time is that of the promise."""

    state: tuple[str, ...] | None = some_of_field(
        "Only those in these states: open, held, done, failed, expired, cancelled.", get_args(TaskState))
    group: str | None = line_field("Only this group's.")
    campaign: str | None = ident_field("Only this campaign's: five digits.")
    kind: tuple[str, ...] | None = some_of_field("Only those that came of this: missed, campaign, manual, queue.",
                                                 get_args(TaskKind))
    agent: str | None = line_field("Only those of which this agent had an attempt, or which are held for them.")
    responsible: str | None = line_field("Only those that are held for this extension or group.")
    number: str | None = number_field("Only those of this number of ours.")
    customer: str | None = number_field("Only this customer's.")
    reason: str | None = line_field("Only those that ended or are held for this reason.")
    due: str | None = one_of_field("now: due by now; later: not yet.", ("now", "later"))


class DirectFilters(In):
    """Which direct callbacks."""

    customer: str | None = number_field("Only this customer's.")
    agent: str | None = line_field("Only this agent's.")
    type: int | None = whole_field("Only those made under this type.", 1, 4)


class TicketFilters(InTime):
    """Which tickets. The time is when they were opened."""

    state: str | None = one_of_field("open or closed.", get_args(State))
    group: str | None = line_field("Only this group's.")
    agent: str | None = line_field("Only this agent's.")
    customer: str | None = number_field("Only this customer's.")
    task: str | None = line_field("Only of this callback.")
    text: str | None = line_field("Only those with this in their subject.")


class DoNotCallFilters(InTime):
    """Which numbers of the do-not-call list. The time is when they were put on it."""

    customer: str | None = number_field("Only this one.")
    digits: str | None = line_field("Only numbers with these digits in them.")
    text: str | None = line_field("Only those with this in their reason.")


class RecordingFilters(InTime):
    """Which recordings. The time is that of the attempt."""

    customer: str | None = number_field("Only this customer's.")
    agent: str | None = line_field("Only this agent's.")
    group: str | None = line_field("Only this group's.")
    task: str | None = line_field("Only of this callback.")


class PolicyFilters(InTime):
    """Which versions of the policy."""

    by: str | None = line_field("Only those that this user saved.")


class UserFilters(In):
    """Which users."""

    role: str | None = one_of_field("Only those of this role.", get_args(Role))
    agent: str | None = line_field("Only the one with this extension.")
    disabled: str | None = one_of_field("yes: only those who may not log in; no: only those who may.", ("yes", "no"))


class TokenFilters(In):
    """Which tokens."""

    role: str | None = one_of_field("Only those of this role.", get_args(Role))
    state: str | None = one_of_field("good, expired or revoked.", ("good", "expired", "revoked"))


class AuditFilters(InTime):
    """Which lines of the audit log."""

    who: str | None = line_field("Only what this user or token did.")
    door: str | None = one_of_field("Only by this door.", DOORS)
    verb: str | None = line_field("Only this verb, such as policy.set.")
    about: str | None = line_field("Only what was done to this.")
    refused: str | None = one_of_field("yes: only what was refused; no: only what was done.", ("yes", "no"))
