"""Requests of callers who wait in a queue: one that is made, made again by its caller, taken back, or refused."""

from typing import Any, Final, Literal, NamedTuple

from routing.callbacks.changes import Changes
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Missed, QueuedCaller
from routing.callbacks.intake import LOST_ROW, Intake
from routing.callbacks.queue_facts import CallerStayed, PlaceOrders, PlaceTerms, QueueRequest, RequestAnswer
from routing.callbacks.refusal import Refusal
from routing.callbacks.task import Place, Task
from routing.callbacks.tasks import Tasks
from routing.ids import Names
from routing.rows import TaskRow
from routing.writes import Unit

UNDECIDED: Final = 120.0
"""Seconds after which a request is on disk, or its caller was told that it is not."""


CROWDED: Final = frozenset({"flood", "open_tasks"})
"""Reasons of the alarm of a flood."""


class _Before(NamedTuple):
    """A task as it was, should what changed it come to nothing."""

    task: Task
    row: TaskRow
    place: Place | None
    ready: bool


class _Undo(NamedTuple):
    """What a request has changed."""

    at: float
    new: bool
    """It was made; else asked for again."""
    before: tuple[_Before, ...]
    """The tasks that it changed or ended."""
    replaces: bool
    """Its place is another than that which the room holds for it."""


