"""Lines of keys, for every form that TOML has."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lines import Path, format_key, index_lines, line_of, split_key

TEXT = '''# a comment with [brackets] and = signs
title = "x # no comment [no table]"     # line 2

[node]                                  # line 4
name = 'single # quoted'
data = """
several
lines with a quote " in them
"""
more = \'\'\'
'also' ['here']\'\'\'

[[listen]]                              # line 13
uri = "udp://0.0.0.0:5060"
[[listen]]
uri = "tcp://0.0.0.0:5060"
[listen.deep]
key = 1

[number."+36\\u0031"]                    # line 20
kind = "shared"
[ group . 'a b' ]
agents = [                              # line 23
  "201", # a comment, with "quotes" ]
  [ 1,
    2 ],
  "202",
]
hours = { a = 1, b = { c = [1, 2] } }   # line 29
dotted.key."quo.ted" = 1979-05-27 07:32:00
float = +1e3
empty = []
none = {}
'''


def test_every_form() -> None:
    lines = index_lines(TEXT)
    expected: dict[Path, int] = {
        ("title",): 2,
        ("node",): 4,
        ("node", "name"): 5,
        ("node", "data"): 6,
        ("node", "more"): 10,
        ("listen",): 13,
        ("listen", 0): 13,
        ("listen", 0, "uri"): 14,
        ("listen", 1): 15,
        ("listen", 1, "uri"): 16,
        ("listen", 1, "deep"): 17,
        ("listen", 1, "deep", "key"): 18,
        ("number", "+361"): 20,
        ("number", "+361", "kind"): 21,
        ("group", "a b"): 22,
        ("group", "a b", "agents"): 23,
        ("group", "a b", "agents", 0): 24,
        ("group", "a b", "agents", 1): 25,
        ("group", "a b", "agents", 1, 0): 25,
        ("group", "a b", "agents", 1, 1): 26,
        ("group", "a b", "agents", 2): 27,
        ("group", "a b", "hours"): 29,
        ("group", "a b", "hours", "b", "c", 1): 29,
        ("group", "a b", "dotted", "key", "quo.ted"): 30,
        ("group", "a b", "float"): 31,
        ("group", "a b", "empty"): 32,
        ("group", "a b", "none"): 33,
    }
    assert {path: lines.get(path) for path in expected} == expected


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from leaves(below, (*path, number))


def test_every_value_that_tomllib_finds_has_a_line() -> None:
    named = {path for path in leaves(tomllib.loads(TEXT)) if path}
    assert named <= index_lines(TEXT).keys()


def test_nested_arrays_of_tables() -> None:
    lines = index_lines("[[a]]\n[[a.b]]\nx=1\n[[a.b]]\nx=2\n[[a]]\n[[a.b]]\nx=3\n[a.b.c]\ny=4\n")
    assert lines["a", 0, "b", 0, "x"] == 3
    assert lines["a", 0, "b", 1, "x"] == 5
    assert lines["a", 1, "b", 0, "x"] == 8
    assert lines["a", 1, "b", 0, "c", "y"] == 10


def test_windows_line_ends_and_no_end() -> None:
    assert index_lines("a = 1\r\n\r\n[b]\r\nc = [\r\n1]\r\nd = 2")["b", "d"] == 6
    assert index_lines("") == {}
    assert index_lines("# only a comment") == {}


def test_the_nearest_table_has_the_line() -> None:
    lines = index_lines("\n[node]\n")
    assert line_of(lines, ("node", "name")) == 2
    assert line_of(lines, ("trunk", "main")) == 0


STRINGS = st.one_of(
    st.sampled_from(
        ['""', "''", '"""\n"""', "''''''", '"\\""', "'\\'", '"""a""\n""""', "'''\n'a''''", '"\\\\"', '"# ]"']
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="\"'\\"), max_size=5).map(
        "'{}'".format
    ),
)
VALUES = st.recursive(
    st.one_of(STRINGS, st.sampled_from(["1", "-2.5", "true", "07:32:00", "inf"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[\n{','.join(items)} # x ]\n]"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}{',' if items else ''}]"),
        st.lists(inner.filter(lambda item: "\n" not in item), max_size=3).map(
            lambda items: f"{{ {', '.join(f'k{number} = {item}' for number, item in enumerate(items))} }}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.sampled_from(["[t{}]", "[[a]]", "[[a]]\n[a.'s']", ""]), VALUES), max_size=5))
def test_the_line_of_any_key_begins_with_that_key(parts: list[tuple[str, str]]) -> None:
    text = ""
    for number, (head, value) in enumerate(parts):
        text += f"{head.format(number)}\n# c\n key{number}={value} # c\n"
    parsed = tomllib.loads(text)
    lines = index_lines(text)
    rows = text.split("\n")
    for path in leaves(parsed):
        if path and str(path[-1]).startswith("key"):
            assert rows[lines[path] - 1].startswith(f" {path[-1]}=")
        assert not path or path in lines


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=0), min_size=1, max_size=4))
def test_a_key_survives(names: list[str]) -> None:
    written = format_key(names)
    assert split_key(written) == tuple(names)


def test_written_keys() -> None:
    assert format_key(("number", "+361", "kind")) == 'number."+361".kind'
    assert format_key(("listen", 0, "uri")) == "listen[0].uri"


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "a=1", '"a', "a\n", "a[0]", "é", '"\\q"'])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        split_key(text)
