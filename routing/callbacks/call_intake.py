"""What the ledger tells of calls, and what follows from it for promises."""

from collections.abc import Callable
from typing import Final

from routing.callbacks.changes import ChangeSets
from routing.callbacks.facts import Missed, NewCaller, PastTalk, QueuedCaller
from routing.callbacks.intake import Intake
from routing.callbacks.queue_facts import CallerStayed, QueueOffer, QueueRequest, RequestAnswer
from routing.callbacks.queue_offers import QueueOffers
from routing.callbacks.queue_requests import QueueRequests
from routing.callbacks.tasks import Tasks
from routing.storage import Store
from routing.writes import EMPTY_UNIT, Unit

EARLY: Final = 1000
"""Calls that are remembered while the database cannot be read after the start."""


class CallIntake:
    """`happenings.Happenings`. What it is told before `open` is remembered, and promised nothing yet."""

    def __init__(self, tasks: Tasks, intake: Intake, offers: QueueOffers, requests: QueueRequests, store: Store,
                 sets: ChangeSets, report_alarm: Callable[[str, str | None, float], None]) -> None:
        """`report_alarm`: raises an alarm (name, text) or clears it (None)."""
        self._tasks, self._intake, self._offers, self._requests = tasks, intake, offers, requests
        self._store, self._sets = store, sets
        self._report_alarm = report_alarm
        self._flooded = False
        self._early: list[Missed | PastTalk] | None = []
        """What was told before the promises were read back; None: they are."""

    def open(self, now: float) -> None:
        """Take what was told so far, now that the promises are read back."""
        early, self._early = self._early, None
        for fact in early or ():
            self._store.put(self._hear(fact, now))

    def missed(self, missed: Missed, now: float) -> Unit:
        return self._hear(missed, now)

    def talked(self, talk: PastTalk, now: float) -> Unit:
        """See Happenings: any talk ends every task of the customer, and what they asked that group for."""
        return self._hear(talk, now)

    def rang_in(self, caller: NewCaller, now: float) -> str | None:
        index = self._tasks.index
        attempt = index.calling(caller.customer) or next(
            (task.attempt for task in index.asked_by(caller.customer)
             if task.attempt is not None and task.row.group == caller.group), None)
        if attempt is None or not attempt.begun or attempt.talked or attempt.stopping:
            return None
        return attempt.row.id

    def queue_offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        return self._offers.offer(queued, now) if self._early is None else None

    def offered(self, queued: QueuedCaller, now: float) -> Unit:
        changes = self._sets.begin(now)
        self._offers.tell(queued, changes)
        return changes.unit()

    def pressed(self, missed: Missed, now: float) -> tuple[str | None, Unit]:
        if self._early is not None or not self._store.well:
            return None, EMPTY_UNIT
        changes = self._sets.begin(now)
        promised = self._requests.press(missed, changes)
        self.heed_flood(now)
        return promised, changes.unit(durable=True)

    def place_of(self, queued: QueuedCaller, now: float) -> str | None:
        return self._requests.place_of(queued)

    def named(self, request: QueueRequest, now: float) -> tuple[bool, Unit]:
        if self._early is not None:
            return False, EMPTY_UNIT
        changes = self._sets.begin(now)
        allowed = self._requests.named(request, changes)
        self.heed_flood(now)
        return allowed, EMPTY_UNIT if changes.empty else changes.unit()

    def request(self, request: QueueRequest, now: float) -> tuple[RequestAnswer, Unit]:
        if self._early is not None or not self._store.well:
            return RequestAnswer(None, "database"), EMPTY_UNIT
        changes = self._sets.begin(now)
        answer = self._requests.ask(request, changes)
        self.heed_flood(now)
        return answer, EMPTY_UNIT if changes.empty else changes.unit(durable=True)

    def promised(self, task: str, now: float) -> None:
        self._requests.promised(task, now)

    def stayed(self, stayed: CallerStayed, now: float) -> Unit:
        changes = self._sets.begin(now)
        self._requests.stayed(stayed, changes)
        return EMPTY_UNIT if changes.empty else changes.unit(durable=True)

    def heed_flood(self, now: float) -> None:
        """Raise the alarm of a flood of missed calls, or clear it once it has passed."""
        refusal = self._intake.flood
        if refusal is not None and refusal.until is not None and refusal.until <= now:
            refusal = self._intake.flood = None
        if (refusal is not None) != self._flooded:
            self._flooded = refusal is not None
            self._report_alarm("callbacks_flood", None if refusal is None else refusal.text, now)

    def _hear(self, fact: Missed | PastTalk, now: float) -> Unit:
        if self._early is not None:
            if len(self._early) < EARLY:
                self._early.append(fact)
            return EMPTY_UNIT
        index = self._tasks.index
        theirs = (*index.of_customer(fact.customer),
                  *(task for task in index.asked_by(fact.customer) if task.row.group == fact.group))
        if isinstance(fact, PastTalk) and (fact.attempt is not None or not theirs):
            return EMPTY_UNIT  # nearly every talk that passes; what became of an attempt of ours its runner says
        changes = self._sets.begin(now)
        if isinstance(fact, Missed):
            self._intake.missed(fact, changes)
            self.heed_flood(now)
        else:
            for task in dict.fromkeys(theirs):
                self._tasks.end(task, "done", "talk", changes, agent=fact.agent, call=fact.call,
                                direction=fact.direction)
        return changes.unit(durable=not changes.empty)
