"""How many keys are heard in speech and music that have none, and what listening costs.

`python -m tests.bench.keys --speech 3600 --music 3600`: sounds are made as it goes (speech needs espeak-ng), in both
G.711 laws in turn, and heard faster than they last.
"""

import argparse
import sys
import time

from proxy.media.beeps import BeepWatch
from proxy.media.inband import ToneKeyListener
from tests.kit import sounds
from tests.kit.tones import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode

PACKET = 320


def main() -> int:
    """Listen, and say what was heard."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--speech", type=float, default=600.0, help="seconds")
    options.add_argument("--music", type=float, default=600.0, help="seconds")
    options.add_argument("--seed", type=int, default=1)
    arguments = options.parse_args()
    false = 0
    for name, seconds in (("speech", arguments.speech), ("music", arguments.music)):
        heard, keys, tones, cpu = 0.0, "", 0, 0.0
        pieces = (sounds.speech if name == "speech" else sounds.music)(arguments.seed, seconds)
        for number, piece in enumerate(pieces):
            law = (alaw_encode, alaw_decode) if number % 2 else (ulaw_encode, ulaw_decode)
            pcm = law[1](law[0](piece))
            began = time.process_time()
            keys += keys_in(pcm)
            cpu += time.process_time() - began
            tones += beeps_in(pcm)
            heard += len(pcm) / 16_000
        sys.stdout.write(f"{name}: {heard:.0f} s, keys heard: {len(keys)} {keys}, long tones: {tones}, "
                         f"CPU of the listener: {100 * cpu / max(heard, 1):.2f} % of a core\n")
        false += len(keys)
    return 1 if false else 0


def keys_in(pcm: bytes) -> str:
    """Return the keys that are heard."""
    listener = ToneKeyListener()
    return "".join(listener.hear(place // 2, pcm[place : place + PACKET]) or ""
                   for place in range(0, len(pcm) - PACKET + 1, PACKET))


def beeps_in(pcm: bytes) -> int:
    """Return how many beeps are told."""
    watch = BeepWatch()
    return sum(1 for place in range(0, len(pcm) - PACKET + 1, PACKET)
               if watch.hear(pcm[place : place + PACKET], place / 16_000) is not None)


if __name__ == "__main__":
    sys.exit(main())
