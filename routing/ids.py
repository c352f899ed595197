"""UUID version 7 (RFC 9562 section 5.7): names that sort by the time they were given."""

from collections.abc import Callable

RandomBytes = Callable[[int], bytes]


def uuid7(now: float, random_bytes: RandomBytes) -> str:
    """Return a new UUID in text form. `now`: seconds since the epoch; `random_bytes(10)` must be unpredictable."""
    noise = int.from_bytes(random_bytes(10), "big")
    milliseconds = int(now * 1000) & 0xFFFF_FFFF_FFFF
    value = milliseconds << 80 | 7 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62 | noise & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def floor7(now: float) -> str:
    """Return the smallest UUID version 7 of the millisecond that `now` is in: where a range of names begins."""
    return uuid7(now, bytes)
