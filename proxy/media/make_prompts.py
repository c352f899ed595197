"""Makes the built-in prompts with espeak-ng: `python -m proxy.media.make_prompts [FOLDER]`.

Run by whoever changes a text; the files are part of the package, so that nobody else needs espeak-ng.
"""

from __future__ import annotations  # array takes a parameter only in annotations before Python 3.12

import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from proxy.media.library import BUILT_IN
from proxy.media.rtp import SAMPLE_RATE
from proxy.media.texts import TEXTS, VOICES
from proxy.media.wav import header, read_wav

PEAK: Final = 16_000
"""Loudest sample: -6 dB of full scale, for no telephone does better than distort above it."""
FLOOR: Final = 160
"""Samples below count as silence at either end."""
EDGE: Final = SAMPLE_RATE // 50
"""Samples of silence that are left at either end: 20 ms."""
WORDS_A_MINUTE: Final = 150


def spoken(text: str, voice: str) -> array[int]:
    """Return a text as 8 kHz samples, as espeak-ng says it. Raises OSError, CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoken.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "-w", str(path), "--", text], check=True,
                       timeout=60, stdin=subprocess.DEVNULL)
        return array("h", read_wav(path))


def trimmed(samples: array[int]) -> array[int]:
    """Return samples without the silence around them, as loud as all others."""
    loud = [place for place, sample in enumerate(samples) if abs(sample) > FLOOR]
    kept = samples[max(0, loud[0] - EDGE) : loud[-1] + EDGE]
    gain = PEAK / max(map(abs, kept))
    return array("h", (round(sample * gain) for sample in kept))


def make(folder: Path) -> int:
    """Write every prompt of every language; how many."""
    made = 0
    for language, texts in TEXTS.items():
        (folder / language).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            data = trimmed(spoken(text, VOICES[language])).tobytes()
            (folder / language / f"{name}.wav").write_bytes(header(len(data)) + data)
            made += 1
    return made


def main(arguments: Sequence[str]) -> int:
    """Make the prompts where they belong, or in another folder."""
    folder = Path(arguments[0]) if arguments else BUILT_IN
    sys.stdout.write(f"{make(folder)} prompts in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
