"""What the proxy reads from and changes in the headers of a message that passes: hygiene, hop limits."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from proxy.sip.message import Message, Request, split_values
from proxy.sip.names import known_spellings
from proxy.sip.requests import MAX_FORWARDS
from proxy.sip.session_timer import SessionExpires

OUR_PREFIX: Final = b"x-boomerang"
"""Headers that only we may write begin with this."""
ASSERTED: Final = (b"p-asserted-identity", b"remote-party-id", b"p-preferred-identity")
"""Identities that are believed only from a trusted peer (RFC 3325)."""
STANDARD: Final = frozenset({
    b"from", b"contact", b"diversion", b"history-info", b"referred-by", b"reply-to", *ASSERTED})
"""Headers that an `agent_from` list may name without making them private."""

_ELSEWHERE: Final = re.compile(
    rb"(?:SIP[ \t]*;.*cause[ \t]*=[ \t]*200|Q\.850[ \t]*;.*cause[ \t]*=[ \t]*26)\b", re.IGNORECASE)
"""SIP cause 200, or its equal of ISDN, 26 (non-selected user clearing)."""


def private_names(agent_from: Iterable[str]) -> frozenset[bytes]:
    """Names among `agent_from` that are a house's own: they stay on the PBX's side of us."""
    return frozenset(name.lower().encode() for name in agent_from) - STANDARD


@lru_cache(16)
def _harmless(private: frozenset[bytes], trusted: bool) -> frozenset[bytes]:
    """Well-known names that `clean` leaves alone: most messages have no others, and are spared the search."""
    known = frozenset(name for name in known_spellings.values() if not name.startswith(OUR_PREFIX))
    return known - private if trusted else known - private - frozenset(ASSERTED)


def clean(message: Message, private: frozenset[bytes], *, trusted: bool) -> None:
    """Drop what may not cross: private headers and ours always, asserted identities of the untrusted.

    Names are compared in their canonical form, so case, compact form, white space and folding make no difference.
    """
    names = message.names
    if _harmless(private, trusted).issuperset(names):
        return
    for name in {name for name in names if not crosses(name, private, trusted=trusted)}:
        message.remove(name)


def crosses(name: bytes, private: frozenset[bytes], *, trusted: bool) -> bool:
    """Whether a header may go from one side to the other."""
    return not name.startswith(OUR_PREFIX) and name not in private and (trusted or name not in ASSERTED)


def count_hop(request: Request) -> None:
    """Lower Max-Forwards by one, or write one where there is none (RFC 3261 section 16.6 item 3)."""
    left = request.max_forwards
    if left is None:
        request.append(b"max-forwards", b"Max-Forwards: %d" % MAX_FORWARDS)
    else:
        request.replace(b"max-forwards", b"Max-Forwards: %d" % (left - 1))


def prepare(request: Request, private: frozenset[bytes], *, trusted: bool) -> None:
    """Do both to a request: `clean` and `count_hop`."""
    clean(request, private, trusted=trusted)
    count_hop(request)


def answered_elsewhere(cancel: Message) -> bool:
    """Whether a CANCEL says that somebody else has answered (RFC 3326 section 3.1)."""
    return any(_ELSEWHERE.match(value.strip()) for field in cancel.values(b"reason") for value in split_values(field))


def session_interval(message: Message) -> float | None:
    """Session-Expires in seconds (RFC 4028), None where there is none that can be read."""
    expires = SessionExpires.of(message)
    return None if expires is None else float(expires.seconds)


def dialog_key(request: Message) -> tuple[bytes, bytes]:
    """Call-ID and From tag: the same in an INVITE and in its repetition with credentials."""
    return request.call_id, request.from_.tag or b""
