"""Sounds, and how they are played: PCM that is encoded once for each codec and then sent piece by piece."""

from collections.abc import Callable, Sequence
from typing import Final

from proxy.media.contract import SAMPLE_RATE, CodecName

SAMPLE_BYTES: Final = 2


class Sound:
    """A piece of audio: 8 kHz, 16 bit little endian, one channel."""

    def __init__(self, pcm: bytes) -> None:
        self.pcm = pcm
        self._encoded: dict[CodecName, bytes] = {}

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / (SAMPLE_BYTES * SAMPLE_RATE)

    def encoded(self, name: CodecName) -> bytes:
        """Return it in a codec: one byte for each sample, so that a place in it is the same place in every codec."""
        data = self._encoded.get(name)
        if data is None:
            from proxy.media.rtp import codec  # the signalling process has sounds, and plays none

            data = self._encoded[name] = codec(name).encode(self.pcm)
        return data


class Player:
    """Plays sounds one after another."""

    def __init__(self, sounds: Sequence[Sound], repeat: bool = False, done: Callable[[], None] | None = None) -> None:
        self._sounds = [sound for sound in sounds if sound.pcm]
        self._repeat = repeat
        self.done = done
        """Called by whoever plays it, once `take` had nothing more."""
        self._place = 0
        self._offset = 0

    def take(self, size: int, name: CodecName) -> bytes:
        """Return the next `size` bytes in a codec; less at the end, nothing after it."""
        piece = b""
        while len(piece) < size and self._place < len(self._sounds):
            data = self._sounds[self._place].encoded(name)
            part = data[self._offset : self._offset + size - len(piece)]
            piece += part
            self._offset += len(part)
            if self._offset >= len(data):
                self._offset = 0
                self._place += 1
                if self._repeat and self._place == len(self._sounds):
                    self._place = 0
        return piece
