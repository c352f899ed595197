"""What is to come of a task: when it would be tried, should nobody be reached, and what keeps it from being tried now.

Worked out by the rules that plan tasks themselves (`plan.later`), one attempt after the other, each as if the customer
had not answered at once. It promises nothing: an agent must be free, and the guard is asked again each time.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from config.queue_callback import QueueCallback
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.facts import Outcome
from routing.callbacks.plan import later, times
from routing.callbacks.refusal import Refusal
from routing.callbacks.retry import RetryAt
from routing.callbacks.schedule import Stretch, within
from routing.rows import TaskRow

UNREACHED: Final = Outcome("customer_no_answer", 487)
"""How each attempt is taken to end."""


class Hours(Protocol):
    """When a customer is not called for the hour: `Eligibility`."""

    def quiet(self, customer: str, at: float) -> Refusal | None:
        """Say why they would not be called at a moment."""

    def quiet_between(self, customer: str, start: float, end: float) -> tuple[Stretch, ...]:
        """Return when that is so between two moments."""


class PlannedTry(NamedTuple):
    """An attempt that would be made. Seconds since the epoch."""

    at: float
    instead_of: float | None
    """When it would have been, were it not quiet then where the customer is; None: at that very moment."""


class LeftOut(NamedTuple):
    """Attempts that a task may have and that would not be made."""

    attempts: int
    why: Literal["quiet_hours", "window"]
    """`quiet_hours`: the first of them would be at `at`, when it is quiet where the customer is, and later is none;
    `window`: the window would be over."""
    at: float | None
    """Seconds since the epoch."""


class Outlook(NamedTuple):
    """What is to come of one task."""

    begin: float
    """From when its window is counted, seconds since the epoch."""
    expires_at: float
    open: tuple[Stretch, ...]
    """When it is open within the window."""
    tries: tuple[PlannedTry, ...]
    """In order; none: it is over, or a place in a PBX's queue is held for it."""
    quiet: tuple[Stretch, ...]
    """When it is quiet where the customer is, within the window."""
    left_out: LeftOut | None
    """None: every attempt would be made, or it is over or held."""
    refusal: Refusal | None
    """What keeps it from being tried at this moment; None: nothing, or nobody may be asked to."""


def outlook(row: TaskRow, settings: EffectiveSettings, queue: QueueCallback, now: float, hours: Hours,
            refusal: Refusal | None = None, under_way: bool | None = None) -> Outlook:
    """Return what is to come of a task. `under_way`: whether the attempt that runs has dialled, and is counted already;
    None: none runs.
    """
    found: list[PlannedTry] = []
    quiet_at: float | None = None
    goes_on = row.ended_at is None and row.due_at is not None
    at = None if row.ended_at is not None or row.due_at is None else max(row.due_at, now)
    if at is not None and under_way is not None:
        row = row if under_way else row._replace(attempts=row.attempts + 1)
        after = later(row, settings, queue, UNREACHED, now)
        at = after.at if isinstance(after, RetryAt) else None
    while at is not None and at < row.expires_at and row.attempts < row.attempts_max:
        hour = hours.quiet(row.customer, at)
        if hour is not None:
            later_on = None if hour.until is None else within(hour.until, row.expires_at, settings.open_time)
            if later_on is None or later_on <= at:
                quiet_at = at
                break
            found.append(PlannedTry(later_on, at))
            at = later_on
        else:
            found.append(PlannedTry(at, None))
        row = row._replace(attempts=row.attempts + 1)
        verdict = later(row, settings, queue, UNREACHED, at)
        at = verdict.at if isinstance(verdict, RetryAt) else None
    left = row.attempts_max - row.attempts
    why: Literal["quiet_hours", "window"] = "window" if quiet_at is None else "quiet_hours"
    left_out = LeftOut(left, why, quiet_at) if goes_on and left > 0 else None
    return Outlook(row.missed_at, row.expires_at, settings.open_time.stretches(row.missed_at, row.expires_at),
                   tuple(found), hours.quiet_between(row.customer, row.missed_at, row.expires_at), left_out, refusal)


def example_outlook(settings: EffectiveSettings, missed_at: float, options: Mapping[str, Any]) -> Outlook:
    """Return what would come of a call that is missed at that moment; `options`: as a task has them."""
    attempts, expires_at, due_at = times(settings, missed_at, options)
    row = TaskRow("", "", settings.group, None, "missed", None, "", "", "open", "", missed_at, missed_at, 1, expires_at,
                  due_at, 0, attempts, "none", None, None, None, (), dict(options), None)
    return outlook(row, settings, QueueCallback(), missed_at, _NeverQuiet())


class _NeverQuiet:
    """Nobody knows where the customer of an example is."""

    def quiet(self, customer: str, at: float) -> None:
        return None

    def quiet_between(self, customer: str, start: float, end: float) -> tuple[Stretch, ...]:
        return ()
