"""Sounds that are no keys and no beeps: speech in six languages by espeak-ng, music, and the tones of networks.

All is 16 bit PCM at 8 kHz and comes from a seed: the same seed makes the same sounds.
"""

import math
import random
import subprocess
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from proxy.media.convert import load
from proxy.media.texts import TEXTS, VOICES
from tests.kit.tones import RATE

VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+croak",
            "+whisper", "+klatt", "+klatt2", "+klatt4")
"""Voices of espeak-ng that each language can be spoken with."""
LOUDEST = 14_000
SINE = [math.sin(2 * math.pi * i / 4096) for i in range(4096)]


def speech(seed: int, seconds: float, languages: Sequence[str] = tuple(TEXTS)) -> Iterator[bytes]:
    """Yield sentences of about a quarter of a minute each until there are so many seconds. Needs espeak-ng."""
    chance = random.Random(seed)
    spoken = 0.0
    while spoken < seconds:
        language = chance.choice(languages)
        sentences = chance.sample([text for text in TEXTS[language].values() if " " in text], 6)
        numbers = [str(chance.randrange(10**chance.randint(1, 9))) for _ in range(3)]
        words = " ".join(text for pair in zip(sentences, (*numbers, "", "", ""), strict=True) for text in pair)
        voice = VOICES[language] + chance.choice(VARIANTS)
        pcm = said(words, voice, chance.randint(120, 260), chance.randint(5, 95))
        spoken += len(pcm) / 2 / RATE
        yield scaled(array("h", pcm), chance.uniform(0.2, 1.0))


