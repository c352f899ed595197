"""The queue room: everybody whose way into a PBX's queue leads through ourselves.

A place goes from hand to hand with `Leg.hand_over`: from the caller who asked for a callback to whoever holds it
(`hold`); to the caller again, when they ring in while it is held, and back when they hang up (`take_back`).
"""

from __future__ import annotations

from typing import Final

from proxy.callbacks.held_places import HeldPlaces
from proxy.callbacks.own_leg import Tools
from proxy.callbacks.place_call import Place, is_audio_alone, is_ours
from proxy.callbacks.queued_call import QueuedCall
from proxy.callbacks.service_call import ServiceCall
from proxy.ua.contract import Incoming, Leg
from routing.callbacks.facts import OwnCall
from routing.callbacks.queue_facts import PlaceTerms
from routing.facts import PLACE, QUEUE_ROOM, SERVICE

LEGS: Final = 2
"""Media sessions of one caller: their own and their place's."""


class QueueRoom:
    """Everybody who waits: `queued_call.PlaceKeeper`."""

    def __init__(self, tools: Tools, places: HeldPlaces) -> None:
        self._tools, self._places = tools, places
        self._inside: dict[str, QueuedCall | ServiceCall] = {}

    @staticmethod
    def is_for(target: str) -> bool:
        """Whether a local target is ours to take."""
        return target == QUEUE_ROOM or target.startswith((PLACE, SERVICE))

    def take(self, target: str, incoming: Incoming, now: float) -> bool:
        """Take a caller of a local target. False: their call must go on to its next one."""
        if incoming.call in self._inside or not is_ours(incoming.request):
            return False
        if target == QUEUE_ROOM:
            return self._take_caller(incoming, now)
        if target.startswith(PLACE):
            return self._take_back_in(target.removeprefix(PLACE), incoming, now)
        return self._take_service(incoming, now)

    def _take_caller(self, incoming: Incoming, now: float) -> bool:
        """To where they were headed: a caller with video, T.38 or SRTP as without us, for none of it passes here."""
        if not is_audio_alone(incoming.request):
            return False
        pbx = self._tools.ledger.queue.pbx_of(incoming.call)
        offer = self._tools.reports.queue_offer(incoming.call)
        if pbx is None or offer is None or not self._has_room(LEGS):
            return False
        inside = QueuedCall(self._tools, incoming, offer, self)
        self._inside[incoming.call] = inside
        return inside.begin(pbx, now) or self._forget(incoming.call)

    def _take_back_in(self, task: str, incoming: Incoming, now: float) -> bool:
        """To the place that is held for them; while its agent waits for them they are rung whatever else there is."""
        if not self._has_room(1):
            return self._places.ring_in(task, incoming, now)
        inside = QueuedCall(self._tools, incoming, self._tools.reports.queue_offer(incoming.call), self)
        self._inside[incoming.call] = inside
        if inside.come_back(task, lambda owner: self._places.lend(task, incoming.call, owner, now), now):
            return True
        return self._forget(incoming.call) or self._places.ring_in(task, incoming, now)

    def _take_service(self, incoming: Incoming, now: float) -> bool:
        """To the menu, without a place."""
        offer = self._tools.reports.queue_offer(incoming.call)
        if offer is None or offer.menu is None or not self._has_room(1):
            return False
        inside = ServiceCall(self._tools, incoming, self.forget)
        self._inside[incoming.call] = inside
        return inside.begin(now) or self._forget(incoming.call)

    def _has_room(self, legs: int) -> bool:
        """Whether there are ports for so many more."""
        inside = sum(one.sessions for one in self._inside.values())
        return self._tools.media.room_for_queue(inside + len(self._places) + legs)

    def _forget(self, call: str) -> bool:
        self.forget(call)
        return False

    def hang_up(self, now: float) -> None:
        """End everything: the process ends."""
        for inside in tuple(self._inside.values()):
            inside.hang_up("shutting down", now)

    def end_call(self, call: str, reason: str, now: float) -> bool:
        """End a caller's call and their place; False where they do not wait through us."""
        inside = self._inside.get(call)
        if inside is None:
            return False
        inside.hang_up(reason, now)
        return True

    def place_of(self, call: str) -> str | None:
        """Return the leg that is the place of a caller who waits; None: they do not, or have none of ours."""
        inside = self._inside.get(call)
        return inside.place if isinstance(inside, QueuedCall) else None

    # queued_call.PlaceKeeper

    def hold(self, place: Place, terms: PlaceTerms, now: float) -> None:
        self._places.hold(place, terms, now)

    def hold_lent(self, leg: Leg, entry: OwnCall, terms: PlaceTerms, now: float) -> None:
        self._places.hold_lent(leg, entry, terms, now)

    def take_back(self, task: str, leg: Leg, terms: PlaceTerms | None, now: float) -> None:
        self._places.take_back(task, leg, now, terms)

    def lost(self, leg: Leg, why: str, now: float) -> None:
        self._places.lost(leg, why, now)

    def forget(self, call: str) -> None:
        self._inside.pop(call, None)

    def __len__(self) -> int:
        return len(self._inside)
