"""After an attempt that dialled: whether the customer is called again, and when (product.md section 6).

| outcome | next |
|---|---|
| busy: 486, 600 | soon (`retry_busy`) |
| no answer, voicemail, hung up too early | later: the next planned moment |
| 480, 503, 408 and every other failure | later, and not before a Retry-After is over |
| 404, 484, 604, 410 | never: there is no such number |
| 603, 607, 608 | not again today: they declined |

An attempt that dialled nobody is none: its task stays as due as it was (`attempt_outcomes.py`). A campaign's own time
between tries (`retry_after`) stands for soon and for later alike, and so does that of requests from a queue. Nothing is
due outside open time or after the window.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from routing.callbacks.facts import Outcome
from routing.callbacks.schedule import OpenTime, next_slot, within
from routing.rows import Result

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

BY_CAUSE: Final[frozenset[Result]] = frozenset({"customer_no_answer", "customer_failed"})
"""Results whose cause says what is next."""


class Plan(NamedTuple):
    """What there is to know of a task when one of its attempts has dialled and ended."""

    open_time: OpenTime
    expires_at: float
    planned: tuple[float, ...]
    """`schedule.slots` of the task; a campaign with `retry_after` needs none."""
    left: int
    """Attempts that are left, this one already taken off."""
    retry_busy: float
    retry_after: float | None = None
    """A campaign's seconds between tries; None: the planned moments."""


class RetryAt(NamedTuple):
    """It is tried again."""

    at: float


class NoRetry(NamedTuple):
    """It is not tried again."""

    reason: Literal["attempts", "number", "window"]
    """`attempts` are used up; the `number` cannot be reached; the `window` is over."""


def after(outcome: Outcome, now: float, plan: Plan) -> RetryAt | NoRetry:
    """Say whether and when the customer is called again, `now` being the end of an attempt that did not reach them."""
    rule: Rule = "soon" if outcome.result == "customer_busy" else "later"
    if outcome.result in BY_CAUSE:
        rule = CAUSES.get(outcome.cause or 0, "later")
    if rule == "never":
        return NoRetry("number")
    if plan.left <= 0:
        return NoRetry("attempts")
    at = _next(rule, outcome, now, plan)
    return NoRetry("window") if at is None else RetryAt(at)


def _next(rule: Rule, outcome: Outcome, now: float, plan: Plan) -> float | None:
    """The next moment by a rule, inside open time and window."""
    wait = min(max(outcome.retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER)
    earliest = plan.open_time.day_end(now) if rule == "tomorrow" else now + wait
    if plan.retry_after is not None:
        return within(max(earliest, now + plan.retry_after), plan.expires_at, plan.open_time)
    if rule == "soon":
        return within(max(earliest, now + plan.retry_busy), plan.expires_at, plan.open_time)
    slot = next_slot(earliest, plan.planned, plan.expires_at, plan.open_time)
    if slot is None and earliest > now:  # every planned moment lies before it; the promise runs to the window's end
        return within(earliest, plan.expires_at, plan.open_time)
    return slot
