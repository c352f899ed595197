"""What an operator, MQTT and the API may ask about callbacks; the shapes stand in `proxy.control`."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol, get_args

from config.callbacks import Language
from config.fields import LONGEST_RING, LONGEST_WINDOW, MOST_ATTEMPTS
from proxy.control import ControlError, Handler
from proxy.daemon.arguments import (
    LINE,
    NOTE,
    SENTENCE,
    ArgumentError,
    UnknownError,
    do,
    flag,
    kept,
    limit_of,
    lines,
    look_up,
    moment,
    number_of,
    one_of,
    read,
    seconds,
    whole,
    window,
    word,
)
from routing.callbacks.desk import Desk
from routing.callbacks.office import Office
from routing.ledger import Ledger
from routing.rows import AttemptRow, JournalRow, TaskRow, TaskState
from routing.storage import Store
from routing.store.reader import Reader

STATES: Final = get_args(TaskState)
LANGUAGES: Final = get_args(Language)
UUID_SIGNS: Final = 36
"""Signs of a whole id."""


class DeskHolder(Protocol):
    """Who has the desk."""

    desk: Desk

    def want_media(self) -> None:
        """Have media from now on: something is to be called back."""

    def poke(self) -> None:
        """Have the desk look at its tasks soon."""

    def phases(self) -> dict[str, tuple[str, str | None]]:
        """How far each attempt under way is, and which agent took it."""


class CallbackVerbs:
    """Handlers of `callbacks.*` and `dnc.*`."""

    def __init__(self, callbacks: DeskHolder, ledger: Ledger, store: Store, reader: Reader,
                 wall: Callable[[], float]) -> None:
        self._callbacks, self._ledger, self._wall = callbacks, ledger, wall
        self._store, self._reader = store, reader

    @property
    def _desk(self) -> Office:
        return self._callbacks.desk.admin

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        changing: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "callbacks.add": self.add, "dnc.add": self.bar, "dnc.remove": self.unbar,
            "callbacks.cancel": lambda args: self._change(args, self._desk.cancel),
            "callbacks.hold": lambda args: self._change(args, self._desk.hold),
            "callbacks.resume": lambda args: self._change(args, self._desk.resume),
            "callbacks.call-now": lambda args: self._change(
                args, partial(self._desk.call_now, force=flag(args, "force"))),
        }
        return {
            "callbacks.list": self.tasks, "callbacks.show": self.show, "callbacks.running": self.running,
            "dnc.list": self.barred, **{verb: kept(handler, self._store) for verb, handler in changing.items()},
        }

    # Tasks

    async def tasks(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Tasks, newest first; of those that are open the newest state, committed or not."""
        state = one_of(args, "state", STATES)
        customer = number_of(args, "customer", self._ledger.policy.region) if args.get("customer") else None
        group, limit, opened = word(args, "group"), limit_of(args), self._desk.open_tasks()

        def newest() -> list[dict[str, Any]]:
            rows = self._reader.callbacks.tasks(limit, state, customer, group)  # type: ignore[arg-type]  # one of STATES
            live = {row.id: row for row in opened}
            fitting = (row for row in reversed(opened) if state in (None, row.state)
                       and customer in (None, row.customer) and group in (None, row.group))
            found = {row.id: live.get(row.id, row) for row in rows} | {row.id: row for row in islice(fitting, limit)}
            ordered = sorted(found.values(), key=lambda row: row.id, reverse=True)
            return [task_json(row) for row in islice((row for row in ordered if state in (None, row.state)), limit)]

        return await look_up(newest)

    async def show(self, args: dict[str, Any]) -> dict[str, Any]:
        """One task with its attempts and its journal."""
        name = self._id(args)
        if len(name) < UUID_SIGNS:
            name = await self._past(name)
        detail = read(lambda: self._desk.task(name))
        if detail is None:
            raise UnknownError(f"there is no callback {args.get('id')!r}")
        tries = {row.id: row for row in detail.attempts}
        if detail.running is not None:
            tries[detail.running.id] = detail.running
        return {**task_json(detail.task), "waits_until": detail.waits_until,
                "tries": [_attempt(row) for row in tries.values()],
                "journal": [_line(row) for row in detail.journal]}

    def running(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Attempts under way, oldest first: the agents' cards, from the preview to the end of the talk."""
        phases = self._callbacks.phases()
        found = []
        for one in self._desk.attempts():
            order = one.order
            phase, agent = phases.get(order.attempt, ("claimed", order.agent))
            found.append({
                "attempt": order.attempt, "task": order.task, "customer": order.customer, "number": order.number,
                "group": order.group, "campaign": order.campaign, "agent": agent or order.agent, "phase": phase,
                "serial": order.serial, "preview": order.preview, "claimed": one.row.claimed_at,
                "missed_at": order.missed_at, "note": order.note})
        return found

    def add(self, args: dict[str, Any]) -> dict[str, Any]:
        """Promise a callback."""
        policy = self._ledger.policy
        group = word(args, "group") or next(iter(policy.group), None)
        if word(args, "group") is None and len(policy.group) != 1:
            raise ArgumentError("group", "group is missing: name one of " + ", ".join(policy.group))
        responsible = word(args, "responsible", len("group:") + LINE)
        of_group = responsible is not None and responsible.startswith("group:")
        options = _own_settings(args, self._wall())
        if of_group and responsible is not None:
            options["responsible_group"] = responsible.removeprefix("group:")
        elif responsible is not None and not self._ledger.attendance.is_agent(responsible):
            raise ArgumentError("responsible", f"responsible: {responsible!r} is no extension of an agent")
        number = number_of(args, "number", self._ledger.policy.region) if args.get("number") else None
        customer = number_of(args, "customer", self._ledger.policy.region)
        self._callbacks.want_media()
        row = do(lambda: self._desk.add(
            customer, group or "", self._wall(), campaign=word(args, "campaign"), number=number,
            responsible=None if of_group else responsible,
            note=lines(args, "note", NOTE) or "", by=word(args, "by") or "operator", **options))
        self._callbacks.poke()
        return task_json(row)

    def _change(self, args: dict[str, Any], act: Callable[..., TaskRow]) -> dict[str, Any]:
        name = self._id(args)
        row = do(lambda: act(name, self._wall(), word(args, "reason", SENTENCE) or "operator"))
        self._callbacks.poke()
        return task_json(row)

    def _id(self, args: dict[str, Any]) -> str:
        """Return the id that is meant: itself, or as much of the end of an open task's as is unique."""
        name = word(args, "id") or ""
        if not name:
            raise ArgumentError("id", "id is missing")
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

    async def barred(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """The list, newest first."""
        limit = limit_of(args)
        rows = await look_up(lambda: self._reader.callbacks.barred(limit))
        return [{"customer": row.customer, "since": row.added_at, "reason": row.reason} for row in rows]

    def bar(self, args: dict[str, Any]) -> dict[str, Any]:
        """Never call a number back."""
        customer = number_of(args, "customer", self._ledger.policy.region)
        do(lambda: self._desk.bar(customer, self._wall(), word(args, "reason", SENTENCE) or ""))
        self._callbacks.poke()
        return {"customer": customer}

    def unbar(self, args: dict[str, Any]) -> dict[str, Any]:
        """Take a number off the list."""
        customer = number_of(args, "customer", self._ledger.policy.region)
        return {"customer": customer, "removed": int(do(lambda: self._desk.unbar(customer, self._wall())))}


def _own_settings(args: dict[str, Any], now: float) -> dict[str, Any]:
    """Return what a task is to have otherwise than its group. ArgumentError where it cannot have that."""
    own = {
        "responsible_wait": seconds(args, "responsible_wait", LONGEST_WINDOW),
        "preview": seconds(args, "preview", LONGEST_RING), "window": window(args, "window"),
        "attempts": whole(args, "attempts", 1, MOST_ATTEMPTS), "at": moment(args, "at", now),
        "language": one_of(args, "language", LANGUAGES),
    }
    return {name: value for name, value in own.items() if value is not None}


def task_json(row: TaskRow) -> dict[str, Any]:
    """Return a task as commands, MQTT and the API show it."""
    return {
        "id": row.id, "customer": row.customer, "group": row.group, "campaign": row.campaign, "origin": row.origin,
        "number": row.number, "pbx": row.pbx, "trunk": row.trunk, "state": row.state, "reason": row.reason,
        "created": row.created_at, "missed_at": row.missed_at, "missed": row.missed, "due": row.due_at,
        "expires": row.expires_at, "attempts": row.attempts, "attempts_max": row.attempts_max,
        "responsible_kind": row.responsible_kind, "responsible": row.responsible,
        "responsible_since": row.responsible_since, "released": row.released_at, "declined": [*row.declined],
        "options": row.options, "ended": row.ended_at,
    }


def _attempt(row: AttemptRow) -> dict[str, Any]:
    return {"id": row.id, "serial": row.serial, "agent": row.agent, "node": row.node, "step": row.step,
            "claimed": row.claimed_at, "customer_at": row.customer_at, "answered": row.answered_at,
            "ended": row.ended_at, "result": row.result, "cause": row.cause, "talk": row.talk_s}


def _line(row: JournalRow) -> dict[str, Any]:
    return {"time": row.at, "kind": row.kind, "agent": row.agent, "data": row.data}
