"""What the ledger tells whoever keeps the promises of callbacks, and asks of them."""

from typing import Protocol

from routing.callbacks.facts import Missed, PastTalk, QueuedCaller
from routing.callbacks.queue_facts import QueueOffer
from routing.writes import Unit


class Happenings(Protocol):
    """The desk as the ledger sees it. What it gives back is committed together with the end of the call."""

    def missed(self, missed: Missed, now: float) -> Unit:
        """A customer reached nobody."""

    def talked(self, talk: PastTalk, now: float) -> Unit:
        """A customer and one of us have talked."""

    def rang_in(self, customer: str, now: float) -> str | None:
        """A customer calls: return the attempt that calls them at this moment, so that the two are joined."""

    def queue_offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        """Return what a customer who waits may press; None: nothing."""

    def pressed(self, missed: Missed, now: float) -> tuple[bool, Unit]:
        """A customer who waits pressed a key: return whether they are promised a callback, and what follows."""