def said(text: str, voice: str, pace: int, pitch: int) -> bytes:
    """Return a text as espeak-ng says it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(pace), "-p", str(pitch), "-w", str(path), "--", text],
                       check=True, timeout=60, stdin=subprocess.DEVNULL)
        return load(path)


def scaled(samples: Sequence[float], share: float = 1.0) -> bytes:
    """Return samples as loud as may be, or a share of it."""
    gain = share * LOUDEST / (max(map(abs, samples), default=1) or 1)
    return array("h", (round(gain * sample) for sample in samples)).tobytes()


# Music

HARMONICS = ((1.0, 0.5, 0.33, 0.25, 0.2, 0.16), (1.0, 0.0, 0.33, 0.0, 0.2), (1.0, 0.9, 0.4, 0.3), (1.0, 0.3),
             (0.6, 1.0, 0.7, 0.5, 0.4, 0.3))
"""Sawtooth, square, organ, flute, reed: the strength of each harmonic."""
SCALE = (0, 2, 4, 5, 7, 9, 11)
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 3, 7, 10), (0, 5, 9), (0, 4, 7, 11, 14))


def note(place: int) -> float:
    """Frequency of a key of the piano, 69 being A4 of 440 Hz."""
    return float(440 * 2 ** ((place - 69) / 12))


def played(hertz: float, seconds: float, harmonics: Sequence[float], fade: float) -> list[float]:
    """One note: struck, and fading with `fade` a second."""
    count = round(seconds * RATE)
    total = [0.0] * count
    for number, strength in enumerate(harmonics, 1):
        if strength and hertz * number < RATE / 2:
            turn = 4096 * hertz * number / RATE
            total = [value + strength * SINE[int(turn * i) & 4095] for i, value in enumerate(total)]
    return [value * min(1.0, i / 80) * math.exp(-fade * i / RATE) for i, value in enumerate(total)]


def mixed(voices: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) for values in zip(*voices, strict=True)]


def chord(chance: random.Random) -> list[float]:
    """A chord of three notes or more, with or without harmonics."""
    root, length = chance.randint(48, 84), chance.uniform(0.3, 2.0)
    sound = (*HARMONICS, (1.0,))[chance.randrange(6)]
    fade = chance.choice((0.0, 1.0, 4.0))
    return mixed([played(note(root + step), length, sound, fade) for step in chance.choice(CHORDS)])


def arpeggio(chance: random.Random) -> list[float]:
    """Notes one after another that ring on: two or three at a time."""
    root, length = chance.randint(52, 86), chance.uniform(0.08, 0.3)
    sound, steps = chance.choice(HARMONICS), chance.choice(CHORDS)
    result: list[float] = [0.0] * round(length * RATE * 18)
    for place in range(16):
        tone = played(note(root + steps[place % len(steps)]), 2 * length, sound, 5.0)
        start = round(place * length * RATE)
        for i, value in enumerate(tone):
            result[start + i] += value
    return result


def melody(chance: random.Random) -> list[float]:
    """One voice, of one sine too, with vibrato."""
    sound = (*HARMONICS, (1.0,))[chance.randrange(6)]
    result: list[float] = []
    place = chance.randint(0, 30)
    for _ in range(8):
        place = min(34, max(0, place + chance.randint(-3, 3)))
        hertz = note(53 + 12 * (place // 7) + SCALE[place % 7]) * chance.uniform(0.995, 1.005)
        result += played(hertz, chance.choice((0.12, 0.25, 0.5)), sound, chance.choice((0.0, 2.0)))
    return result


def plucked(chance: random.Random) -> list[float]:
    """Strings (Karplus and Strong), two or three at a time."""
    voices = []
    length = round(chance.uniform(0.5, 1.5) * RATE)
    for _ in range(chance.randint(1, 3)):
        period = round(RATE / note(chance.randint(50, 88)))
        ring = [chance.uniform(-1, 1) for _ in range(period)]
        voice = []
        for i in range(length):
            value = ring[i % period]
            voice.append(value)
            ring[i % period] = 0.498 * (value + ring[(i + 1) % period])
        voices.append(voice)
    return mixed(voices)


def swept(chance: random.Random) -> list[float]:
    """A sine that passes all frequencies of keys, up or down."""
    length, first, last = round(chance.uniform(1, 5) * RATE), 500.0, 1900.0
    if chance.random() < 0.5:
        first, last = last, first
    phase, result = 0.0, []
    for i in range(length):
        phase += 4096 * (first + (last - first) * i / length) / RATE
        result.append(SINE[int(phase) & 4095])
    return result


def noise(chance: random.Random) -> list[float]:
    """White, or with more of what is low."""
    colour, last, result = chance.choice((0.0, 0.5, 0.9)), 0.0, []
    for _ in range(round(chance.uniform(0.5, 2) * RATE)):
        last = colour * last + chance.gauss(0, 1)
        result.append(last)
    return result


RINGBACKS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "eu": ((425.0,), (1.0, 4.0)), "hu": ((425.0,), (1.25, 3.75)), "ru": ((425.0,), (0.8, 3.2)),
    "rs": ((425.0,), (1.0, 9.0)), "ro": ((425.0,), (1.85, 4.15)), "us": ((440.0, 480.0), (2.0, 4.0)),
    "uk": ((400.0, 450.0), (0.4, 0.2, 0.4, 2.0)), "fr": ((440.0,), (1.5, 3.5)), "dk": ((425.0,), (0.75, 7.5)),
    "tr": ((450.0,), (2.0, 4.0)), "limit": ((350.0,), (2.5, 6.0)), "cl": ((400.0,), (1.0, 3.0)),
    "ke": ((425.0,), (0.667, 3.0, 1.5, 5.0)), "cn": ((450.0,), (1.0, 4.0)), "th": ((400.0,), (1.0, 4.0)),
}  # fmt: skip
"""Ringing tones: frequencies, and seconds on and off in turn (ITU-T E.180 supplement 2);
`limit`: the most that its section 4 accepts."""
OTHER_TONES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "busy": ((425.0,), (0.5, 0.5)), "busy us": ((480.0, 620.0), (0.5, 0.5)), "congestion": ((425.0,), (0.2, 0.2)),
    "dial us": ((350.0, 440.0), (3.0, 0.0)), "waiting": ((425.0,), (0.2, 0.2, 0.2, 9.0)),
    "sit low": ((950.0,), (0.33, 0.0)), "sit middle": ((1400.0,), (0.33, 0.0)), "sit high": ((1800.0,), (0.33, 1.0)),
}  # fmt: skip


def cadence(hertz: Sequence[float], times: Sequence[float], rounds: int = 3) -> list[float]:
    """A tone of a network."""
    result: list[float] = []
    for _ in range(rounds):
        for place, seconds in enumerate(times):
            if place % 2:
                result += [0.0] * round(seconds * RATE)
            else:
                result += mixed([played(value, seconds, (1.0,), 0.0) for value in hertz])
    return result


def network_tone(chance: random.Random) -> list[float]:
    """A tone of some network."""
    hertz, times = chance.choice([*RINGBACKS.values(), *OTHER_TONES.values()])
    return cadence(hertz, times, 1)


MUSIC: tuple[Callable[[random.Random], list[float]], ...] = (
    chord, chord, arpeggio, arpeggio, melody, melody, plucked, swept, noise, network_tone)


def music(seed: int, seconds: float) -> Iterator[bytes]:
    """Yield pieces of music and tones until there are so many seconds."""
    chance = random.Random(seed)
    made = 0.0
    while made < seconds:
        samples = chance.choice(MUSIC)(chance)
        made += len(samples) / RATE
        yield scaled(samples, chance.uniform(0.1, 1.0))
