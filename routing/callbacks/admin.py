"""What an operator, the console and the API ask of the desk and tell it."""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, NamedTuple, get_args

from config.campaign import Campaign
from config.fields import parse_window
from config.limits import MOST_ATTEMPTS, Language
from routing.callbacks.changes import ChangeSets
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.intake import Intake, TaskRequest
from routing.callbacks.outlook import Outlook, example_outlook, outlook
from routing.callbacks.responsible import Responsible
from routing.callbacks.task import PAUSED, STEPS, Attempt, Task
from routing.callbacks.tasks import Tasks
from routing.callbacks.tickets import TicketOffice
from routing.callbacks.wrap_ups import WrapUp, WrapUps
from routing.rows import AttemptRow, DoNotCallRow, JournalRow, TaskRow
from routing.storage import Store
from routing.writes import RemoveDoNotCall, Unit

NEVER: Final = float("inf")
TAKEN: Final = ("taken", "accepted")
"""How the place of a request stands that an agent has picked up."""
COMPANY: Final = ""
"""Stands for no group: only what the company sets holds."""


class DeskError(Exception):
    """What was asked for cannot be done; the text says why."""


class Detail(NamedTuple):
    """Everything about one task."""

    task: TaskRow
    running: AttemptRow | None
    attempts: list[AttemptRow]
    journal: list[JournalRow]
    waits_until: float | None
    """When it is taken from its responsible; None: nobody is waited for."""


class Figures(NamedTuple):
    """How the callbacks of a group stand."""

    in_queue: int
    """Open and held."""
    due: int
    """Of them, those that wait for an agent."""
    running: int
    total: int
    """Promised since the start of the process."""
    kept: int
    """Of those that ended since then, those that were talked to by a callback."""
    places: int
    """Legs of ours that stand for one in the PBX's queue; an attempt has taken over those whose agent accepted."""


