"""After an attempt: whether the customer is called again, and when. The cause decides (product.md section 6).

| outcome | next |
|---|---|
| busy: 486, 600 | soon (`retry_busy`) |
| no answer, voicemail, hung up too early | later: the next planned moment |
| 480, 503, 408 and every other failure | later, and not before a Retry-After is over |
| 404, 484, 604, 410 | never: there is no such number |
| 603, 607, 608 | not again today: they declined |
| the agent's side failed or declined | at once, with another agent: it was no attempt |

A campaign's own time between tries (`retry_after`) stands for soon and for later alike. Nothing is due outside open
time or after the window.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from routing.callbacks.facts import COUNTED, Outcome, Result
from routing.callbacks.schedule import OpenTime, next_slot, within

Rule = Literal["soon", "later", "never", "tomorrow"]
"""What a final status asks for."""

CAUSES: Final[Mapping[int, Rule]] = {
    404: "never",
    410: "never",
    484: "never",
    486: "soon",
    600: "soon",
    603: "tomorrow",
    604: "never",
    607: "tomorrow",
    608: "tomorrow",
}
"""RFC 3261 sections 21.4 and 21.6, RFC 8197 (607), RFC 8688 (608). What is not listed is tried later."""

LONGEST_RETRY_AFTER: Final = 86_400.0
"""Longest Retry-After that is believed, seconds."""

REFUSED_PAUSE: Final = 60.0
"""Seconds until the guard is asked again where it named no time."""

_RESULTS: Final[Mapping[Result, Literal["done", "cause", "later", "soon", "now", "dialled", "refused"]]] = {
    "talked": "done",
    "short": "later",
    "declined": "now",
    "agent_no_answer": "now",
    "agent_busy": "now",
    "agent_failed": "now",
    "agent_silent": "now",
    "agent_left": "dialled",
    "customer_no_answer": "cause",
    "customer_busy": "soon",
    "customer_failed": "cause",
    "customer_left": "later",
    "no_key": "later",
    "refused": "refused",
    "glare": "dialled",
    "stopped": "dialled",
    "crashed": "dialled",
}
"""Every result; `dialled`: later where the customer was dialled, else at once."""


class Plan(NamedTuple):
    """What there is to know of a task when one of its attempts has ended."""

    open_time: OpenTime
    expires_at: float
    planned: tuple[float, ...]
    """`schedule.slots` of the task; a campaign with `retry_after` needs none."""
    left: int
    """Counted attempts that are left, this one already taken off where it counted."""
    retry_busy: float
    retry_after: float | None = None
    """A campaign's seconds between tries; None: the planned moments."""
    dialled: bool = True
    """Whether the customer's INVITE may have left."""


class Again(NamedTuple):
    """It is tried again."""

    at: float


class Never(NamedTuple):
    """It is not tried again."""

    reason: Literal["talked", "attempts", "number", "window"]
    """`talked`: the promise is kept; `attempts` are used up; the `number` cannot be reached; the `window` is over."""


def counts(result: Result, dialled: bool) -> bool:
    """Say whether an attempt uses up one of the task's attempts."""
    return dialled if _RESULTS[result] == "dialled" else result in COUNTED


def after(outcome: Outcome, now: float, plan: Plan) -> Again | Never:
    """Say whether and when the customer is called again, `now` being the end of the attempt."""
    rule = _rule(outcome, plan.dialled)
    if rule == "done":
        return Never("talked")
    if rule == "never":
        return Never("number")
    if plan.left <= 0:
        return Never("attempts")
    at = _next(rule, outcome, now, plan)
    return Never("window") if at is None else Again(at)


def _rule(outcome: Outcome, dialled: bool) -> Rule | Literal["done", "now", "refused"]:
    kind = _RESULTS[outcome.result]
    if kind == "cause":
        return CAUSES.get(outcome.cause or 0, "later")
    if kind == "dialled":
        return "later" if dialled else "now"
    return kind


def _next(rule: str, outcome: Outcome, now: float, plan: Plan) -> float | None:
    """The next moment by a rule, inside open time and window."""
    wait = min(max(outcome.retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER)
    if rule == "now":
        return within(now, plan.expires_at, plan.open_time)
    if rule == "refused":
        return within(now + (wait or REFUSED_PAUSE), plan.expires_at, plan.open_time)
    earliest = plan.open_time.day_end(now) if rule == "tomorrow" else now + wait
    if plan.retry_after is not None:
        return within(max(earliest, now + plan.retry_after), plan.expires_at, plan.open_time)
    if rule == "soon":
        return within(max(earliest, now + plan.retry_busy), plan.expires_at, plan.open_time)
    slot = next_slot(earliest, plan.planned, plan.expires_at, plan.open_time)
    if slot is None and earliest > now:  # every planned moment lies before it; the promise runs to the window's end
        return within(earliest, plan.expires_at, plan.open_time)
    return slot
