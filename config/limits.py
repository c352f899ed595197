"""Limits and words that are needed where no model is: quick to load."""

from typing import Final, Literal

LONGEST_RING: Final = 600.0
"""Longest `ring_for`, seconds."""

MOST_ATTEMPTS: Final = 10
"""Most `attempts` of a missed callback."""

LONGEST_WINDOW: Final = 14 * 86_400.0
"""Longest window of a missed call, seconds."""

FILE_BYTES: Final = 4 << 20
"""Largest file of settings, bytes."""

Language = Literal["en", "hu", "sk", "pl", "de", "ru"]
"""Languages of the prompts that are shipped."""
