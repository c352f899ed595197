"""What follows from the end of an attempt: for its task, its agent and the other promises to the same customer."""

from typing import Final

from routing.callbacks.crews import Crews
from routing.callbacks.draft import Draft
from routing.callbacks.facts import Floor, Outcome
from routing.callbacks.keeper import Keeper
from routing.callbacks.plan import later
from routing.callbacks.retry import Again, Never
from routing.callbacks.schedule import within
from routing.callbacks.screen import Screen
from routing.callbacks.task import Attempt, Task
from routing.rows import AttemptRow, Result

AGENT_SIDE: Final[frozenset[Result]] = frozenset({
    "agent_no_answer", "agent_busy", "agent_failed", "agent_silent", "agent_left",
})
"""Results that came about at the agent: where nobody was dialled yet that agent is left alone for a while."""

NO_SUCH_AGENT: Final = frozenset({404, 410, 484, 604})
WRONG_REST: Final = 600.0
"""Seconds for which an extension that the PBX does not know is left alone."""

REFUSED_REST: Final = 5.0
"""Seconds after which a task whose claim was refused is looked at again."""


class Aftermath:
    """Says what becomes of tasks whose attempts have ended."""

    def __init__(self, keeper: Keeper, screen: Screen, crews: Crews, floor: Floor) -> None:
        self._keeper, self._screen, self._crews, self._floor = keeper, screen, crews, floor

    def kept(self, attempt: Attempt, draft: Draft) -> None:
        """They talk: the promise is kept, and every other one to this customer with it."""
        row, keeper = attempt.row, self._keeper
        if attempt.task.row.ended_at is None:
            keeper.kept[attempt.order.group] += 1
        for task in keeper.register.of_customer(row.customer):
            keeper.end(task, "done", "talked", draft, agent=row.agent, attempt=row.id)

    def close(self, attempt: Attempt, outcome: Outcome, draft: Draft) -> None:
        """Write down how an attempt ended, and say what becomes of its task."""
        row, task, keeper = attempt.row, attempt.task, self._keeper
        agent = outcome.agent or row.agent
        row = attempt.row = row._replace(
            agent=agent, step="ended", ended_at=draft.now, result=outcome.result, cause=outcome.cause,
            answered_at=row.answered_at if outcome.answered_at is None else outcome.answered_at,
            talk_s=outcome.talk_s)
        draft.attempt(row)
        self._spare(attempt, outcome, draft.now)
        keeper.register.end(attempt)
        counted = row.customer_at is not None
        draft.note(row.task, "result", agent, attempt=row.id, result=outcome.result, cause=outcome.cause,
                   text=outcome.text or None, talk_s=outcome.talk_s, counted=counted, recording=outcome.recording)
        draft.tell("callback.attempted", task.row, agent, attempt=row.id, result=outcome.result, cause=outcome.cause,
                   talk_s=outcome.talk_s, counted=counted,
                   **({} if attempt.why_not is None else attempt.why_not.data()))
        if task.row.ended_at is not None:
            return
        joined = outcome.result == "glare" and (outcome.talk_s or 0.0) >= attempt.order.min_talk
        if outcome.result == "talked" or joined:
            self.kept(attempt, draft)
        else:
            self._go_on(attempt, outcome, draft)

    def _spare(self, attempt: Attempt, outcome: Outcome, now: float) -> None:
        """Leave the agent in peace for as long as they need after this."""
        order, agent = attempt.order, attempt.row.agent
        callback = self._keeper.terms(attempt.task).callback
        at_agent = outcome.result in AGENT_SIDE or (order.agent is None and outcome.result == "declined")
        if at_agent and not attempt.dialled:
            rest = WRONG_REST if outcome.cause in NO_SUCH_AGENT else callback.retry_agent
            self._crews.spare(order.agent, order.group, now + rest)
        elif agent is not None and (attempt.dialled or outcome.result == "glare") and not attempt.let_go:
            self._wrap_up(agent, callback.wrap_up, now)

    def wrap_up(self, attempt: Attempt, now: float) -> None:
        """Let the agent finish with an attempt that goes on without them: their time begins now."""
        if attempt.row.agent is not None and attempt.dialled:
            self._wrap_up(attempt.row.agent, self._keeper.terms(attempt.task).callback.wrap_up, now)

    def _wrap_up(self, agent: str, seconds: float, now: float) -> None:
        if seconds > 0:
            self._floor.wrap_up(agent, now + seconds, now)

    def _go_on(self, attempt: Attempt, outcome: Outcome, draft: Draft) -> None:
        """Say when a task whose attempt did not bring it to its end is tried again."""
        task, keeper = attempt.task, self._keeper
        if attempt.dialled:
            self._after_dialling(task, outcome, attempt.row.agent, draft)
        elif attempt.why_not is not None and task.open and task.ready:
            self._screen.refused(task, keeper.terms(task), attempt.why_not, draft, told=True)
        elif outcome.result == "declined" and attempt.row.agent is not None:
            self._declined(task, attempt.row.agent, draft)
        elif outcome.result == "glare" and task.open:
            self._soon(task, draft)
        elif outcome.result == "stopped" and task.open and task.ready:
            keeper.rest(task, draft.now + REFUSED_REST)
        else:
            self._again(task)
        if task.row.ended_at is None and task.row.expires_at <= draft.now:
            keeper.agenda.note(draft.now, "expire", task)

    def _after_dialling(self, task: Task, outcome: Outcome, agent: str | None, draft: Draft) -> None:
        """Say when a task is tried again after an attempt that counted."""
        keeper = self._keeper
        task.last = outcome, draft.now
        keeper.tried(task, outcome.result, agent, draft)
        verdict = later(task.row, keeper.terms(task), outcome, draft.now)
        at = self.follow(task, verdict, draft, agent, outcome.cause)
        if at is not None:
            keeper.schedule(task, at, draft)

    def follow(self, task: Task, verdict: Again | Never, draft: Draft, agent: str | None,
               cause: int | None) -> float | None:
        """Return when a task is tried again by a verdict; None: never, and the task is at its end."""
        if isinstance(verdict, Again):
            return verdict.at
        if verdict.reason == "window":
            self._keeper.end(task, "expired", "window", draft, "expired", agent, cause=cause)
        else:
            reason = "unreached" if verdict.reason == "attempts" else verdict.reason
            self._keeper.end(task, "failed", reason, draft, "unreached", agent, cause=cause)
        return None

    def _soon(self, task: Task, draft: Draft) -> None:
        """Try a customer again in a while who rang in themselves and was gone before it was a talk."""
        terms = self._keeper.terms(task)
        at = within(draft.now + terms.callback.retry_busy, task.row.expires_at, terms.open_time)
        if at is None:
            self._keeper.end(task, "expired", "window", draft, "expired")
        else:
            task.not_before = at
            self._keeper.schedule(task, at, draft)

    def _declined(self, task: Task, agent: str, draft: Draft) -> None:
        """Remember who declined in this round; when everybody has, another round begins after a pause."""
        keeper, terms = self._keeper, self._keeper.terms(task)
        declined = tuple(dict.fromkeys((*task.row.declined, agent)))
        draft.note(task.row.id, "declined", agent)
        everybody = bool(terms.agents) and set(terms.agents) <= set(declined)
        keeper.change(task, draft, declined=() if everybody else declined)
        if task.responsible == agent:
            keeper.release(task, "declined", draft)
        if everybody and task.open and task.ready:
            keeper.rest(task, draft.now + terms.callback.retry_agent)
        else:
            self._again(task)

    def _again(self, task: Task) -> None:
        """Let a task whose customer was not dialled wait for another agent: it is as due as before."""
        if task.open and task.ready:
            self._keeper.place(task)
        elif task.open and task.row.due_at is not None:
            self._keeper.agenda.note(task.row.due_at, "due", task)

    # What a process before this one left

    def recover(self, row: AttemptRow, draft: Draft) -> None:
        """Close an attempt in whose middle a process before this one died.

        Where the customer may have been dialled it counts, and is not made again before the next planned moment.
        """
        task = self._keeper.register.tasks.get(row.task)
        counted, talked = row.customer_at is not None, row.step == "talked"
        draft.attempt(row._replace(step="ended", ended_at=draft.now, result="talked" if talked else "crashed"))
        draft.note(row.task, "recovered", row.agent, attempt=row.id, step=row.step, counted=counted)
        if task is None:
            return
        draft.tell("callback.attempted", task.row, row.agent, attempt=row.id, result="talked" if talked else "crashed",
                   cause=None, talk_s=None, counted=counted)
        if talked:
            self._keeper.end(task, "done", "talked", draft, agent=row.agent, attempt=row.id)
        elif counted:
            self._after_dialling(task, Outcome("crashed"), row.agent, draft)
