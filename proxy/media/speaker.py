"""What we send to a leg ourselves: prompts, tones, keys, and silence or comfort noise where there is nothing to say."""

from typing import Final

from proxy.media.contract import StreamTerms
from proxy.media.keys import EventKeys
from proxy.media.outflow import Outflow
from proxy.media.rtp import CLOCK, DIGITS
from proxy.media.sound import Player
from proxy.media.tones import key, tone

TICK: Final = 0.02
"""Seconds between two steps."""
PTIMES: Final = range(10, 101, 10)
"""Packet times that we send, in milliseconds; where another is asked for, `PTIME`."""
PTIME: Final = 20
MILLISECOND: Final = CLOCK // 1000
"""RTP ticks, and bytes of every codec."""
OWED_MAX: Final = 5
"""Packets sent in one go after the process was held up."""


class Speaker:
    """Sends step by step. Keys go before what is played, what is played before everything else."""

    __slots__ = ("_comfort", "_idle", "_keys", "_out", "_owed", "player")

    def __init__(self, out: Outflow) -> None:
        self.player: Player | None = None
        """What is played."""
        self._out = out
        self._keys: list[EventKeys | Player] = []
        self._idle = Player([tone("silence")], repeat=True)
        self._comfort = Player([tone("comfort")], repeat=True)
        self._owed = 0.0
        """Milliseconds of audio owed to the far end."""

    @property
    def busy(self) -> bool:
        """Whether there is anything to send, so that the other leg is not to be heard."""
        return self.player is not None or bool(self._keys)

    def press(self, digits: str, payload_type: int | None) -> None:
        """Send keys: as telephone-events of that payload type, or as tones where there is none."""
        digits = "".join(digit for digit in digits.upper() if digit in DIGITS)
        if not digits:
            return
        keys = Player([key(digit) for digit in digits]) if payload_type is None else EventKeys(digits, payload_type)
        self._keys.append(keys)

    def tick(self, terms: StreamTerms, sending: bool, joined: bool, now: float) -> None:
        """Send what is due, once every `TICK`. Where nothing may be sent (hold) time goes on all the same."""
        ptime = terms.ptime if terms.ptime in PTIMES else PTIME
        self._owed = min(self._owed + TICK * 1000, OWED_MAX * ptime)
        while self._owed >= ptime:
            self._owed -= ptime
            self._step(terms, ptime * MILLISECOND, sending, joined, now)

    def _step(self, terms: StreamTerms, size: int, sending: bool, joined: bool, now: float) -> None:
        while self._keys:
            first = self._keys[0]
            if isinstance(first, Player):
                going = self._play(first, terms, size, sending, now)
            else:
                going = sending and first.step(self._out, size, now)
            if going:
                return
            del self._keys[0]
        player = self.player
        if player is not None:
            if self._play(player, terms, size, sending, now):
                return
            self.player = None
            if player.done is not None:
                player.done()
        self._play(self._comfort if joined else self._idle, terms, size, sending, now)

    def _play(self, player: Player, terms: StreamTerms, size: int, sending: bool, now: float) -> bool:
        """Send one packet of a player; False where it is at its end."""
        piece = player.take(size, terms.codec)
        if not piece:
            return False
        if sending:
            if len(piece) < size:
                piece += tone("silence").encoded(terms.codec)[: size - len(piece)]
            self._out.own(terms.payload_type, piece, size, now)
        return True
