"""What we write into messages so that a later one can be trusted: branch, Record-Route token, To tag.

Rules
- Everything is a MAC (keyed BLAKE2b, RFC 7693 section 2.9) under one key, kept in the data folder or shared by all
  nodes. So nothing needs to be remembered: neither a restart nor another node cuts a call, and what is forged opens
  nothing. An HMAC does the same at four times the
  cost, six times a call.
- The branch (RFC 3261 sections 16.6 item 8 and 16.11) is computed from what the previous hop wrote, so a restarted
  proxy that gets the same INVITE again sends the very same transaction on, and can tell from a response alone that the
  request was its own.
- The token names the call and is bound to the Call-ID and the caller's tag: copied into another dialog it is
  worthless. What it opens, and to whom, is for `in_dialog` to say: whoever saw it once knows it for ever.
"""

import hmac
import re
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from proxy.sip.message import Message, split_values
from proxy.sip.text import COMMA, field_value
from proxy.sip.via import Via, topmost

COOKIE: Final = b"z9hG4bKbm"
"""Magic cookie of RFC 3261 section 8.1.1.7, and our own mark behind it."""
SEAL_BYTES: Final = 12
"""Length of every MAC: 96 bits."""
NO_LOOP_MARK: Final = b"00000000"
"""Loop mark of requests inside a dialog, which are routed by their Route and not by us."""
TOKEN_MARK: Final = b"bm-"
CALL_LABEL: Final = b"token"
SUBSCRIPTION_LABEL: Final = b"subscription"
"""What a token's MAC is made over besides: a token of the one kind is none of the other."""
_FIELD: Final = b"CSeq"
_HIDDEN: Final = b"CSe%71"
"""Some look for this field in the whole text of a message (SIPp does), and may find it in a token, once in half a
million calls; there it is escaped (RFC 3261 section 19.1.2), which changes no URI."""
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
"""Between the two alphabets of Base64 (RFC 4648 section 5)."""
_TOKEN: Final = re.compile(rb"bm-([A-Za-z0-9_-]{40})\Z")
_BRANCH: Final = re.compile(rb"z9hG4bKbm([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{8})([0-9a-f]{24})\Z")


class Speaker(NamedTuple):
    """Whose request it is, and in which dialog."""

    side: Literal["caller", "callee"]
    dialog: str | None
    """The callee's tag; None: which of the two tags that is cannot be told."""


class Token(NamedTuple):
    """What a verified Record-Route token says."""

    call: str
    """Our name of the call (UUID in text form)."""
    caller_tag: int
    """Check sum of the caller's tag: tells who sent a BYE."""
    is_call: bool = True
    """Of an INVITE; else of a subscription (SUBSCRIBE, REFER), which nobody writes down."""

    def by_caller(self, from_tag: bytes | None) -> bool:
        """Whether a request with this From tag was sent by the side that placed the call."""
        return _check_sum(from_tag) == self.caller_tag

    def speaker(self, from_tag: bytes | None, to_tag: bytes | None) -> Speaker | None:
        """Say who sent a request with these tags, and in which dialog of the call.

        None: neither tag is the caller's, so the request is in no dialog of this call.
        """
        caller_sent, caller_receives = self.by_caller(from_tag), self.by_caller(to_tag)
        if caller_sent and caller_receives:  # two tags with one check sum: once in 65,536 calls
            return Speaker("caller", None)
        if caller_sent:
            return Speaker("caller", tag_text(to_tag))
        return Speaker("callee", tag_text(from_tag)) if caller_receives else None


