"""What all legs share: the stack, the media, our accounts, and how a request of a dialog finds its way."""

from collections.abc import Callable
from typing import NamedTuple

from proxy.media.contract import Media
from proxy.sip.dialog import Dialog
from proxy.sip.errors import SipError
from proxy.sip.hop import Hop, Listener, PeerSide
from proxy.sip.message import Response
from proxy.sip.parser import parse
from proxy.sip.requests import via_field
from proxy.sip.uri import Uri
from proxy.ua.contract import Stack
from proxy.ua.login import Accounts

BRANCH_MARK = b"z9hG4bKua"
"""Begins every branch of the user agent, so that an answer to a process before this one is known as ours."""
TAG_MARK = b"ua"
"""Begins every tag of the user agent, for the same reason."""
ALLOW = b"Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS"
"""Every method that a leg takes. REFER is known, and declined."""
SUPPORTED = b"Supported: 100rel, timer"
KNOWN_OPTIONS = frozenset((b"100rel", b"timer"))
"""Option tags that may be required of us."""
SDP_FIELD = b"Content-Type: application/sdp"

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,")
"""Octets of a user part that need no escape (RFC 3261 section 25.1, without `;`, `?` and `/`)."""


class Far(NamedTuple):
    """Who is at the other end, as far as we chose it."""

    side: PeerSide | None
    """None: an INVITE that was handed to us; no account is for whoever sent it."""
    name: str
    hop: Hop
    """Where the INVITE went or came from: taken where a Contact or Record-Route leads nowhere."""
    user: bytes
    """User part of our Contact, escaped."""
    listener: Listener | None = None
    """Ours that their INVITE came by: our Contact leads to it. None: the one that a request to `hop` leaves by."""
    only: bool = False
    """Nothing goes anywhere but to `hop`: nobody knows whether Contact and Record-Route can be believed."""


class Wiring:
    """The surroundings of every leg."""

    def __init__(self, stack: Stack, media: Media) -> None:
        self.stack = stack
        self.media = media
        self.accounts = Accounts(stack)

    def branch(self) -> bytes:
        """Make a branch of ours."""
        return BRANCH_MARK + self.stack.token()

    def tag(self) -> bytes:
        """Make a tag of ours."""
        return TAG_MARK + self.stack.token()

    def random(self) -> float:
        """See `chance`."""
        return chance(self.stack)

    def find(self, dialog: Dialog, far: Far, done: Callable[[tuple[Hop, ...]], None]) -> None:
        """Find where a request of a dialog goes: its first Route, else its target (RFC 3261 section 12.2.1.1)."""
        usable = self.stack.listener_for

        def found(hops: tuple[Hop, ...]) -> None:
            done(tuple(hop for hop in hops if usable(hop) is not None) or (far.hop,))

        if far.only:
            found(())
            return
        try:
            where = Uri.parse(dialog.next_hop()).destination()
        except SipError:
            found(())
            return
        self.stack.locate(*where, found)

    def send_ack(self, dialog: Dialog, cseq: int, far: Far, fields: tuple[bytes, ...] = (),
                 sent: Callable[[bytes, Hop], None] = lambda data, hop: None) -> None:
        """Acknowledge a 2xx (RFC 3261 section 13.2.2.4). `sent` is told what left, to be repeated."""

        def found(hops: tuple[Hop, ...]) -> None:
            listener = self.stack.listener_for(hops[0])
            if listener is not None:
                data = dialog.request(b"ACK", via_field(listener, self.branch()), fields, cseq=cseq)
                self.stack.send(data, hops[0])
                sent(data, hops[0])

        self.find(dialog, far, found)

    def via(self, listener: Listener) -> bytes:
        """Via field of a new transaction."""
        return via_field(listener, self.branch())


def chance(stack: Stack) -> float:
    """A random number from 0 to 1, for back-off: what failed at one moment is not tried again at one moment."""
    return int(stack.token()[:8], 16) / 0xFFFFFFFF


def escape_user(text: str) -> bytes:
    """Write the user part of a URI."""
    return b"".join(bytes((octet,)) if octet in _SAFE else b"%%%02X" % octet for octet in text.encode())


def clean(text: str) -> str:
    """Take control characters out of what goes into a header: it may come from a caller's display name."""
    return "".join(character for character in text if character.isprintable())


def name_addr(display: str, user: bytes, host: bytes) -> bytes:
    """Write an address, the display name quoted."""
    shown = clean(display).replace("\\", "\\\\").replace('"', '\\"').encode()
    return (b'"%s" ' % shown if shown else b"") + b"<sip:%s@%s>" % (user, host)


def reason_field(cause: int, reason: str) -> tuple[bytes, ...]:
    """Write a Reason header (RFC 3326); none where there is no cause."""
    if not cause:
        return ()
    text = clean(reason).replace("\\", "").replace('"', "'").encode()
    return (b"Reason: SIP;cause=%d%s" % (cause, b';text="%s"' % text if text else b""),)


def as_response(data: bytes) -> Response:
    """Read a response of our own."""
    message = parse(data)
    assert isinstance(message, Response)
    return message
