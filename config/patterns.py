"""Notations of extensions that are no regular expressions, and what to write in their place."""

import re
from typing import Final

_DIALPLAN: Final = re.compile(r"_[0-9XZN.!\[\]*#+-]*[XZN.!][0-9XZN.!\[\]*#+-]*", re.IGNORECASE)
_WILD: Final = re.compile(r"[0-9]+[XxNnZz]+|[0-9]+[*?]")
_RANGE: Final = re.compile(r"\s*([0-9]+)\s*(?:-|\.\.\.?|to)\s*([0-9]+)\s*", re.IGNORECASE)
_LIST: Final = re.compile(r"\s*[0-9]+(?:\s*[,;]\s*[0-9]+)+\s*")
_COMPARED: Final = re.compile(r"(?:^|[\s&|])[<>]=?\s*[0-9]")
_SLASHED: Final = re.compile(r"/(.*)/[a-z]*")
_CLASSES: Final = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}

EXAMPLE: Final = "^2[0-9]{2}$"


def foreign_pattern(text: str) -> str | None:
    """Return what `text` is where it is no regular expression that anybody meant; None where it may be one."""
    if _DIALPLAN.fullmatch(text):
        return f"a pattern of Asterisk's dialplan: write {_translated(text[1:])}"
    if _WILD.fullmatch(text):
        return f"one with wildcards of another kind: write {_translated(text.replace('*', '.').replace('?', 'X'))}"
    span = _RANGE.fullmatch(text)
    if span is not None:
        return f"a range: write {_spanned(*span.groups())}"
    if _LIST.fullmatch(text):
        return f"a list: write ^({'|'.join(re.findall('[0-9]+', text))})$"
    if _COMPARED.search(text):
        return f"a comparison: write the extensions as a regular expression, such as {EXAMPLE}"
    slashed = _SLASHED.fullmatch(text)
    if slashed is not None:
        return f"one between slashes: write {slashed[1]}"
    return None


def is_range(text: str) -> bool:
    """Say whether `text` stands for several extensions or numbers in some notation."""
    return bool(_RANGE.fullmatch(text) or _WILD.fullmatch(text) or _DIALPLAN.fullmatch(text)
                or re.search(r"[\^$\[\]{}()|\\<>]", text) or re.fullmatch(r"\+?[0-9]+-\+?[0-9]+", text))


def _translated(pattern: str) -> str:
    return "^" + re.sub(r"[XZN.!](?![^\[]*\])", lambda sign: _CLASSES[sign[0]], pattern.upper()) + "$"


def _spanned(low: str, high: str) -> str:
    """Return the regular expression of a range that ends with zeros and nines; else an example."""
    same = next((place for place, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    if len(low) == len(high) and set(low[same + 1 :]) <= {"0"} and set(high[same + 1 :]) <= {"9"} and same < len(low):
        first, rest = f"[{low[same]}-{high[same]}]", len(low) - same - 1
        if first == "[0-9]":
            first, rest = "", rest + 1
        return f"^{low[:same]}{first}" + (f"[0-9]{{{rest}}}" if rest > 1 else "[0-9]" * rest) + "$"
    return f"it as a regular expression, such as {EXAMPLE} for 200 to 299"
