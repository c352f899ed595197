"""The desk: keeps every promise to call a customer, from the missed call to its end.

The one object of the callback rules that lives: it holds all open tasks and running attempts, asks the pure rules
beside it, and hands what they say to the store. All in the proxy's thread; time always comes as an argument.
Nothing is dialled that was not committed before: a database in trouble makes callbacks wait.
"""

from collections.abc import Callable, Sequence
from typing import Final

from config.policy import Policy
from routing.callbacks.admin import Admin
from routing.callbacks.call_intake import CallIntake
from routing.callbacks.changes import Changes
from routing.callbacks.dial_guard import HOUR
from routing.callbacks.dispatch import Dispatcher
from routing.callbacks.effective_settings import SettingsBook
from routing.callbacks.elsewhere import NOBODYS, AttemptsElsewhere
from routing.callbacks.facts import AttemptOrder, Orders
from routing.callbacks.intake import Intake
from routing.callbacks.other_nodes import OtherNodes
from routing.callbacks.previews import Previews
from routing.callbacks.queue_facts import PlaceOrders
from routing.callbacks.queue_offers import QueueOffers
from routing.callbacks.queue_requests import QueueRequests
from routing.callbacks.replan import Replanner
from routing.callbacks.rooms import DeskRooms
from routing.callbacks.task import Task, held, within_reach
from routing.rows import AttemptRow, DoNotCallRow, LegRow
from routing.storage import ChangedRows, StoreError
from routing.writes import DropLeg, Unit

MOMENTS: Final = 100
"""Things that are due done in one turn; the others follow with the next."""

ABANDONED: Final = 12 * 3600.0
"""Seconds after which an attempt of another node that never ended is taken for lost."""

LEGS_KEPT: Final = 64.0
"""Seconds for which legs of a process before this one are kept after they were told to end: twice 64*T1."""

CLOCK_SLACK: Final = 1.0
"""Seconds by which the clock may go back unnoticed."""

TIDY: Final = 600.0
"""Seconds between two looks at who was dialled too long ago to count."""

CONFIRMING: Final = 60.0
"""Seconds that a caller may hear that they will be called, before the room holds their place for them."""

ANSWERING: Final = 5.0
"""Seconds beside their time for 1 or 2 that an agent may take who has picked up a place."""

DAY: Final = 86_400.0


