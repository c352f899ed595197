"""What the ledger tells whoever keeps the promises of callbacks, and asks of them."""

from typing import Protocol

from routing.callbacks.facts import Missed, NewCaller, PastTalk, QueuedCaller
from routing.callbacks.queue_facts import CallerStayed, QueueOffer, QueueRequest, RequestAnswer
from routing.writes import Unit


class Happenings(Protocol):
    """The desk as the ledger sees it. What it gives back is committed together with the end of the call."""

    def missed(self, missed: Missed, now: float) -> Unit:
        """A customer reached nobody."""

    def talked(self, talk: PastTalk, now: float) -> Unit:
        """A customer and one of us have talked."""

    def rang_in(self, caller: NewCaller, now: float) -> str | None:
        """A customer calls: return the attempt that calls them at this moment, or that they have asked that group for,
        so that the two are joined."""

    def queue_offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        """Return what a customer who waits may press; None: nothing."""

    def offered(self, queued: QueuedCaller, now: float) -> Unit:
        """A customer who waits was told that they may ask for a callback: once a call."""

    def place_of(self, queued: QueuedCaller, now: float) -> str | None:
        """A customer calls: return the request (its task) whose place in the queue of that group is held for them,
        because they asked for it or it is their number that is to be called; None: there is none."""

    def named(self, request: QueueRequest, now: float) -> tuple[bool, Unit]:
        """A customer who waits typed a number (`request.customer`): return whether it may be called. What is refused is
        written down."""

    def request(self, request: QueueRequest, now: float) -> tuple[RequestAnswer, Unit]:
        """A customer who waits asks for a callback. An answer with terms is told to them when what follows is on disk,
        and unless an agent has taken their call by then; else `stayed` is told."""

    def promised(self, task: str, now: float) -> None:
        """A customer whose request was answered with terms is told so: it is on disk."""

    def stayed(self, stayed: CallerStayed, now: float) -> Unit:
        """A customer whose request was answered with terms stays in the queue, or talks: there is no place. What is
        promised all the same is the desk's to say."""

    def pressed(self, missed: Missed, now: float) -> tuple[str | None, Unit]:
        """A customer who waits pressed a key: return the task by which they are promised a callback (None: they are
        not), and what follows. `promised` is told when that is on disk, and `stayed` where it cannot be."""