class Admin:
    """The operator's verbs. Each raises DeskError where it cannot be done, StoreError where it must read and cannot."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, intake: Intake, store: Store, sets: ChangeSets,
                 peers: Callable[[str | None], tuple[str, str]], wrap_ups: WrapUps) -> None:
        """`peers`: PBX and trunk that calls of a number of ours use (None: those of no number)."""
        self._tasks, self._eligibility, self._intake, self._store, self._sets = tasks, eligibility, intake, store, sets
        self._peers, self._wrap_ups = peers, wrap_ups

    @property
    def tickets(self) -> TicketOffice:
        """Who writes tickets."""
        return self._tasks.tickets

    # Asking

    def open_tasks(self) -> tuple[TaskRow, ...]:
        """Return the tasks that are open or held, oldest first."""
        return tuple(sorted((task.row for task in self._tasks.index.live()), key=lambda row: row.id))

    def open_task(self, name: str) -> TaskRow | None:
        """Return a task that is open or held; None: there is none of that name."""
        task = self._tasks.index.tasks.get(name)
        return None if task is None else task.row

    def task(self, name: str) -> Detail | None:
        """Return everything about a task, whatever its state; None: there is none."""
        live = self._tasks.index.tasks.get(name)
        row = live.row if live is not None else self._store.callbacks.task(name)
        if row is None:
            return None
        waits = None
        if live is not None and live.responsible is not None and row.responsible_since is not None:
            waits = row.responsible_since + self._tasks.patience(live)
        running = live.attempt.row if live is not None and live.attempt is not None else None
        return Detail(row, running, self._store.callbacks.attempts_of(name), self._store.callbacks.journal(name), waits)

    def outlook(self, row: TaskRow, now: float) -> Outlook:
        """Return when a task would be tried from now on, should nobody be reached. `row`: of `task`."""
        live = self._tasks.index.tasks.get(row.id)
        book = self._tasks.book
        settings = book.of(row.group, row.campaign)
        refusal, attempt = None, None if live is None else live.attempt
        if live is not None and live.open and attempt is None and live.place is None:
            refusal = self._eligibility.refusal(live, settings, now)
        return outlook(row, settings, book.queue_of(row), now, self._eligibility, refusal,
                       None if attempt is None else attempt.dialled)

    def example(self, group: str | None, missed_at: float, options: Mapping[str, Any]) -> Outlook:
        """Return when a call that is missed at that moment would be tried, should nobody be reached.

        `group`: None: as the settings of the company have it. `options`: settings of its own, as a task has them
        (`window` in seconds or None, `attempts`).
        """
        if group is not None and group not in self._tasks.book.policy.group:
            raise DeskError(f"there is no group {group!r}")
        return example_outlook(self._tasks.book.of(group or COMPANY), missed_at, options)

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts that run, oldest first. Not to be changed."""
        return tuple(self._tasks.index.attempts.values())

    def campaigns(self) -> list[tuple[str, Campaign, int, int]]:
        """Return every campaign with its id, how many of its tasks are open, and how many attempts run."""
        open_tasks = Counter(task.row.campaign for task in self._tasks.index.live())
        return [(name, campaign, open_tasks[name], self._tasks.index.running(campaign.group, name))
                for name, campaign in sorted(self._tasks.book.policy.campaign.items())]

    def figures(self) -> dict[str, Figures]:
        """Return how callbacks stand, by group: those of the policy and those that have any."""
        index = self._tasks.index
        found: dict[str, Figures] = {}
        due: dict[str, int] = {}
        places = Counter(task.row.group for task in self._tasks.places.held.values())
        for task in index.live():
            due[task.row.group] = due.get(task.row.group, 0) + (task.ready and task.attempt is None)
        for group in dict.fromkeys((*self._tasks.book.policy.group, *index.promised, *self._tasks.made)):
            found[group] = Figures(index.promised[group], due.get(group, 0), index.running(group),
                                   self._tasks.made[group], self._tasks.kept[group], places[group])
        return found

    def guard_used(self, now: float) -> dict[str, int]:
        """Return how much of each cap of the guard that counts everybody is used up, by its name in the policy."""
        return self._eligibility.used(now)

    def guard_halt(self, now: float) -> str | None:
        """Return why nobody at all is dialled for now, the guard's word; None: it may be asked for each."""
        return self._eligibility.halt_reason(now)

    def places_taken(self) -> dict[str, str]:
        """Return which agent has picked up the place of which task, as far as that is proved."""
        return {name: task.place.taken_by for name, task in self._tasks.places.held.items()
                if task.place is not None and task.place.taken_by is not None}

    def waiting_for(self, agent: str) -> tuple[TaskRow, ...]:
        """Return the open and held tasks that wait for an agent as their responsible, the one due first first."""
        found = [task.row for task in self._tasks.index.live()
                 if task.responsible == agent and task.row.responsible_kind != "group"]
        return tuple(sorted(found, key=lambda row: (NEVER if row.due_at is None else row.due_at, row.id)))

    def picked_up_by(self, agent: str) -> tuple[Task, ...]:
        """Return the requests whose places an agent has picked up and not accepted yet. Not to be changed."""
        return tuple(task for task in self._tasks.places.held.values()
                     if task.place is not None and task.place.taken_by == agent and task.place.way in TAKEN)

    def wrap_up(self, agent: str, now: float) -> WrapUp | None:
        """Return what an agent finishes with; None: nothing."""
        return self._wrap_ups.of(agent, now)

    # Telling

    def give_back(self, agent: str, besides: Container[str]) -> None:
        """Stop the attempts that are on their way to an agent who is not to be rung, for somebody else to make: not
        those of these names, which have reached them, nor any whose customer was dialled."""
        for attempt in self.attempts():
            if attempt.row.agent == agent and attempt.row.id not in besides and not attempt.dialled:
                self._tasks.stop(attempt, PAUSED)

    def end_wrap_up(self, agent: str, now: float) -> bool:
        """End the time that an agent has with the card, for good; return whether it ran."""
        task = self._wrap_ups.end(agent, now)
        if task is None:
            return False
        changes = self._sets.begin(now)
        changes.note(task, "finished", agent)
        self._store.put(changes.unit())
        return True

    def add(self, customer: str, group: str, now: float, *, campaign: str | None = None, number: str | None = None,
            responsible: str | None = None, responsible_group: str | None = None, at: float | None = None,
            window: str | None = None, attempts: int | None = None, responsible_wait: float | None = None,
            language: str | None = None, preview: float | None = None, note: str = "", by: str = "",
            ticket: str | None = None) -> TaskRow:
        """Promise a callback because somebody asks for it; return the task, or the open one that there is already.

        It counts for `guard.tasks_per_hour` and `guard.open_tasks` like a missed call, and is refused with them.

        `customer`, `number`: E.164. `responsible`: the agent it is held for, or `responsible_group` the group whose
        agents it is held for, for `responsible_wait` seconds. `at`: when to try first. `window`: as in the policy
        (`24h`). `preview`: seconds. `by`: who asks. `ticket`: id of the one under which it is written what comes of it.
        """
        policy = self._tasks.book.policy
        if group not in policy.group:
            raise DeskError(f"there is no group {group!r}")
        if campaign is not None and (campaign not in policy.campaign or policy.campaign[campaign].group != group):
            raise DeskError(f"group {group!r} has no campaign {campaign!r}")
        if responsible_group is not None and responsible_group not in policy.group:
            raise DeskError(f"there is no group {responsible_group!r}")
        if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
            raise DeskError(f"attempts are 1 to {MOST_ATTEMPTS}")
        if language is not None and language not in get_args(Language):
            raise DeskError(f"{language!r} is none of {', '.join(get_args(Language))}")
        options: dict[str, Any] = {name: value for name, value in (
            ("note", note or None), ("attempts", attempts), ("responsible_wait", responsible_wait),
            ("language", language), ("preview", preview), ("ticket", ticket),
        ) if value is not None}
        if window is not None:
            options["window"] = _seconds(window)
        who = Responsible("current", responsible) if responsible is not None else \
            Responsible("group", responsible_group) if responsible_group is not None else None
        changes = self._sets.begin(now)
        known = self._tasks.index.of(customer, group)
        if known is not None:
            changes.note(known.row.id, "asked", responsible, by=by or None, note=note or None)
            if who is not None and known.attempt is None:
                self._tasks.assign(known, who, responsible_wait, changes)
            if ticket is not None and "ticket" not in known.row.options:
                self._tasks.change(known, changes, options={**known.row.options, "ticket": ticket})
            self._store.put(changes.unit())
            return known.row
        refusal = self._eligibility.admit(now)
        if refusal is not None:
            raise DeskError(refusal.text)
        pbx, trunk = self._peers(number)
        row = self._intake.promise(TaskRequest(customer, group, "manual", campaign, number, pbx, trunk, who,
                                               None if at is None else max(at, now), options), changes)
        changes.note(row.id, "asked", responsible, by=by or None, note=note or None)
        self._store.put(changes.unit(durable=True))
        return row

    def cancel(self, name: str, now: float, by: str = "") -> TaskRow:
        """Take a promise back; an attempt that no agent has accepted yet is stopped.

        Refused once one has: they have been told who is called, and may be talking already.
        """
        task = self._live(name)
        if task.attempt is not None and _has_agent(task.attempt):
            raise DeskError(f"{_whose(task.attempt)} has it: it can be cancelled when this attempt is over")
        changes = self._sets.begin(now)
        self._tasks.end(task, "cancelled", "operator", changes, by=by or None)
        self._store.put(changes.unit(durable=True))
        return task.row

    def hold(self, name: str, now: float, by: str = "") -> TaskRow:
        """Do not try a task until it is resumed; its window goes on."""
        task = self._live(name)
        if task.row.state == "open":
            changes = self._sets.begin(now)
            self._tasks.hold(task, changes, by)
            self._store.put(changes.unit(durable=True))
        return task.row

    def resume(self, name: str, now: float, by: str = "") -> TaskRow:
        """Try a task that is held again."""
        task = self._live(name)
        if task.row.state == "held":
            changes = self._sets.begin(now)
            self._tasks.unhold(task, changes, by)
            self._store.put(changes.unit(durable=True))
        return task.row

    def reassign(self, name: str, who: Responsible, now: float, by: str = "") -> TaskRow:
        """Hold a task for somebody else, or for nobody; their time begins now where it is due already.

        Who is named may be asked again although they declined in this round.
        """
        task = self._live(name)
        row, policy = task.row, self._tasks.book.policy
        if who.kind == "group" and who.name not in policy.group:
            raise DeskError(f"there is no group {who.name!r}")
        if task.attempt is not None:
            raise DeskError(f"{_whose(task.attempt)} has it: it can be reassigned when this attempt is over")
        same = who.name == row.responsible and (who.kind == "group") == (row.responsible_kind == "group")
        if same and row.released_at is None:
            return row
        changes = self._sets.begin(now)
        self._tasks.change(task, changes, declined=tuple(one for one in row.declined if one != who.name))
        self._tasks.assign(task, who, None, changes)
        changes.note(name, "reassigned", who.name if who.kind != "group" else None, by=by or None,
                     responsible=who.name, before=row.responsible)
        self._store.put(changes.unit(durable=True))
        return task.row

    def call_now(self, name: str, now: float, by: str = "", force: bool = False) -> TaskRow:
        """Try a task before all others, as soon as an agent is free; a place in a PBX's queue is given up for it.

        `force`: although it is closed, this once. What guards customers and money holds all the same: the do-not-call
        list, quiet hours, caps, the stop switch.
        """
        task = self._live(name)
        settings = self._tasks.settings(task)
        if not force and not settings.open_time.is_open(now):
            raise DeskError("it is closed now; with force it is called all the same")
        if task.attempt is not None:
            raise DeskError("it is being called")
        changes = self._sets.begin(now)
        self._tasks.unhold(task, changes, by)
        self._tasks.places.lose(task, "call_now", changes, leave=True)
        self._tasks.schedule(task, now, changes)
        task.urgent, task.forced = True, force
        changes.note(name, "call_now", None, by=by or None, force=force or None)
        self._store.put(changes.unit())
        return task.row

    def renumber(self, old: str, new: str, now: float) -> int:
        """Give the open tasks of a campaign to one with the same settings and another id; return how many there were.

        What has ended keeps the id under which it was done.
        """
        changes = self._sets.begin(now)
        tasks = [task for task in self._tasks.index.live() if task.row.campaign == old]
        for task in tasks:
            stood = task.entry is not None
            self._tasks.queues.leave(task)
            self._tasks.change(task, changes, campaign=new)
            changes.note(task.row.id, "renumbered", None, campaign=new, before=old)
            if stood:
                self._tasks.enqueue(task)
        if tasks:
            self._store.put(changes.unit(durable=True))
        return len(tasks)

    def add_do_not_call(self, customer: str, now: float, reason: str = "") -> None:
        """Put a number on the do-not-call list; its open tasks end."""
        changes = self._sets.begin(now)
        self._eligibility.do_not_call.add(customer)
        changes.beside(Unit((DoNotCallRow(customer, now, reason),)))
        for task in self._tasks.index.of_customer(customer):
            self._tasks.end(task, "cancelled", "do_not_call", changes)
        self._store.put(changes.unit(durable=True))

    def is_do_not_call(self, customer: str) -> bool:
        """Whether a number is on the do-not-call list."""
        return customer in self._eligibility.do_not_call

    def remove_do_not_call(self, customer: str, now: float) -> bool:
        """Take a number from the do-not-call list; return whether it was there."""
        known = customer in self._eligibility.do_not_call
        self._eligibility.do_not_call.discard(customer)
        self._store.put(Unit((RemoveDoNotCall(customer),), durable=True))
        return known

    def _live(self, name: str) -> Task:
        task = self._tasks.index.tasks.get(name)
        if task is None:
            raise DeskError(f"no callback {name!r} is open")
        return task


def _has_agent(attempt: Attempt) -> bool:
    """Whether an agent has accepted an attempt. Where the customer is rung first, one has it once they talk."""
    if attempt.order.customer_first:
        return attempt.connected
    return STEPS[attempt.row.step] >= STEPS["accepted"]


def _whose(attempt: Attempt) -> str:
    return "an agent" if attempt.row.agent is None else f"agent {attempt.row.agent}"


def _seconds(window: str) -> float | None:
    try:
        return parse_window(window)
    except ValueError as error:
        raise DeskError(str(error)) from None
