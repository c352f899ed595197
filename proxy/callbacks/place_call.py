"""The call to the PBX that stands for a caller's: their place in its queue, as it is placed and as it is held. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from proxy.sip.message import Request
from proxy.sip.request_error import RequestError
from proxy.sip.requests import MAX_FORWARDS
from proxy.sip.sdp_audio import SDP, read_sections, session_of
from proxy.sip.uri import Uri
from proxy.ua.contract import Copied, Leg, LegRequest
from proxy.ua.shown import passing_fields
from routing.callbacks.facts import OwnCall

RINGS_ON: Final = 190.0
"""Seconds that a place may ring without a word of the PBX, as on the proxy path (Timer C)."""
MEDIA_PATIENCE: Final = 1.0
"""Seconds until the call to the PBX has left; else the media process hangs, and the place is not to be had."""
SILENCE_STEP: Final = 10.0
"""Seconds of silence at a PBX after which it is asked whether it still has the place, if less and less often."""

WHO_CALLS: Final = frozenset({
    b"p-asserted-identity", b"p-preferred-identity", b"remote-party-id", b"privacy", b"identity", b"y",
    b"identity-info", b"referred-by", b"b", b"p-charging-vector", b"call-info", b"reply-to",
    b"p-access-network-info", b"user-to-user", b"subject", b"s", b"organization",
})
"""Headers that say who the caller is, and their short forms: a call that shows another number has none of them."""
_HOST: Final = re.compile(rb"(?i)sips?:[^@<>]*@([^<>;?\s]+)")
_NOBODYS: Final = re.compile(rb"(?i)(.*\.)?invalid\.?(:\d+)?")
"""The domain of who is not to be known (RFC 3323 section 4.1.1.3)."""


class Place(NamedTuple):
    """A leg that stands in the PBX's queue on behalf of a caller, for whoever holds it next."""

    leg: Leg
    """Answered, or still ringing at a PBX that answers on the agent. To be taken with `Leg.hand_over`."""
    request: LegRequest
    """How it was placed, for another one at the end of the queue: the caller's headers included, by another name."""
    entry: OwnCall
    """How it stands in the ledger from now on, as a call of its own by the name of the leg. Not entered yet."""


def is_ours(request: Request) -> bool:
    """Whether a call of our own can stand for it: nothing but a description, no call replaced, no TLS demanded."""
    kind = (request.value(b"content-type") or SDP).partition(b";")[0].strip().lower()
    return kind == SDP and not any(map(request.has, (b"replaces", b"join"))) and request.uri[:5].lower() != b"sips:"


def is_audio_alone(request: Request) -> bool:
    """Whether a call offers one audio stream in the clear and nothing else that our legs would have to refuse.

    Who leaves the offer to the other side may need anything.
    """
    body = session_of(request)
    sections = [one for one in (read_sections(body) or ()) if one.port > 0] if body is not None else []
    return len(sections) == 1 and sections[0].usable


def place_order(request: Request, call: str, pbx: str) -> LegRequest:
    """Return the call to the PBX that stands for a caller's. Raises SipError where their INVITE names nobody."""
    called, caller = Uri.parse(request.uri), request.from_.parsed_uri
    dialled = _text(called.unescaped_user())
    if not dialled:
        raise RequestError(404, "Not Found", request)
    copied = Copied(request.uri, _untagged(request), request.value(b"to") or b"",
                    tuple(field for _, field in passing_fields(request)))
    return LegRequest(call, "pbx", pbx, dialled, _text(caller.unescaped_user()) or "anonymous", ring_for=RINGS_ON,
                      held=True, patient=True, copied=copied,
                      forwards=MAX_FORWARDS if request.max_forwards is None else request.max_forwards)


def _untagged(request: Request) -> bytes:
    """Give the value of From without its tag."""
    value, tag = request.value(b"from") or b"", request.from_.tag
    if tag is None:
        return value
    uri, bracket, behind = value.rpartition(b">")
    return uri + bracket + re.sub(rb"(?i);[ \t]*tag[ \t]*=[ \t]*" + re.escape(tag), b"", behind, count=1)


def placed_again(request: LegRequest, call: str, customer: str | None) -> LegRequest:
    """Return the call for a new place, as `request` placed the one before; `call`: its name. `customer`: the number
    that it shows in the place of the caller's, of whom nothing stands in it then; None: it shows what it showed."""
    copied = request.copied
    if customer is None or copied is None:
        return request._replace(call=call)
    fields = tuple(field for field in copied.fields if field.partition(b":")[0].strip().lower() not in WHO_CALLS)
    found = _HOST.search(copied.from_)
    host = b"" if found is None else found[1]
    shown = b"<sip:%s@%s>" % (customer.encode(), host) if host and not _NOBODYS.fullmatch(host) else b""
    return request._replace(call=call, from_user=customer, asserted=customer,
                            copied=copied._replace(from_=shown, fields=fields))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
