"""Calls that end here: the door between the proxy path and whoever answers for us, and the INVITE that is handed over.

Rules
- What belongs to a dialog of ours is known by its Call-ID and our tag, which nobody can guess: it needs no token.
- A target may be local. Its INVITE stays a call setup like any other: refused here, it goes on to its next target,
  and the caller never learns of it, unless what refused it is where the call was headed; cancelled by the caller, it
  ends here.
- Until somebody stands behind the door, and where nobody ever does, nothing of it is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response


class Local(Protocol):
    """Whoever has dialogs of our own."""

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request with a To tag; False where it belongs to none of our dialogs."""

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        """Answer a request for a dialog that a process before this one had; False where its tag is not ours."""

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        """Take a response that no transaction waits for; False where it is no answer to a request of ours."""

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        """Take the INVITE of a local target called `name`; False: it must go on to its next target."""


class LocalDoor:
    """Where local calls go in: to the user agent, once it has started."""

    __slots__ = ("_behind",)

    def __init__(self) -> None:
        self._behind: Local | None = None

    def open_to(self, local: Local) -> None:
        """Let this one have what is ours. The last act of a start that succeeded."""
        self._behind = local

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request inside a dialog of our own; it has a To tag."""
        return self._behind is not None and self._behind.request(request, flow, now)

    def take_unknown(self, request: Request, flow: Flow, now: float) -> bool:
        """Answer a request for a dialog of our own that a process before this one had."""
        return self._behind is not None and self._behind.unknown(request, flow, now)

    def take_response(self, response: Response, flow: Flow, now: float) -> bool:
        """Take a response to a request of our own that no transaction waits for."""
        return self._behind is not None and self._behind.response(response, flow, now)

    def take_invite(self, name: str, invite: LocalInvite, now: float) -> bool:
        """Take the INVITE of a local target called `name`."""
        return self._behind is not None and self._behind.take(name, invite, now)


class InviteOwner(Protocol):
    """Whose call it is that an INVITE was handed over from."""

    def answer_here(self, position: int, data: bytes, status: int, now: float) -> None:
        """Take a response to the INVITE that was handed over as target number `position`."""

class LocalInvite:
    """An INVITE that was handed over: answered from elsewhere, by the server transaction of its setup."""

    __slots__ = ("_owner", "_position", "call", "cancelled_for", "final", "flow", "identities", "on_cancel", "reported",
                 "request")

    def __init__(self, owner: InviteOwner, request: Request, flow: Flow, call: str, position: int) -> None:
        self.request = request
        self.flow = flow
        self.call = call
        self.on_cancel: Callable[[float], None] = _nothing
        """Called when the caller gave up, or the time of this target is over; set by whoever takes the INVITE."""
        self.cancelled_for: tuple[bytes, ...] = ()
        """Reason headers of the CANCEL (RFC 3326), as they came; set before `on_cancel`."""
        self.final = False
        """A failure from now on is that of the place where the call was headed: the caller gets it."""
        self.identities: tuple[tuple[str, str], ...] = ()
        """Who answers behind us, for the rules: (P-Asserted-Identity or Remote-Party-ID in lower case, user part)."""
        self.reported = True
        """False: an answer is ours alone, and the rules are told nothing of it here."""
        self._owner = owner
        self._position = position

    def respond(self, data: bytes, status: int, now: float) -> None:
        """Send a response to the caller; a failure sends the call on instead. A 2xx may be sent again."""
        self._owner.answer_here(self._position, data, status, now)


def _nothing(now: float) -> None:
    """Nobody listens."""
