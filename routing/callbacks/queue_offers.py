"""Who is offered a callback while they wait, and on which terms; and that they were."""

import math

from config.queue_callback import QueueCallback
from routing.callbacks.changes import Changes
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import LiveState, QueuedCaller
from routing.callbacks.intake import Intake
from routing.callbacks.queue_facts import MenuTerms, QueueOffer
from routing.callbacks.tasks import Tasks
from routing.writes import CountOffer, Unit


class QueueOffers:
    """What each caller who waits may ask for now."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, intake: Intake, live: LiveState) -> None:
        self._tasks, self._eligibility, self._intake, self._live = tasks, eligibility, intake, live

    def offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        """Return what a caller may ask for: by the menu, and by the keys of campaigns; None: nothing."""
        menu, campaign = self.menu(queued, now), self._intake.campaign_keys(queued, now)
        return None if menu is None and campaign is None else QueueOffer(menu, campaign)

    def menu(self, queued: QueuedCaller, now: float) -> MenuTerms | None:
        """Return the terms of the menu; None: this caller is offered none."""
        policy = self._tasks.book.policy
        if not policy.offers_callbacks:
            return None
        terms, settings = policy.queue_for(queued.group, queued.number), self._tasks.book.of(queued.group)
        if not terms.enabled or not (settings.agents or settings.target) or not settings.open_time.is_open(now):
            return None
        if self._is_refused(queued, terms, settings, now):
            return None
        wait = self._live.estimated_wait(queued.group, queued.call, now)
        return MenuTerms(
            terms.key, self._now(queued, terms, settings, wait, now), terms.offer_after, terms.offer_every,
            terms.max_wait, queued.customer is not None, terms.other_number, terms.tries,
            terms.language or settings.callback.language,
            None if wait is None or not terms.announce_wait else max(1, math.ceil(wait / 60)),
            terms.offer_prompt, terms.menu_prompt, terms.confirm_prompt,
        )

    def tell(self, queued: QueuedCaller, changes: Changes) -> None:
        """A caller is offered a callback: that is counted and told."""
        changes.beside(Unit((CountOffer(changes.now, queued.group, queued.number),)))
        changes.say("queue.offered", lambda: {
            "call": queued.call, "customer": queued.customer, "number": queued.number, "group": queued.group,
            "waited_s": round(max(0.0, changes.now - queued.began_at), 3),
            "estimated_wait_s": self._live.estimated_wait(queued.group, queued.call, changes.now)})

    def _is_refused(self, queued: QueuedCaller, terms: QueueCallback, settings: EffectiveSettings, now: float) -> bool:
        """Whether the guard would not let a caller be called now, when an agent may take their place at any moment; of
        one who is withheld, whether they may name no other number."""
        if self._eligibility.anybody_refusal(now) is not None:
            return True
        if queued.customer is None:
            return not terms.other_number
        return self._eligibility.number_refusal(queued.customer, queued.number or settings.number, now) is not None

    def _now(self, queued: QueuedCaller, terms: QueueCallback, settings: EffectiveSettings, wait: float | None,
             now: float) -> bool:
        """Whether it is offered at this moment; where nobody knows how long they will wait, as long as they have."""
        if terms.max_pending and self._tasks.index.requests[queued.group] >= terms.max_pending:
            return False
        if terms.stop_before_close:
            close = settings.open_time.next_close(now)
            if close is not None and close - now <= terms.stop_before_close:
                return False
        return (now - queued.began_at if wait is None else wait) >= terms.offer_from_wait
