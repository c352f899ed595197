"""The queue room: everybody whose way into a PBX's queue leads through ourselves.

A place goes from hand to hand with `Leg.hand_over`: from the caller who asked for a callback to whoever holds it
(`hold`); to the caller again, when they ring in while it is held, and back when they hang up (`take_back`).
"""

from __future__ import annotations

from proxy.callbacks.held_places import HeldPlaces
from proxy.callbacks.own_leg import Tools
from proxy.callbacks.place_call import Place, is_ours
from proxy.callbacks.queued_call import QueuedCall
from proxy.ua.contract import Incoming, Leg
from routing.callbacks.queue_facts import PlaceTerms


class QueueRoom:
    """Everybody who waits."""

    def __init__(self, tools: Tools, places: HeldPlaces) -> None:
        self._tools, self._places = tools, places
        self._inside: dict[str, QueuedCall] = {}

    def take(self, incoming: Incoming, now: float) -> bool:
        """Take a caller to where they were headed. False: their call must go its normal way."""
        pbx = self._tools.ledger.pbx_of(incoming.call)
        offer = self._tools.reports.queue_offer(incoming.call)
        keys = None if offer is None else offer.campaign
        if pbx is None or keys is None or incoming.call in self._inside or not is_ours(incoming.request):
            return False
        inside = self._inside[incoming.call] = QueuedCall(self._tools, incoming, keys, self)
        if not inside.begin(pbx, now):
            self.forget(incoming.call)
            return False
        return True

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

    # queued_call.PlaceKeeper

    def hold(self, place: Place, terms: PlaceTerms, now: float) -> None:
        self._places.hold(place, terms, now)

    def take_back(self, task: str, leg: Leg, now: float) -> None:
        self._places.take_back(task, leg, now)

    def forget(self, call: str) -> None:
        self._inside.pop(call, None)

    def __len__(self) -> int:
        return len(self._inside)
