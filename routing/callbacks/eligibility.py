"""Whether a task may be tried now: opening hours, window and campaign, a call that goes on, and the guard.

Asked when an attempt is about to begin, and again when it comes to dialling the customer.
"""

from collections.abc import Iterable
from typing import Final

from config.policy import Policy
from routing.callbacks.changes import Changes
from routing.callbacks.dial_guard import DAY, HOUR, DialGuard, Dialled, GuardFacts, RateWindow
from routing.callbacks.do_not_call import DoNotCallList
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.facts import LiveState
from routing.callbacks.refusal import Refusal
from routing.callbacks.schedule import Stretch, within
from routing.callbacks.task import Task
from routing.callbacks.tasks import Tasks
from routing.rows import PastAttempt
from routing.storage import Caps

ENGAGED_PAUSE: Final = 5.0
"""Seconds after which a customer who is in a call with us is looked at again."""

OUTSIDE_PAUSE: Final = 60.0
"""Seconds after which a campaign that does not run today is looked at again."""


OF_ITSELF: Final = frozenset({"not_open", "window", "campaign", "closed", "engaged", "lease"})
"""Reasons that are no word of the guard: they pass by themselves, and are no event."""


class Eligibility:
    """Says no, with a reason."""

    def __init__(self, tasks: Tasks, live: LiveState, policy: Policy, node: str) -> None:
        self._tasks, self._live, self._node = tasks, live, node
        self._guard = DialGuard(policy)
        self.dialled = Dialled()
        self.asked = Dialled()
        """When requests named a number, by number: they are capped as attempts are."""
        self._made = RateWindow(HOUR)
        """When callbacks were promised, whoever asked for them."""
        self._refused = RateWindow(HOUR)
        """When requests were refused and written down."""
        self.do_not_call = DoNotCallList()
        self._elsewhere: dict[str, PastAttempt] = {}
        """By id: attempts of other nodes that are counted among those dialled."""
        self._halt: Refusal | None = None
        """Why nobody at all is dialled for now."""

    def set_policy(self, policy: Policy) -> None:
        """Put another policy in force."""
        self._guard = DialGuard(policy)
        self._halt = None

    def caps(self, trunk: str) -> Caps:
        """Return what an attempt on a trunk must keep within, whoever else dials."""
        return self._guard.caps(trunk)

    def halt_reason(self, now: float) -> str | None:
        """Return why nobody at all can be dialled for now; None: it may be asked for each."""
        halt = self._halt
        return halt.reason if halt is not None and halt.until is not None and halt.until > now else None

    def take_dial_back(self, customer: str, at: float) -> bool:
        """That dial was none: count it for no cap. Return whether nobody was dialled for its sake: they may be now."""
        self.dialled.remove(customer, at)
        halted = self._halt is not None and self._halt.reason == "all_cap"
        if halted:
            self._halt = None
        return halted

    def never(self, customer: str, campaign: str | None, number: str | None) -> Refusal | None:
        """Return why a number is not called at all."""
        return self._guard.check_number(customer, self.do_not_call, campaign, number)

    def number_refusal(self, customer: str, number: str | None, now: float) -> Refusal | None:
        """Return why a number is promised no callback to a caller who waits now, for an agent may take their place
        at any moment: it is never called, was dialled or named too often, or it is quiet there.

        `number`: ours, that it is shown.
        """
        facts = GuardFacts(self.dialled, self.do_not_call, 0, 0, number)
        return self._guard.check_number_now(customer, now, facts) or \
            self._guard.check_number_cap(now, self.asked.of(customer))

    def used(self, now: float) -> dict[str, int]:
        """Return how much of each cap of the guard that counts everybody is used up, by its name in the policy."""
        dialled = self.dialled.everybody
        return {"all_per_hour": dialled.count(now, HOUR), "all_per_day": dialled.count(now),
                "tasks_per_hour": self._made.count(now), "open_tasks": len(self._tasks.index.tasks)}

    def quiet(self, customer: str, at: float) -> Refusal | None:
        """Return why a customer would not be called at that hour."""
        return self._guard.check_hour(customer, at)

    def quiet_between(self, customer: str, start: float, end: float) -> tuple[Stretch, ...]:
        """Return when a customer is not called for the hour."""
        return self._guard.quiet_between(customer, start, end)

    def anybody_refusal(self, now: float) -> Refusal | None:
        """Return why nobody is promised a callback now: callbacks are stopped, the caps of all are used up, or too many
        are promised."""
        return self._guard.check_anybody(now, self.dialled.everybody) or self._crowd(now)

    def restore(self, past: Iterable[PastAttempt], made: Iterable[float], now: float) -> None:
        """Begin with what the database remembers: whom attempts dialled, and when tasks were made."""
        for attempt in past:
            self.count_dial(attempt, now)
        for at in made:
            self.count_promise(at, now)

    def count_dial(self, attempt: PastAttempt, now: float) -> None:
        """Count an attempt that has dialled its customer, once: what is ahead of the clock was dialled just now."""
        if attempt.id in self._elsewhere:
            return
        counted = attempt._replace(at=min(attempt.at, now))
        self.dialled.add(counted.customer, counted.at)
        if attempt.node != self._node:
            self._elsewhere[attempt.id] = counted

    def forget_dial(self, attempt: str) -> None:
        """An attempt of another node has dialled nobody, whatever was said of it."""
        counted = self._elsewhere.pop(attempt, None)
        if counted is not None:
            self.take_dial_back(counted.customer, counted.at)

    def keep_dials(self, attempts: Iterable[PastAttempt], now: float) -> None:
        """Take all attempts of the last day that have dialled, as they are kept; of ours nothing is new here."""
        elsewhere = {attempt.id: attempt for attempt in attempts if attempt.node != self._node}
        for gone in self._elsewhere.keys() - elsewhere.keys():
            self.forget_dial(gone)
        for attempt in elsewhere.values():
            self.count_dial(attempt, now)

    def count_promise(self, at: float, now: float) -> None:
        """Count a callback that was promised then, whoever did it."""
        self._made.add(min(at, now))

    def shift(self, seconds: float) -> None:
        """The clock was set forward by so many seconds (back: negative): what was counted goes along."""
        self.dialled.shift(seconds)
        self._elsewhere = {name: attempt._replace(at=attempt.at + seconds)
                           for name, attempt in self._elsewhere.items()}
        self.asked.shift(seconds)
        self._made.shift(seconds)
        self._refused.shift(seconds)
        self._halt = None

    def tidy(self, now: float) -> None:
        """Forget what is too old to count."""
        self.dialled.tidy(now)
        self._elsewhere = {name: attempt for name, attempt in self._elsewhere.items() if now - attempt.at < DAY}
        self.asked.tidy(now)
        self._made.tidy(now)
        self._refused.tidy(now)

    def admit(self, now: float) -> Refusal | None:
        """Return why nobody else is promised a callback; None: one is, and counted."""
        found = self._crowd(now)
        if found is None:
            self._made.add(now)
        return found

    def take_back(self, customer: str, at: float) -> None:
        """A request that was admitted then, and named that number, is promised to nobody after all."""
        self.asked.remove(customer, at)
        self._made.remove(at)

    def note_refused(self, now: float) -> bool:
        """Whether one request more that is refused is written down: as many as there may be promises. They take
        nobody's promise away, and nobody fills the database by naming numbers."""
        found = self._guard.admit(0, self._refused, now) is None
        if found:
            self._refused.add(now)
        return found

    def _crowd(self, now: float) -> Refusal | None:
        """Return why too many callbacks are promised to promise one more."""
        return self._guard.admit(len(self._tasks.index.tasks), self._made, now)

    def refusal(self, task: Task, settings: EffectiveSettings, now: float, at_place: bool = False) -> Refusal | None:
        """Return why a task may not be tried now; None: it may.

        `at_place`: an agent has picked up its place in a PBX's queue. They are there, whatever the opening hours, and
        are not cut off by the end of its window, as an attempt of a request is not either.
        """
        row = task.row
        if not task.open:
            return Refusal("not_open", f"the callback is {row.state}", now)
        under_way = at_place or (task.asked and task.attempt is not None)
        if now >= row.expires_at and not under_way:
            return Refusal("window", "its window is over", now)
        if not settings.runs(now):
            return Refusal("campaign", "its campaign does not run now", now + OUTSIDE_PAUSE)
        if not (task.forced or at_place) and not settings.open_time.is_open(now):
            return Refusal("closed", "it is closed now", settings.open_time.next_open(now))
        if self._live.engaged(row.customer):
            return Refusal("engaged", "the customer is in a call with us", now + ENGAGED_PAUSE)
        return self._guarded(task, settings, now)

    def _guarded(self, task: Task, settings: EffectiveSettings, now: float) -> Refusal | None:
        row, index = task.row, self._tasks.index
        mine = 1 if task.attempt is not None else 0
        coming = sum(1 for attempt in index.attempts.values()
                     if attempt.order.trunk == row.trunk and not attempt.dialled)
        facts = GuardFacts(
            dialled=self.dialled, do_not_call=self.do_not_call,
            on_trunk=self._live.on_trunk(row.trunk) + coming - mine,
            own_on_trunk=index.on_trunk(row.trunk) - mine, number=row.number or settings.number, campaign=row.campaign,
        )
        return self._guard.check(row.customer, now, facts)

    def put_aside(self, task: Task, settings: EffectiveSettings, refusal: Refusal, changes: Changes,
                  told: bool = False) -> None:
        """Put a task that was refused where it belongs: to its end, to another time, or to rest."""
        row, now = task.row, changes.now
        if not told and task.refused != refusal.reason:
            self.tell(task, refusal, changes)
            if refusal.reason not in OF_ITSELF:
                changes.tell("callback.attempted", row, attempt=None, result="refused", cause=None, talk_s=None,
                             counted=False, **refusal.data())
        task.refused = refusal.reason
        if refusal.scope == "all":
            self._halt = refusal
        if refusal.scope != "customer" or refusal.reason in ("not_open", "window", "engaged", "campaign"):
            self._tasks.rest(task, max(now, refusal.until or now))
            return
        until = None if refusal.until is None else within(refusal.until, row.expires_at, settings.open_time)
        if until is not None:
            self._tasks.schedule(task, until, changes)
        elif refusal.reason == "closed":
            self._tasks.end(task, "expired", refusal.reason, changes, "expired")
        else:
            self._tasks.end(task, "failed" if refusal.until is None else "expired", refusal.reason, changes, "guard",
                            text=refusal.text)

    def tell(self, task: Task, refusal: Refusal, changes: Changes, attempt: str | None = None) -> None:
        """Write a refusal into the task's journal."""
        changes.note(task.row.id, "refused", None, attempt=attempt, reason=refusal.reason, text=refusal.text,
                     until=refusal.until)
