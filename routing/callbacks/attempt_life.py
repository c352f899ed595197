"""The life of attempts: steps and end. What an attempt stands for is committed before it is sent."""

from collections.abc import Callable
from functools import partial
from typing import Final

from routing.callbacks.attempt_outcomes import REFUSED_REST, AttemptOutcomes
from routing.callbacks.changes import Changes, ChangeSets
from routing.callbacks.charge import Charge
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Outcome
from routing.callbacks.per_live import PerLive
from routing.callbacks.refusal import Refusal
from routing.callbacks.task import STEPS, Attempt
from routing.callbacks.tasks import Tasks
from routing.rows import LegRow, Step
from routing.storage import Store
from routing.writes import DropLeg, Unit

STUCK: Final = 120.0
"""Seconds that an attempt may take beside what its rings and prompts may, until its customer answers."""

GIVEN_UP: Final = 60.0
"""Seconds in which an attempt has to end once its runner was told to stop it."""

LONGEST_TALK: Final = 24 * 3600.0
"""Seconds after which an attempt whose end nobody told is taken for over."""

SENDS: Final[frozenset[Step]] = frozenset({"agent", "customer"})
"""Steps after which an INVITE leaves, so that they are committed or do not happen. The others have happened."""

NOT_OURS: Final = Refusal("lease", "the other nodes may have given this attempt up", None, "trunk")
"""Whoever has not been heard of for a while is taken for dead by the others, and what it does is done by them."""