class QueueRequests:
    """Makes them. Whoever asks is promised it once it is on disk; what comes to nothing is changed back (`stayed`)."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, intake: Intake, names: Names, room: PlaceOrders) -> None:
        self._tasks, self._eligibility, self._intake, self._names = tasks, eligibility, intake, names
        self._room = room
        self._undo: dict[str, _Undo] = {}
        """By request, the latest last."""

    def ask(self, asked: QueueRequest, changes: Changes) -> RequestAnswer:
        """See Happenings.request."""
        theirs = self._asked_before(asked)
        other = self._tasks.index.of(asked.customer, asked.group)
        if other is theirs:
            other = None
        for task in (theirs, other):
            standing = None if task is None else _why_it_stands(task, task is theirs, asked)
            if task is not None and standing is not None:
                changes.note(task.row.id, "refused", None, reason=standing, call=asked.call, caller=asked.caller)
                return RequestAnswer(None, standing)
        refusal = self._refusal(asked, theirs, changes)
        if refusal is not None:
            return RequestAnswer(None, refusal.reason)
        task = self._make(other, asked, changes) if theirs is None else self._ask_again(theirs, other, asked, changes)
        return RequestAnswer(self._terms(task))

    def press(self, pressed: Missed, changes: Changes) -> str | None:
        """See Happenings.pressed: the key of a campaign, which is promised as a request is."""
        known = self._intake.known(pressed)
        before = () if known is None else (_before(known),)
        promised = self._intake.missed(pressed, changes)
        task = None if promised is None else self._tasks.index.tasks.get(promised)
        if task is not None:
            self._remember(task, _Undo(changes.now, known is None, before, False))
        return promised

    def named(self, asked: QueueRequest, changes: Changes) -> bool:
        """See Happenings: what is refused is written down as a request that has failed."""
        refusal = self._number_refusal(asked, changes)
        if refusal is not None:
            self._write_down(asked, refusal, changes)
        return refusal is None

    def promised(self, task: str, now: float) -> None:
        """See Happenings. The place that they had before is left only now: else they would have none, should this come
        to nothing."""
        undo = self._undo.pop(task, None)
        if undo is not None and undo.replaces:
            self._room.leave_place(task, "asked_again", now)

    def stayed(self, stayed: CallerStayed, changes: Changes) -> None:
        """See Happenings: everything is as if they had not asked. Where they talk, that ends what was promised.

        Where a disk is slow what was answered no may be committed yet, so what holds is put whatever became of it.
        """
        undo, task = self._undo.pop(stayed.task, None), self._tasks.index.tasks.get(stayed.task)
        kept = stayed.why == "taken"
        if undo is None or (task is not None and task.attempt is not None and not undo.new):
            return
        if task is None:  # they have talked meanwhile, and what gave way is over with it
            if not kept:
                changes.beside(Unit(tuple(one.task.row for one in undo.before if one.task.row.ended_at is not None)))
            return
        if undo.new:
            self._take_back(task, stayed.why, kept, changes)
        for was in undo.before:
            self._change_back(was, kept, changes)

    def place_of(self, queued: QueuedCaller) -> str | None:
        """See Happenings."""
        index = self._tasks.index
        if queued.customer is None:
            return None
        for task in (index.of(queued.customer, queued.group), *index.asked_by(queued.customer)):
            if task is not None and task.place is not None and task.row.group == queued.group:
                return task.row.id
        return None

    # Whether

    def _asked_before(self, asked: QueueRequest) -> Task | None:
        """Return the open request in that group that the caller has made, or that is to call them."""
        if asked.caller is None:
            return None
        index = self._tasks.index
        for task in (*index.asked_by(asked.caller), index.of(asked.caller, asked.group)):
            if task is not None and task.asked and task.row.group == asked.group:
                return task
        return None

    def _refusal(self, asked: QueueRequest, theirs: Task | None, changes: Changes) -> Refusal | None:
        """Return why it is not promised, written down; where it is, it is counted."""
        if theirs is not None and theirs.row.customer == asked.customer:
            return None
        refusal = self._number_refusal(asked, changes)
        if refusal is not None:
            self._write_down(asked, refusal, changes)
            return refusal
        refusal = self._admit(asked, changes) if theirs is None else None
        if refusal is None:
            self._eligibility.asked.add(asked.customer, changes.now)
        return refusal

    def _number_refusal(self, asked: QueueRequest, changes: Changes) -> Refusal | None:
        shown = asked.number or self._tasks.book.of(asked.group).number
        return self._eligibility.number_refusal(asked.customer, shown, changes.now)

    def _admit(self, asked: QueueRequest, changes: Changes) -> Refusal | None:
        """Count one promise more, among those of missed calls; or return why nobody is promised any."""
        refusal = self._eligibility.anybody_refusal(changes.now) or self._eligibility.admit(changes.now)
        self._intake.flood = refusal if refusal is not None and refusal.reason in CROWDED else None
        if refusal is not None:
            row = LOST_ROW._replace(customer=asked.customer, group=asked.group, number=asked.number, kind="queue")
            self._intake.tell_lost(row, refusal, changes)
        return refusal

    def _write_down(self, asked: QueueRequest, refusal: Refusal, changes: Changes) -> None:
        """Make a request that has failed, so that its journal says why; where that number has a task, there."""
        if not self._eligibility.note_refused(changes.now):
            return
        other = self._tasks.index.of(asked.customer, asked.group)
        task = other or self._tasks.begin(self._row(asked, None, changes.now), changes)
        self._note("requested", task, asked, changes)
        if other is None:
            changes.tell("callback.queued", task.row)
        self._eligibility.tell(task, refusal, changes)
        if other is None:  # nothing was promised
            self._tasks.made[asked.group] -= 1
            self._tasks.end(task, "failed", refusal.reason, changes, text=refusal.text)

    # Making

    def _make(self, other: Task | None, asked: QueueRequest, changes: Changes) -> Task:
        """Promise a callback; another promise to that customer gives way to it."""
        before = self._give_way(other, changes)
        row = self._row(asked, None if asked.place is not None else changes.now, changes.now)
        task = self._tasks.begin(row, changes)
        self._note("requested", task, asked, changes, expires_at=row.expires_at)
        changes.tell("callback.queued", row)
        changes.tell("queue.requested", row, call=asked.call, place=asked.place, waited_s=_waited(asked, changes.now),
                     other_number=asked.caller != asked.customer)
        self._hold(task, asked, changes)
        self._remember(task, _Undo(changes.now, True, before, False))
        return task

    def _ask_again(self, task: Task, other: Task | None, asked: QueueRequest, changes: Changes) -> Task:
        """A caller asks for what they have asked for: their request stands, with the number that they say now."""
        was = _before(task)
        before = self._give_way(other, changes)
        number = task.row.customer
        if (number, task.caller) != (asked.customer, asked.caller):
            self._tasks.index.remove(task)
            self._tasks.change(task, changes, customer=asked.customer,
                               options={**task.row.options, "caller": asked.caller})
            self._tasks.index.add(task)
        self._note("asked_again", task, asked, changes, before=None if number == asked.customer else number)
        replaces = was.place is not None and asked.place is not None and was.place.call != asked.place
        self._hold(task, asked, changes)
        self._tasks.change(task, changes)
        self._remember(task, _Undo(changes.now, False, (*before, was), replaces))
        return task

    def _terms(self, task: Task) -> PlaceTerms:
        row = task.row
        return PlaceTerms(row.id, row.customer, row.group, str(row.options["language"]),
                          self._tasks.settings(task).callback.accept_within,
                          self._tasks.book.queue_of(row).place_for)

    def _row(self, asked: QueueRequest, due_at: float | None, now: float) -> TaskRow:
        policy = self._tasks.book.policy
        queue = policy.queue_for(asked.group, asked.number)
        options: dict[str, Any] = {"language": queue.language or policy.callback_for(asked.group).language}
        if asked.caller is not None:
            options["caller"] = asked.caller
        return TaskRow(
            self._names.new(now), asked.customer, asked.group, None, "queue", asked.number, asked.pbx, asked.trunk,
            "open", "", now, min(asked.began_at, now), 0, now + queue.limit, due_at, 0, 1 + queue.retries, "none", None,
            None, None, (), options, None)

    def _hold(self, task: Task, asked: QueueRequest, changes: Changes) -> None:
        """Let the leg that holds the caller's place hold the request's from now on, where there is one."""
        known = task.place
        if asked.place is None or (known is not None and known.call == asked.place):
            return
        place = Place(asked.place, changes.now)
        self._tasks.places.hold(task, place, changes)
        changes.note(task.row.id, "place_held", None, place=place.call, round=place.round)
        changes.tell("place.held", task.row, place=place.call, round=place.round)

    def _note(self, kind: Literal["requested", "asked_again"], task: Task, asked: QueueRequest, changes: Changes,
              **more: Any) -> None:
        changes.note(task.row.id, kind, None, call=asked.call, caller=asked.caller, number=asked.number,
                     customer=asked.customer, place=asked.place, waited_s=_waited(asked, changes.now), **more)

    def _give_way(self, other: Task | None, changes: Changes) -> tuple[_Before, ...]:
        """End what else is promised to a customer: they have asked for something better."""
        if other is None:
            return ()
        was = _before(other)
        self._tasks.end(other, "cancelled", "asked_in_queue", changes)
        return (was,)

    # Changing back

    def _remember(self, task: Task, undo: _Undo) -> None:
        """Remember how to change back what a request has changed, for as long as it may come to nothing."""
        self._undo.pop(task.row.id, None)
        self._undo[task.row.id] = undo
        now = undo.at
        for name, other in tuple(self._undo.items()):
            if abs(now - other.at) <= UNDECIDED:
                break
            del self._undo[name]

    def _take_back(self, task: Task, why: str, kept: bool, changes: Changes) -> None:
        """End a request that its caller was not promised. `kept`: it is on disk; else nobody knows."""
        tasks = self._tasks
        tasks.places.forget(task)
        self._eligibility.take_back(task.row.customer, task.row.created_at)
        tasks.made[task.row.group] -= 1
        if kept:
            tasks.end(task, "cancelled", why, changes)
            return
        tasks.queues.leave(task)
        task.ready = False
        if task.attempt is not None:
            tasks.stop(task.attempt, why)
        tasks.index.remove(task)
        row = task.row = task.row._replace(state="cancelled", reason=why, due_at=None, ended_at=changes.now,
                                           version=task.row.version + 1)
        changes.note(row.id, "ended", None, state=row.state, reason=row.reason)
        changes.beside(Unit((row,)))

    def _change_back(self, was: _Before, kept: bool, changes: Changes) -> None:
        """Let a task be as it was; what another node has made of it meanwhile stands."""
        tasks, task = self._tasks, was.task
        if task.row.ended_at is None:
            tasks.queues.leave(task)
            tasks.places.forget(task)
            tasks.index.remove(task)
        if tasks.index.of(was.row.customer, was.row.group) is not None:
            return  # another promise to them has come about since
        before = task.row if kept else was.row
        task.row = was.row._replace(version=task.row.version + 1, changed_by="")
        changes.note(task.row.id, "stands", None)
        changes.task(task.row, before)
        task.ready = was.ready
        tasks.places.put(task, was.place)
        tasks.index.add(task)
        tasks.resume(task)


def _why_it_stands(task: Task, theirs: bool, asked: QueueRequest) -> str | None:
    """Return why a task cannot give way to a request, nor be changed by one; `theirs`: it is the same caller's.

    What is promised to somebody gives way to their own word alone, for a request may be shorter than that.
    """
    if task.attempt is not None:
        return "being_called"
    if not theirs:
        return "asked_already" if task.asked or asked.caller != task.row.customer else None
    return None if task.open else "held"


def _before(task: Task) -> _Before:
    return _Before(task, task.row, task.place, task.ready)


def _waited(asked: QueueRequest, now: float) -> float:
    return round(max(0.0, now - asked.began_at), 3)
