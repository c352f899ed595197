"""The desk: keeps every promise to call a customer, from the missed call to its end.

The one object of the callback rules that lives: it holds all open tasks and running attempts, asks the pure rules
beside it, and hands what they say to the store. All in the proxy's thread; time always comes as an argument.
Nothing is dialled that was not committed before: a database in trouble makes callbacks wait.
"""

from collections.abc import Callable
from typing import Final

from config.policy import Policy
from routing.callbacks.course import Course
from routing.callbacks.dispatch import Dispatcher
from routing.callbacks.draft import Draft
from routing.callbacks.facts import Floor, Missed, Orders, Outcome, PastTalk, Waiter, Waits
from routing.callbacks.guard import HOUR
from routing.callbacks.intake import Intake
from routing.callbacks.keeper import Keeper
from routing.callbacks.office import Office
from routing.callbacks.replan import Replanner
from routing.callbacks.screen import Screen
from routing.callbacks.task import Task, within_reach
from routing.callbacks.terms import TermBook
from routing.callbacks.tickets import TicketOffice
from routing.ids import Names, RandomBytes
from routing.rows import AttemptRow, Barred, LegRow, Step
from routing.storage import Store, StoreError
from routing.teller import Teller
from routing.writes import EMPTY_UNIT, DropLeg, Unit

MOMENTS: Final = 100
"""Things of the agenda done in one turn; the others follow with the next."""

EARLY: Final = 1000
"""Calls that are remembered while the database cannot be read after the start."""

ABANDONED: Final = 12 * 3600.0
"""Seconds after which an attempt of another node that never ended is taken for lost."""

LEGS_KEPT: Final = 64.0
"""Seconds for which legs of a process before this one are kept after they were told to end: twice 64*T1."""

CLOCK_SLACK: Final = 1.0
"""Seconds by which the clock may go back unnoticed."""

TIDY: Final = 600.0
"""Seconds between two looks at who was dialled too long ago to count."""

DAY: Final = 86_400.0