class Desk:
    """Turned by a timer. `attempts` hears the runner, `calls` the ledger, `admin` the operators."""

    def __init__(self, rooms: DeskRooms, orders: Orders, room: PlaceOrders,
                 peers: Callable[[str | None], tuple[str, str]], able: Callable[[], bool],
                 report_alarm: Callable[[str, str | None, float], None]) -> None:
        """`orders`: who runs the attempts, and tells `rooms.attempts` of them. `room`: who holds places in the queues
        of PBXs, and tells `rooms.places` of them.

        `peers`: PBX and trunk that calls of a number of ours use (None: those of no number). `able`: whether attempts
        can be made at all now: while there is no media, say, none begins. `report_alarm`: raises an alarm (name, text,
        now) or clears it (None).
        """
        tasks, store, sets = rooms.tasks, rooms.store, rooms.sets
        intake = Intake(tasks, rooms.eligibility, store, rooms.names)
        self.attempts, self.places = rooms.attempts, rooms.places
        requests = QueueRequests(tasks, rooms.eligibility, intake, rooms.names, room)
        offers = QueueOffers(tasks, rooms.eligibility, intake, rooms.live)
        self.calls = CallIntake(tasks, intake, offers, requests, store, sets, report_alarm)
        self.admin = Admin(tasks, rooms.eligibility, intake, store, sets, peers, rooms.wrap_ups)
        self.draining = False
        """No attempt begins any more; those that run go on."""
        self._tasks, self._eligibility, self._store, self._sets = tasks, rooms.eligibility, store, sets
        self._wrap_ups = rooms.wrap_ups
        self._pool, self._outcomes, self._orders, self._able = rooms.pool, rooms.outcomes, orders, able
        self._claims, self._room = rooms.claims, room
        self._pauses = rooms.live.pauses
        self._dispatcher = Dispatcher(tasks, rooms.live, rooms.pool, rooms.per_live, rooms.eligibility.halt_reason)
        self.previews = Previews(tasks, rooms.eligibility, self._dispatcher)
        """Who would be called next."""
        self._replanner = Replanner(tasks, rooms.charge, rooms.outcomes, store)
        self._node, self._charge = rooms.node, rooms.charge
        self._restored = self._more = False
        self._unknown_places: list[tuple[str, str, float]] = []
        """Places to be left that the room does not hold yet, if it ever will: their request, why, until when."""
        self._old_legs: tuple[LegRow, ...] = ()
        self._forget_at: float | None = None
        self._tidy_at = self._turned_at = 0.0
        self._others = OtherNodes(tasks, rooms.eligibility, self.calls, store, sets)
        self._elsewhere = AttemptsElsewhere(tasks, rooms.charge, rooms.outcomes, store, sets, rooms.node)
        store.tell_rows_to(self)
        store.tell_changes_to(self)

    @property
    def idle(self) -> bool:
        """Whether no task is open or held: nothing that goes on can matter."""
        return not self._tasks.index.tasks

    def drain(self) -> None:
        """Begin no attempt any more; those that run go on."""
        self.draining = True

    def go_on(self) -> None:
        """Begin attempts again."""
        self.draining = False

    # Time

    def turn(self, now: float) -> None:
        """Do what is to be done now: about once a second, and soon after each fact that may free an agent."""
        self._sets.now = now
        if not self._restored:
            self.restore(now)
        if not self._restored:
            return
        if now < self._turned_at - CLOCK_SLACK:
            self._set_back()
        self._turned_at = now
        self._others.turn(now)
        self._take_charge()
        self._elsewhere.turn(now)
        self._recover(now)
        self.attempts.look_after(now)
        self._stop(now)
        self._leave(now)
        changes = self._sets.begin(now)
        replanning = self._replanner.turn(changes)
        done = self._moments(changes)
        self.places.turn(self._room.holds_place, changes)
        self._tasks.tidy()
        if not now < self._tidy_at <= now + TIDY:
            self._tidy_at = now + TIDY
            self._eligibility.tidy(now)
        self.calls.heed_flood(now)
        if not changes.empty:
            self._store.put(changes.unit())
        more = not self.draining and self._able() and self._store.well and self._dispatcher.turn(
            now, lambda task, agent, settings: self._claims.claim(task, agent, settings, now, self._begin))
        self._more = more or replanning or done == MOMENTS

    def next_turn(self) -> float | None:
        """Return when there is something to do next, seconds since the epoch (0: at once); None: nothing is planned."""
        at_once = self._more or self._tasks.stops or self._tasks.places.leaving or self._others.waits
        return 0.0 if at_once else self._tasks.due_times.first()

    def set_policy(self, policy: Policy, now: float) -> None:
        """Put a policy in force, for what is promised already too."""
        old = self._tasks.book
        self._tasks.set_book(SettingsBook(policy))
        self._eligibility.set_policy(policy)
        self._replanner.begin(old, self._tasks.book)
        if policy.guard.stop:
            for attempt in tuple(self._tasks.index.attempts.values()):
                self._tasks.stop(attempt, "stop")

    def clock_set(self, seconds: float) -> None:
        """The wall clock was set forward by so many seconds (back: negative), as a clock that only goes on has shown.

        The caps of the guard keep what they have counted: otherwise a wrong time server would lift them.
        """
        self._eligibility.shift(seconds)

    def _set_back(self) -> None:
        """Look at everything anew: the clock was set back, and short rests would last as long as that."""
        self._tasks.set_book(self._tasks.book)
        self._eligibility.set_policy(self._tasks.book.policy)
        self._pool.forget()

    def _take_charge(self) -> None:
        """See whose tasks are ours to bring forward. What was passed over while they were not is looked at anew."""
        tasks = self._tasks
        moved = self._charge.turn({*tasks.book.policy.group, *tasks.index.promised, NOBODYS})
        if not any(moved):
            return
        for task in tuple(tasks.index.live()):
            if task.row.group in moved.lost:
                tasks.queues.leave(task)
            elif task.row.group in moved.gained:
                tasks.resume(task)
            place = held(task.row)
            if place is not None and place.node in moved.gone:
                tasks.due_times.note(self._sets.now, "wake", task)
        self._replanner.look_again()

    def _moments(self, changes: Changes) -> int:
        """Do what the due times say, as much as fits into a turn; return how much that was.

        What is not ours to do is passed over: it is noted again when it becomes ours.
        """
        for done in range(MOMENTS):
            found = self._tasks.due_times.take(changes.now)
            if found is None:
                return done
            what, task = found
            if task.row.ended_at is None and task.attempt is None and task.row.id not in self._tasks.index.elsewhere \
                    and self._charge.minds(task, changes.now):
                self._moment(what, task, changes)
        return MOMENTS

    def _moment(self, what: str, task: Task, changes: Changes) -> None:
        self._replanner.one(task, changes)
        row, tasks, now = task.row, self._tasks, changes.now
        if row.ended_at is not None:
            return
        if row.expires_at <= now:
            self._expire(task, changes)
        elif not task.open or task.place is not None:
            return
        elif (place := held(row)) is not None:
            if place.until <= now or self._charge.is_gone(place.node):  # whoever held it has not been heard of since
                tasks.places.lose(task, "node", changes)
            elif what == "wake":
                tasks.resume(task)
        elif not task.ready:
            if row.due_at is not None and row.due_at <= now:
                tasks.make_ready(task, changes)
        elif task.responsible is not None and row.responsible_since is not None and \
                row.responsible_since + tasks.patience(task) <= now:
            tasks.release(task, "waited", changes)
        elif what == "wake" and task.entry is None:
            tasks.enqueue(task)

    def _expire(self, task: Task, changes: Changes) -> None:
        """The window of a task is over; say what kept it from being tried, if nobody ever was.

        Nobody who has its place in a PBX's queue is cut off before they had their time for 1 or 2.
        """
        place = task.place
        if place is not None and place.way == "taken" and place.taken_at is not None:
            until = place.taken_at + self._tasks.settings(task).callback.accept_within + ANSWERING
            if changes.now < until:
                self._tasks.due_times.note(until, "expire", task)
                return
        halted = self._eligibility.halt_reason(changes.now)
        never = task.ready and not task.row.attempts
        reason = halted or ((task.refused or "no_agent") if never else "limit" if task.asked else "window")
        self._tasks.end(task, "expired", reason, changes, "guard" if halted else "expired")

    def _stop(self, now: float) -> None:
        """Tell the runner which attempts are to end."""
        stops, self._tasks.stops = self._tasks.stops, []
        for attempt in stops:
            if attempt.begun and not attempt.joined and attempt.row.ended_at is None:
                attempt.stopped_at = now
                self._orders.stop(attempt.row.id, attempt.stopping, now)

    def _leave(self, now: float) -> None:
        """Tell the room which places are to be left."""
        leaving, self._tasks.places.leaving = self._tasks.places.leaving, []
        unknown, self._unknown_places = self._unknown_places, []
        for task, reason, until in (*unknown, *((task, reason, now + CONFIRMING) for task, reason in leaving)):
            if task in self._tasks.places.held:
                continue  # its caller has asked again, and that is another one
            if self._room.holds_place(task):
                self._room.leave_place(task, reason, now)
            elif now < until <= now + CONFIRMING:
                self._unknown_places.append((task, reason, until))

    def _begin(self, order: AttemptOrder) -> None:
        self._orders.begin(order, self._sets.now)

    # After a restart

    def restore(self, now: float) -> bool:
        """Read back what was promised, and close what the process before this one was in the middle of.

        Where the database cannot be read yet, nothing is dialled and `turn` tries again.
        """
        self._sets.now = now
        try:
            kept = self._store.callbacks
            rows, attempts, legs = kept.open_tasks(), kept.open_attempts(), kept.legs()
            past, do_not_call, made = kept.attempts_since(now - DAY), kept.do_not_call(), kept.tasks_since(now - HOUR)
            finishing = kept.ended_with(now - HOUR, now - DAY)
        except StoreError:
            return False
        self._restored = True
        self._eligibility.restore(past, made, now)
        self._eligibility.do_not_call.restore(row.customer for row in do_not_call)
        for row in rows:
            self._tasks.index.add(Task(within_reach(row, now)))
        for one in finishing:  # at most an hour with a card (`callback.wrap_up`)
            seconds = self._tasks.book.of(one.group, one.campaign).callback.wrap_up
            self._wrap_ups.go_on(one.agent, one.task, one.ended_at + seconds, now)
        changes = self._sets.begin(now)
        theirs = [attempt for attempt in attempts
                  if attempt.node != self._node and attempt.claimed_at >= now - ABANDONED]
        for attempt in attempts:
            if attempt not in theirs:
                self._outcomes.recover(attempt, changes)
        self._elsewhere.restore(theirs)
        for task in tuple(self._tasks.index.live()):
            self._tasks.resume(task)
            place = held(task.row)
            if place is not None and place.node == self._node:
                self._tasks.places.lose(task, "restart", changes)
        if not changes.empty:
            self._store.put(changes.unit(durable=True))
        self._old_legs = tuple(legs)
        self.calls.open(now)
        return True

    def _recover(self, now: float) -> None:
        """End the legs that a process before this one left up; forget them when that has had its time."""
        if self._old_legs and self._forget_at is None:
            self._orders.recover(self._old_legs, now)
            self._forget_at = now + LEGS_KEPT
        elif self._forget_at is not None and self._forget_at <= now:
            gone = tuple(leg.call for leg in self._old_legs)
            self._old_legs, self._forget_at = (), None
            self._store.put(Unit(tuple(map(DropLeg, gone))))

    def on_stale(self, units: Sequence[Unit]) -> None:
        self._others.on_stale(units)

    def on_changed(self, changed: ChangedRows) -> None:
        self._others.on_changed(changed)
        self._elsewhere.on_changed(changed)

    def on_anew(self) -> None:
        """See storage.RowListener: tell the new database everything that lives."""
        running: dict[str, tuple[AttemptRow, ...]] = {}
        for attempt in self._tasks.index.attempts.values():
            running[attempt.row.task] = (attempt.row,)
        for task in self._tasks.index.live():
            self._store.put(Unit((task.row, *running.pop(task.row.id, ()))))
        for rows in running.values():
            self._store.put(Unit(rows))
        self._store.put(Unit((*self.attempts.legs.values(), *self._old_legs, *self._pauses())))
        self._put_do_not_call_again()

    def _put_do_not_call_again(self) -> None:
        """Write who is never called into the new database, and heed whom it names itself."""
        do_not_call = self._eligibility.do_not_call
        try:
            there = {row.customer for row in self._store.callbacks.do_not_call()}
        except StoreError:
            there = set()
        missing = [customer for customer in do_not_call if customer not in there]
        self._store.put(Unit(tuple(DoNotCallRow(customer, self._sets.now, "") for customer in missing)))
        do_not_call.restore((*missing, *there))
