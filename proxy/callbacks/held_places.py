"""Every place that is held, by its request."""

from __future__ import annotations

from proxy.callbacks.held_place import Adopt, HeldPlace
from proxy.callbacks.own_leg import Tools
from proxy.callbacks.place_call import Place
from proxy.callbacks.reports import PlaceReports
from proxy.ua.contract import Incoming, Leg, LegOwner
from routing.callbacks.clicks import Click, ClickAnswer
from routing.callbacks.facts import OwnCall
from routing.callbacks.queue_facts import PlaceFacts, PlaceTerms


class HeldPlaces:
    """`queue_facts.PlaceOrders` for the desk; for the queue room whoever holds places. Protocol time is the stack's."""

    def __init__(self, tools: Tools, facts: PlaceFacts, adopt: Adopt) -> None:
        """`facts`: told what becomes of them. `adopt`: runs the attempt of an agent who pressed 1."""
        self._tools, self._facts, self._adopt = tools, PlaceReports(facts, tools.stack), adopt
        self._held: dict[str, HeldPlace] = {}
        self._replaced: list[HeldPlace] = []
        """Those whose request has another place by now, until nothing is left of them: their callers, who rang in, may
        be in them still."""

    # The room

    def hold(self, place: Place, terms: PlaceTerms, now: float) -> None:
        """Hold a place for a request that is on disk; one that it has is given up: they asked by another call."""
        before = self._held.pop(terms.task, None)
        if before is not None:
            self._replaced.append(before)
            before.leave("asked by another call", now)
        self._held[terms.task] = HeldPlace(self._tools, self._facts, place, terms, self._adopt, self._forget, now)

    def lend(self, task: str, call: str, owner: LegOwner, now: float) -> Leg | None:
        """Hand the leg of a place over to who has the caller's call of this name: they are back in it, be an agent in
        it by now or not. None: there is none, or an agent pressed a key already."""
        held = self._held.get(task)
        return None if held is None else held.lend(call, owner, now)

    def take_back(self, task: str, leg: Leg, now: float, terms: PlaceTerms | None = None) -> None:
        """Hold a leg again that was lent: the caller is gone, and their request stands; `terms`: as they asked anew."""
        held, newest = self._lent(leg), self._held.get(task)
        if held is not None:
            held.take_back(leg, terms, now)
        elif not leg.over:
            leg.hang_up(now)
        if newest is not None and newest is not held and terms is not None:
            newest.renew(terms, now)

    def hold_lent(self, leg: Leg, entry: OwnCall, terms: PlaceTerms, now: float) -> None:
        """Hold a leg that was lent for another request than the one that it was lent by, which is over."""
        held = self._lent(leg)
        if held is not None:
            self.hold(Place(leg, held.give_away(), entry), terms, now)
        elif not leg.over:
            leg.hang_up(now)

    def lost(self, leg: Leg, why: str, now: float) -> None:
        """A leg that was lent is nobody's place any more; why: as in `PlaceFacts.place_lost`."""
        held = self._lent(leg)
        if held is not None:
            held.lose(why, now)

    def ring_in(self, task: str, incoming: Incoming, now: float) -> bool:
        """Take a caller who rings in after the agent pressed 1, as long as there is no attempt yet: it will have them.
        False: their call must go on to its next target."""
        held = self._held.get(task)
        return held is not None and held.ring_in(incoming, now)

    # The desk, an operator, the daemon

    def holds_place(self, task: str) -> bool:
        """See PlaceOrders."""
        return task in self._held

    def leave_place(self, task: str, reason: str, now: float) -> None:
        """See PlaceOrders."""
        held = self._held.get(task)
        if held is not None:
            clock = self._tools.stack.clock()
            self._tools.stack.timers.at(clock, lambda clock: held.leave(reason, clock))

    def click(self, task: str, click: Click, agent: str, reason: str, now: float) -> ClickAnswer | None:
        """Take what an agent says by a click of the place of a request; None: there is none."""
        held = self._held.get(task)
        return None if held is None else held.click(click, agent, reason, now)

    def end_call(self, call: str, reason: str, now: float) -> bool:
        """End the place that a call belongs to: its request goes on without it. False where it belongs to none."""
        for held in (*self._held.values(), *self._replaced):
            if held.has(call):
                held.end("operator", reason, now)
                return True
        return False

    def hang_up(self, now: float) -> None:
        """End every place at once: the process ends, and the requests are the next one's."""
        for held in (*self._held.values(), *self._replaced):
            held.end("shutting_down", "shutting down", now)

    def attended(self) -> int:
        """How many an agent is in at this moment."""
        return sum(held.attended for held in (*self._held.values(), *self._replaced))

    def __len__(self) -> int:
        return len(self._held)

    def _lent(self, leg: Leg) -> HeldPlace | None:
        """By its leg, for its request may have another place by now."""
        return next((held for held in (*self._held.values(), *self._replaced) if held.is_lent(leg)), None)

    def _forget(self, held: HeldPlace) -> None:
        if self._held.get(held.task) is held:
            del self._held[held.task]
        elif held in self._replaced:
            self._replaced.remove(held)
