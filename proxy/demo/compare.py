"""Transparency, octet for octet: what a proxy may change in a message, and whether anything else was changed."""

from typing import Final

from proxy.sip.message import Message

OURS: Final = frozenset({b"via", b"record-route", b"route", b"max-forwards"})
"""Headers that a proxy writes (RFC 3261 section 16.6)."""


def difference(sent: Message, came: Message) -> str | None:
    """Say the first thing that is not as it was sent, in words; None where all is. The start line is not compared."""
    before, after = _kept(sent), _kept(came)
    for one, other in zip(before, after, strict=False):
        if one != other:
            return f"{one!r} became {other!r}"
    if len(before) != len(after):
        more = (before if len(before) > len(after) else after)[min(len(before), len(after))]
        return f"{more!r} was {'lost' if len(before) > len(after) else 'added'}"
    if sent.body != came.body:
        return f"the body {sent.body!r} became {came.body!r}"
    return None


def _kept(message: Message) -> list[bytes]:
    """The fields that are not ours, in their order, each with its folding and spelling."""
    return [field for name, field in zip(message.names, message.fields, strict=True) if name not in OURS]
