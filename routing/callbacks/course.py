"""The course of attempts: claim, steps, end. What an attempt stands for is committed before it is sent."""

from collections.abc import Callable
from functools import partial
from typing import Final

from routing.callbacks.aftermath import REFUSED_REST, Aftermath
from routing.callbacks.crews import Crews
from routing.callbacks.draft import Draft
from routing.callbacks.facts import Floor, Order, Orders, Outcome
from routing.callbacks.keeper import Keeper
from routing.callbacks.screen import Screen
from routing.callbacks.task import STEPS, Attempt, Task
from routing.callbacks.terms import Terms
from routing.ids import Names
from routing.rows import AttemptRow, LegRow, Step
from routing.storage import Store, StoreError
from routing.teller import Teller
from routing.writes import DropLeg, Unit

STUCK: Final = 120.0
"""Seconds that an attempt may take beside what its rings and prompts may, until its customer answers."""

GIVEN_UP: Final = 60.0
"""Seconds in which an attempt has to end once its runner was told to stop it."""

LONGEST_TALK: Final = 24 * 3600.0
"""Seconds after which an attempt whose end nobody told is taken for over."""

SENDS: Final[frozenset[Step]] = frozenset({"agent", "customer"})
"""Steps after which an INVITE leaves, so that they are committed or do not happen. The others have happened."""


