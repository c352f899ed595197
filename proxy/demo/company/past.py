"""The past of the company: calls and callbacks of the days before, as the rules would have written them.

Stories are made one after another, from the oldest to the newest: a call that was answered, a call out, a caller who
gave up and what became of the promise. Each is one unit of typed writes.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from proxy.demo.company.house import (
    CUSTOMERS,
    DO_NOT_CALL,
    NODE,
    NUMBERS,
    PBX,
    SALES,
    SERVICE,
    TRUNK,
    WINBACK,
    agents_of,
)
from routing.ids import Names
from routing.rows import (
    AttemptRow,
    CallRow,
    DoNotCallRow,
    JournalRow,
    Record,
    Result,
    TaskKind,
    TaskRow,
    TaskState,
    Ticket,
    TicketComment,
)
from routing.writes import CountOffer, Unit, Write

DAY: Final = 86_400.0
OPEN: Final = (8, 18)
"""Hours of the day in which almost everybody calls."""
EXPIRY: Final = 8 * 3600.0
"""Seconds that a direct callback lives."""
FRESH: Final = 1800.0
"""Seconds: promises that are younger may still be open."""
CAUSES: Final[dict[Result, int]] = {"customer_busy": 486, "customer_no_answer": 480, "talked": 200, "short": 200}
FAILURES: Final[tuple[Result, ...]] = (
    "customer_no_answer", "customer_no_answer", "customer_busy", "declined", "agent_no_answer", "short")
COUNTED: Final = frozenset(("customer_no_answer", "customer_busy", "short", "talked"))
"""Results of attempts that came to dial the customer."""
TOGETHER: Final = 500
"""Calls of a long list that are written as one."""
NOTES: Final = ("Will call again herself.", "Wants the offer by mail.", "Number is a fax in the morning.",
                "Sent on to accounting.")


class Promise(NamedTuple):
    """What a callback is to become."""

    kind: TaskKind
    state: TaskState
    reason: str
    tries: tuple[Result, ...]


KEPT: Final = Promise("missed", "done", "talked", ("talked",))
ENDS: Final = (
    (8, KEPT), (3, Promise("missed", "done", "talked", ("customer_no_answer", "talked"))),
    (2, Promise("missed", "done", "talked", ("declined", "talked"))),
    (2, Promise("missed", "done", "talk", ("customer_busy",))),
    (1, Promise("missed", "failed", "unreached", ("customer_no_answer", "customer_busy", "customer_no_answer",
                                                 "customer_no_answer", "customer_no_answer", "customer_no_answer"))),
    (1, Promise("missed", "expired", "window", ("agent_no_answer", "customer_no_answer"))),
    (1, Promise("missed", "cancelled", "operator", ())),
    (4, Promise("queue", "done", "talked", ("talked",))),
    (1, Promise("queue", "done", "talked", ("declined", "talked"))),
    (1, Promise("queue", "expired", "limit", ())),
    (2, Promise("campaign", "done", "talked", ("customer_no_answer", "talked"))),
    (1, Promise("campaign", "failed", "unreached", ("customer_no_answer",) * 3)),
)
"""How promises end, each with its weight."""


class Past:
    """Makes the stories of one company; two with the same chance tell the same."""

    def __init__(self, chance: random.Random, customers: Sequence[str] = CUSTOMERS, node: str = NODE) -> None:
        """`node`: name of the node that all of it happened at."""
        self._chance, self._customers, self._node = chance, customers, node
        self._names = Names(chance.randbytes)
        self._open: set[tuple[str, str]] = set()

    def days(self, until: float, count: int, calls: int) -> Iterator[Unit]:
        """Tell `count` days that end at `until` (seconds since the epoch), each of about so many calls."""
        begin = until - count * DAY
        for day in range(count):
            moments = sorted(self._moment(begin + day * DAY, until) for _ in range(calls))
            for at in moments:
                yield self.story(at, until)
        yield Unit(tuple(DoNotCallRow(number, until - (index + 1) * DAY, why)
                         for index, (number, why) in enumerate(DO_NOT_CALL)))

    def _moment(self, begin: float, until: float) -> float:
        """Return a moment of the day that begins then; the last day is this one so far."""
        midnight = begin // DAY * DAY
        hour = self._chance.triangular(*OPEN)
        at = midnight + hour * 3600
        return at if begin <= at < until - 60 else begin + self._chance.random() * (min(DAY, until - begin) - 120)

    def story(self, at: float, until: float) -> Unit:
        """Tell of one call that began `at`, and of what came of it before `until`."""
        which = self._chance.random()
        if which < 0.5:
            return Unit((self._call(at, "inbound", answered=True),))
        if which < 0.72:
            return self._outbound(at, until)
        return self._missed(at, until)

    def calls(self, begin: float, until: float, count: int) -> Iterator[Unit]:
        """Tell of calls that were answered and nothing else, evenly from `begin` on: for a long list."""
        step = (until - begin) / count
        for first in range(0, count, TOGETHER):
            yield Unit(tuple(self._call(begin + step * number, "inbound", answered=True)
                             for number in range(first, min(first + TOGETHER, count))))

    def callbacks(self, begin: float, until: float, count: int, open_: int = 0) -> Iterator[Unit]:
        """Tell of so many promises; the last `open_` of them, each of a customer of their own, still stand, and are due
        only tomorrow."""
        step = (until - begin) / count
        for number in range(count):
            at = begin + step * number
            if count - number <= open_:
                group = self._group()
                yield Unit((self._task(f"+3630{7_000_000 + number:07d}", group, at, Promise("missed", "open", "", ()),
                                       until + DAY),))
            else:
                yield self._promise(at, self._customer(), self._group(), self._end(), until)

    # One call

    def _customer(self) -> str:
        return self._chance.choice(self._customers)

    def _group(self) -> str:
        return SALES if self._chance.random() < 0.6 else SERVICE

    def _call(self, at: float, direction: str, *, answered: bool, customer: str | None = None,
              group: str | None = None, agent: str | None = None) -> CallRow:
        chance = self._chance
        group = group or self._group()
        agent = agent or chance.choice(agents_of(group))
        inbound = direction == "inbound"
        waited = chance.uniform(3, 40)
        talk = round(chance.lognormvariate(4.6, 0.8), 1) if answered else None
        customer, number = customer or self._customer(), NUMBERS[group]
        name = self._names.new(at)
        return CallRow(
            id=name, sip_call_id=f"{name[-12:]}@past", direction="inbound" if inbound else "outbound", trunk=TRUNK,
            pbx=PBX, customer=customer, number=number, dialled=number if inbound else customer,
            agent=agent if answered or not inbound else None,
            evidence="p-asserted-identity" if not inbound else "identity" if answered else None,
            group=group if inbound else None, reason="normal", tried=None, started_at=at,
            answered_at=at + waited if answered else None, session_s=None,
            ended_at=at + waited + (talk or 0.0), cause=200 if answered else 487 if inbound else 480,
            ended_by="caller" if not answered or chance.random() < 0.6 else "callee", talk_s=talk, node=self._node,
            epoch=1)

    def _outbound(self, at: float, until: float) -> Unit:
        """An agent calls; whom they did not reach reaches them by calling back."""
        call = self._call(at, "outbound", answered=self._chance.random() < 0.6)
        writes: list[Write] = [call]
        ended = call.ended_at or at
        if call.answered_at is None and call.customer and call.agent and ended + EXPIRY > until:
            writes.append(Record(call.customer, call.agent, 2, ended, ended, ended + EXPIRY))
        return Unit(tuple(writes))

    # One promise

    def _end(self) -> Promise:
        return self._chance.choices([end for _, end in ENDS], [weight for weight, _ in ENDS])[0]

    def _missed(self, at: float, until: float) -> Unit:
        customer, group, end = self._customer(), self._group(), self._end()
        if end.kind == "queue":
            group = SERVICE
        elif end.kind == "campaign":
            group = SALES
        call = self._call(at, "inbound", answered=False, customer=customer, group=group)
        promise = self._promise(call.ended_at or at, customer, group, end, until, call.id)
        return Unit((call, *promise.writes))

    def _promise(self, at: float, customer: str, group: str, end: Promise, until: float, call: str = "") -> Unit:
        """Tell of a promise of `at` and what became of it; one that is not at its end by `until` is open."""
        names = self._names
        task = self._task(customer, group, at, end, at)
        writes: list[Write] = []
        lines = [JournalRow(task.id, at, "requested" if end.kind == "queue" else "missed", None,
                            {"call": call or names.new(at), "number": task.number, "why": "gave up",
                             "weight": "certain", "waited_s": round(self._chance.uniform(3, 40), 1)}),
                 JournalRow(task.id, at, "queued", None, {"task_kind": task.kind, "expires_at": task.expires_at,
                                                          "due_at": task.due_at})]
        if end.kind == "queue":
            writes.append(CountOffer(at - 20, group, task.number))
        moment, counted, agents = at + self._chance.uniform(20, 600), 0, agents_of(group)
        if task.responsible is not None and self._chance.random() < 0.3:
            lines.append(JournalRow(task.id, moment, "released", task.responsible,
                                    {"responsible": task.responsible, "waited_s": 60.0, "why": "waited"}))
            moment += 60
        talked_at = None
        for serial, result in enumerate(end.tries[:max(task.attempts_max, 2)], 1):
            if moment > until - 120:
                break
            attempt = self._attempt(task, serial, moment, result, self._chance.choice(agents))
            counted += attempt.customer_at is not None
            writes.append(attempt)
            lines += self._lines(attempt, task.number, counted)
            moment = talked_at = attempt.ended_at or moment
            if result != "talked":
                moment += self._chance.uniform(60, 3000)
        else:
            talked_at = talked_at or moment
            if talked_at < until:
                return self._ended(task, end, counted, talked_at, lines, writes)
        if until - at > FRESH or (customer, group) in self._open:
            return self._ended(task, Promise(end.kind, "cancelled", "operator", ()), counted, min(moment, until - 1),
                               lines, writes)
        self._open.add((customer, group))
        due = until + self._chance.uniform(20, 900)
        return Unit((task._replace(attempts=counted, due_at=due), *writes, *lines))

    def _ended(self, task: TaskRow, end: Promise, counted: int, at: float, lines: list[JournalRow],
               writes: list[Write]) -> Unit:
        lines.append(JournalRow(task.id, at, "ended", None, {"state": end.state, "reason": end.reason}))
        options = dict(task.options)
        if end.state in ("failed", "expired") or self._chance.random() < 0.05:
            ticket = self._ticket(task, at)
            options["ticket"] = ticket.id
            lines.append(JournalRow(task.id, at, "ticket", None, {"ticket": ticket.id, "why": "unreached"}))
            writes = [*writes, ticket, *self._comments(ticket, task)]
        row = task._replace(state=end.state, reason=end.reason, ended_at=at, due_at=None, attempts=counted,
                            options=options)
        return Unit((row, *writes, *lines))

    def _task(self, customer: str, group: str, at: float, end: Promise, due: float) -> TaskRow:
        responsible = self._chance.choice(agents_of(group)) if group == SALES and end.kind == "missed" else None
        campaign = WINBACK if end.kind == "campaign" else None
        most = 3 if campaign else 1 if end.kind == "queue" else 6 if group == SALES else 4
        return TaskRow(
            id=self._names.new(at), customer=customer, group=group, campaign=campaign, kind=end.kind,
            number=NUMBERS[group], pbx=PBX, trunk=TRUNK, state="open", reason="", created_at=at, missed_at=at, missed=1,
            expires_at=max(at, due) + (3600 if end.kind == "queue" else DAY), due_at=due, attempts=0, attempts_max=most,
            responsible_kind="last_talk" if responsible else "none", responsible=responsible,
            responsible_since=at if responsible else None, released_at=None, declined=(), options={}, ended_at=None,
            changed_by=self._node)

    def _attempt(self, task: TaskRow, serial: int, at: float, result: Result, agent: str) -> AttemptRow:
        chance = self._chance
        dialled = at + chance.uniform(6, 18) if result in COUNTED else None
        answered = dialled + chance.uniform(3, 15) if dialled and result in ("talked", "short") else None
        talk = None
        if answered is not None:
            talk = round(chance.lognormvariate(4.5, 0.7) + 3, 1) if result == "talked" else 1.5
        ended = answered + (talk or 0.0) if answered else (dialled or at) + chance.uniform(10, 40)
        return AttemptRow(
            id=self._names.new(at), task=task.id, customer=task.customer, serial=serial, agent=agent, node=self._node,
            step="ended", claimed_at=at, customer_at=dialled, answered_at=answered, ended_at=ended, result=result,
            cause=CAUSES.get(result), talk_s=talk, epoch=1)

    def _lines(self, attempt: AttemptRow, number: str | None, count: int) -> list[JournalRow]:
        """The journal of one attempt: `count` of its task, from our `number`."""
        def line(at: float, kind: str, **data: object) -> JournalRow:
            return JournalRow(attempt.task, at, kind, attempt.agent, {"attempt": attempt.id, **data})

        ended = attempt.ended_at or attempt.claimed_at
        lines = [line(attempt.claimed_at, "assigned"), line(attempt.claimed_at, "agent")]
        if attempt.customer_at is not None:
            lines += [line(attempt.customer_at - 1, "accepted"),
                      line(attempt.customer_at, "attempt", number=number, count=count)]
        if attempt.answered_at is not None:
            lines.append(line(attempt.answered_at, "answered"))
        lines.append(line(ended, "result", result=attempt.result, counted=attempt.customer_at is not None))
        if attempt.result == "declined":
            lines.append(JournalRow(attempt.task, ended, "declined", attempt.agent, {}))
        return lines

    def _ticket(self, task: TaskRow, at: float) -> Ticket:
        closed = self._chance.random() < 0.6
        return Ticket(self._names.new(at), 0, task.id, task.customer, task.group, None, f"Callback {task.customer}",
                      "closed" if closed else "open", at, at + 1800 if closed else None)

    def _comments(self, ticket: Ticket, task: TaskRow) -> list[TicketComment]:
        at = ticket.created_at
        told = TicketComment(self._names.new(at), ticket.id, at, "boomerang",
                             f"{task.customer}: a missed call to {task.number}.\n"
                             f"Group {task.group}: not reached.", True)
        if ticket.state == "open":
            return [told]
        return [told, TicketComment(self._names.new(at + 1700), ticket.id, at + 1700, "sara",
                                    self._chance.choice(NOTES), False)]
