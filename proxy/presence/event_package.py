"""What SUBSCRIBE and NOTIFY of the dialog event carry, and what their answers mean (RFC 6665, RFC 4235)."""

from enum import Enum
from typing import Final, NamedTuple

from proxy.sip.dialog_info import CONTENT_TYPE, DialogInfo, parse_dialog_info
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import REASONS
from proxy.sip.request_error import RequestError
from proxy.sip.text import delta_seconds, parse_params

EVENT: Final = b"dialog"
MIN_EXPIRES: Final = 5
MAX_EXPIRES: Final = 86_400
"""Seconds: what is granted beyond these is taken as these, so that no PBX keeps us busy and none is forgotten."""

MAX_RETRY_AFTER: Final = 900.0
"""Seconds: the longest that a peer's wish to be left alone is heeded."""

GONE: Final = frozenset((404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
"""Answers to a refresh that end the subscription (RFC 6665 section 4.1.2.2); others leave it until it expires."""
_NO_EVENT: Final = frozenset((405, 489, 501))
_REFUSED: Final = frozenset((401, 402, 403, 404, 407, 410, 416, 484, 485, 603, 604, 606, 607))


class WhenAgain(Enum):
    """When a subscription that is over may be tried again."""

    AT_ONCE = "at once"
    FORGOTTEN = "forgotten"
    """At once: the peer knows it no more. It was started anew, and has forgotten the others too."""
    LATER = "later"
    """After a pause that grows."""
    RARELY = "rarely"
    """It was refused: until somebody changes the PBX it will be again."""
    NO_EVENT = "no event"
    """As RARELY, and for every extension of this PBX: it has no such event."""


class Over(NamedTuple):
    """Why a subscription is over."""

    again: WhenAgain
    why: str
    retry_after: float | None = None
    """Seconds that the peer asked to wait."""


_REASONS: Final = {
    b"deactivated": WhenAgain.AT_ONCE, b"timeout": WhenAgain.AT_ONCE, b"probation": WhenAgain.LATER,
    b"giveup": WhenAgain.LATER, b"rejected": WhenAgain.RARELY, b"noresource": WhenAgain.RARELY,
    b"invariant": WhenAgain.RARELY,
}
"""What the reason of a terminated NOTIFY asks of us (RFC 6665 section 4.1.3); none, or another: WhenAgain.LATER."""


class Notice(NamedTuple):
    """What one NOTIFY says."""

    over: Over | None
    """It is the last one."""
    expires: float | None
    """Seconds left; None: not said."""
    document: DialogInfo | None


def subscribe_fields(expires: int) -> tuple[bytes, ...]:
    """Give the fields of a SUBSCRIBE."""
    return (b"Event: " + EVENT, b"Accept: " + CONTENT_TYPE, b"Expires: %d" % expires)


def read_notify(request: Request) -> Notice:
    """Read a NOTIFY. Raises SipError with the answer that it is owed: 400, 415 or 489."""
    event = request.value(b"event") or b""
    if event.partition(b";")[0].strip().lower() != EVENT:
        raise RequestError(489, REASONS[489], request, (b"Allow-Events: " + EVENT,))
    value = request.value(b"subscription-state")
    if value is None:
        raise RequestError(400, "Missing Subscription-State", request)
    state, semicolon, rest = value.partition(b";")
    params = parse_params(semicolon + rest)
    if state.strip().lower() == b"terminated":
        reason = (params.get(b"reason") or b"").lower()
        why = "terminated " + reason.decode("ascii", "replace")
        over = Over(_REASONS.get(reason, WhenAgain.LATER), why.strip(), _pause(params.get(b"retry-after")))
        return Notice(over, None, None)
    return Notice(None, granted(delta_seconds(params.get(b"expires"))), _document(request))


def granted_by(response: Response, asked: int) -> float:
    """Give the seconds that a 2xx to a SUBSCRIBE grants."""
    return granted(delta_seconds(response.value(b"expires"))) or float(asked)


def granted(seconds: float | None) -> float | None:
    """Keep what is granted within reason."""
    return None if seconds is None else min(max(seconds, MIN_EXPIRES), MAX_EXPIRES)


def wanted_instead(response: Response | None, asked: int) -> int | None:
    """Give what a 423 wants to be asked for instead; None where it is none, or wants no more than was asked for."""
    if response is None or response.status != 423:
        return None
    least = delta_seconds(response.value(b"min-expires"))
    return int(least) if least is not None and asked < least <= MAX_EXPIRES else None


def refusal(response: Response) -> Over:
    """Give what a final answer to the first SUBSCRIBE means that is no 2xx."""
    status = response.status
    again = WhenAgain.NO_EVENT if status in _NO_EVENT else WhenAgain.RARELY if status in _REFUSED else WhenAgain.LATER
    return Over(again, str(status), retry_after(response))


def retry_after(message: Message) -> float | None:
    """Give the seconds of a Retry-After field (RFC 3261 section 20.33), MAX_RETRY_AFTER at most."""
    return _pause(message.value(b"retry-after"))


def _pause(value: bytes | None) -> float | None:
    seconds = delta_seconds(value)
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER)


def _document(request: Request) -> DialogInfo | None:
    if not request.body:
        return None
    kind = (request.value(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != CONTENT_TYPE:
        raise RequestError(415, REASONS[415], request, (b"Accept: " + CONTENT_TYPE,))
    return parse_dialog_info(request.body)
