"""What every header value is made of: white space, quoted strings, lists, parameters (RFC 3261 sections 7.3.1, 25.1).

Rules of all patterns in this folder: linear time, that is possessive on character classes (never on groups, which
Python before 3.11.5 gets wrong), alternatives that differ in their first octet, and no search that may begin anywhere
in a run it then scans; bytes only; digits are matched before `int` sees them, for `int` takes `1_0`, ` +7 ` and digits
of other scripts.
"""

import re
from typing import Final

from proxy.sip.errors import SipError

WS: Final = b" \t\r\n"
"""What may stand around a value once folding is counted in."""

CR: Final = 0x0D
LF: Final = 0x0A
QUOTE: Final = 0x22
PERCENT: Final = 0x25
COMMA: Final = 0x2C
COLON: Final = 0x3A
LESS: Final = 0x3C
BACKSLASH: Final = 0x5C
"""Octets as numbers: `COMMA in value` costs a twentieth of `b"," in value`, which tries the bytes as an index first and
writes an error that nobody reads. Longer parts are looked for by `holds`."""

TOKEN = rb"[-A-Za-z0-9.!%*_+`'~]"
QUOTED = rb'"(?:[^"\\]++|\\.)*"'

Params = dict[bytes, bytes | None]
"""Parameter names in lower case -> value as it came (quoted strings with their quotes), None without `=`."""

_PLAIN = rb'[^\x00-\x20\x7f;,"]'
_UNIT: Final = re.compile(rb'(?:[^",<]++|' + QUOTED + rb"|<[^<>]*+>)*", re.DOTALL)
_PLAIN_PARAMS: Final = re.compile(rb"(?:;" + TOKEN + rb"++(?:=" + _PLAIN + rb"*+)?)*")
_PARAM: Final = re.compile(
    rb"[ \t]*+;[ \t]*+(" + TOKEN + rb"++)(?:[ \t]*+=[ \t]*+(" + QUOTED + rb"|" + _PLAIN + rb"*+))?", re.DOTALL
)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_SECONDS: Final = re.compile(rb"([0-9]{1,10})(?=[ \t;(]|\Z)")
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


def holds(text: bytes, part: bytes) -> bool:
    """Say whether `part` stands somewhere in `text`: `part in text` at a tenth of the cost (see `COMMA`)."""
    return text.find(part) >= 0


def field_value(field: bytes) -> bytes:
    """Give the value of a whole header field: after the colon, unfolded, trimmed."""
    value = field.partition(b":")[2].strip(WS)
    if LF not in value:
        return value
    return b" ".join([line.strip(b" \t") for line in value.split(b"\r\n")])


def value_end(value: bytes, start: int = 0) -> int:
    """Give the index of the comma that ends the list value beginning at `start`, or the length of `value`.

    Commas in quoted strings and in angle brackets do not count. Raises SipError(400) where a comma stands behind
    a quote or bracket that is never closed.
    """
    comma = value.find(b",", start)
    if comma < 0:
        return len(value)
    if value.find(b'"', start, comma) < 0 and value.find(b"<", start, comma) < 0:
        return comma  # nothing before it that could hold a comma: the first one counts
    match = _UNIT.match(value, start)
    end = match.end() if match else start
    if end < len(value) and value[end] != COMMA:
        raise SipError(400, "Unbalanced quote or angle bracket")
    return end


def split_values(value: bytes) -> list[bytes]:
    """Split a header value at its commas, trimmed; empty elements stay, as b"".

    Raises SipError(400) where a comma stands behind a quote or bracket that is never closed.
    """
    if COMMA not in value:
        return [value.strip(WS)]
    if QUOTE not in value and LESS not in value:
        return [part.strip(WS) for part in value.split(b",")]
    values = []
    start = 0
    while True:
        end = value_end(value, start)
        values.append(value[start:end].strip(WS))
        if end == len(value):
            return values
        start = end + 1


def parse_params(raw: bytes) -> Params:
    """Read `;name=value;name` as of a header value (unfolded). The first of two parameters of one name counts.

    A value may be empty and may hold any visible octet but `;`, `,` and `"`: what we do not use passes.
    Raises SipError(400) on an empty parameter or a name that is no token.
    """
    params: Params = {}
    if _PLAIN_PARAMS.fullmatch(raw):
        for part in raw.split(b";")[1:]:
            name, equals, value = part.partition(b"=")
            params.setdefault(name.lower(), value if equals else None)
        return params
    return _parse_params(raw, params)


def _parse_params(raw: bytes, params: Params) -> Params:
    """Read parameters with white space or quoted strings among them."""
    end, size = 0, len(raw)
    while end < size:
        match = _PARAM.match(raw, end)
        if match is None:
            if raw[end:].strip(WS):
                raise SipError(400, "Bad header parameter")
            break
        name, value = match.groups()
        params.setdefault(name.lower(), value)
        end = match.end()
    return params


def format_params(params: Params) -> bytes:
    """Write parameters in the order they have, each with its semicolon."""
    return b"".join(b";" + name if value is None else b";" + name + b"=" + value for name, value in params.items())


def unquote(value: bytes) -> bytes:
    """Give the text of a quoted string; anything else comes back as it is."""
    if len(value) >= 2 and value[:1] == b'"' == value[-1:]:
        return _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if BACKSLASH in value else value[1:-1]
    return value


def unescape(value: bytes) -> bytes:
    """Resolve `%HH`; a percent sign without two hex digits stays (RFC 4475 section 3.1.1.7 wants no fault of it)."""
    if PERCENT not in value:
        return value
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), value)


def delta_seconds(value: bytes | None) -> float | None:
    """Read the seconds that a value begins with (RFC 3261 section 25.1), as of Expires, Min-Expires or Retry-After.

    What may stand behind them (white space, a comment, parameters) does not count. None where there are none.
    """
    match = None if value is None else _SECONDS.match(value)
    return None if match is None else float(match[1])
