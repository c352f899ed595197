"""Calls that end here: the door between the proxy path and whoever answers for us, and the INVITE that is handed over.

Rules
- What belongs to a dialog of ours is known by its Call-ID and our tag, which nobody can guess: it needs no token.
- A target may be local. Its INVITE stays a call setup like any other: refused here, it goes on to its next target,
  and the caller never learns of it, unless what refused it is where the call was headed; cancelled by the caller, it
  ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response

if TYPE_CHECKING:
    from proxy.core.setup import CallSetup


class Local(Protocol):
    """Whoever has dialogs of our own."""

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request with a To tag; False where it belongs to none of our dialogs."""

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        """Answer a request for a dialog that a process before this one had; False where its tag is not ours."""

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        """Take a response that no transaction waits for; False where it is no answer to a request of ours."""

    def take(self, name: str, offer: Offer, now: float) -> bool:
        """Take the INVITE of a local target called `name`; False: it must go on to its next target."""


class Nobody:
    """A proxy without a user agent."""

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """See Local."""
        return False

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        """See Local."""
        return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        """See Local."""
        return False

    def take(self, name: str, offer: Offer, now: float) -> bool:
        """See Local."""
        return False


class Offer:
    """An INVITE that was handed over: answered from elsewhere, by the server transaction of its setup."""

    __slots__ = ("_position", "_setup", "call", "final", "flow", "identities", "on_cancel", "request")

    def __init__(self, setup: CallSetup, request: Request, position: int) -> None:
        self.request = request
        self.flow: Flow = setup.flow
        self.call = setup.call
        self.on_cancel: Callable[[float], None] = _nothing
        """Called when the caller gave up, or the time of this target is over; set by whoever takes the INVITE."""
        self.final = False
        """A failure from now on is that of the place where the call was headed: the caller gets it."""
        self.identities: tuple[tuple[str, str], ...] = ()
        """Who answers behind us, for the rules: (P-Asserted-Identity or Remote-Party-ID in lower case, user part)."""
        self._setup = setup
        self._position = position

    def respond(self, data: bytes, status: int, now: float) -> None:
        """Send a response to the caller; a failure sends the call on instead. A 2xx may be sent again."""
        self._setup.answer_here(self._position, data, status, now)


def _nothing(now: float) -> None:
    """Nobody listens."""
