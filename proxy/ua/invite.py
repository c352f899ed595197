"""The INVITE of a call that we place, in each form that it takes: with credentials, to another address, for longer.

Call-ID, tag and branch are fixed before anything leaves, and the branch of a later form follows from the first: what
`known` says ends the call after a crash even where the newest form was not written down yet.
"""

from typing import Any

from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request, Response
from proxy.sip.requests import as_request, authority, build_request, contact_field, via_field
from proxy.sip.session_timer import INTERVAL, SessionExpires, min_se
from proxy.ua.contract import LegRequest
from proxy.ua.offer import Negotiation
from proxy.ua.way import Way
from proxy.ua.wiring import ALLOW, KNOWN_OPTIONS, SDP_FIELD, SUPPORTED, Far, Wiring, clean, escape_user, name_addr

MAX_INTERVAL_TRIES = 2
"""Times that a 422 is answered with the interval that it asks for."""


class Invite:
    """One call's INVITE."""

    def __init__(self, wiring: Wiring, order: LegRequest, hop: Hop) -> None:
        self.order = order
        self.way = Way(wiring.stack, hop)
        """Where it goes next, and how."""
        self.tag = wiring.tag()
        self.call_id = order.call.encode()
        self._wiring = wiring
        self._user = escape_user(order.from_user)
        self._called = escape_user(order.user)
        self._to = name_addr("", self._called, wiring.stack.uri_host(order.side, order.peer, hop)) \
            if order.copied is None else order.copied.to
        self._branch = wiring.branch()
        self._cseq = 1
        self._login = wiring.accounts.login(order.side, order.peer)
        self._interval, self._min_se, self._interval_tries = INTERVAL, 0, 0
        self._required: tuple[bytes, ...] = ()
        """Option tags that the far end wants to see required of it."""

    @property
    def credentials(self) -> tuple[bytes, ...]:
        """Fields that an ACK to its 2xx repeats (RFC 3261 section 22.1)."""
        return self._login.fields

    @property
    def far(self) -> Far:
        """Whom it goes to."""
        return Far(self.order.side, self.order.peer, self.way.taken, self._user)

    @property
    def _uri(self) -> bytes:
        if self.order.copied is not None:
            return self.order.copied.uri
        host = self._wiring.stack.uri_host(self.order.side, self.order.peer, self.way.hop)
        return b"sip:%s@%s" % (self._called, host)

    def next(self) -> None:
        """The next form of it: a transaction of its own."""
        self._cseq += 1

    def to(self, hop: Hop) -> None:
        """Another address: its next form goes there."""
        self.way = Way(self._wiring.stack, hop)

    def write(self, negotiation: Negotiation) -> Request | None:
        """Write it as it leaves, and settle by which way; None: no listener of ours reaches the address."""
        listener = self._wiring.stack.listener_for(self.way.hop)
        if listener is None:
            return None
        request = self._written(listener, negotiation)
        self.way.choose(request, self._user)
        return request

    def _written(self, listener: Listener, negotiation: Negotiation) -> Request:
        order = self.order
        host = self._host(listener)
        from_ = self._from(listener)
        fields = [contact_field(self._user, listener), ALLOW, SUPPORTED, SessionExpires(self._interval, None).field()]
        if self._min_se:
            fields.append(b"Min-SE: %d" % self._min_se)
        if self._required:
            fields.append(b"Require: " + b", ".join(self._required))
        if order.asserted is not None:
            fields.append(b"P-Asserted-Identity: " + name_addr(order.from_display, escape_user(order.asserted), host))
        if order.copied is not None:
            fields += order.copied.fields
        fields += [f"{name}: {clean(value)}".encode() for name, value in order.headers]
        return as_request(build_request(
            b"INVITE", self._uri, via_field(listener, branch_of(self._branch, self._cseq)), from_, self._to,
            self.call_id, self._cseq, (*fields, *self._login.fields, SDP_FIELD), negotiation.same(), order.forwards))

    def _from(self, listener: Listener) -> bytes:
        order = self.order
        who = name_addr(order.from_display, self._user, self._host(listener)) \
            if order.copied is None or not order.copied.from_ else order.copied.from_
        return who + b";tag=" + self.tag

    def _host(self, listener: Listener) -> bytes:
        return self._wiring.stack.from_host(self.order.side, self.order.peer) or authority(listener)

    def answer_challenge(self, response: Response) -> bool:
        """Take a 401 or 407; True: its next form answers it."""
        return self._login.answer(response, b"INVITE", self._uri, self._wiring.stack.token())

    def ask_for_longer(self, response: Response) -> bool:
        """Take a 422; True: its next form asks for as long an interval (RFC 4028 section 7.3)."""
        if self._interval_tries >= MAX_INTERVAL_TRIES:
            return False
        self._interval_tries += 1
        self._interval = self._min_se = max(self._interval, min_se(response))
        return True

    def add_extension(self, response: Response) -> bool:
        """Take a 421; True: its next form requires what is asked for (RFC 3261 section 21.4.16). Once."""
        wanted = response.option_tags(b"require") or [b"100rel"]  # what nearly all of them mean
        if self._required or not KNOWN_OPTIONS.issuperset(wanted):
            return False
        self._required = tuple(wanted)
        return True

    def known(self) -> dict[str, Any]:
        """What there is to be remembered of it, as plain values (remembered.py)."""
        stack = self._wiring.stack
        listener, sender = stack.listener_for(self.way.hop), stack.listener_for(self.way.taken)
        return {
            "side": self.order.side, "peer": self.order.peer, "hop": list(self.way.taken), "user": self._user.decode(),
            "call_id": self.order.call, "tag": self.tag.decode(), "uri": _text(self._uri), "to": _text(self._to),
            "branch": self._branch.decode(), "cseq": self._cseq,
            "from": "" if listener is None else _text(self._from(listener)),
            "sent_by": "" if sender is None else authority(sender).decode(),
        }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def branch_of(first: bytes, cseq: int) -> bytes:
    """Branch of the form with this CSeq."""
    return b"%s.%d" % (first, cseq)
