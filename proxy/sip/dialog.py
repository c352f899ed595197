"""Dialogs as a user agent sees them: RFC 3261 section 12, for both roles. A plain object, without I/O.

Rules
- A dialog is named by Call-ID, local tag and remote tag: each branch of a fork that answers is a dialog of its own,
  and its owner makes one object for each new To tag.
- Made by a 1xx with a tag (early) or a 2xx (confirmed). The route set is fixed then, only the 2xx that confirms an
  early dialog of the caller sets it once more (section 13.2.2.4).
- The remote target moves with each target refresh: the Contact of an INVITE, UPDATE, SUBSCRIBE or NOTIFY that is
  accepted, and of the 2xx to one of ours.
- CSeq numbers count up on each side for itself; ACK and CANCEL have that of their INVITE.
"""

from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from proxy.sip.errors import SipError
from proxy.sip.message import NameAddr, Request, Response
from proxy.sip.request_error import RequestError
from proxy.sip.requests import build_request
from proxy.sip.uri import Uri

TARGET_REFRESH = frozenset((b"INVITE", b"UPDATE", b"SUBSCRIBE", b"NOTIFY"))
"""Methods whose Contact moves the remote target (RFC 3261 section 12.2, RFC 3311, RFC 6665)."""
REFRESHES = (b"INVITE", b"UPDATE")
"""Methods that may change what a dialog has agreed on, and show somebody else (RFC 3311, RFC 5876)."""
ENDS_DIALOG = frozenset((408, 481))
"""Responses to a request in a dialog that end it (section 12.2.1.2)."""
FIRST_CSEQ = 1
"""Number of the first request of the side that did not send the first INVITE."""


