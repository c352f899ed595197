"""CSeq: the number and method that order the requests of a dialog (RFC 3261 section 20.16)."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_CSEQ, REMEMBERED_VALUES
from proxy.sip.text import TOKEN, field_value

_CSEQ: Final = re.compile(rb"0*+([0-9]{0,10})[ \t]++(" + TOKEN + rb"++)")


class CSeq(NamedTuple):
    """One CSeq value; the method keeps its case, for methods are case-sensitive."""

    number: int
    method: bytes

    @classmethod
    def parse(cls, value: bytes) -> "CSeq":
        """Read an unfolded value. Raises SipError(400), also for a number of 2**31 or more (section 8.1.1.5)."""
        match = _CSEQ.fullmatch(value)
        if match is None or not value[:1].isdigit():
            raise SipError(400, "Bad CSeq")
        number = int(match[1] or b"0")
        if number >= MAX_CSEQ:
            raise SipError(400, "CSeq number too large")
        return cls(number, match[2])

    def to_bytes(self) -> bytes:
        """Write the value."""
        return b"%d %s" % self


@lru_cache(REMEMBERED_VALUES)
def cseq_of(field: bytes) -> CSeq:
    """Read a whole field. Raises SipError(400)."""
    return CSeq.parse(field_value(field))
