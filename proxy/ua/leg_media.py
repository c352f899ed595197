"""The media session of one leg: opened before anything is sent or answered, connected as agreed, heard."""

from collections.abc import Callable, Sequence
from typing import Final

from proxy.media.contract import Clip, MediaAddress, StreamTerms
from proxy.ua.keys import Presses
from proxy.ua.leg_events import LegEvent, LegHeld, LegPlayed, LegPressed, LegSilent, LegTone
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.repeater import nothing
from proxy.ua.wiring import Wiring

TAGS: Final = 1000
"""Tags of what is played that each owner of a leg has for itself, from 0."""


class LegMedia:
    """`media.contract.MediaEars` of one leg. Nothing is told before `open`, and nothing after `close`."""

    def __init__(self, wiring: Wiring, call: str, tell: Callable[[LegEvent, float], None]) -> None:
        self.negotiation: Negotiation | None = None
        """There as soon as the session is."""
        self.held = self._silent = False
        """The far end holds us; and it sends nothing either."""
        self._wiring, self._call = wiring, call
        self._tell = tell
        self._opened: Callable[[float], None] = nothing
        self._missing: Callable[[float], None] = nothing
        self._failed: Callable[[float], None] = nothing
        self._presses = Presses()
        self._stream: StreamTerms | None = None
        self._owners = 0
        """How many the leg had before this one: what they had played is told nobody any more."""

    # What its leg asks for

    def open(self, opened: Callable[[float], None], missing: Callable[[float], None],
             failed: Callable[[float], None]) -> None:
        """Open it. `opened`: it listens; `missing`: there is none to be had; `failed`: it is gone, in the middle."""
        self._opened, self._missing, self._failed = opened, missing, failed
        self._wiring.media.open(self._call, self)

    def connect(self, stream: StreamTerms) -> None:
        """Send and receive as agreed."""
        if stream != self._stream:
            self._stream = stream
            self._wiring.media.connect(self._call, stream)

    def agree(self, agreement: Agreement, now: float) -> None:
        """Take what offer and answer have settled, a hold too."""
        self.connect(agreement.stream)
        if (agreement.held, agreement.silent) != (self.held, self._silent):
            self.held, self._silent = agreement.held, agreement.silent
            self._tell(LegHeld(self.held, self._silent), now)

    def take_key(self, key: str, info: bool, now: float) -> None:
        """A key came; the same press that comes both ways is told once."""
        if self._presses.is_new(key, "info" if info else "rtp", now):
            self._tell(LegPressed(key, info), now)

    def play(self, clips: Sequence[Clip], tag: int, repeat: bool, pause: float) -> None:
        self._wiring.media.play(self._call, clips, self._owners * TAGS + tag, repeat, pause)

    def next_owner(self) -> None:
        """The leg is somebody else's now."""
        self._owners += 1

    def close(self) -> None:
        """End it."""
        self._wiring.media.close(self._call)
        self._opened = self._missing = self._failed = nothing
        self._tell = _nobody

    # MediaEars

    def media_opened(self, address: MediaAddress | None) -> None:
        stack = self._wiring.stack
        if address is None:
            self._missing(stack.clock())
            return
        self.negotiation = Negotiation(address, b"%d" % int(stack.token()[:12], 16))
        self._opened(stack.clock())

    def media_digit(self, digit: str) -> None:
        self.take_key(digit, False, self._wiring.stack.clock())

    def media_heard(self) -> None:
        """See MediaEars: nothing follows from it."""

    def media_played(self, tag: int) -> None:
        owner, own_tag = divmod(tag, TAGS)
        if owner == self._owners:
            self._tell(LegPlayed(own_tag), self._wiring.stack.clock())

    def media_silent(self, seconds: float) -> None:
        self._tell(LegSilent(seconds), self._wiring.stack.clock())

    def media_tone(self, seconds: float) -> None:
        self._tell(LegTone(seconds), self._wiring.stack.clock())

    def media_failed(self) -> None:
        self._failed(self._wiring.stack.clock())


def _nobody(event: LegEvent, now: float) -> None:
    """Nobody hears it."""