class DialogState(Enum):
    """How far a dialog is."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class DialogKey(NamedTuple):
    """The name of a dialog as one side sees it. A tag is b"" where an RFC 2543 element sent none."""

    call_id: bytes
    local_tag: bytes
    remote_tag: bytes


def key_of_request(request: Request) -> DialogKey:
    """Name the dialog that a request from the far end belongs to."""
    return DialogKey(request.call_id, request.to.tag or b"", request.from_.tag or b"")


def key_of_response(response: Response) -> DialogKey:
    """Name the dialog that a response to a request of ours makes or belongs to."""
    return DialogKey(response.call_id, response.from_.tag or b"", response.to.tag or b"")


class Dialog:
    """One dialog."""

    __slots__ = ("key", "local", "local_cseq", "remote", "remote_cseq", "remote_target", "route_set", "state")

    def __init__(self, key: DialogKey, local: bytes, remote: bytes, state: DialogState, remote_target: bytes,
                 route_set: tuple[NameAddr, ...], local_cseq: int | None, remote_cseq: int | None) -> None:
        self.key = key
        self.local = local
        """What goes into From: value with our tag, as it stood in the first exchange."""
        self.remote = remote
        """What goes into To."""
        self.state = state
        self.remote_target = remote_target
        """URI to send requests to."""
        self.route_set = route_set
        """First hop first."""
        self.local_cseq = local_cseq
        """Number of our last request, None before the first."""
        self.remote_cseq = remote_cseq
        """Number of the far end's last request, None before the first."""

    @classmethod
    def as_caller(cls, request: Request, response: Response) -> "Dialog":
        """Make the dialog of a request of ours and a 101-299 to it (section 12.1.2).

        Raises SipError(400) where From, To, Contact or Record-Route of the response cannot be used.
        """
        dialog = cls(key_of_response(response), _value(response, b"from"), _value(response, b"to"), DialogState.EARLY,
                     request.uri, (), request.cseq.number, None)
        dialog._answered(response)
        return dialog

    @classmethod
    def as_callee(cls, request: Request, response: Response) -> "Dialog":
        """Make the dialog of a request from outside and our 101-299 to it, which has our tag (section 12.1.1).

        Raises SipError(400) where the request has not exactly one Contact.
        """
        contacts = request.contacts
        if len(contacts) != 1:
            raise RequestError(400, "Bad Contact", request)
        state = DialogState.EARLY if response.status < 200 else DialogState.CONFIRMED
        key = DialogKey(request.call_id, response.to.tag or b"", request.from_.tag or b"")
        return cls(key, _value(response, b"to"), _value(request, b"from"), state, contacts[0].uri,
                   tuple(request.record_routes), None, request.cseq.number)

    def request(self, method: bytes, via_field: bytes, fields: Iterable[bytes] = (), body: bytes = b"",
                cseq: int | None = None) -> bytes:
        """Make a request within the dialog (section 12.2.1.1); counts CSeq up.

        `cseq` is given for an ACK to a 2xx only: that of its INVITE. `via_field` and `fields` are whole fields; add
        Contact to a target refresh.
        """
        if cseq is None:
            cseq = FIRST_CSEQ if self.local_cseq is None else self.local_cseq + 1
            self.local_cseq = cseq
        uri, routes = self.route()
        return build_request(method, uri, via_field, self.local, self.remote, self.key.call_id, cseq,
                             (*(b"Route: " + route for route in routes), *fields), body)

    def route(self) -> tuple[bytes, list[bytes]]:
        """Give the Request-URI and the Route values of a request: loose routing, else strict (section 12.2.1.1).

        A first Route that cannot be read is taken for a loose one: a dialog must be able to end whatever it says.
        """
        if not self.route_set:
            return self.remote_target, []
        routes = [route.to_bytes() for route in self.route_set]
        try:
            first = Uri.parse(self.route_set[0].uri)
        except SipError:
            return self.remote_target, routes
        if b"lr" in first.params:
            return self.remote_target, routes
        return _as_request_uri(first), [*routes[1:], b"<" + self.remote_target + b">"]

    def next_hop(self) -> bytes:
        """Give the URI that a request goes to: the first Route, loose or strict, else the target (section 8.1.2)."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def receive_request(self, request: Request) -> None:
        """Take a request of the far end (section 12.2.2): CSeq, target refresh, BYE.

        Raises SipError(500) where its CSeq number is lower than one seen before.
        """
        number, method = request.cseq
        if method in (b"ACK", b"CANCEL"):
            return
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise RequestError(500, "CSeq out of order", request)
        self.remote_cseq = number
        if method in TARGET_REFRESH:
            self._refresh(request.contacts)
        elif method == b"BYE":
            self.state = DialogState.TERMINATED

    def receive_response(self, response: Response) -> None:
        """Take a response to a request of ours: one that makes it go on, one that refreshes it, one that ends it.

        Raises SipError(400) where Contact or Record-Route of one that makes it go on cannot be used; a Contact of a
        refresh that cannot be read leaves the target as it is.
        """
        if self.state is DialogState.EARLY and response.cseq.method == b"INVITE":
            if 200 <= response.status < 300:
                self._answered(response)
            elif response.status >= 300:
                self.state = DialogState.TERMINATED
        elif response.status in ENDS_DIALOG:
            self.state = DialogState.TERMINATED
        elif 200 <= response.status < 300 and response.cseq.method in TARGET_REFRESH:
            with suppress(SipError):
                self._refresh(response.contacts)

    def confirm(self) -> None:
        """Take note that we sent a 2xx: an early dialog of the callee is confirmed."""
        if self.state is DialogState.EARLY:
            self.state = DialogState.CONFIRMED

    def terminate(self) -> None:
        """End it: we sent BYE, or no ACK ever came."""
        self.state = DialogState.TERMINATED

    def _answered(self, response: Response) -> None:
        self.route_set = tuple(reversed(response.record_routes))
        self._refresh(response.contacts)
        if response.status >= 200:
            self.state = DialogState.CONFIRMED

    def _refresh(self, contacts: tuple[NameAddr, ...]) -> None:
        if contacts:
            self.remote_target = contacts[0].uri


def _value(message: Request | Response, name: bytes) -> bytes:
    # Its tag is in the key already, so it is there.
    return message.value(name) or b""


def _as_request_uri(uri: Uri) -> bytes:
    """Leave out what a Request-URI may not have: headers and the method parameter (section 19.1.1)."""
    params = {name: value for name, value in uri.params.items() if name != b"method"}
    return Uri(uri.scheme, uri.user, uri.password, uri.host, uri.port, params).to_bytes()
