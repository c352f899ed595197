"""CANCEL: answered here, and what it cancels is what follows (RFC 3261 sections 9.2 and 16.10)."""

from __future__ import annotations

from proxy.core.after_restart import AfterRestart
from proxy.core.relay import Relays
from proxy.sip.hop import Flow
from proxy.sip.message import Request


class Cancels:
    """Takes every CANCEL."""

    __slots__ = ("_after_restart", "_relays", "_sender", "_transactions")

    def __init__(self, relays: Relays, after_restart: AfterRestart) -> None:
        """`after_restart`: passes on those of calls that an earlier process began."""
        self._relays = relays
        self._transactions = relays.transactions
        self._sender = relays.sender
        self._after_restart = after_restart

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Cancel what it names, and answer it."""
        if request.method != b"CANCEL":
            return False
        invite = self._transactions.servers.get(self._transactions.key_of(request, flow, b"INVITE"))
        if invite is None:
            if not self._after_restart.cancel(request, flow, now):
                self._sender.answer(request, flow, 481)
            return True
        relay = self._relays.by_key.get(invite.key)
        if relay is None:
            self._sender.answer(request, flow, 200)  # a re-INVITE to a dialog of ours, which was answered at once
        elif not self._sender.peers.are_one(relay.flow, flow):
            self._sender.answer(request, flow, 481)
        else:
            self._sender.answer(request, flow, 200)
            relay.cancel(request, now)
        return True
