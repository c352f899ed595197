"""On which line of a TOML text each key stands (TOML 1.0).

`tomllib` gives values without their places. This walk follows the same grammar over a text that `tomllib` has already
accepted, so it checks nothing; it only counts lines. Whatever it cannot follow is left without a line.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

Path = tuple[str | int, ...]
"""Key as a path: names, and numbers for the elements of arrays."""

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER: Final = re.compile(r"((?:^|\.)\s*)(\+[0-9]+)(?=\s*(?:\.|$))")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'", re.DOTALL
)


def format_key(path: Sequence[str | int]) -> str:
    """Write a path as a TOML key: `number."+3614445555".kind`, `listen[0].uri`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            quoted = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False).replace("\x7f", "\\u007F")
            text += f".{quoted}" if text else quoted
    return text


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int:
    """Return the line of the key, else of the nearest table round it; 0 where not even that has a line."""
    known = tuple(path)
    while known and known not in lines:
        known = known[:-1]
    return lines.get(known, 0)


def split_key(text: str) -> tuple[str, ...]:
    """Read a dotted key with its quotes (`number."+36".kind`) into its names; ValueError where it is none.

    A number may stand without quotes: a shell takes them away.
    """
    walk = _Walk(_NUMBER.sub(r'\1"\2"', text))
    try:
        path = walk.key()
    except (IndexError, ValueError):
        path = ()
    if not path or walk.at != len(walk.text):
        raise ValueError(f"{text!r} is not a key")
    return path


def index_lines(text: str) -> dict[Path, int]:
    """Return the first line of every table, key and array element of a valid TOML text, from 1."""
    walk = _Walk(text)
    walk.document()
    return walk.lines


class _Walk:
    """One pass over a text; `at` is the position, `lines` the result."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._line = 1
        self._counted = 0

    def document(self) -> None:
        table: Path = ()
        self._skip(_SPACE)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE)

    def key(self) -> tuple[str, ...]:
        """Dotted key at the present position, with the white space round its dots."""
        parts = []
        while True:
            self._skip(_INLINE_SPACE)
            match = (_STRING if self.text[self.at] in "\"'" else _BARE).match(self.text, self.at)
            if match is None:
                raise ValueError("not a key")
            self.at = match.end()
            parts.append(_unquote(match[0]))
            self._skip(_INLINE_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def _header(self) -> Path:
        width = 2 if self.text.startswith("[[", self.at) else 1
        self.at += width
        name = self.key()
        self.at += width
        table = self._resolve(name)
        if width == 2:
            table = self._resolve(name[:-1]) + name[-1:]
            number = self._counts.get(table, 0)
            self._counts[table] = number + 1
            self._note(table)
            table = (*table, number)
        for depth in range(1, len(table) + 1):
            self._note(table[:depth])
        return table

    def _resolve(self, name: tuple[str, ...]) -> Path:
        """Path of a table name: below an array of tables its last element is meant."""
        path: Path = ()
        for part in name:
            path = (*path, part)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        name = self.key()
        self.at += 1  # the equals sign
        for depth in range(1, len(name) + 1):
            self._note(table + name[:depth], start)
        self._value(table + name)

    def _value(self, path: Path) -> None:
        self._skip(_INLINE_SPACE)
        opening = self.text[self.at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in "\"'" else _SCALAR)

    def _array(self, path: Path) -> None:
        number = 0
        self.at += 1
        while not self._closed("]"):
            self._note((*path, number))
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, bracket: str) -> bool:
        """Go to the next element; true at the closing bracket, which is stepped over."""
        self._skip(_SPACE)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_SPACE)
        closed = self.text[self.at] == bracket
        self.at += closed
        return closed

    def _note(self, path: Path, at: int | None = None) -> None:
        place = self.at if at is None else at
        self._line += self.text.count("\n", self._counted, place)
        self._counted = place
        self.lines.setdefault(path, self._line)

    def _skip(self, form: re.Pattern[str]) -> None:
        match = form.match(self.text, self.at)
        self.at = match.end() if match else len(self.text)


def _unquote(text: str) -> str:
    return str(tomllib.loads(f"text = {text}")["text"]) if text[0] in "\"'" else text
