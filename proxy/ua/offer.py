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
    silent: bool = False
    """And it sends nothing either."""


class Negotiation:
    """Our side of the descriptions of one leg."""

    def __init__(self, address: MediaAddress, origin: bytes) -> None:
        """`origin`: a number of our own, in digits, that names our description (RFC 8866 section 5.2)."""
        self._address = address
        self._origin = origin
        self._version = 0
        self._sections: tuple[bytes, ...] = ()
        """Of our newest description."""
        self._own: Direction = "sendrecv"
        """What we want: `sendonly` and `inactive` hold the far end."""
        self._audio: tuple[int, str, tuple[Format, ...]] | None = None
        """Where our audio stands among the sections, its profile and formats, once that is agreed."""
        self._template: tuple[Section, ...] = ()
        """Sections of the far end's first offer, which every later description of ours has too."""

    def offer(self) -> bytes:
        """Write an offer of everything we have."""
        audio = write_audio(self._address.port, PLAIN_RTP[0], (*CODECS, DTMF), self._own)
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
            direction = _both("recvonly" if section.nowhere else _MIRROR[section.direction], self._own)
            written = [write_refused(one) for one in sections]
            written[index] = write_audio(self._address.port, section.proto, formats, direction)
            self._audio = index, section.proto, formats
            self._template = tuple(sections)
            return self._write(tuple(written)), _agree(section, codec, dtmf)
        return None

    def accept(self, body: bytes) -> Agreement | None:
        """Read the answer to our offer; None where the far end took nothing of it."""
        for index, section in enumerate(read_sections(body) or ()):
            codec = _codec(section)
            if codec is not None:
                dtmf = _dtmf(section)
                self._audio = index, section.proto, (codec,) if dtmf is None else (codec, dtmf)
                agreed = _agree(section, codec, dtmf)
                # who answers our hold with their own says no more than that they heed it
                return agreed if self._own == "sendrecv" else agreed._replace(held=False, silent=False)
        return None

    def hold(self, own: Direction) -> bytes:
        """Write an offer of what is agreed with another direction: what we want from now on."""
        self._own = own
        if self._audio is None:
            return self.same()
        index, proto, formats = self._audio
        sections = list(self._sections)
        sections[index] = write_audio(self._address.port, proto, formats, own)
        return self._write(tuple(sections))

    def _write(self, sections: Sequence[bytes]) -> bytes:
        if sections != self._sections:
            self._sections = tuple(sections)
            self._version += 1
        return write_session(self._origin, self._version, self._address.host, self._sections)


def _both(first: Direction, second: Direction) -> Direction:
    """What is left of a direction where another one is wanted too."""
    sends = {"sendrecv", "sendonly"}.issuperset((first, second))
    receives = {"sendrecv", "recvonly"}.issuperset((first, second))
    return "sendrecv" if sends and receives else "sendonly" if sends else "recvonly" if receives else "inactive"


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
    return Agreement(stream, section.held, section.direction == "inactive" or section.nowhere)
