"""What follows from the end of an attempt: for its task, its agent and the other promises to the same customer."""

from typing import Final

from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.changes import Changes
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Outcome
from routing.callbacks.plan import later
from routing.callbacks.retry import NoRetry, RetryAt
from routing.callbacks.schedule import within
from routing.callbacks.task import PAUSED, Attempt, Task
from routing.callbacks.tasks import Tasks
from routing.callbacks.wrap_ups import WrapUps
from routing.rows import AttemptRow, Result
from routing.writes import CloseAttempt, Unit

AGENT_SIDE: Final[frozenset[Result]] = frozenset({
    "agent_no_answer", "agent_busy", "agent_failed", "agent_silent", "agent_left",
})
"""Results that came about at the agent: where nobody was dialled yet that agent is left alone for a while."""

NO_SUCH_AGENT: Final = frozenset({404, 410, 484, 604})
WRONG_REST: Final = 600.0
"""Seconds for which an extension that the PBX does not know is left alone."""

REFUSED_REST: Final = 5.0
"""Seconds after which a task whose claim was refused is looked at again."""


IN_VAIN: Final = 3
"""Tries of a request that came to nothing before its customer could answer, and are made again."""


STOPPED_BY_US: Final = frozenset({"stop", "held", "draining", "shutting down"})
"""Why an attempt was stopped by the stop switch, by an operator who holds the task, or in order with the process."""


