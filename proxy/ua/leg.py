"""What every leg of ours has: its owner, its media session, its one dialog once there is one, and one end.

Rules
- A leg has its media session before anything is sent or answered: without a port there is no call.
- It ends once. Whatever the far end does after that is answered by what stays of it for a while (user_agent.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from proxy.media.contract import Clip, MediaAddress, Stream
from proxy.sip.dialog import Dialog
from proxy.sip.hop import Flow
from proxy.sip.identities import CONNECTED, hides_identity, identities
from proxy.sip.message import Message, Request, Response
from proxy.sip.server import ServerTransaction
from proxy.sip.timers import Timer
from proxy.ua.contract import LegOwner
from proxy.ua.keys import Presses
from proxy.ua.leg_events import (
    Ended,
    LegAccepted,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegHeld,
    LegPlayed,
    LegPressed,
    LegSilent,
)
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.session import Session
from proxy.ua.wiring import Wiring, escape_user, name_addr, reason_field

LegKey = tuple[bytes, bytes]
"""Call-ID and our tag."""
WRITING_PATIENCE = 0.25
"""Seconds that a call, or the answer to one, waits for what ends it after a crash to be written down; then it goes."""
TAGS = 1000
"""Tags of what is played that each owner has for itself, from 0."""
NO_MEDIA = LegEnd(503, "lost", reason="No media session")
MEDIA_FAILED = "Media failed"
"""Reason of a leg whose media process ended."""


class BaseLeg(ABC):
    """One call of ours; see contract.Leg."""

    def __init__(self, wiring: Wiring, call: str, owner: LegOwner) -> None:
        self.call = call
        self.over_at: float | None = None
        """When it ended, on the monotonic clock."""
        self.answered = False
        self.identities: tuple[tuple[str, str], ...] = ()
        self.wiring = wiring
        self.owner = owner
        self.negotiation: Negotiation | None = None
        """There as soon as the media session is."""
        self.session: Session | None = None
        """The dialog that counts, once there is a 2xx."""
        self.heard = False
        """Whether any RTP of the far end came."""
        self._owners = 0
        """How many it had before this one: what they had played is told nobody any more."""
        self._presses = Presses()
        self._stream: Stream | None = None
        self.held = False
        self._bye_cause: LegEnd | None = None
        self._then: Callable[[float], None] | None = None
        """What follows when the owner has written down that it is answered."""
        self._then_timer: Timer | None = None

    @property
    def over(self) -> bool:
        """See Leg."""
        return self.over_at is not None

    @property
    @abstractmethod
    def key(self) -> LegKey:
        """Name of its dialogs, as requests inside them show it."""

    @abstractmethod
    def memory(self) -> str:
        """See Leg."""

    @abstractmethod
    def hang_up(self, now: float, cause: int = 0, reason: str = "") -> None:
        """See Leg."""

    @abstractmethod
    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request inside one of its dialogs."""

    @abstractmethod
    def stray(self, response: Response, flow: Flow, now: float) -> None:
        """Take a response to its INVITE that no transaction waits for any more."""

    @abstractmethod
    def _media_ready(self, now: float) -> None:
        """The media session is there: go on."""

    @abstractmethod
    def go(self, now: float) -> None:
        """See Leg."""

    @abstractmethod
    def ring(self, now: float) -> None:
        """See Leg."""

    @abstractmethod
    def early(self, now: float) -> None:
        """See Leg."""

    @abstractmethod
    def answer(self, now: float) -> None:
        """See Leg."""

    def refresh_target(self, display: str, user: str, now: float) -> None:
        """See Leg."""
        if self.session is not None and self.answered and not self.over:
            self.session.tell_identity(self._connected(display, user), now)

    def _connected(self, display: str, user: str) -> tuple[bytes, ...]:
        from_uri = self.session.dialog.local if self.session is not None else b""
        host = from_uri.rpartition(b"@")[2].partition(b">")[0]
        return (b"P-Asserted-Identity: " + name_addr(display, escape_user(user), host),)

    def play(self, clips: Sequence[Clip], tag: int, repeat: bool = False) -> None:
        """See Leg."""
        self.wiring.media.play(self.call, clips, self._owners * TAGS + tag, repeat)

    # -- its owner

    def hand_over(self, owner: LegOwner) -> bool:
        """See Leg."""
        if self.over:
            return False
        self.owner = owner
        self._owners += 1
        return True

    def _tell(self, event: LegEvent, now: float) -> None:
        self.owner.on_event(self, event, now)

    # -- the end

    def finish(self, end: LegEnd, now: float) -> None:
        """End it, once: everything that is timed or held goes, and the owner is told."""
        if self.over:
            return
        self.over_at = now
        if self.session is not None:
            self.session.close()
        self._release()
        self.wiring.media.close(self.call)
        self._tell(LegEnded(end), now)

    def let_go(self) -> None:
        """Nobody gives it a message any more: forget what knows it, or the two would keep each other alive.

        What ends leaves no cycle for the collector to find: its thresholds are hardly ever reached.
        """
        self.session = None

    # -- written down before it counts

    def _once_written(self, then: Callable[[float], None], now: float) -> None:
        """Let the owner write down what `memory` says by now, and go on then, or after WRITING_PATIENCE."""
        self._then = then
        self._then_timer = self.wiring.stack.timers.at(now + WRITING_PATIENCE, self.confirm)
        self._tell(LegAccepted(), now)

    def confirm(self, now: float) -> None:
        """See Leg."""
        then, self._then = self._then, None
        if then is not None:
            if self._then_timer is not None:
                self._then_timer.cancel()
            then(now)

    @abstractmethod
    def _release(self) -> None:
        """Let go of what the kind of leg holds."""

    def _hang_up_dialog(self, end: LegEnd, fields: tuple[bytes, ...]) -> None:
        """Send BYE; `end` is told when it is answered."""
        if self.session is None or self._bye_cause is not None:
            return
        self._bye_cause = end
        self.session.bye(fields, lambda response, now: self.finish(end, now))

    # SessionOwner

    def session_agreed(self, session: Session, agreement: Agreement, now: float) -> None:
        if self.over or (self.session is not None and session is not self.session):
            return
        if agreement.stream != self._stream:
            self._stream = agreement.stream
            self.wiring.media.connect(self.call, agreement.stream)
        if agreement.held != self.held:
            self.held = agreement.held
            self._tell(LegHeld(agreement.held), now)

    def session_key(self, session: Session, key: str, now: float) -> None:
        self._pressed(key, "info", now)

    def session_accepted(self, session: Session, request: Request, now: float) -> None:
        shown = self._identities_of(request)
        if shown and session is self.session and not self.over:
            self._tell(LegConnected(shown, hides_identity(request)), now)

    def _identities_of(self, message: Message) -> tuple[tuple[str, str], ...]:
        """Who a message says is there: (header in lower case, user part)."""
        shown = identities(message, CONNECTED, self.wiring.stack.domains)
        return tuple((one.header, one.user) for one in shown if one.user)

    def session_ended(self, session: Session, by: Ended, reason: str, now: float) -> None:
        if session is self.session:
            self.finish(self._bye_cause or LegEnd(200, by, reason=reason), now)

    def session_prack(self, session: Session, request: Request, tx: ServerTransaction, now: float) -> None:
        session.reply(tx, request, 481, now)

    @abstractmethod
    def session_ack(self, session: Session, request: Request, now: float) -> None:
        """See SessionOwner."""

    def _pressed(self, key: str, way: str, now: float) -> None:
        if not self.over and self._presses.is_new(key, way, now):
            self._tell(LegPressed(key, way == "info"), now)

    # MediaEars

    def media_opened(self, address: MediaAddress | None) -> None:
        """See MediaEars."""
        now = self.wiring.stack.clock()
        if self.over:
            return
        if address is None:
            self._without_media(now)
            return
        origin = b"%d" % (int(self.wiring.stack.token()[:12], 16))
        self.negotiation = Negotiation(address, origin)
        self._media_ready(now)

    def _without_media(self, now: float) -> None:
        self.finish(NO_MEDIA, now)

    def media_digit(self, digit: str) -> None:
        """See MediaEars."""
        self._pressed(digit, "rtp", self.wiring.stack.clock())

    def media_heard(self) -> None:
        """See MediaEars."""
        self.heard = True

    def media_played(self, tag: int) -> None:
        """See MediaEars."""
        owner, own_tag = divmod(tag, TAGS)
        if not self.over and owner == self._owners:
            self._tell(LegPlayed(own_tag), self.wiring.stack.clock())

    def media_silent(self, seconds: float) -> None:
        """See MediaEars."""
        if not self.over:
            self._tell(LegSilent(seconds), self.wiring.stack.clock())

    def media_failed(self) -> None:
        """See MediaEars: without sound a call is none."""
        now = self.wiring.stack.clock()
        if self.over:
            return
        if self.session is not None and self.answered:
            self._hang_up_dialog(LegEnd(200, "lost", reason=MEDIA_FAILED), reason_field(503, MEDIA_FAILED))
        else:
            self.hang_up(now, 503, MEDIA_FAILED)


def describe_dialog(dialog: Dialog) -> dict[str, object]:
    """What a dialog is, as plain values for `Leg.memory`."""
    return {
        "local": _text(dialog.local), "remote": _text(dialog.remote), "target": _text(dialog.remote_target),
        "routes": [_text(one.to_bytes()) for one in dialog.route_set], "cseq": dialog.local_cseq or 0,
        "call_id": _text(dialog.key.call_id), "local_tag": _text(dialog.key.local_tag),
        "remote_tag": _text(dialog.key.remote_tag),
    }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
