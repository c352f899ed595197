"""The runner of attempts: does what the desk orders, and takes the calls of customers who ring in meanwhile.

`now` of what the desk asks is in seconds since the epoch and stands in its log; protocol time is the stack's own clock.
What the desk asks is done at the next look at the timers, so that nothing calls back before it has returned.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from proxy.callbacks.attempt import AttemptRun
from proxy.callbacks.farewells import Farewells
from proxy.callbacks.own_leg import Tools
from proxy.callbacks.reports import LegBook, Reports
from proxy.callbacks.sides import Phase
from proxy.media.contract import Media
from proxy.ua.contract import Incoming, Leg, LegMaker, Stack
from routing.callbacks.clicks import Click, ClickAnswer, Heard
from routing.callbacks.facts import AttemptOrder, DeskFacts, LegRecords, Outcome
from routing.facts import Ending
from routing.rows import LegRow

PAST: Final = 200
"""Attempts that are over of which it is remembered how: a click may come late, or twice."""
LOST: Final = Ending(408, "lost")
"""What the ledger is told of a leg of a process before this one."""


class Running(NamedTuple):
    """An attempt under way, as an operator sees it."""

    attempt: str
    task: str
    customer: str
    agent: str | None
    group: str
    phase: Phase


class Runner:
    """`facts.Orders`, and whoever takes calls for attempts."""

    def __init__(self, legs: LegMaker, media: Media, desk: DeskFacts, records: LegRecords, ledger: LegBook,
                 stack: Stack, new_id: Callable[[], str]) -> None:
        """`ledger` is told of legs as of proxied calls; `new_id`: a fresh UUID version 7 each time."""
        self.tools: Final = Tools(legs, media, desk, ledger, Reports(desk, records, ledger, stack), stack, new_id,
                                  Farewells())
        self._attempts: dict[str, AttemptRun] = {}
        self._past: deque[tuple[AttemptOrder, Outcome]] = deque(maxlen=PAST)
        """Those that are over, the newest last."""
        self._draining = False

    # Orders

    def begin(self, order: AttemptOrder, now: float) -> None:
        """See Orders. While draining it is told as `stopped` at once; the one that runs already goes on."""
        clock = self.tools.stack.clock()
        if order.attempt in self._attempts:
            self.tools.stack.note("attempt_runs_already", attempt=order.attempt)
            return
        if self._draining:
            outcome = Outcome("stopped", agent=order.agent, text="draining")
            self._later(lambda: self.tools.desk.ended(order.attempt, outcome, self.tools.stack.wall()))
            return
        attempt = self._attempts[order.attempt] = AttemptRun(order, self.tools, self._over)
        attempt.preview(clock)

    def adopt(self, order: AttemptOrder, agent: Leg, caller: Leg | None, now: float) -> None:
        """Run an attempt whose agent is in a leg already, and pressed 1; while draining too, for they are there.

        `caller`: the leg by which its customer rings in, None where they do not. `now` is monotonic.
        """
        attempt = self._attempts[order.attempt] = AttemptRun(order, self.tools, self._over)
        attempt.adopt(agent, caller, now)

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self._later(lambda: self._stop(attempt, reason))

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        for row in legs:
            self._later(lambda row=row: self._recover(row))  # type: ignore[misc]

    # The core and the daemon

    def take(self, attempt: str, incoming: Incoming, now: float) -> bool:
        """The customer of an attempt rings in: join them. False: the call must go on to its next target."""
        found = self._attempts.get(attempt)
        return found is not None and found.take(incoming, now)

    def drain(self, now: float) -> None:
        """Begin nothing new: what nobody was called for yet ends, what is under way goes on to its end."""
        self._draining = True
        for attempt in tuple(self._attempts.values()):
            if not attempt.begun:
                attempt.stop("draining", now)

    def resume(self) -> None:
        """Begin attempts again."""
        self._draining = False

    def hang_up(self, now: float) -> None:
        """End everything at once, talks too: the process ends."""
        self._draining = True
        for attempt in tuple(self._attempts.values()):
            attempt.hang_up("shutting down", now)

    def click(self, name: str, click: Click, agent: str, reason: str, now: float) -> ClickAnswer | None:
        """Take what an agent says by a click of an attempt, named by its id or its task's; None: none runs."""
        attempt = self._attempts.get(name) or next(
            (one for one in reversed(self._attempts.values()) if one.order.task == name and one.outcome is None), None)
        if attempt is None:
            return None
        heard, order = attempt.click(click, agent, reason, now), attempt.order
        result = None if attempt.outcome is None else attempt.outcome.result
        return ClickAnswer(heard, order.task, order.attempt, attempt.phase, attempt.taken_by, result)

    def late_click(self, name: str, click: Click, agent: str) -> ClickAnswer | None:
        """Say what a click of an attempt that is over comes to; None: nothing is remembered of it."""
        for order, outcome in reversed(self._past):
            if name in (order.attempt, order.task):
                declined = click is Click.DECLINE and (outcome.result, outcome.agent) == ("declined", agent)
                return ClickAnswer(Heard.ALREADY if declined else Heard.OVER, order.task, order.attempt, "",
                                   outcome.agent, outcome.result)
        return None

    def end_call(self, call: str, reason: str, now: float) -> bool:
        """End the attempt that a call belongs to, a talk too; False where it belongs to none."""
        for attempt in tuple(self._attempts.values()):
            if attempt.has(call):
                attempt.hang_up(reason, now)
                return True
        return False

    def running(self) -> tuple[Running, ...]:
        """Return the attempts under way, oldest first."""
        return tuple(Running(one.order.attempt, one.order.task, one.order.customer, one.taken_by, one.order.group,
                             one.phase) for one in self._attempts.values())

    # Inside

    def _later(self, what: Callable[[], None]) -> None:
        stack = self.tools.stack
        stack.timers.at(stack.clock(), lambda now: what())

    def _stop(self, attempt: str, reason: str) -> None:
        found = self._attempts.get(attempt)
        if found is not None:
            found.stop(reason, self.tools.stack.clock())

    def _recover(self, row: LegRow) -> None:
        """End a leg; the desk forgets it after a while, for this process may die before its far end has heard."""
        tools = self.tools
        tools.stack.note("leg_recovered", call=row.call, attempt=row.attempt, role=row.role)
        try:
            tools.legs.forget_leg(row.memory, tools.stack.clock())
        except Exception as error:  # the others are to be ended too
            tools.stack.note("telling_failed", call=row.call, what="forget_leg", error=repr(error))
        tools.reports.call_ended(row.call, LOST)

    def _over(self, attempt: str) -> None:
        found = self._attempts.pop(attempt, None)
        if found is not None and found.outcome is not None:
            self._past.append((found.order, found.outcome))
