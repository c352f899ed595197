"""Prompts by name and language: an uploaded recording first, then the built-in one, then English, never silence."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from proxy.media.contract import Clip, CodecName
from proxy.media.convert import load
from proxy.media.sound import Sound
from proxy.media.tones import beep, pause
from proxy.media.wav import WavError

BUILT_IN: Final = Path(__file__).parent / "prompts"
FALLBACK: Final = "en"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of prompts and languages: nothing that could lead out of a folder."""
DIGITS: Final = "digits"
MINUTES: Final = "minutes"
ROUND: Final = (10, 15, 20, 25, 30, 40, 50, 60)
"""Estimates from ten minutes on, rounded up to one of these as a person would; the last stands for all that is more."""
SIGNS: Final = frozenset((*"0123456789", "plus", "star", "hash", *(f"minutes_{number}" for number in ROUND)))
"""Prompts that numbers are read with."""
DIGIT_NAMES: Final = {**{digit: digit for digit in "0123456789"}, "+": "plus", "*": "star", "#": "hash"}
DIGIT_PAUSE: Final = 0.06
GROUP_PAUSE: Final = 0.25
CLIP_PAUSE: Final = 0.15
"""Seconds between two clips."""
GROUP: Final = 3
"""Digits read in one go where nobody says how they are grouped."""
PAUSE_MAX: Final = 60.0
"""Seconds between two rounds of what is repeated, at most."""
KEPT: Final = 400
"""Sounds in memory; a prompt has about 40 kB."""

Stamp = tuple[int, int]
Trouble = Callable[[Path, str], None]


class Library:
    """Finds and reads prompts. Reading happens in a thread: the disk may be slow.

    `trouble(file, text)` is told of a file that is there and cannot be read, once for each version of it; it may be
    called in that thread.
    """

    def __init__(self, uploads: Path | None, trouble: Trouble, built_in: Path = BUILT_IN) -> None:
        self._uploads = uploads
        self._built_in = built_in
        self._trouble = trouble
        self._sounds: OrderedDict[tuple[Path, Stamp], Sound | None] = OrderedDict()
        self._short, self._long = Sound(pause(DIGIT_PAUSE)), Sound(pause(GROUP_PAUSE))
        self._between = Sound(pause(CLIP_PAUSE))
        self._pool = ThreadPoolExecutor(1, "prompts")

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)

    def fetch(self, clips: Sequence[Clip], rest: float | None, name: CodecName) -> "Future[list[Sound]]":
        """Begin to get the sounds of some clips, encoded for a codec; `rest`: seconds of silence at their end."""
        return self._pool.submit(self._fetch, clips, rest, name)

    def _fetch(self, clips: Sequence[Clip], rest: float | None, name: CodecName) -> list[Sound]:
        sounds = [sound for clip in clips for sound in (*self.sounds(clip), self._between)]
        sounds[-1:] = [] if rest is None else [Sound(pause(min(max(rest, DIGIT_PAUSE), PAUSE_MAX)))]
        if name == "G722":  # it has a memory: pieces that were encoded apart crackle where they are joined
            sounds = [Sound(b"".join(sound.pcm for sound in sounds))]
        for sound in sounds:
            sound.encoded(name)
        return sounds

    def sounds(self, clip: Clip) -> list[Sound]:
        """Return the sounds of one clip; at least one."""
        if clip.prompt == MINUTES:
            return [self.sound(minutes(clip.digits), clip.language)]
        if clip.prompt != DIGITS:
            return [self.sound(clip.prompt, clip.language)]
        result: list[Sound] = []
        for group in groups(clip.digits):
            for sign in group:
                result += (self.sound(DIGIT_NAMES[sign], clip.language), self._short)
            result[-1] = self._long
        return result[:-1] or [self._short]

    def sound(self, prompt: str, language: str) -> Sound:
        """Return one prompt."""
        if NAME.fullmatch(prompt):
            for path in self._places(prompt, language):
                sound = self._read(path)
                if sound is not None:
                    return sound
        return beep()

    def _places(self, prompt: str, language: str) -> Iterator[Path]:
        file = prompt + ".wav"
        languages = [language] if NAME.fullmatch(language) else []
        for place in dict.fromkeys([*languages, FALLBACK]):
            if self._uploads is not None:
                yield self._uploads / place / file
                if place in languages:
                    yield self._uploads / file
            yield self._built_in / place / file

    def _read(self, path: Path) -> Sound | None:
        """Return a file's sound; None where it is not there or cannot be read."""
        try:
            status = path.stat()
        except OSError:
            return None
        known = (path, (status.st_mtime_ns, status.st_size))
        if known in self._sounds:
            self._sounds.move_to_end(known)
            return self._sounds[known]
        sound: Sound | None = None
        try:
            sound = Sound(load(path))
        except (OSError, WavError) as error:
            self._trouble(path, str(error))
        self._sounds[known] = sound
        while len(self._sounds) > KEPT:
            self._sounds.popitem(last=False)
        return sound


def minutes(digits: str) -> str:
    """Return the prompt that says an estimate in minutes."""
    number = int(digits) if digits.isdecimal() else ROUND[-1]
    if number < ROUND[0]:
        return str(number)
    return f"minutes_{next((told for told in ROUND if told >= number), ROUND[-1])}"


def groups(digits: str) -> list[str]:
    """Return what of a number is read in one go: as its spaces say, else three digits at a time after a plus."""
    spoken = "".join(sign for sign in digits if sign in DIGIT_NAMES or sign == " ").split()
    if len(spoken) != 1:
        return spoken
    plus, number = ("+", spoken[0][1:]) if spoken[0].startswith("+") else ("", spoken[0])
    cut = [number[place : place + GROUP] for place in range(0, len(number), GROUP)] or [""]
    return [plus + cut[0], *cut[1:]]