class Course:
    """Runs the attempts of a desk."""

    def __init__(self, keeper: Keeper, screen: Screen, crews: Crews, floor: Floor, store: Store, teller: Teller,
                 names: Names, node: str) -> None:
        self._keeper, self._screen = keeper, screen
        self._store, self._teller, self._names, self._node = store, teller, names, node
        self.aftermath = Aftermath(keeper, screen, crews, floor)
        self.orders: Orders | None = None
        self.legs: dict[str, LegRow] = {}
        """Legs that may be up."""
        self.now = 0.0
        """The latest moment that anybody told us."""

    # Beginning

    def claim(self, task: Task, agent: str | None, terms: Terms, now: float) -> bool:
        """Begin an attempt; False where the guard says no (the task has been put elsewhere) or nothing can be known."""
        refusal = self._screen.refusal(task, terms, now)
        if refusal is not None:
            draft = self._draft(now)
            self._screen.refused(task, terms, refusal, draft)
            if not draft.empty:
                self._store.put(draft.unit())
            return False
        try:
            serial = self._serial(task)
        except StoreError:
            self._keeper.rest(task, now + REFUSED_REST)
            return False
        row = AttemptRow(self._names.new(now), task.row.id, task.row.customer, serial, agent, self._node, "claimed",
                         now, None, None, None, None, None, None)
        attempt = Attempt(row, self._order(task, row, terms), task)
        self._keeper.register.begin(attempt)
        task.serial, task.refused = serial, ""
        draft = self._draft(now)
        draft.note(row.task, "assigned", agent, attempt=row.id, preview_s=attempt.order.preview or None)
        draft.tell("callback.assigned", task.row, agent, attempt=row.id, preview_s=attempt.order.preview,
                   missed=task.row.missed, note=attempt.order.note)
        self._store.claim(row, draft.unit(), partial(self._claimed, attempt))
        return True

    def _serial(self, task: Task) -> int:
        """Return the number of a task's next attempt; what a process before this one made is asked for once."""
        if task.serial is None:
            task.serial = max((attempt.serial for attempt in self._store.callbacks.attempts_of(task.row.id)), default=0)
        return task.serial + 1

    def _order(self, task: Task, row: AttemptRow, terms: Terms) -> Order:
        own, callback = task.row.options, terms.callback
        return Order(
            row.id, row.task, row.serial, row.customer, task.row.number or terms.number, task.row.group,
            task.row.campaign, task.row.pbx, task.row.trunk, row.agent, row.agent or terms.target or "",
            float(own.get("preview", callback.preview)), callback.agent_ring_for, callback.accept_within,
            callback.customer_ring_for, callback.min_talk, callback.confirm_key, callback.customer_first,
            str(own.get("language", callback.language)), callback.record, task.row.missed_at,
            str(own.get("note", "")),
        )

    def _claimed(self, attempt: Attempt, committed: bool) -> None:
        """Go on with an attempt once its claim is committed, or forget it."""
        if not committed:
            self._keeper.register.end(attempt)
            draft = self._draft(self.now)
            draft.attempt(attempt.row._replace(step="ended", ended_at=self.now, result="stopped"))
            self._store.put(draft.unit())
            self._after_refused_claim(attempt.task)
            return
        if attempt.stopping or not attempt.task.open or self.orders is None:
            self.ended(attempt.row.id, Outcome("stopped", text=attempt.stopping or "not_open"), self.now)
            return
        attempt.begun = True
        self.orders.begin(attempt.order, self.now)

    def _after_refused_claim(self, task: Task) -> None:
        """See whether the task is still ours to try: another node may have ended it."""
        keeper = self._keeper
        if self._store.well:
            try:
                row = self._store.callbacks.task(task.row.id)
            except StoreError:
                row = task.row
            if row is None:  # it was crowded out while the database was in trouble
                self._store.put(Unit((task.row,), durable=True))
            elif row.state not in ("open", "held"):
                keeper.lines.leave(task)
                keeper.register.remove(task)
                task.row = row
                return
        if task.open and task.ready:
            keeper.rest(task, self.now + REFUSED_REST)
        elif task.row.ended_at is None:  # held meanwhile, and maybe resumed
            keeper.resume(task)

    def look_after(self, now: float) -> None:
        """Stop attempts that go on for longer than they can, and give up those that do not even end then.

        Whatever went wrong in the runner, neither task nor customer may be blocked for ever.
        """
        for attempt in tuple(self._keeper.register.attempts.values()):
            order, row = attempt.order, attempt.row
            if attempt.stopped_at is not None and not attempt.joined:
                over = now - attempt.stopped_at >= GIVEN_UP
            else:
                over = attempt.joined and now - row.claimed_at >= LONGEST_TALK
            if over:
                self.ended(row.id, Outcome("stopped", text="stuck"), now)
            elif attempt.begun and now - row.claimed_at >= STUCK + order.preview + order.agent_ring_for + \
                    order.accept_within + order.customer_ring_for:
                self._keeper.stop(attempt, "stuck")

    # Steps

    def step(self, name: str, step: Step, now: float, go: Callable[[bool], None] | None,
             agent: str | None = None) -> None:
        """See DeskFacts."""
        attempt = self._keeper.register.attempts.get(name)
        if attempt is None or (attempt.stopping and go is not None and STEPS[step] <= STEPS["customer"]):
            if go is not None:
                go(False)
            return
        draft = self._draft(now)
        if step == "customer" and not self._may_dial(attempt, draft):
            self._store.put(draft.unit())
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
                self._dial(attempt, draft)
            case "accepted":
                draft.note(row.task, "accepted", row.agent, attempt=row.id)
                self._keeper.ticket(attempt.task, "started", draft, row.agent)
            case "answered":
                attempt.row = row._replace(answered_at=now)
                draft.note(row.task, "answered", row.agent, attempt=row.id)
            case "talked":
                self.aftermath.kept(attempt, draft)
            case _:
                draft.note(row.task, step, row.agent, attempt=row.id)
        draft.attempt(attempt.row)
        if go is None:
            self._store.put(draft.unit(durable=step == "talked"))
        elif step in SENDS:
            self._store.commit(draft.unit(durable=True), partial(self._stepped, attempt, step, now, go))
        else:
            self._store.put(draft.unit(durable=True), partial(self._stepped, attempt, step, now, go, True))

    def connected(self, name: str, now: float, agent: str | None) -> None:
        """See DeskFacts. Told once: whoever rings in while they talk is joined anew."""
        attempt = self._keeper.register.attempts.get(name)
        if attempt is not None and not attempt.connected:
            attempt.connected = True
            draft = self._draft(now)
            draft.tell("callback.connected", attempt.task.row, agent or attempt.row.agent, attempt=attempt.row.id)
            if not draft.empty:
                self._store.put(draft.unit())

    def _may_dial(self, attempt: Attempt, draft: Draft) -> bool:
        """Look again, now that it comes to dialling: much may have happened while the agent was rung."""
        task, terms = attempt.task, self._keeper.terms(attempt.task)
        refusal = self._screen.refusal(task, terms, draft.now)
        if refusal is None:
            return True
        attempt.why_not = refusal
        self._screen.tell(task, refusal, draft, attempt.row.id)
        return False

    def _dial(self, attempt: Attempt, draft: Draft) -> None:
        """Count the attempt: from now on the customer may be rung."""
        keeper, row = self._keeper, attempt.row
        if row.customer_at is not None:
            return
        attempt.row = row._replace(customer_at=draft.now)
        attempt.dialling = True
        self._screen.dialled.add(row.customer, draft.now)
        keeper.change(attempt.task, draft, attempts=attempt.task.row.attempts + 1)
        draft.note(row.task, "attempt", row.agent, attempt=row.id, number=attempt.order.number,
                   count=attempt.task.row.attempts)

    def _stepped(self, attempt: Attempt, step: Step, at: float, go: Callable[[bool], None], committed: bool) -> None:
        """Let the runner go on once a step is committed."""
        goes = committed and not attempt.stopping and attempt.row.ended_at is None
        if step == "customer" and attempt.dialling and attempt.row.customer_at == at:
            if not goes:
                draft = self._draft(self.now)
                self._undialled(attempt, draft)
                self._store.put(draft.unit())
            attempt.dialling = False
        go(goes)

    def _undialled(self, attempt: Attempt, draft: Draft) -> None:
        """Take back what was counted: nothing has left."""
        row, task = attempt.row, attempt.task
        if row.customer_at is not None:
            self._screen.dialled.remove(row.customer, row.customer_at)
        attempt.dialling = False
        attempt.row = row._replace(customer_at=None)
        self._keeper.change(task, draft, attempts=task.row.attempts - 1)
        draft.attempt(attempt.row)

    # Ending

    def let_go(self, name: str, now: float) -> None:
        """See DeskFacts."""
        attempt = self._keeper.register.attempts.get(name)
        if attempt is not None and not attempt.let_go:
            self.aftermath.wrap_up(attempt, now)
            self._keeper.register.let_go(attempt)

    def ended(self, name: str, outcome: Outcome, now: float) -> None:
        """See DeskFacts."""
        attempt = self._keeper.register.attempts.get(name)
        if attempt is not None:
            draft = self._draft(now)
            if attempt.dialling:
                self._undialled(attempt, draft)
            self.aftermath.close(attempt, outcome, draft)
            self._store.put(draft.unit(durable=True))

    # Legs

    def leg(self, row: LegRow, done: Callable[[], None] | None = None) -> None:
        """See DeskFacts."""
        self.legs[row.call] = row
        self._store.put(Unit((row,)), done)

    def leg_gone(self, call: str) -> None:
        """See DeskFacts."""
        self.legs.pop(call, None)
        self._store.put(Unit((DropLeg(call),)))

    def _draft(self, now: float) -> Draft:
        self.now = now
        return Draft(self._teller, now)
