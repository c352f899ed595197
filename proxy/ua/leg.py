"""What a call that we place and one that we answer are both made of, beside their media.

Rules
- A leg has its media session before anything is sent or answered: without a port there is no call.
- It ends once. Whatever the far end does after that is answered by what stays of it for a while (user_agent.py).
- What ends it after a crash is written down before its answer counts (`WrittenFirst`).
"""

from collections.abc import Callable
from typing import Final, Protocol

from proxy.sip.dialog import Dialog
from proxy.sip.hop import Flow
from proxy.sip.identities import CONNECTED, Domains, identities
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import REASONS
from proxy.sip.timers import Timer, Timers
from proxy.ua.contract import Leg
from proxy.ua.leg_events import Asked, LegEnd, Shown
from proxy.ua.session import Session
from proxy.ua.wiring import escape_user, name_addr

LegKey = tuple[bytes, bytes]
"""Call-ID and our tag."""
WRITING_PATIENCE: Final = 0.25
"""Seconds that a call, or the answer to one, waits for what ends it after a crash to be written down; then it goes."""
SILENT_AT_MOST: Final = 300.0
"""Seconds of silence between two questions to a far end whether it is there."""
NO_MEDIA: Final = LegEnd(503, "lost", reason="No media session")
MEDIA_FAILED: Final = "Media failed"
"""Reason of a leg whose media process ended."""


class KnownLeg(Leg, Protocol):
    """A leg as the user agent has it in its table."""

    over_at: float | None
    """When it ended, on the monotonic clock."""

    @property
    def key(self) -> LegKey:
        """Name of its dialogs, as requests inside them show it."""

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request inside one of its dialogs."""

    def stray(self, response: Response, flow: Flow, now: float) -> None:
        """Take a response to its INVITE that no transaction waits for any more."""

    def let_go(self) -> None:
        """Nobody gives it a message any more: forget what knows it, or the two would keep each other alive.

        What ends leaves no cycle for the collector to find: its thresholds are hardly ever reached.
        """


class WrittenFirst:
    """Something that waits until it is written down, or for WRITING_PATIENCE."""

    __slots__ = ("_then", "_timer", "_timers")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._then: Callable[[float], None] | None = None
        self._timer: Timer | None = None

    @property
    def waits(self) -> bool:
        """Whether it still does."""
        return self._then is not None

    def wait(self, then: Callable[[float], None], now: float) -> None:
        """Go on with `then` at `go`, or when it takes too long."""
        self._then = then
        self._timer = self._timers.at(now + WRITING_PATIENCE, self.go)

    def go(self, now: float) -> None:
        """It is written: go on, once."""
        then, self._then = self._then, None
        if then is not None:
            if self._timer is not None:
                self._timer.cancel()
            then(now)


class LegDialog:
    """The dialog of a leg that counts, once there is one, and its BYE."""

    __slots__ = ("_asked_after", "leaving", "session")

    def __init__(self) -> None:
        self._asked_after = 0.0
        """Seconds of silence after which the far end was asked last whether it is there."""
        self.session: Session | None = None
        self.leaving: LegEnd | None = None
        """How it ends when our BYE is answered; None: none was sent."""

    def hang_up(self, end: LegEnd, fields: tuple[bytes, ...], done: Callable[[LegEnd, float], None]) -> None:
        """Send BYE, once; `done` is told `end` when it is answered, or cannot be."""
        if self.session is not None and self.leaving is None:
            self.leaving = end
            self.session.bye(fields, lambda response, now: done(end, now))

    def refresh_target(self, display: str, user: str, now: float) -> None:
        if self.session is not None:
            host = self.session.dialog.local.rpartition(b"@")[2].partition(b">")[0]
            asserted = b"P-Asserted-Identity: " + name_addr(display, escape_user(user), host)
            self.session.client.tell_identity((asserted,), now)

    def hold(self, held: bool, silent: bool, now: float) -> None:
        if self.session is not None:
            self.session.client.hold(held, silent, now)

    def note_silence(self, seconds: float, now: float) -> None:
        """Ask a far end that was silent for so long whether it still has the dialog: a queue may be silent for ever,
        and a PBX that crashed is. Asked less often the longer it lasts."""
        asked = self._asked_after
        if self.session is not None and self.leaving is None and (
                seconds < asked or seconds >= min(2 * asked, asked + SILENT_AT_MOST)):
            self._asked_after = seconds
            self.session.client.timer.check(now)

    def ask(self, asked: Asked, done: Callable[[Shown, float], None], now: float) -> None:
        """Send a request of somebody else in it; 481 where there is no dialog, 408 where no answer comes."""
        if self.session is None or self.leaving is not None:
            done(Shown(481, REASONS[481], ()), now)
        else:
            self.session.ask(asked, done)

    def close(self) -> None:
        """End what is timed in it."""
        if self.session is not None:
            self.session.close()


def connected_to(message: Message, domains: Domains) -> tuple[tuple[str, str], ...]:
    """Say who a message says is there, as `Leg.identities`."""
    return tuple((one.header, one.user) for one in identities(message, CONNECTED, domains) if one.user)


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
