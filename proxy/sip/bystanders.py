"""Owners of transactions whose outcome nobody waits for, and what other owners are made of.

The compiled build leaves this file as it is: classes of the rooms that stay Python inherit from it, and none of them
can inherit from a compiled class.
"""

from proxy.sip.client import ClientTransaction
from proxy.sip.message import Request, Response
from proxy.sip.server import ServerTransaction


class ClientBystander:
    """Owner of a request whose outcome nobody waits for; what counts is overridden."""

    __slots__ = ()

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """Nothing follows from it."""

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        """Nothing follows from it."""

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        """Nothing follows from it."""

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        """Nothing follows from it."""


class ServerBystander:
    """Owner of a request that was answered at once, with nothing left to do; what counts is overridden."""

    __slots__ = ()

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        """Nothing follows from it."""

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        """Nothing follows from it."""

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """Nothing follows from it."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        """Nothing follows from it."""
