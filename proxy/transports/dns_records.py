"""What is asked of DNS, and what it answers, as far as RFC 3263 uses it."""

from typing import Literal, NamedTuple

RecordType = Literal["A", "AAAA", "SRV", "NAPTR"]


class Question(NamedTuple):
    """What is asked: a name, lower case, without the final dot."""

    name: str
    type: RecordType


class Naptr(NamedTuple):
    """A NAPTR record as far as RFC 3263 uses it; fields are ordered as records are to be taken."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: bool
    replacement: str


class Srv(NamedTuple):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


Record = str | Naptr | Srv
