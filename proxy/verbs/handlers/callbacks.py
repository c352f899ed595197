"""What may be asked and changed of callbacks and the do-not-call list."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol, get_args

from config.fields import parse_window
from proxy.control_client import ControlError
from proxy.verbs.handlers.cards import card_of, with_history
from proxy.verbs.handlers.reading import about, do, e164, e164_or_none, look_up, read, upcoming, window
from proxy.verbs.numbers_read import read_numbers
from proxy.verbs.shapes import callbacks as shapes
from proxy.verbs.shapes import do_not_call
from proxy.verbs.shapes.errors import ArgumentError, UnknownError
from proxy.verbs.shapes.fields import SENTENCE, shown
from proxy.verbs.shapes.rows import attempt_of, do_not_call_of, line_of, task_of, tasks_of
from proxy.verbs.shapes.verb import Bound
from routing.callbacks import responsible
from routing.callbacks.admin import Admin, Detail
from routing.callbacks.clicks import Click, ClickAnswer
from routing.callbacks.desk import Desk
from routing.callbacks.facts import Going
from routing.callbacks.outlook import Outlook
from routing.ledger import Ledger
from routing.rows import TaskRow
from routing.storage import Store, StoreError
from routing.store.reader import Reader

AT_ONCE: Final = 100
"""Numbers that an import puts on the list in one go of the loop."""
UUID_SIGNS: Final = 36
"""Signs of a whole id."""
GROUP: Final = "group:"
"""What a responsible begins with that is a group."""
AT_A_TIME: Final = 20
"""Tasks that are changed before calls have their turn again."""

Act = Callable[[str, float, str], TaskRow]
"""Changes one task: its id, the moment, and who asks for it and why."""


class DeskHolder(Protocol):
    """Who has the desk."""

    desk: Desk

    def want_media(self) -> None:
        """Have media from now on: something is to be called back."""

    def poke(self) -> None:
        """Have the desk look at its tasks soon."""

    def click(self, name: str, click: Click, agent: str, reason: str) -> ClickAnswer | None:
        """Take what an agent says by a click of an attempt or a request, by its id; None: there is neither now, nor is
        anything remembered of it."""

    def phases(self) -> dict[str, Going]:
        """How far each attempt under way is, and which agent took it."""


class CallbackAnswers:
    """Answers `callbacks.*` and `dnc.*`."""

    def __init__(self, callbacks: DeskHolder, ledger: Ledger, store: Store, reader: Reader,
                 wall: Callable[[], float]) -> None:
        self._callbacks, self._ledger, self._wall = callbacks, ledger, wall
        self._store, self._reader = store, reader

    @property
    def _desk(self) -> Admin:
        return self._callbacks.desk.admin

    @property
    def _region(self) -> str:
        return self._ledger.policy.region

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [
            shapes.LIST.by(self.tasks), shapes.SHOW.by(self.show), shapes.RUNNING.by(self.running),
            shapes.ADD.by(self.add), shapes.CANCEL.by(self.cancel), shapes.HOLD.by(self.hold),
            shapes.RESUME.by(self.resume), shapes.CALL_NOW.by(self.call_now), shapes.REASSIGN.by(self.reassign),
            shapes.BULK.by(self.bulk), shapes.PLAN.by(self.plan), shapes.EXAMPLE.by(self.example),
            do_not_call.LIST.by(self.list_do_not_call), do_not_call.ADD.by(self.add_do_not_call),
            do_not_call.REMOVE.by(self.remove_do_not_call), do_not_call.IMPORT.by(self.import_do_not_call),
        ]

    # Tasks

    async def tasks(self, args: shapes.ListTasks) -> list[shapes.Task]:
        """Tasks, newest first; of those that are open the newest state, committed or not."""
        customer = e164_or_none("customer", args.customer, self._region)
        state, group, kind, limit, opened = args.state, args.group, args.kind, args.limit, self._desk.open_tasks()
        taken = self._desk.places_taken()

        def newest() -> list[shapes.Task]:
            rows = self._reader.callbacks.tasks(limit, state, customer, group, kind)  # type: ignore[arg-type]
            live = {row.id: row for row in opened}
            fitting = (row for row in reversed(opened) if state in (None, row.state) and kind in (None, row.kind)
                       and customer in (None, row.customer) and group in (None, row.group))
            found = {row.id: live.get(row.id, row) for row in rows} | {row.id: row for row in islice(fitting, limit)}
            ordered = sorted(found.values(), key=lambda row: row.id, reverse=True)
            listed = [*islice((row for row in ordered if state in (None, row.state)), limit)]
            return tasks_of(listed, self._reader.callbacks.pickups([row.id for row in listed]), taken)

        return await look_up(newest)

    async def show(self, args: shapes.OneTask) -> shapes.TaskDetail:
        """One task with its attempts and its journal."""
        detail = await self._detail(args)
        tries = {row.id: row for row in detail.attempts}
        if detail.running is not None:
            tries[detail.running.id] = detail.running
        return {**task_of(detail.task, detail.journal, self._desk.places_taken()), "waits_until": detail.waits_until,
                "tries": [attempt_of(row) for row in tries.values()],
                "journal": [line_of(row) for row in detail.journal]}

    async def plan(self, args: shapes.OneTask) -> shapes.Plan:
        """What is to come of a task."""
        task = (await self._detail(args)).task
        return self._planned(self._desk.outlook(task, self._wall()), task.group)

    def example(self, args: shapes.Example) -> shapes.Plan:
        """What would come of a missed call."""
        typed = window("window", args.window)
        options = {} if typed is None else {"window": parse_window(typed)}
        if args.attempts is not None:
            options["attempts"] = args.attempts
        now = self._wall()
        at = about("at", args.at, now)
        found = do(lambda: self._desk.example(args.group, now if at is None else at, options))
        return self._planned(found, args.group or "")

    def _planned(self, found: Outlook, group: str) -> shapes.Plan:
        no = found.refusal
        return {
            "begin": found.begin, "expires": found.expires_at, "zone": self._ledger.policy.zone_for(group),
            "open": [{"begin": one.start, "end": one.end} for one in found.open],
            "tries": [{"at": one.at, "instead_of": one.instead_of} for one in found.tries],
            "quiet": [{"begin": one.start, "end": one.end} for one in found.quiet],
            "left_out": None if found.left_out is None else {
                "attempts": found.left_out.attempts, "why": found.left_out.why, "at": found.left_out.at},
            "not_now": None if no is None else {"reason": no.reason, "text": no.text, "until": no.until},
        }

    async def _detail(self, args: shapes.OneTask) -> Detail:
        name = self._id(args.id)
        if len(name) < UUID_SIGNS:
            name = await self._past(name)
        detail = read(lambda: self._desk.task(name))
        if detail is None:
            raise UnknownError(f"there is no callback {args.id!r}")
        return detail

    async def running(self, args: object) -> list[shapes.Card]:
        """Attempts under way, oldest first: the agents' cards, from the preview to the end of the talk."""
        going = self._callbacks.phases()
        cards = [card_of(one, going) for one in self._desk.attempts()]
        return await with_history(cards, self._reader, self._ledger.policy.direct_callback.min_talk)

    def add(self, args: shapes.AddTask) -> shapes.Task:
        """Promise a callback."""
        policy = self._ledger.policy
        group = args.group or next(iter(policy.group), "")
        if args.group is None and len(policy.group) != 1:
            raise ArgumentError("group", "group is missing: name one of " + ", ".join(policy.group))
        who = args.responsible
        of_group = who is not None and who.startswith(GROUP)
        options = _own_settings(args, self._wall())
        if of_group and who is not None:
            options["responsible_group"] = who.removeprefix(GROUP)
        elif who is not None and not self._ledger.attendance.is_agent(who):
            raise ArgumentError("responsible", f"responsible: {who!r} is no extension of an agent")
        number = e164_or_none("number", args.number, self._region)
        customer = e164("customer", args.customer, self._region)
        self._callbacks.want_media()
        row = do(lambda: self._desk.add(
            customer, group, self._wall(), campaign=args.campaign, number=number,
            responsible=None if of_group else who, note=args.note, by=args.by or "operator", **options))
        self._callbacks.poke()
        return self._shown(row)

    def cancel(self, args: shapes.ChangeTask) -> shapes.Task:
        """End a task for good."""
        return self._change(args, self._desk.cancel)

    def hold(self, args: shapes.ChangeTask) -> shapes.Task:
        """Stop a task for now."""
        return self._change(args, self._desk.hold)

    def resume(self, args: shapes.ChangeTask) -> shapes.Task:
        """Let a held task go on."""
        return self._change(args, self._desk.resume)

    def call_now(self, args: shapes.CallNow) -> shapes.Task:
        """Make a task due at once."""
        return self._change(args, partial(self._desk.call_now, force=args.force))

    def reassign(self, args: shapes.Reassign) -> shapes.Task:
        """Hold a task for somebody else."""
        return self._change(args, self._assigning(args.responsible))

    async def bulk(self, args: shapes.ChangeMany) -> list[shapes.Became]:
        """Change many tasks, some at a time: calls go on between them."""
        if args.act is None:
            raise ArgumentError("act", "act is missing: name one of " + ", ".join(get_args(shapes.BulkAct)))
        if not args.ids:
            raise ArgumentError("ids", "ids is missing: name one callback at least")
        known: dict[str, Act] = {"cancel": self._desk.cancel, "hold": self._desk.hold, "resume": self._desk.resume}
        act = known[args.act] if args.act in known else self._assigning(args.responsible)
        by = _who(args.by, args.reason)
        found: list[shapes.Became] = []
        for serial, name in enumerate(dict.fromkeys(args.ids)):
            if serial and not serial % AT_A_TIME:
                await asyncio.sleep(0)
            found.append(self._one_of_many(name, act, by))
        self._callbacks.poke()
        return found

    def _one_of_many(self, typed: str, act: Act, by: str) -> shapes.Became:
        """Change one task; what it was named may be anything."""
        named, customer, state = typed[:UUID_SIGNS], None, None
        try:
            name = self._id(named)
            row = self._desk.open_task(name)
            if row is not None:
                customer, state = row.customer, row.state
            row = do(lambda: act(name, self._wall(), by))
        except ControlError as error:
            return {"id": named, "customer": customer, "done": False, "state": state, "text": str(error)}
        return {"id": row.id, "customer": row.customer, "done": True, "state": row.state, "text": ""}

    def _assigning(self, typed: str | None) -> Act:
        """Return what gives a task to whom somebody names. ArgumentError where that is nobody."""
        if typed is None:
            who = responsible.NOBODY
        elif typed.startswith(GROUP):
            who = responsible.Responsible("group", typed.removeprefix(GROUP))
            if who.name not in self._ledger.policy.group:
                raise ArgumentError("responsible", f"responsible: there is no group {shown(who.name)}")
        elif self._ledger.attendance.is_agent(typed):
            who = responsible.Responsible("current", typed)
        else:
            raise ArgumentError("responsible", f"responsible: {shown(typed)} is no extension of an agent")
        return lambda name, now, by: self._desk.reassign(name, who, now, by)

    def _change(self, args: shapes.ChangeTask, act: Act) -> shapes.Task:
        name = self._id(args.id)
        if self._desk.open_task(name) is None and read(lambda: self._desk.task(name)) is None:
            raise UnknownError(f"no callback {name!r} is open")
        row = do(lambda: act(name, self._wall(), _who(args.by, args.reason)))
        self._callbacks.poke()
        return self._shown(row)

    def _shown(self, row: TaskRow) -> shapes.Task:
        try:
            lines = self._store.callbacks.pickups([row.id])
        except StoreError:
            lines = []
        return task_of(row, lines, self._desk.places_taken())

    def _id(self, name: str) -> str:
        """Return the id that is meant: itself, or as much of the end of an open task's as is unique."""
        if self._desk.open_task(name) is not None or len(name) >= UUID_SIGNS:
            return name
        found = [row.id for row in self._desk.open_tasks() if row.id.endswith(name)]
        if len(found) > 1:
            raise ControlError(f"{name!r} is the end of {len(found)} callbacks: name more of it")
        return found[0] if found else name

    async def _past(self, end: str) -> str:
        """Return the id, of a task in whatever state, whose end is given."""
        found = await look_up(lambda: self._reader.tasks_ending(end))
        if len(found) > 1:
            raise ControlError(f"{end!r} is the end of several callbacks: name more of it")
        return found[0] if found else end

    # Do-not-call list

    async def list_do_not_call(self, args: do_not_call.ListDoNotCall) -> list[do_not_call.DoNotCallRow]:
        """The list, newest first."""
        rows = await look_up(lambda: self._reader.callbacks.do_not_call(args.limit))
        return [do_not_call_of(row) for row in rows]

    def add_do_not_call(self, args: do_not_call.AddDoNotCall) -> do_not_call.AddedDoNotCall:
        """Never call a number back."""
        customer = e164("customer", args.customer, self._region)
        do(lambda: self._desk.add_do_not_call(customer, self._wall(), args.reason))
        self._callbacks.poke()
        return {"customer": customer}

    async def import_do_not_call(self, args: do_not_call.ImportDoNotCall) -> do_not_call.ImportReport:
        """Never call many numbers back. Some at a time, so that no call waits for a long list."""
        lines = await asyncio.to_thread(lambda: [*read_numbers(args.text, self._region)])
        refused = [line for line in lines if line.number is None]
        wanted = {line.number: line.reason for line in reversed(lines) if line.number is not None}
        fresh = [number for number in wanted if not self._desk.is_do_not_call(number)]
        for at in range(0, len(fresh), AT_ONCE):
            for number in fresh[at:at + AT_ONCE]:
                reason = wanted[number] or args.reason
                do(partial(self._desk.add_do_not_call, number, self._wall(), reason))
            await asyncio.sleep(0)
        self._callbacks.poke()
        return {"added": len(fresh), "known": len(lines) - len(refused) - len(fresh), "refused_lines": len(refused),
                "refused": [{"line": one.line, "text": one.text[:SENTENCE], "why": "no number that can be read"}
                            for one in refused[:do_not_call.MOST_REFUSED]]}

    def remove_do_not_call(self, args: do_not_call.OneNumber) -> do_not_call.RemovedDoNotCall:
        """Take a number off the list."""
        customer = e164("customer", args.customer, self._region)
        return {"customer": customer, "removed": int(do(lambda: self._desk.remove_do_not_call(customer, self._wall())))}


def _own_settings(args: shapes.AddTask, now: float) -> dict[str, Any]:
    """Return what a task is to have otherwise than its group. ArgumentError where it cannot have that."""
    own = {
        "responsible_wait": args.responsible_wait, "preview": args.preview, "window": window("window", args.window),
        "attempts": args.attempts, "at": upcoming("at", args.at, now), "language": args.language,
    }
    return {name: value for name, value in own.items() if value is not None}


def _who(by: str | None, reason: str | None) -> str:
    """Return who asks for a change and why, as the journal has it."""
    return ": ".join(one for one in (by, reason) if one) or "operator"
