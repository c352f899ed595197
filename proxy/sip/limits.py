"""How much of anything the parser accepts. Whatever is larger is refused before it is copied or counted further."""

from typing import Final

MAX_MESSAGE: Final = 64 * 1024
"""Octets of one message, start line to end of body."""

MAX_HEADERS: Final = 256
"""Header fields of one message."""

MAX_LINE: Final = 8 * 1024
"""Octets of the start line, and of one header field with its continuation lines."""

MAX_HOPS: Final = 70
"""Values of Via, of Route or of Record-Route: the largest number of hops RFC 3261 section 8.1.1.6 reckons with."""

OWN_HOPS: Final = 2
"""Values that we add to Via (one) and Record-Route (two, RFC 5658) of what passes: a response, and the Route of what
follows in the dialog, may hold so many more than a request. Else we would take a request and lose its answer."""

OWN_FIELDS: Final = 3
"""The same in header fields."""

OWN_OCTETS: Final = 1024
"""The same in octets, in all or in one line where the far end folds them together."""

MAX_CONTENT_LENGTH_DIGITS: Final = 6
"""Digits of Content-Length; leading zeros count."""

MAX_CSEQ: Final = 2**31
"""CSeq numbers stay below this (RFC 3261 section 8.1.1.5)."""

MAX_MAX_FORWARDS: Final = 255
"""Largest Max-Forwards (RFC 3261 section 20.22)."""

MAX_PORT: Final = 65535

MAX_KNOWN_SPELLINGS: Final = 2048
"""Spellings of header names remembered; a sender who invents names cannot make the table grow beyond this."""

MAX_KNOWN_SPELLING: Final = 64
"""Octets of the longest spelling that is remembered."""

REMEMBERED_VALUES: Final = 1024
"""Values of one kind whose reading is remembered: a dialog repeats its From, To, Route and Contact in every request."""
