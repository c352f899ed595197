"""The one exception that leaves the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.sip.message import Request


class SipError(Exception):
    """A message, or a part of one, that cannot be accepted.

    `status` is the SIP status code owed to the sender, `reason` names the fault (ASCII, without CR and LF, so that it
    can stand in a status line), `fields` are header fields the response must carry (`Unsupported` of a 420).
    `request` is a view of the bad request that is good enough to build a response from, or None where no response
    may be sent: to a response, to an ACK, to a request without Via.
    """

    def __init__(
        self, status: int, reason: str, request: Request | None = None, fields: tuple[bytes, ...] = ()
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.request = request
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"
