"""What a syntax error of TOML means, in the words of whoever typed it.

`tomllib` says where it could not go on, and little more. Here the line is looked at for the mistakes that people make.
What stands there is never repeated: it may be a password that was meant to be elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

_NAME: Final = r"[A-Za-z0-9_-]+"
_KEY: Final = rf"(?:{_NAME}|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:{_NAME}|\"[^\"]*\"|'[^']*'))*"
_NUMBER_KEY: Final = re.compile(r"^\s*\[*\s*(?:[\w-]+\s*\.\s*)*\+[0-9]")
_SPACED_HEADER: Final = re.compile(r"^\s*\[+[^\]\"'#]*\w\s+\w")
_PAIR: Final = re.compile(rf"^\s*({_KEY})\s*=\s*(.*?)\s*$")
_COLON: Final = re.compile(rf"^\s*({_KEY})\s*:")
_WORD: Final = re.compile(r"[^\s\"'\[{#,}\]][^\"'\[{#,}\]]*")
_TRUTH: Final = re.compile(r"(?:true|false|yes|no|on|off)", re.IGNORECASE)
_CURLY_QUOTES: Final = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]")
_STRINGS: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")

NUMBER_KEY: Final = 'a number as a name stands in quotes: [number."+3614445555"]'
COMMENT: Final = "a comment begins with #"
CURLY: Final = 'these are typographic quotes: write plain ones, "..."'
OPEN_QUOTE: Final = 'a quote is missing: text stands between two of them, "...", on one line'
QUOTES: Final = 'text stands in quotes, durations and addresses too: "..."'
TRUTH: Final = "write true or false, in small letters and without quotes"
NO_VALUE: Final = "nothing stands after the equals sign"
EQUALS: Final = "write = between a key and its value"
STATEMENT: Final = "neither key = value nor [section]"
OPEN_LIST: Final = "a list is not closed: a ] is missing on this line or above it, or a comma between two values"
BARE_IN_LIST: Final = 'each text of a list stands in quotes: ["...", "..."]'
OPEN_HEADER: Final = "the ] at the end of the section's name is missing"
SPACES: Final = "a name with spaces or other signs than letters, digits, - and _ stands in quotes"
INLINE: Final = "a table in { } stands on one line, with a comma between its keys and none after the last one"
BACKSLASH: Final = r"a backslash is written twice between double quotes, or once between single ones: '^2\d{2}$'"


def explain(text: str, line: int, said: str) -> str:
    """Return what is wrong with a text of TOML.

    `line`: where `said`, the words of `tomllib`, came about, from 1 (0: not known).
    """
    lines = text.split("\n")
    shown = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
    for words, look in _LOOKS:
        if said.startswith(words):
            found = next(look(shown, lines[:line]), None)
            if found is not None:
                return found
    return said[:1].lower() + said[1:]


def _twice(shown: str, before: list[str]) -> Iterator[str]:
    """A key, or a section, that stands in the text already."""
    pair = _PAIR.match(shown)
    if pair is None and shown.lstrip().startswith("["):
        yield from _section_twice(shown, before)
        return
    if pair is None:
        return
    for number in range(len(before) - 1, 0, -1):
        earlier = before[number - 1]
        if earlier.lstrip().startswith("["):
            break
        match = _PAIR.match(earlier)
        if match is not None and match[1] == pair[1]:
            yield f"{pair[1]} stands here twice: line {number} sets it already; leave one of them"
    yield f"{pair[1]} is set above already, perhaps as a section of its own: leave one of them"


def _section_twice(shown: str, before: list[str]) -> Iterator[str]:
    header = shown.split("#")[0].strip()
    for number, earlier in enumerate(before[:-1], 1):
        if earlier.split("#")[0].strip() == header:
            yield f"{header} stands here twice: it begins in line {number} already; put its keys together there"
    yield f"{header} is set already, as a key of the section above it: keep one of them"


def _quote(shown: str, before: list[str]) -> Iterator[str]:
    yield OPEN_QUOTE


def _value(shown: str, before: list[str]) -> Iterator[str]:
    if _CURLY_QUOTES.search(shown):
        yield CURLY
    if _odd(shown):
        yield OPEN_QUOTE
    pair = _PAIR.match(shown)
    value = pair[2] if pair is not None else ""
    if pair is not None and not value.split("#")[0].strip():
        yield NO_VALUE
    words = [word.strip() for word in _WORD.findall(_STRINGS.sub('""', value.replace("=", ",")))]
    if any(_TRUTH.fullmatch(word) and word not in ("true", "false") for word in words):
        yield TRUTH
    yield QUOTES


def _rest(shown: str, before: list[str]) -> Iterator[str]:
    bare = _STRINGS.sub("", shown)
    if "//" in bare or ";" in bare:
        yield COMMENT
    if _CURLY_QUOTES.search(shown):
        yield CURLY
    if _odd(shown):
        yield OPEN_QUOTE
    if shown.count("=") > 1 and "{" not in shown:
        yield "one key and its value stand on a line"
    if _PAIR.match(shown):
        yield QUOTES


def _statement(shown: str, before: list[str]) -> Iterator[str]:
    if re.match(r"\s*(?:;|//|--|/\*)", shown):
        yield COMMENT
    if re.match(r"\s*\+", shown):
        yield NUMBER_KEY
    yield STATEMENT


def _key(shown: str, before: list[str]) -> Iterator[str]:
    if _NUMBER_KEY.match(shown):
        yield NUMBER_KEY
    if "{" in shown or shown.strip() in ("", "}"):
        yield INLINE
    yield SPACES


def _equals(shown: str, before: list[str]) -> Iterator[str]:
    if _NUMBER_KEY.match(shown):
        yield NUMBER_KEY
    if _COLON.match(shown):
        yield f"{EQUALS}, not a colon"
    yield EQUALS


def _array(shown: str, before: list[str]) -> Iterator[str]:
    if any(_odd(line) for line in before[-2:]):
        yield OPEN_QUOTE
    pair = _PAIR.match(shown)
    if pair is not None and pair[2].startswith("[") and _WORD.search(_STRINGS.sub("", pair[2])):
        yield BARE_IN_LIST
    yield OPEN_LIST


def _header(shown: str, before: list[str]) -> Iterator[str]:
    if _NUMBER_KEY.match(shown):
        yield NUMBER_KEY
    if _SPACED_HEADER.match(shown) or re.match(r"^\s*\[+[^\]#]*[^\w\s.\-\"'\]\[#]", shown):
        yield SPACES
    yield OPEN_HEADER


def _inline(shown: str, before: list[str]) -> Iterator[str]:
    yield INLINE


def _backslash(shown: str, before: list[str]) -> Iterator[str]:
    yield BACKSLASH


_Look = Callable[[str, list[str]], Iterator[str]]

_LOOKS: Final[tuple[tuple[str, _Look], ...]] = (
    ("Cannot overwrite a value", _twice),
    ("Cannot declare", _twice),
    ("Cannot mutate immutable namespace", _twice),
    ("Duplicate inline table key", _twice),
    ("Cannot redefine namespace", _twice),
    ("Illegal character", _quote),
    ("Unterminated string", _quote),
    ("Expected \"'''\"", _quote),
    ("Invalid value", _value),
    ("Expected newline or end of document", _rest),
    ("Invalid statement", _statement),
    ("Invalid initial character for a key part", _key),
    ("Expected '=' after a key", _equals),
    ("Unclosed array", _array),
    ("Expected ']'", _header),
    ("Unclosed inline table", _inline),
    ("Unescaped '\\' in a string", _backslash),
)
"""How an answer of `tomllib` begins, and where to look then."""


def _odd(shown: str) -> bool:
    """Say whether a quote of the line has no second one."""
    bare = _STRINGS.sub("", shown.split(" #")[0])
    return '"' in bare or "'" in bare
