"""What a phone was told, read from what it heard: names of prompts in their order, so `0`-`9` where digits are.

The prompts are the files of the product. They come as they are, by G.711, so a stretch of a prompt is found again
sample for sample, wherever it begins. Not seen: a prompt that was cut short before its first loud stretch, and one that
is the beginning of another one, word for word.
"""

import wave
from functools import cache
from pathlib import Path

from tests.kit.boomerang import ROOT
from tests.kit.tones import alaw_encode, loudness

PROMPTS = ROOT / "proxy" / "media" / "prompts"
STRETCH = 48
"""Samples that are looked for: 6 ms; a phone changes a sample now and then."""
STEP = 200
"""Samples from one stretch to the next."""
LOUD = 300.0


@cache
def _stretches(language: str) -> dict[bytes, str]:
    """Loud stretches of every prompt that no other prompt has, each with its name."""
    found: dict[str, bytes] = {}
    for file in sorted((PROMPTS / language).glob("*.wav")):
        with wave.open(str(file)) as audio:
            assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, 8000)
            found[file.stem] = audio.readframes(audio.getnframes())
    encoded = {name: alaw_encode(pcm) for name, pcm in found.items()}
    stretches: dict[bytes, str] = {}
    for name, pcm in found.items():
        for at in range(0, len(pcm) // 2 - STRETCH, STEP):
            stretch = encoded[name][at : at + STRETCH]
            loud = loudness(pcm[2 * at : 2 * (at + STRETCH)]) > LOUD
            if loud and sum(other.count(stretch) for other in encoded.values()) == 1:
                stretches[stretch] = name
    return stretches


def told(audio: bytes, language: str = "en") -> list[str]:
    """Names of the prompts in audio in A-law, each as often as it was begun."""
    hits: list[tuple[int, str, int]] = []
    numbers: dict[str, int] = {}
    for stretch, name in _stretches(language).items():
        place = numbers[name] = numbers.get(name, -1) + 1
        at = audio.find(stretch)
        while at >= 0:
            hits.append((at, name, place))
            at = audio.find(stretch, at + 1)
    said: list[str] = []
    last: tuple[str, int] | None = None
    for _, name, place in sorted(hits):
        # The same prompt anew: from an earlier stretch, or the same one again.
        if last is None or last[0] != name or place <= last[1]:
            said.append(name)
        last = (name, place)
    return said


def number_told(said: list[str]) -> str:
    """The last number that was read out: digits and a plus after one another."""
    digits = {**{str(each): str(each) for each in range(10)}, "plus": "+"}
    runs = [""]
    for name in said:
        if name in digits:
            runs[-1] += digits[name]
        elif runs[-1]:
            runs.append("")
    return next((run for run in reversed(runs) if len(run) > 2), "")


def languages() -> list[str]:
    """Languages that there are prompts in."""
    return sorted(path.name for path in Path(PROMPTS).iterdir() if path.is_dir())
