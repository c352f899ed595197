"""Makes the built-in prompts with espeak-ng: `python -m proxy.media.make_prompts [FOLDER]`.

Run by whoever changes a text; the files are part of the package, so that nobody else needs espeak-ng.
"""

from __future__ import annotations  # array takes a parameter only in annotations before Python 3.12

import hashlib
import json
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from proxy.media.contract import SAMPLE_RATE
from proxy.media.library import BUILT_IN, SIGNS
from proxy.media.texts import PACES, SIGN_PACE, TEXTS, VOICES
from proxy.media.wav import header, read_wav

PEAK: Final = 16_000
"""Loudest sample: -6 dB of full scale, for no telephone does better than distort above it."""
FLOOR: Final = 160
"""Samples below count as silence at either end."""
PROOFS: Final = "spoken.json"
"""File beside the languages: for each prompt the digests of its text and of its file."""
EDGE: Final = SAMPLE_RATE // 50
"""Samples of silence that are left at either end: 20 ms."""

def spoken(text: str, voice: str, pace: int) -> array[int]:
    """Return a text as 8 kHz samples, as espeak-ng says it at so many words a minute.

    Raises OSError, CalledProcessError.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoken.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(pace), "-w", str(path), "--", text], check=True,
                       timeout=60, stdin=subprocess.DEVNULL)
        return array("h", read_wav(path))


def trimmed(samples: array[int]) -> array[int]:
    """Return samples without the silence around them, as loud as all others."""
    loud = [place for place, sample in enumerate(samples) if abs(sample) > FLOOR]
    kept = samples[max(0, loud[0] - EDGE) : loud[-1] + EDGE]
    gain = PEAK / max(map(abs, kept))
    return array("h", (round(sample * gain) for sample in kept))


def make(folder: Path) -> int:
    """Write every prompt of every language, and the proof that each file says its text; how many prompts."""
    proofs: dict[str, list[str]] = {}
    for language, texts in TEXTS.items():
        (folder / language).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            file = folder / language / f"{name}.wav"
            data = trimmed(spoken(text, VOICES[language], pace_of(language, name))).tobytes()
            file.write_bytes(header(len(data)) + data)
            proofs[f"{language}/{name}"] = proof(language, name, file)
    (folder / PROOFS).write_text(json.dumps(proofs, indent=1, sort_keys=True) + "\n")
    return len(proofs)


def pace_of(language: str, name: str) -> int:
    """Words a minute at which a prompt is said."""
    return SIGN_PACE if name in SIGNS else PACES[language]


def proof(language: str, name: str, file: Path) -> list[str]:
    """Digests of what a prompt is made from and of its file: whether that was made from this can be seen later."""
    said = f"{VOICES[language]} {pace_of(language, name)} {TEXTS[language][name]}"
    return [hashlib.sha256(data).hexdigest()[:16] for data in (said.encode(), file.read_bytes())]


def main(arguments: Sequence[str]) -> int:
    """Make the prompts where they belong, or in another folder."""
    folder = Path(arguments[0]) if arguments else BUILT_IN
    sys.stdout.write(f"{make(folder)} prompts in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
