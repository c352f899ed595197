"""When a task is tried first, and when again after an attempt."""

from routing.callbacks.facts import Outcome, TaskRow
from routing.callbacks.retry import Again, Never, Plan, after
from routing.callbacks.schedule import slots, within
from routing.callbacks.terms import Terms


def first(missed_at: float, expires_at: float, attempts: int, terms: Terms) -> float | None:
    """Return when a task is due first; None: it is closed all through its window."""
    if terms.campaign is not None:
        return within(missed_at + terms.campaign.delay, expires_at, terms.open_time)
    planned = slots(missed_at, expires_at, attempts, terms.open_time)
    return planned[0] if planned else None


def later(task: TaskRow, terms: Terms, outcome: Outcome, now: float) -> Again | Never:
    """Say whether and when a task is tried again after an attempt that dialled its customer and counted."""
    left = task.attempts_max - task.attempts
    retry_after = None if terms.campaign is None else terms.campaign.retry_after
    planned = slots(task.missed_at, task.expires_at, task.attempts_max, terms.open_time)
    if left > 0 and not any(at > now for at in planned):
        # Nobody was free for so long that the planned moments have passed: what is left is spread over the rest.
        planned = slots(now, task.expires_at, left + 1, terms.open_time)
    return after(outcome, now, Plan(terms.open_time, task.expires_at, planned, left, terms.callback.retry_busy,
                                    retry_after))
