"""Requests to ourselves: OPTIONS, by which others find out whether we are there (RFC 3261 section 11)."""

from __future__ import annotations

from proxy.core.admission import LATER
from proxy.core.contract import IsOwn
from proxy.core.sender import Sender
from proxy.sip.hop import Flow
from proxy.sip.message import Request
from proxy.sip.uri import Uri

ALLOWED = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE"


class Ourselves:
    """Answers them, anybody's."""

    __slots__ = ("_is_own", "_sender", "draining")

    def __init__(self, sender: Sender, is_own: IsOwn) -> None:
        self._sender = sender
        self._is_own = is_own
        self.draining = False
        """We are stopping: OPTIONS get 503, so that who asks sends new calls elsewhere; those that come all the same
        pass, for calls outlive this process."""

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Answer OPTIONS, outside a dialog, whose Request-URI names nobody, or one of our addresses."""
        if request.method != b"OPTIONS":
            return False
        uri = Uri.parse(request.uri)
        if uri.user and not self._is_own(uri.plain_host, uri.port, uri.transport or flow.listener.transport):
            return False
        if self.draining:
            self._sender.answer(request, flow, 503, None, LATER)
        else:
            self._sender.answer(request, flow, 200, None, (b"Allow: " + ALLOWED, b"Accept: application/sdp"))
        return True
