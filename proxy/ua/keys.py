"""Keys that come in INFO requests, and the same press told twice."""

import re

from proxy.sip.message import Request

RELAY = b"application/dtmf-relay"
"""Lines like `Signal=5`."""
PLAIN = b"application/dtmf"
"""One key as the whole body."""
ACCEPT = b"Accept: " + RELAY + b", " + PLAIN
SAME_PRESS = 2.0
"""Seconds within which a key that comes both as RFC 4733 and as INFO is one press."""
_SIGNAL = re.compile(rb"[Ss]ignal[ \t]*+=[ \t]*+([0-9A-Da-d*#]|1[01])[ \t]*+(?:\r|\n|\Z)")
_PLAIN = re.compile(rb"[0-9A-Da-d*#]|1[01]")
_BY_NUMBER = {"10": "*", "11": "#"}


def key_of(request: Request) -> str | None:
    """Read the key in an INFO request: "" where there is none in its body, None for a body of another kind."""
    kind = (request.value(b"content-type") or b"").partition(b";")[0].strip().lower()
    body = request.body.strip()
    if not body:
        return ""
    if kind == RELAY:
        found = _SIGNAL.search(body)
        key = found[1] if found is not None else b""
    elif kind == PLAIN:
        key = body if _PLAIN.fullmatch(body) else b""
    else:
        return None
    text = key.decode().upper()
    return _BY_NUMBER.get(text, text)


class Presses:
    """Tells presses apart from the same press heard the other way."""

    def __init__(self) -> None:
        self._last: tuple[str, str, float] | None = None

    def is_new(self, key: str, way: str, now: float) -> bool:
        """Whether a key that came this way (`rtp` or `info`) is a press of its own."""
        last = self._last
        if last is not None and last[0] == key and last[1] != way and now - last[2] < SAME_PRESS:
            return False
        self._last = (key, way, now)
        return True