class AttemptLife:
    """`facts.DeskFacts`: what the runner tells of attempts, from their first step to their end."""

    def __init__(self, tasks: Tasks, charge: Charge, eligibility: Eligibility, outcomes: AttemptOutcomes,
                 per_live: PerLive, store: Store, sets: ChangeSets) -> None:
        self._charge = charge
        self._tasks, self._eligibility, self._outcomes, self._per_live = tasks, eligibility, outcomes, per_live
        self._store, self._sets = store, sets
        self.legs: dict[str, LegRow] = {}
        """Legs that may be up."""

    # Looking after them

    def look_after(self, now: float) -> None:
        """Stop attempts that go on for longer than they can, and give up those that do not even end then.

        Whatever went wrong in the runner, neither task nor customer may be blocked for ever.
        """
        for attempt in tuple(self._tasks.index.attempts.values()):
            order, row = attempt.order, attempt.row
            if attempt.stopped_at is not None and not attempt.joined:
                over = now - attempt.stopped_at >= GIVEN_UP
            else:
                over = attempt.joined and now - row.claimed_at >= LONGEST_TALK
            if over:
                self.ended(row.id, Outcome("stopped", text="stuck"), now)
            elif attempt.begun and now - row.claimed_at >= STUCK + order.preview + order.agent_ring_for + \
                    order.accept_within + order.customer_ring_for:
                self._tasks.stop(attempt, "stuck")

    # Steps

    def step(self, name: str, step: Step, now: float, go: Callable[[bool], None] | None = None,
             agent: str | None = None) -> None:
        attempt = self._tasks.index.attempts.get(name)
        if attempt is None or (attempt.stopping and go is not None and STEPS[step] <= STEPS["customer"]):
            if go is not None:
                go(False)
            return
        changes = self._sets.begin(now)
        if step == "customer" and not self._may_dial(attempt, changes):
            self._store.put(changes.unit())
            if go is not None:
                go(False)
            return
        before = attempt.row
        row = before._replace(agent=agent or before.agent)
        if STEPS[step] > STEPS[row.step]:
            row = row._replace(step=step)
        attempt.row = row
        match step:
            case "customer":
                self._dial(attempt, changes)
            case "accepted":
                changes.note(row.task, "accepted", row.agent, attempt=row.id)
                self._tasks.ticket(attempt.task, "started", changes, row.agent)
            case "answered":
                attempt.row = row._replace(answered_at=now)
                changes.note(row.task, "answered", row.agent, attempt=row.id)
            case "talked":
                self._outcomes.keep_promise(attempt, changes)
            case "agent":
                changes.note(row.task, "agent", row.agent, attempt=row.id)
            case "claimed" | "ended":  # told otherwise
                pass
        changes.attempt(attempt.row)
        if go is None:
            self._store.put(changes.unit(durable=step == "talked"))
        elif step in SENDS:
            self._store.commit(changes.unit(durable=True), partial(self._on_step_committed, attempt, step, now, go))
        else:
            self._store.put(changes.unit(durable=True), partial(self._on_step_committed, attempt, step, now, go, True))

    def connected(self, name: str, now: float, agent: str | None = None) -> None:
        """See DeskFacts. Told once: whoever rings in while they talk is joined anew."""
        attempt = self._tasks.index.attempts.get(name)
        if attempt is not None and not attempt.connected:
            attempt.connected = True
            changes = self._sets.begin(now)
            changes.tell("callback.connected", attempt.task.row, agent or attempt.row.agent, attempt=attempt.row.id)
            if not changes.empty:
                self._store.put(changes.unit())

    def _may_dial(self, attempt: Attempt, changes: Changes) -> bool:
        """Look again, now that it comes to dialling: much may have happened while the agent was rung."""
        task, settings = attempt.task, self._tasks.settings(attempt.task)
        refusal = NOT_OURS._replace(until=changes.now + REFUSED_REST) if not self._charge.may_dial() else \
            self._eligibility.refusal(task, settings, changes.now, at_place=attempt.from_place)
        if refusal is None:
            return True
        attempt.why_not = refusal
        self._eligibility.tell(task, refusal, changes, attempt.row.id)
        return False

    def _dial(self, attempt: Attempt, changes: Changes) -> None:
        """Count the attempt: from now on the customer may be rung."""
        tasks, row = self._tasks, attempt.row
        if row.customer_at is not None:
            return
        attempt.row = row._replace(customer_at=changes.now)
        attempt.dialling = True
        self._eligibility.dialled.add(row.customer, changes.now)
        if attempt.task.asked and not attempt.from_place:
            self._per_live.note_dialled(attempt.order.group, changes.now)
        tasks.change(attempt.task, changes, attempts=attempt.task.row.attempts + 1)
        changes.note(row.task, "attempt", row.agent, attempt=row.id, number=attempt.order.number,
                     count=attempt.task.row.attempts)

    def _on_step_committed(self, attempt: Attempt, step: Step, at: float, go: Callable[[bool], None],
                           committed: bool) -> None:
        """Let the runner go on once a step is committed."""
        goes = committed and not attempt.stopping and attempt.row.ended_at is None and (
            step != "customer" or self._charge.may_dial())  # the commit may have taken long
        if step == "customer" and attempt.dialling and attempt.row.customer_at == at:
            if not goes:
                changes = self._sets.begin(self._sets.now)
                self._undialled(attempt, changes)
                self._store.put(changes.unit())
            attempt.dialling = False
        go(goes)

    def _undialled(self, attempt: Attempt, changes: Changes) -> None:
        """Take back what was counted: nothing has left. Whoever was put aside because of it is looked at again."""
        row, task = attempt.row, attempt.task
        attempt.dialling = False
        if row.customer_at is not None and self._eligibility.take_dial_back(row.customer, row.customer_at):
            self._tasks.set_book(self._tasks.book)
        attempt.row = row._replace(customer_at=None)
        self._tasks.change(task, changes, attempts=task.row.attempts - 1)
        changes.attempt(attempt.row)

    def not_dialled(self, name: str, now: float) -> None:
        attempt = self._tasks.index.attempts.get(name)
        if attempt is not None and attempt.dialled:
            changes = self._sets.begin(now)
            self._undialled(attempt, changes)
            self._store.put(changes.unit())

    # Ending

    def let_go(self, name: str, now: float) -> None:
        attempt = self._tasks.index.attempts.get(name)
        if attempt is not None and not attempt.let_go:
            self._outcomes.wrap_up(attempt, now)
            self._tasks.index.let_go(attempt)
            attempt.row = attempt.row._replace(engages=None)
            self._store.put(Unit((attempt.row,)))

    def ended(self, name: str, outcome: Outcome, now: float) -> None:
        attempt = self._tasks.index.attempts.get(name)
        if attempt is not None:
            changes = self._sets.begin(now)
            if attempt.dialling:
                self._undialled(attempt, changes)
            self._outcomes.close(attempt, outcome, changes)
            self._store.put(changes.unit(durable=True))

    # Legs

    def leg(self, row: LegRow, done: Callable[[], None] | None = None) -> None:
        self.legs[row.call] = row
        self._store.put(Unit((row,)), done)

    def leg_gone(self, call: str) -> None:
        self.legs.pop(call, None)
        self._store.put(Unit((DropLeg(call),)))
