"""When a task is tried first, and when again after an attempt."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from config.queue_callback import QueueCallback
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.facts import Outcome
from routing.callbacks.retry import NoRetry, Plan, RetryAt, after
from routing.callbacks.schedule import slots, window_end, within
from routing.rows import TaskRow


class TaskTimes(NamedTuple):
    """When a callback is tried."""

    attempts: int
    expires_at: float
    due_at: float | None
    """When first; None: closed all through its window."""


def times(settings: EffectiveSettings, begin: float, options: Mapping[str, Any]) -> TaskTimes:
    """Return when a callback is tried that is promised from `begin` on; `options`: what this one has of its own."""
    attempts = int(options.get("attempts", settings.missed.attempts))
    expires_at = window_end(begin, options.get("window", settings.missed.window_s), settings.open_time)
    if settings.callback.remove_after > 0:
        expires_at = min(expires_at, begin + settings.callback.remove_after)
    return TaskTimes(attempts, expires_at, first(begin, expires_at, attempts, settings))


def first(missed_at: float, expires_at: float, attempts: int, settings: EffectiveSettings) -> float | None:
    """Return when a task is due first; None: it is closed all through its window."""
    if settings.campaign is not None:
        return within(missed_at + settings.campaign.delay, expires_at, settings.open_time)
    planned = slots(missed_at, expires_at, attempts, settings.open_time)
    return planned[0] if planned else None


def later(task: TaskRow, settings: EffectiveSettings, queue: QueueCallback, outcome: Outcome,
          now: float) -> RetryAt | NoRetry:
    """Say whether and when a task is tried again after an attempt that dialled its customer and counted.

    `queue`: what holds for it if it is a request of a caller who waited in a queue.
    """
    left = task.attempts_max - task.attempts
    if task.kind == "queue":
        retry_after: float | None = queue.retry_after
    else:
        retry_after = None if settings.campaign is None else settings.campaign.retry_after
    planned = slots(task.missed_at, task.expires_at, task.attempts_max, settings.open_time)
    if left > 0 and not any(at > now for at in planned):
        # Nobody was free for so long that the planned moments have passed: what is left is spread over the rest.
        planned = slots(now, task.expires_at, left + 1, settings.open_time)
    return after(outcome, now, Plan(settings.open_time, task.expires_at, planned, left, settings.callback.retry_busy,
                                    retry_after))
