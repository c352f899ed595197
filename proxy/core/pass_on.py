"""What follows from requests that are no new call: mostly nothing, they pass as they came."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from proxy.core.acks import Acks
from proxy.core.branch import Branch
from proxy.core.held import HeldAnswers
from proxy.core.named import NamedAddresses, naming_fields
from proxy.core.passing import PassingCalls, contact_of
from proxy.core.relay import CHALLENGES, Relay
from proxy.core.reporter import Reporter
from proxy.core.seals import Speaker
from proxy.sip.hop import Hop
from proxy.sip.message import Request, Response
from routing.facts import Ending, Identity
from routing.rows import EndedBy


class DialogParts(NamedTuple):
    """What follows from requests inside the dialogs of calls is told to, and kept by."""

    acks: Acks
    reporter: Reporter
    held: HeldAnswers
    named: NamedAddresses
    passing: PassingCalls


class PassOn:
    """Owner of a relay from which nothing follows. It knows of no single request: one may serve them all."""

    __slots__ = ("_acks",)

    def __init__(self, acks: Acks) -> None:
        self._acks = acks

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        return None, ()

    def provisional(self, relay: Relay, branch: Branch, response: Response, now: float) -> None:
        relay.pass_on(branch, response, now)

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        relay.server.respond(data, response.status, now)

    def answered_again(self, relay: Relay, branch: Branch, response: Response) -> None:
        """It has left; nobody counts."""

    def goes_on(self, relay: Relay, branch: Branch, status: int, now: float) -> bool:
        return False

    def failed(self, relay: Relay, status: int, data: bytes, by: EndedBy, now: float) -> None:
        relay.server.respond(data, status, now)

    def unanswered(self, relay: Relay, now: float) -> None:
        """Nobody waits for it."""

    def acknowledged(self, relay: Relay, request: Request, now: float) -> None:
        self._acks.take(request, relay.flow)

    def cancelled(self, relay: Relay, cancel: Request | None, now: float) -> None:
        """Its branches are, which is all."""

    def over(self, relay: Relay) -> None:
        """It is not held here."""


class Refresh(PassOn):
    """A re-INVITE or UPDATE inside the dialog of a call: once accepted it is a sign of life, and whom it shows the
    caller to be connected to is told."""

    __slots__ = ("_connected", "_contact", "_named", "_parts", "_speaker")

    def __init__(self, parts: DialogParts, request: Request, speaker: Speaker, connected: tuple[Identity, ...]) -> None:
        """`connected`: identities of the callee's side, where that sent it and they are believed."""
        super().__init__(parts.acks)
        self._parts = parts
        self._speaker = speaker
        self._named = naming_fields(request)
        self._contact = contact_of(request)
        self._connected = connected

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        relay.server.respond(data, response.status, now)  # before what may be unreadable is looked at
        parts, call = self._parts, relay.call
        parts.reporter.alive(call, response, self._speaker)
        parts.named.learn(call, (*self._named, *naming_fields(response)))
        parts.passing.refreshed(call, self._speaker, self._contact, response)
        if self._connected:
            parts.reporter.connected_line(call, self._connected, self._speaker.dialog)


class Bye(PassOn):
    """A BYE with a verified token: whatever its answer but a challenge, its dialog is over."""

    __slots__ = ("_ending", "_parts")

    def __init__(self, parts: DialogParts, speaker: Speaker) -> None:
        super().__init__(parts.acks)
        self._parts = parts
        self._ending = Ending(200, speaker.side, dialog=speaker.dialog)

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        self._over(relay, response.status, data, now)

    def failed(self, relay: Relay, status: int, data: bytes, by: EndedBy, now: float) -> None:
        if status in CHALLENGES:
            relay.server.respond(data, status, now)
        else:
            self._over(relay, status, data, now)

    def unanswered(self, relay: Relay, now: float) -> None:
        self._parts.reporter.ended(relay.call, self._ending)
        self._forget(relay.call)

    def _over(self, relay: Relay, status: int, data: bytes, now: float) -> None:
        self._parts.held.end(relay.call, self._ending, partial(relay.server.respond, data, status), now)
        self._forget(relay.call)

    def _forget(self, call: str) -> None:
        parts = self._parts
        parts.passing.hung_up(call, self._ending.dialog)
        if parts.reporter.standing(call) != "open":
            parts.named.forget(call)
            parts.passing.forget(call)