class Seals:
    """Makes and checks all of them. `key`: 16 to 64 bytes, the same for all nodes of a cluster.

    `accepted`: further keys of which tokens and branches are recognised, while the key is changed; none is made of
    them.
    """

    __slots__ = ("_key", "_keyed", "others")

    def __init__(self, key: bytes, accepted: Sequence[bytes] = ()) -> None:
        if not 16 <= len(key) <= 64:
            raise ValueError("the signing key must have 16 to 64 bytes")
        self._key = key
        self._keyed = blake2b(digest_size=SEAL_BYTES, key=key)
        self.others: tuple[Seals, ...] = tuple([Seals(other) for other in accepted if other != key])
        """Those of the further keys."""

    def _mac(self, *parts: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(b"\0".join(parts))
        return mac.digest()

    def _word(self, text: bytes) -> bytes:
        """The MAC of parts that are joined already, in 24 hex digits."""
        mac = self._keyed.copy()
        mac.update(text)
        return mac.hexdigest().encode()

    def mark(self, *parts: bytes) -> bytes:
        """A word of 24 hex digits that nobody can guess, made of what it stands for."""
        return self._word(b"\0".join((b"mark", *parts)))

    def token(self, call: str, caller_tag: bytes | None, sip_call_id: bytes, *, is_call: bool = True) -> bytes:
        """User part of the Record-Route URI of a call, or of a subscription."""
        payload = bytes.fromhex(call.replace("-", "")) + _check_sum(caller_tag).to_bytes(2, "big")
        mac = self._mac(CALL_LABEL if is_call else SUBSCRIPTION_LABEL, payload, sip_call_id)
        return TOKEN_MARK + b2a_base64(payload + mac, newline=False).translate(_TO_URL).replace(_FIELD, _HIDDEN)

    def read_token(self, user: bytes | None, sip_call_id: bytes) -> Token | None:
        """Return what a token says; None when it is not ours, was altered, or belongs to another Call-ID."""
        match = _TOKEN.match((user or b"").replace(_HIDDEN, _FIELD))
        if match is None:
            return None
        token = self._read(match, sip_call_id)
        if token is None:
            for other in self.others:
                token = token or other._read(match, sip_call_id)
        return token

    def _read(self, match: re.Match[bytes], sip_call_id: bytes) -> Token | None:
        raw = a2b_base64(match[1].translate(_FROM_URL))
        payload, mac = raw[:18], raw[18:]
        is_call = hmac.compare_digest(mac, self._mac(CALL_LABEL, payload, sip_call_id))
        if not is_call and not hmac.compare_digest(mac, self._mac(SUBSCRIPTION_LABEL, payload, sip_call_id)):
            return None
        name = payload[:16].hex()
        call = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
        return Token(call, int.from_bytes(payload[16:], "big"), is_call)

    def branch(self, message: Message, position: int, target: int, hop: int, loop: bytes) -> bytes:
        """Branch for the request that goes out for `message`, to hop number `hop` of target number `target`.

        `position`: index among the message's Via values of the one that the previous hop wrote: 0 for a request that
        came in, 1 for a response that still carries ours. `loop`: from `loop_mark`.
        """
        via = message.via if position == 0 else first_vias(message, position + 1)[position]
        origin = self._origin(via, message, target, hop)
        return b"%s%02x%02x%s%s" % (COOKIE, target & 255, hop & 255, loop, origin)

    def _origin(self, via: Via, message: Message, target: int, hop: int) -> bytes:
        """The seal of a branch. `via`: what the previous hop wrote."""
        return self._word(b"branch\0%s\0%s\0%s\0%s\0%d/%d/%d" % (
            via.branch or b"", via.sent_by, message.call_id, message.from_.tag or b"", message.cseq.number, target,
            hop))

    def made(self, message: Message) -> bool:
        """Whether the topmost Via of a response was written by us: this process, an earlier one or another node."""
        vias = first_vias(message, 2)
        match = _BRANCH.match(vias[0].branch or b"")
        if match is None or len(vias) < 2:
            return False
        target, hop, sealed = int(match[1], 16), int(match[2], 16), match[4]
        if hmac.compare_digest(self._origin(vias[1], message, target, hop), sealed):
            return True
        return any(hmac.compare_digest(other._origin(vias[1], message, target, hop), sealed) for other in self.others)

    def loop_mark(self, source: str, uri: bytes, message: Message) -> bytes:
        """Eight hex digits over everything that our routing looks at (RFC 5393 section 4.2)."""
        return b"%08x" % zlib.crc32(b"%s\0%s\0%s\0%s\0%s\0%d" % (
            self._key, source.encode(), uri, message.call_id, message.from_.tag or b"", message.cseq.number))

    @staticmethod
    def loop_mark_of(branch: bytes | None) -> bytes | None:
        """The loop mark inside one of our branches; None for anybody else's branch."""
        match = _BRANCH.match(branch or b"")
        return match[3] if match else None

    def tag(self, message: Message) -> bytes:
        """To tag of an answer that we give ourselves; the same for every copy of the request."""
        return self._word(b"tag\0%s\0%s" % (message.call_id, message.from_.tag or b""))[:16]


def _check_sum(tag: bytes | None) -> int:
    """Sixteen bits of a tag."""
    return zlib.crc32(tag or b"") & 0xFFFF


def tag_text(tag: bytes | None) -> str:
    """Write a tag as text, one for each; empty where there is none (RFC 2543)."""
    return (tag or b"").decode("latin-1")


def sealed_numbers(branch: bytes | None) -> tuple[int, int]:
    """Numbers of the target and of the try in a branch that `made` has found to be ours."""
    match = _BRANCH.match(branch or b"")
    return (int(match[1], 16), int(match[2], 16)) if match else (0, 0)


def first_vias(message: Message, count: int) -> list[Via]:
    """Return the first `count` Via values, fewer where there are fewer. Raises SipError when one is malformed."""
    if count == 1:
        return [message.via]
    found: list[Via] = []
    for name, field in zip(message.names, message.fields, strict=True):
        if name != b"via":
            continue
        if COMMA in field:
            found += map(Via.parse, split_values(field_value(field))[:count - len(found)])
        else:
            found.append(topmost(field))
        if len(found) >= count:
            break
    return found
