"""What the proxy reads from and changes in the headers of a message that passes: identities, hygiene, hop limits."""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from proxy.sip.errors import SipError
from proxy.sip.message import Message, NameAddr, Request, split_values
from proxy.sip.names import known_spellings
from proxy.sip.requests import MAX_FORWARDS
from proxy.sip.session_timer import SessionExpires
from proxy.sip.uri import Uri
from routing.facts import Identity

OUR_PREFIX = b"x-boomerang"
"""Headers that only we may write begin with this."""
ASSERTED = (b"p-asserted-identity", b"remote-party-id", b"p-preferred-identity")
"""Identities that are believed only from a trusted peer (RFC 3325)."""
STANDARD = frozenset({b"from", b"contact", b"diversion", b"history-info", b"referred-by", b"reply-to", *ASSERTED})
"""Headers that an `agent_from` list may name without making them private."""
CONNECTED = (b"p-asserted-identity", b"remote-party-id")
"""Where a 2xx shows who answered."""


_ELSEWHERE = re.compile(rb"(?:SIP[ \t]*;.*cause[ \t]*=[ \t]*200|Q\.850[ \t]*;.*cause[ \t]*=[ \t]*26)\b", re.IGNORECASE)
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
    doomed = {name for name in names if name.startswith(OUR_PREFIX) or name in private}
    if not trusted:
        doomed.update(name for name in ASSERTED if name in names)
    for name in doomed:
        message.remove(name)


def count_hop(request: Request) -> None:
    """Lower Max-Forwards by one, or write one where there is none (RFC 3261 section 16.6 item 3)."""
    left = request.max_forwards
    if left is None:
        request.append(b"max-forwards", b"Max-Forwards: %d" % MAX_FORWARDS)
    else:
        request.replace(b"max-forwards", b"Max-Forwards: %d" % (left - 1))


@lru_cache(1024)
def user_of(uri: bytes) -> tuple[str, str]:
    """User and host of a URI as text, the user unescaped and without its parameters; empty where unreadable."""
    try:
        parsed = Uri.parse(uri)
    except SipError:
        return "", ""
    return parsed.unescaped_user().decode("utf-8", "replace"), parsed.host.decode("ascii", "replace")


def identities(message: Message, names: Iterable[bytes]) -> tuple[Identity, ...]:
    """Every identity in the headers `names`, in that order. What cannot be read is left out."""
    found: list[Identity] = []
    for name in names:
        if name == b"from":
            address = message.from_
            found.append(Identity("from", *user_of(address.uri), _text(address.display)))
            continue
        for field in message.values(name):
            with suppress(SipError):
                found.extend(_identity(name, value) for value in split_values(field))
    return tuple(found)


def _identity(name: bytes, value: bytes) -> Identity:
    if b":" not in value and name not in STANDARD:
        return Identity(name.decode(), _text(value), "", "")
    address = NameAddr.parse(value)
    return Identity(name.decode(), *user_of(address.uri), _text(address.display))


def _text(value: bytes | None) -> str:
    return (value or b"").strip().strip(b'"').decode("utf-8", "replace")


def answered_elsewhere(cancel: Message) -> bool:
    """Whether a CANCEL says that somebody else has answered (RFC 3326 section 3.1)."""
    return any(_ELSEWHERE.match(value.strip()) for field in cancel.values(b"reason") for value in split_values(field))


def withheld(request: Message) -> bool:
    """Whether the caller asked not to be shown: RFC 3323 Privacy, or an anonymous From (RFC 3323 section 4.1.1.3)."""
    for field in request.values(b"privacy"):
        levels = {level.strip().lower() for level in field.split(b";")}
        if levels & {b"id", b"user", b"header"}:
            return True
    user, host = user_of(request.from_.uri)
    return host == "anonymous.invalid" or user.lower() == "anonymous"


def session_interval(message: Message) -> float | None:
    """Session-Expires in seconds (RFC 4028), None where there is none that can be read."""
    expires = SessionExpires.of(message)
    return None if expires is None else float(expires.seconds)


def dialog_key(request: Message) -> tuple[bytes, bytes]:
    """Call-ID and From tag: the same in an INVITE and in its repetition with credentials."""
    return request.call_id, request.from_.tag or b""
