"""Session timers: RFC 4028. What the headers say, and what the two sides agree on.

Rules
- `refresher=uac` names whoever sent the request that the response answers, not the caller.
- An interval below MIN_SE is refused with 422, but only to a far end that knows what that is (section 9).
- A 2xx without Session-Expires: no timer.
"""

import re
from typing import Literal, NamedTuple

from proxy.sip.message import Message, Request, Response
from proxy.sip.request_error import RequestError

INTERVAL = 1800
"""Seconds asked for (section 4: the recommended value)."""
MIN_SE = 90
"""Smallest interval accepted (section 5)."""
MAX_SE = 86_400
"""Largest interval that is believed; what says more is cut to it."""
TIMER = b"timer"
"""The option tag."""

_EXPIRES = re.compile(rb"([0-9]{1,9})[ \t]*+((?:;.*)?)", re.DOTALL)
_REFRESHER = re.compile(rb";[ \t]*+refresher[ \t]*+=[ \t]*+(uac|uas)(?=[ \t;]|\Z)", re.IGNORECASE)

Refresher = Literal["uac", "uas"]


class SessionExpires(NamedTuple):
    """A Session-Expires header."""

    seconds: int
    refresher: Refresher | None

    @classmethod
    def of(cls, message: Message) -> "SessionExpires | None":
        """Read it; None where there is none or it cannot be read."""
        match = _EXPIRES.fullmatch(message.value(b"session-expires") or b"")
        if match is None:
            return None
        named = _REFRESHER.search(match[2])
        refresher: Refresher | None = None
        if named is not None:
            refresher = "uac" if named[1].lower() == b"uac" else "uas"
        return cls(min(int(match[1]), MAX_SE), refresher)

    def field(self) -> bytes:
        """Write the header field."""
        end = b"" if self.refresher is None else b";refresher=" + self.refresher.encode()
        return b"Session-Expires: %d%s" % (self.seconds, end)


def min_se(message: Message) -> int:
    """Smallest interval that a message allows (section 5); MIN_SE where it says nothing."""
    match = _EXPIRES.fullmatch(message.value(b"min-se") or b"")
    return max(MIN_SE, min(int(match[1]), MAX_SE)) if match is not None else MIN_SE


class Agreed(NamedTuple):
    """What holds for a session from now on."""

    seconds: int
    ours: bool
    """Whether we refresh it."""


def agreed_by(response: Response) -> Agreed | None:
    """What a 2xx to a request of ours settles (section 7.2); None: no timer."""
    expires = SessionExpires.of(response)
    if expires is None:
        return None
    return Agreed(max(expires.seconds, MIN_SE), expires.refresher != "uas")


def answer(request: Request, before: Agreed | None = None) -> tuple[Agreed, tuple[bytes, ...]]:
    """Settle what a request of the far end asks for: the agreement, and the fields of our 2xx (section 9, table 2).

    `before`: what held until now; it stays where the request does not speak of timers. Raises SipError(422) with
    Min-SE where its interval is too small.
    """
    asked = SessionExpires.of(request)
    knows = TIMER in request.option_tags(b"supported") or TIMER in request.option_tags(b"require")
    if asked is not None and asked.seconds < MIN_SE and knows:
        raise RequestError(422, "Session Interval Too Small", request, (b"Min-SE: %d" % MIN_SE,))
    if asked is None and before is not None:
        asked = SessionExpires(before.seconds, "uas" if before.ours else "uac")
    seconds = max(INTERVAL if asked is None else asked.seconds, min_se(request))
    refresher: Refresher = "uas"
    if knows:
        refresher = (asked.refresher if asked is not None else None) or "uac"
    require = (b"Require: timer",) if refresher == "uac" else ()
    return Agreed(seconds, refresher == "uas"), (SessionExpires(seconds, refresher).field(), *require)