class AttemptOutcomes:
    """Says what becomes of tasks whose attempts have ended."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, pool: AgentPool,
                 wrap_ups: WrapUps) -> None:
        self._tasks, self._eligibility, self._pool, self._wrap_ups = tasks, eligibility, pool, wrap_ups

    def keep_promise(self, attempt: Attempt, changes: Changes) -> None:
        """They talk: the promise is kept, and every other one to this customer with it."""
        row, tasks = attempt.row, self._tasks
        if attempt.task.row.ended_at is None:
            tasks.kept[attempt.order.group] += 1
        for task in tasks.index.of_customer(row.customer):
            tasks.end(task, "done", "talked", changes, agent=row.agent, attempt=row.id)

    def close(self, attempt: Attempt, outcome: Outcome, changes: Changes) -> None:
        """Write down how an attempt ended, and say what becomes of its task."""
        row, task, tasks = attempt.row, attempt.task, self._tasks
        agent = outcome.agent or row.agent
        row = attempt.row = row._replace(
            agent=agent, step="ended", ended_at=changes.now, result=outcome.result, cause=outcome.cause,
            answered_at=row.answered_at if outcome.answered_at is None else outcome.answered_at,
            talk_s=outcome.talk_s)
        changes.attempt(row)
        self._skip_agent(attempt, outcome, changes.now)
        tasks.index.end(attempt)
        counted = row.customer_at is not None
        changes.note(row.task, "result", agent, attempt=row.id, result=outcome.result, cause=outcome.cause,
                     text=outcome.text or None, talk_s=outcome.talk_s, counted=counted, recording=outcome.recording)
        changes.tell("callback.attempted", task.row, agent, attempt=row.id, result=outcome.result, cause=outcome.cause,
                     talk_s=outcome.talk_s, counted=counted,
                     **({} if attempt.why_not is None else attempt.why_not.data()))
        if task.row.ended_at is not None:
            return
        joined = outcome.result == "glare" and (outcome.talk_s or 0.0) >= attempt.order.min_talk
        if outcome.result == "talked" or joined:
            self.keep_promise(attempt, changes)
        else:
            self._go_on(attempt, outcome, changes)

    def _skip_agent(self, attempt: Attempt, outcome: Outcome, now: float) -> None:
        """Leave the agent in peace for as long as they need after this."""
        order, agent = attempt.order, attempt.row.agent
        callback = self._tasks.settings(attempt.task).callback
        at_agent = outcome.result in AGENT_SIDE or (order.agent is None and outcome.result == "declined")
        if at_agent and not attempt.dialled:
            if attempt.from_place and order.agent is None:
                return  # who it was nobody knows; the group's queue has done nothing
            rest = WRONG_REST if outcome.cause in NO_SUCH_AGENT else callback.retry_agent
            self._pool.skip(order.agent, order.group, now + rest)
        elif agent is not None and (attempt.dialled or outcome.result == "glare") and not attempt.let_go:
            self._wrap_ups.begin(agent, attempt, callback.wrap_up, now)

    def wrap_up(self, attempt: Attempt, now: float) -> None:
        """Let the agent finish with an attempt that goes on without them: their time begins now."""
        if attempt.row.agent is not None and attempt.dialled:
            seconds = self._tasks.settings(attempt.task).callback.wrap_up
            self._wrap_ups.begin(attempt.row.agent, attempt, seconds, now)

    def _go_on(self, attempt: Attempt, outcome: Outcome, changes: Changes) -> None:
        """Say when a task whose attempt did not bring it to its end is tried again."""
        task, tasks = attempt.task, self._tasks
        if attempt.dialled:
            self._after_dialling(task, outcome, attempt.row.agent, changes)
        elif attempt.why_not is not None and task.open and task.ready:
            self._eligibility.put_aside(task, tasks.settings(task), attempt.why_not, changes, told=True)
        elif outcome.result == "declined" and attempt.row.agent is not None:
            self._declined(task, attempt.row.agent, outcome.text, changes)
        elif outcome.result == "glare" and task.open:
            self._soon(task, changes)
        elif outcome.result == "stopped" and outcome.text != PAUSED and task.open and task.ready:
            tasks.rest(task, changes.now + REFUSED_REST)
        else:
            self._again(task)
        if task.row.ended_at is None and task.row.expires_at <= changes.now:
            tasks.due_times.note(changes.now, "expire", task)

    def _after_dialling(self, task: Task, outcome: Outcome, agent: str | None, changes: Changes) -> None:
        """Say when a task is tried again after an attempt that counted."""
        tasks = self._tasks
        task.last = outcome, changes.now
        tasks.note_try(task, outcome.result, agent, changes)
        if task.asked and not _is_customers(outcome) and self._try_anew(task, changes):
            return
        verdict = later(task.row, tasks.settings(task), tasks.book.queue_of(task.row), outcome, changes.now)
        at = self.follow(task, verdict, changes, agent, outcome.cause)
        if at is not None:
            tasks.schedule(task, at, changes)

    def _try_anew(self, task: Task, changes: Changes) -> bool:
        """Try a request again soon whose customer was dialled, but had no chance to answer; False: that was often
        enough. Such a try is none of those that `retries` counts."""
        row = task.row
        if row.attempts_max > self._tasks.book.queue_of(row).retries + IN_VAIN or row.expires_at <= changes.now:
            return False
        self._tasks.change(task, changes, attempts_max=row.attempts_max + 1)
        self._tasks.schedule(task, changes.now + REFUSED_REST, changes)
        return True

    def follow(self, task: Task, verdict: RetryAt | NoRetry, changes: Changes, agent: str | None,
               cause: int | None) -> float | None:
        """Return when a task is tried again by a verdict; None: never, and the task is at its end."""
        if isinstance(verdict, RetryAt):
            return verdict.at
        if verdict.reason == "window":
            over = "limit" if task.asked else "window"
            self._tasks.end(task, "expired", over, changes, "expired", agent, cause=cause)
        else:
            reason = "unreached" if verdict.reason == "attempts" else verdict.reason
            self._tasks.end(task, "failed", reason, changes, "unreached", agent, cause=cause)
        return None

    def _soon(self, task: Task, changes: Changes) -> None:
        """Try a customer again in a while who rang in themselves and was gone before it was a talk."""
        settings = self._tasks.settings(task)
        at = within(changes.now + settings.callback.retry_busy, task.row.expires_at, settings.open_time)
        if at is None:
            self._tasks.end(task, "expired", "window", changes, "expired")
        else:
            task.not_before = at
            self._tasks.schedule(task, at, changes)

    def _declined(self, task: Task, agent: str, reason: str, changes: Changes) -> None:
        """Remember who declined in this round; when everybody has, another round begins after a pause."""
        tasks = self._tasks
        changes.note(task.row.id, "declined", agent, reason=reason or None)
        everybody = self.note_declined(task, agent, changes)
        if task.responsible == agent:
            tasks.release(task, "declined", changes)
        if everybody and task.open and task.ready:
            tasks.rest(task, changes.now + tasks.settings(task).callback.retry_agent)
        else:
            self._again(task)

    def note_declined(self, task: Task, agent: str, changes: Changes) -> bool:
        """Remember that an agent declined in this round; return whether everybody of the group has, so that the next
        round begins."""
        agents = self._tasks.settings(task).agents
        declined = tuple(dict.fromkeys((*task.row.declined, agent)))
        everybody = bool(agents) and set(agents) <= set(declined)
        self._tasks.change(task, changes, declined=() if everybody else declined)
        return everybody

    def _again(self, task: Task) -> None:
        """Let a task whose customer was not dialled wait for another agent: it is as due as before."""
        if task.open and task.ready:
            self._tasks.enqueue(task)
        elif task.open and task.row.due_at is not None:
            self._tasks.due_times.note(task.row.due_at, "due", task)

    # What a process before this one left

    def recover(self, row: AttemptRow, changes: Changes) -> None:
        """Close an attempt in whose middle a process before this one died.

        Where the customer may have been dialled it counts, and is not made again before the next planned moment.
        """
        over = self._over(row, "crashed", changes)
        changes.attempt(over)
        self._recovered(row, over, changes)

    def give_up(self, row: AttemptRow, changes: Changes) -> None:
        """Close an attempt in whose middle another node died.

        Its last steps may not have been heard of: where it is not known to have dialled it does not count, but the
        customer is left alone for a while all the same.
        """
        over = self._over(row, "unknown", changes)
        changes.beside(Unit((CloseAttempt(over),)))
        self._recovered(row, over, changes)
        task = self._tasks.index.tasks.get(row.task)
        if task is not None and row.customer_at is None:
            self._soon(task, changes)

    def _over(self, row: AttemptRow, result: Result, changes: Changes) -> AttemptRow:
        return row._replace(step="ended", ended_at=changes.now, result="talked" if row.step == "talked" else result)

    def _recovered(self, row: AttemptRow, over: AttemptRow, changes: Changes) -> None:
        """Tell of an attempt (`over`: as it is closed) that was not brought to its end, and say what becomes of its
        task."""
        task = self._tasks.index.tasks.get(row.task)
        counted, result = row.customer_at is not None, over.result
        changes.note(row.task, "recovered", row.agent, attempt=row.id, step=row.step, counted=counted)
        if task is None or result is None:
            return
        changes.tell("callback.attempted", task.row, row.agent, attempt=row.id, result=result, cause=None, talk_s=None,
                     counted=counted)
        if result == "talked":
            self._tasks.end(task, "done", "talked", changes, agent=row.agent, attempt=row.id)
        elif counted:
            self._after_dialling(task, Outcome(result), row.agent, changes)


def _is_customers(outcome: Outcome) -> bool:
    """Whether an attempt that dialled ended by what its customer did, or may have done."""
    if outcome.result in ("agent_left", "agent_failed") or (
            outcome.result == "stopped" and outcome.text in STOPPED_BY_US):
        return False
    return outcome.result != "customer_failed" or not (outcome.cause == 408 or 500 <= (outcome.cause or 0) < 600)
