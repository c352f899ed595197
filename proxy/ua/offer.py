"""What one leg and its far end agree on about audio: offer and answer (RFC 3264), one voice stream.

Rules
- We offer PCMA, PCMU, G.722 and telephone-event; of an offer we take the first codec that we have, and its payload
  type numbers. Other sections of an offer are refused, not left out, and stay in each later description (section 8).
- Our description keeps its version while it stays the same, and counts up when it changes (section 8).
- Hold is answered as section 8.4 says: sendonly by recvonly, inactive by inactive.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from proxy.media.contract import CodecName, MediaAddress, StreamTerms
from proxy.sip.sdp_audio import (
    PLAIN_RTP,
    TELEPHONE_EVENT,
    Direction,
    Format,
    Section,
    read_sections,
    write_audio,
    write_refused,
    write_session,
)

CODECS: Final = (Format(8, "PCMA", 8000), Format(0, "PCMU", 8000), Format(9, "G722", 8000))
"""Ours, in the order we like them."""
DTMF: Final = Format(101, TELEPHONE_EVENT, 8000)
_OURS = frozenset((one.name, one.rate) for one in CODECS)
_MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}


class Agreement(NamedTuple):
    """What an exchange of descriptions came to."""

    stream: StreamTerms
    held: bool
    """The far end put us on hold."""


class Negotiation:
    """Our side of the descriptions of one leg."""

    def __init__(self, address: MediaAddress, origin: bytes) -> None:
        """`origin`: a number of our own, in digits, that names our description (RFC 8866 section 5.2)."""
        self._address = address
        self._origin = origin
        self._version = 0
        self._sections: tuple[bytes, ...] = ()
        """Of our newest description."""
        self._template: tuple[Section, ...] = ()
        """Sections of the far end's first offer, which every later description of ours has too."""

    def offer(self) -> bytes:
        """Write an offer of everything we have."""
        audio = write_audio(self._address.port, PLAIN_RTP[0], (*CODECS, DTMF), "sendrecv")
        ours = next((index for index, one in enumerate(self._template) if one.usable), 0)
        others = [write_refused(one) for one in self._template]
        return self._write((*others[:ours], audio, *others[ours + 1:]))

    def same(self) -> bytes:
        """Write our newest description again, unchanged: for a refresh (RFC 4028 section 7.4). An offer at first."""
        return self._write(self._sections) if self._sections else self.offer()

    def answer(self, body: bytes) -> tuple[bytes, Agreement] | None:
        """Answer an offer; None where nothing in it can be used, which is 488."""
        sections = read_sections(body)
        if sections is None:
            return None
        for index, section in enumerate(sections):
            codec = _codec(section)
            if codec is None:
                continue
            dtmf = _dtmf(section)
            formats = (codec,) if dtmf is None else (codec, dtmf)
            direction = "recvonly" if section.nowhere else _MIRROR[section.direction]
            written = [write_refused(one) for one in sections]
            written[index] = write_audio(self._address.port, section.proto, formats, direction)
            self._template = tuple(sections)
            return self._write(tuple(written)), _agree(section, codec, dtmf)
        return None

    def accept(self, body: bytes) -> Agreement | None:
        """Read the answer to our offer; None where the far end took nothing of it."""
        for section in read_sections(body) or ():
            codec = _codec(section)
            if codec is not None:
                return _agree(section, codec, _dtmf(section))
        return None

    def _write(self, sections: Sequence[bytes]) -> bytes:
        if sections != self._sections:
            self._sections = tuple(sections)
            self._version += 1
        return write_session(self._origin, self._version, self._address.host, self._sections)


def _codec(section: Section) -> Format | None:
    if not section.usable:
        return None
    return next((one for one in section.formats if (one.name, one.rate) in _OURS), None)


def _dtmf(section: Section) -> Format | None:
    return next((one for one in section.formats if one.name == TELEPHONE_EVENT and one.rate == DTMF.rate), None)


def _agree(section: Section, codec: Format, dtmf: Format | None) -> Agreement:
    stream = StreamTerms(
        section.address or "", section.port, cast(CodecName, codec.name), codec.payload_type,
        None if dtmf is None else dtmf.payload_type,
        sending=section.direction in ("sendrecv", "recvonly") and not section.nowhere,
        receiving=section.direction in ("sendrecv", "sendonly"), ptime=section.ptime)
    return Agreement(stream, section.held)
