"""The exception of a whole message: with the request that is to be answered."""

from proxy.sip.errors import SipError
from proxy.sip.message import Request


class RequestError(SipError):
    """A message that cannot be accepted, and whom to say so.

    `request` is a view of the bad request that is good enough to build a response from, or None where no response
    may be sent: to a response, to an ACK, to a request without Via.
    """

    def __init__(self, status: int, reason: str, request: Request | None, fields: tuple[bytes, ...] = ()) -> None:
        super().__init__(status, reason, fields)
        self.request = request


def request_of(error: SipError) -> Request | None:
    """Return the request that is owed the error's response; None where none may be sent."""
    return error.request if isinstance(error, RequestError) else None