class Desk(Office):
    """`facts.DeskFacts` for the runner, `happenings.Happenings` for the ledger, and the operator's verbs."""

    def __init__(self, store: Store, policy: Policy, node: str, teller: Teller, floor: Floor,
                 random_bytes: RandomBytes) -> None:
        """`random_bytes`: os.urandom or the like. `orders` is to be set before the first turn."""
        names = Names(random_bytes)
        keeper = Keeper(TermBook(policy), lambda: int.from_bytes(random_bytes(7), "big") / (1 << 56),
                        TicketOffice(teller, names.new))
        screen = Screen(keeper, floor, policy)
        dispatcher = Dispatcher(keeper, floor, screen.halted)
        course = Course(keeper, screen, dispatcher.crews, floor, store, teller, names, node)
        intake = Intake(keeper, screen, store, names)
        super().__init__(keeper, screen, intake, store, teller)
        self.on_alarm: Callable[[str, str | None, float], None] = lambda name, text, now: None
        """Told of alarms that go up (text) and down (None): `Alarms.report`."""
        self.able: Callable[[], bool] = lambda: True
        """Whether attempts can be made at all now: while there is no media, say, none begins."""
        self.draining = False
        """No attempt begins any more; those that run go on."""
        self._dispatcher, self._course = dispatcher, course
        self._replanner = Replanner(keeper, course.aftermath, store)
        self._node = node
        self._restored = self._more = self._flooded = False
        self._early: list[Missed | PastTalk] = []
        self._old_legs: tuple[LegRow, ...] = ()
        self._forget_at: float | None = None
        self._tidy_at = self._turned_at = 0.0
        store.on_anew = self._anew

    @property
    def orders(self) -> Orders | None:
        """Who runs the attempts."""
        return self._course.orders

    @orders.setter
    def orders(self, orders: Orders) -> None:
        self._course.orders = orders

    # What the ledger tells

    def missed(self, missed: Missed, now: float) -> Unit:
        """See Happenings."""
        return self._heard(missed, now)

    def talked(self, talk: PastTalk, now: float) -> Unit:
        """See Happenings: any talk ends every task of the customer, whatever its group."""
        return self._heard(talk, now)

    def rang_in(self, customer: str, now: float) -> str | None:
        """See Happenings."""
        attempt = self._keeper.register.calling(customer)
        if attempt is None or not attempt.begun or attempt.talked or attempt.stopping:
            return None
        return attempt.row.id

    def waits(self, waiter: Waiter, now: float) -> Waits | None:
        """See Happenings."""
        return self._intake.waits(waiter, now) if self._restored else None

    def pressed(self, missed: Missed, now: float) -> tuple[bool, Unit]:
        """See Happenings."""
        if not self._restored or not self._store.well:
            return False, EMPTY_UNIT
        draft = self._draft(now)
        promised = self._intake.missed(missed, draft)
        self._flood(now)
        return promised, draft.unit(durable=True)

    def _heard(self, fact: Missed | PastTalk, now: float) -> Unit:
        if not self._restored:
            if len(self._early) < EARLY:
                self._early.append(fact)
            return EMPTY_UNIT
        if isinstance(fact, PastTalk) and (fact.attempt is not None
                                           or not self._keeper.register.of_customer(fact.customer)):
            return EMPTY_UNIT  # nearly every talk that passes; what became of our attempt is for its runner to say
        draft = self._draft(now)
        if isinstance(fact, Missed):
            self._intake.missed(fact, draft)
            self._flood(now)
        else:
            for task in self._keeper.register.of_customer(fact.customer):
                self._keeper.end(task, "done", "talk", draft, agent=fact.agent, call=fact.call,
                                 direction=fact.direction)
        return draft.unit(durable=not draft.empty)

    def _flood(self, now: float) -> None:
        """Raise the alarm of a flood, or clear it once it has passed."""
        refusal = self._intake.flood
        if refusal is not None and refusal.until is not None and refusal.until <= now:
            refusal = self._intake.flood = None
        if (refusal is not None) != self._flooded:
            self._flooded = refusal is not None
            self.on_alarm("callbacks_flood", None if refusal is None else refusal.text, now)

    # What the runner tells

    def step(self, attempt: str, step: Step, now: float, go: Callable[[bool], None] | None = None,
             agent: str | None = None) -> None:
        """See DeskFacts."""
        self._course.step(attempt, step, now, go, agent)

    def connected(self, attempt: str, now: float, agent: str | None = None) -> None:
        """See DeskFacts."""
        self._course.connected(attempt, now, agent)

    def leg(self, row: LegRow, done: Callable[[], None] | None = None) -> None:
        """See DeskFacts. `done` is called once this is committed, or at once while the database is in trouble."""
        self._course.leg(row, done)

    def leg_gone(self, call: str) -> None:
        """See DeskFacts."""
        self._course.leg_gone(call)

    def let_go(self, attempt: str, now: float) -> None:
        """See DeskFacts."""
        self._course.let_go(attempt, now)

    def ended(self, attempt: str, outcome: Outcome, now: float) -> None:
        """See DeskFacts."""
        self._course.ended(attempt, outcome, now)

    # Time

    def turn(self, now: float) -> None:
        """Do what is to be done now: about once a second, and soon after each fact that may free an agent."""
        self._course.now = now
        if not self._restored:
            self.restore(now)
        if not self._restored or self.orders is None:
            return
        if now < self._turned_at - CLOCK_SLACK:
            self._set_back()
        self._turned_at = now
        self._recover(now)
        self._course.look_after(now)
        self._stop(now)
        draft = self._draft(now)
        replanning = self._replanner.turn(draft)
        done = self._moments(draft)
        self._keeper.tidy()
        if not now < self._tidy_at <= now + TIDY:
            self._tidy_at = now + TIDY
            self._screen.tidy(now)
        self._flood(now)
        if not draft.empty:
            self._store.put(draft.unit())
        more = not self.draining and self.able() and self._store.well and self._dispatcher.turn(
            now, lambda task, agent, terms: self._course.claim(task, agent, terms, now))
        self._more = more or replanning or done == MOMENTS

    def next_turn(self) -> float | None:
        """Return when there is something to do next, seconds since the epoch (0: at once); None: nothing is planned."""
        return 0.0 if self._more or self._keeper.stops else self._keeper.agenda.first()

    def set_policy(self, policy: Policy, now: float) -> None:
        """Put a policy in force, for what is promised already too."""
        old = self._keeper.book
        self._keeper.set_book(TermBook(policy))
        self._screen.set_policy(policy)
        self._replanner.begin(old, self._keeper.book)
        if policy.guard.stop:
            for attempt in tuple(self._keeper.register.attempts.values()):
                self._keeper.stop(attempt, "stop")

    def clock_set(self, seconds: float) -> None:
        """The wall clock was set forward by so many seconds (back: negative), as a clock that only goes on has shown.

        The caps of the guard keep what they have counted: otherwise a wrong time server would lift them.
        """
        self._screen.shift(seconds)

    def _set_back(self) -> None:
        """Look at everything anew: the clock was set back, and short rests would last as long as that."""
        self._keeper.set_book(self._keeper.book)
        self._screen.set_policy(self._keeper.book.policy)
        self._dispatcher.crews.forget()

    def _moments(self, draft: Draft) -> int:
        """Do what the agenda says, as much as fits into a turn; return how much that was."""
        for done in range(MOMENTS):
            found = self._keeper.agenda.take(draft.now)
            if found is None:
                return done
            what, task = found
            if task.row.ended_at is None and task.attempt is None:
                self._moment(what, task, draft)
        return MOMENTS

    def _moment(self, what: str, task: Task, draft: Draft) -> None:
        self._replanner.one(task, draft)
        row, keeper, now = task.row, self._keeper, draft.now
        if row.ended_at is not None:
            return
        if row.expires_at <= now:
            self._expire(task, draft)
        elif not task.open:
            return
        elif not task.ready:
            if row.due_at is not None and row.due_at <= now:
                keeper.make_ready(task, draft)
        elif task.responsible is not None and row.responsible_since is not None and \
                row.responsible_since + keeper.patience(task) <= now:
            keeper.release(task, "waited", draft)
        elif what == "wake" and task.place is None:
            keeper.place(task)

    def _expire(self, task: Task, draft: Draft) -> None:
        """The window of a task is over; say what kept it from being tried, if nobody ever was."""
        halted = self._screen.halted(draft.now)
        never = task.ready and not task.row.attempts
        reason = halted or ((task.refused or "no_agent") if never else "window")
        self._keeper.end(task, "expired", reason, draft, "guard" if halted else "expired")

    def _stop(self, now: float) -> None:
        """Tell the runner which attempts are to end."""
        stops, self._keeper.stops = self._keeper.stops, []
        for attempt in stops:
            if attempt.begun and not attempt.joined and attempt.row.ended_at is None and self.orders is not None:
                attempt.stopped_at = now
                self.orders.stop(attempt.row.id, attempt.stopping, now)

    # After a restart

    def restore(self, now: float) -> bool:
        """Read back what was promised, and close what the process before this one was in the middle of.

        Where the database cannot be read yet, nothing is dialled and `turn` tries again.
        """
        self._course.now = now
        try:
            kept = self._store.callbacks
            rows, attempts, legs = kept.open_tasks(), kept.open_attempts(), kept.legs()
            past, barred, made = kept.attempts_since(now - DAY), kept.barred(), kept.tasks_since(now - HOUR)
        except StoreError:
            return False
        self._restored = True
        self._screen.restore(past, made, now)
        self._screen.barred = {row.customer for row in barred}
        for row in rows:
            self._keeper.register.add(Task(within_reach(row, now)))
        draft = self._draft(now)
        for attempt in attempts:
            if attempt.node == self._node or attempt.claimed_at < now - ABANDONED:
                self._course.aftermath.recover(attempt, draft)
        for task in tuple(self._keeper.register.live()):
            self._keeper.resume(task)
        if not draft.empty:
            self._store.put(draft.unit(durable=True))
        self._old_legs = tuple(legs)
        early, self._early = self._early, []
        for fact in early:
            self._store.put(self._heard(fact, now))
        return True

    def _recover(self, now: float) -> None:
        """End the legs that a process before this one left up; forget them when that has had its time."""
        if self._old_legs and self._forget_at is None and self.orders is not None:
            self.orders.recover(self._old_legs, now)
            self._forget_at = now + LEGS_KEPT
        elif self._forget_at is not None and self._forget_at <= now:
            gone = tuple(leg.call for leg in self._old_legs)
            self._old_legs, self._forget_at = (), None
            self._store.put(Unit(tuple(map(DropLeg, gone))))

    def _anew(self) -> None:
        """Another database stands in the place of the one that was open: tell it everything that lives."""
        running: dict[str, tuple[AttemptRow, ...]] = {}
        for attempt in self._keeper.register.attempts.values():
            running[attempt.row.task] = (attempt.row,)
        for task in self._keeper.register.live():
            self._store.put(Unit((task.row, *running.pop(task.row.id, ()))))
        for rows in running.values():
            self._store.put(Unit(rows))
        self._store.put(Unit((*self._course.legs.values(), *self._old_legs)))
        self._bar_again()

    def _bar_again(self) -> None:
        """Write who is never called into the new database, and heed whom it names itself."""
        barred = self._screen.barred
        try:
            there = {row.customer for row in self._store.callbacks.barred()}
        except StoreError:
            there = set()
        self._store.put(Unit(tuple(Barred(customer, self._course.now, "") for customer in barred - there)))
        barred |= there
