"""Keys as telephone-events (RFC 4733): heard once a press whatever gets lost or comes twice, and sent."""

from collections import deque
from typing import Final

from proxy.media.outflow import Outflow
from proxy.media.rtp import CLOCK, WORD, Event, build_event

REMEMBERED: Final = 8
"""Presses whose late packets are known again."""
SLACK: Final = 30 * CLOCK // 1000
"""Ticks after the last packet of a press in which the next timestamp still belongs to it: a long press goes on in
segments (RFC 4733 section 2.5.1.3), and some senders move the timestamp with each packet. A finger takes longer."""
PRESS: Final = 100 * CLOCK // 1000
"""Ticks that a key we send is down."""
ENDS: Final = 3
"""The last packet of a key is sent so often (RFC 4733 section 2.5.1.4)."""
PAUSE: Final = 80 * CLOCK // 1000
"""Ticks between two keys we send."""


class KeyListener:
    """Hears presses in the telephone-events of one stream. A press counts with its first packet, whichever that is."""

    def __init__(self) -> None:
        self._known: deque[int] = deque(maxlen=REMEMBERED)
        """Timestamps of the presses heard last."""
        self._digit = ""
        self._reach = 0
        """Timestamp up to which the press heard last goes, as far as we know."""
        self._ended = True

    def hear(self, timestamp: int, marker: bool, event: Event) -> str | None:
        """Take a packet; the digit where it is the first of a press."""
        if timestamp in self._known:
            if timestamp == self._known[-1]:
                self._stretch(timestamp, event)
            return None
        ahead = (timestamp - self._reach) & WORD
        near = ahead <= SLACK or ahead > WORD - REMEMBERED * CLOCK
        goes_on = not self._ended and not marker and event.digit == self._digit and near
        self._known.append(timestamp)
        self._digit = event.digit
        self._reach, self._ended = timestamp, False
        self._stretch(timestamp, event)
        return None if goes_on else event.digit

    def _stretch(self, timestamp: int, event: Event) -> None:
        end = (timestamp + event.duration) & WORD
        if (end - self._reach) & WORD < WORD // 2:
            self._reach = end
        self._ended = self._ended or event.end


class EventKeys:
    """Keys sent as telephone-events, one after another."""

    def __init__(self, digits: str, payload_type: int) -> None:
        self._digits = deque(digits)
        self._payload_type = payload_type
        self._down = 0
        """Ticks that the key in front has been down; negative: a pause before it."""

    def step(self, out: Outflow, ticks: int, now: float) -> bool:
        """Send what is due; False once there is nothing more."""
        if not self._digits:
            return False
        self._down += ticks
        if self._down <= 0:
            return True
        digit = self._digits[0]
        if self._down <= ticks:
            out.own(self._payload_type, build_event(digit, False, self._down), self._down, now, fresh=True)
            return True
        if self._down < PRESS:
            out.again(self._payload_type, build_event(digit, False, self._down), self._down, now)
            return True
        for _ in range(ENDS):
            out.again(self._payload_type, build_event(digit, True, self._down), self._down, now)
        self._digits.popleft()
        self._down = -PAUSE
        return True
