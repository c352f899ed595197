"""Reading prompts without anybody hearing it: only files that need no arithmetic are read in the media process.

A thread that computes takes the interpreter's lock from the packets, at each of them for milliseconds. So a file in
another rate or form is converted by a process of its own: `python -m proxy.media.convert FILE`, PCM on its output.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from proxy.media.wav import WavError, plain_wav, read_wav

PATIENCE: Final = 120.0
"""Seconds that a conversion may take where nobody waits for it."""
NICE: Final = 10
"""It yields to calls and conversations."""


def load(path: Path, patience: float = PATIENCE) -> bytes:
    """Return a file's audio as 8 kHz PCM. Raises WavError, OSError. Not for the event loop: it waits.

    `patience`: seconds that a conversion may take.
    """
    pcm = plain_wav(path)
    if pcm is not None:
        return pcm
    try:
        done = subprocess.run([sys.executable, "-m", "proxy.media.convert", str(path)], capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        raise WavError(f"its conversion takes more than {patience:g} s") from None
    if done.returncode:
        raise WavError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Convert one file; 1 where it cannot be read, with the reason on standard error."""
    with contextlib.suppress(OSError):  # a hardened service may not; it is only a courtesy
        os.nice(NICE)
    try:
        pcm = read_wav(Path(arguments[0]))
    except (WavError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(pcm)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
