"""Lines of an export, many at a time, are byte for byte those that one item after the other makes."""

from collections.abc import Sequence
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.api.export_lines import CHUNK, ExportLines, chunks
from proxy.console.csv_lines import cell, line
from proxy.console.lists import Lists
from proxy.verbs.shapes.answers import write_as
from routing.events import write_answer

ODD = ["=1+1", "@x", "-5", "+36201234567", "+", "+12a", "\t", 'a,"b"', "two\r\nlines", "\ud800", ""]
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from(ODD))
PLAIN = st.one_of(st.none(), TEXTS, st.integers(-10, 2**53), st.floats(allow_nan=False), st.booleans())
VALUES = st.one_of(PLAIN, st.lists(TEXTS, max_size=2), st.dictionaries(st.sampled_from(["made_at", "x"]), PLAIN))
MOMENTS = st.one_of(st.none(), st.floats(-1.0, 4e9))


def one_by_one(shape: Any, kind: str, items: Sequence[dict[str, Any]]) -> bytes:
    columns = [*get_type_hints(shape)]
    told = [write_as(shape, item) for item in items]
    if kind == "jsonl":
        return b"".join(write_answer(item).encode(errors="backslashreplace") + b"\n" for item in told)
    return line(columns) + b"".join(line([cell(item.get(name)) for name in columns]) for item in told)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@given(data=st.data(), name=st.sampled_from(["calls", "tickets", "do-not-call", "users", "direct"]))
def test_the_same_bytes_as_item_by_item(kind: str, data: st.DataObject, name: str) -> None:
    shape = Lists.shape(name)
    moments = ("time", "created", "touched", "expires", "ended", "since", "disabled", "changed")
    items = data.draw(st.lists(st.fixed_dictionaries({
        key: MOMENTS if key in moments else data.draw(st.sampled_from([TEXTS, PLAIN, VALUES]))
        for key in get_type_hints(shape)}), max_size=4))
    lines = ExportLines(shape, kind)
    assert lines.head() + lines.written(items) == one_by_one(shape, kind, items)


@given(st.binary(max_size=3), st.integers(0, 3))
def test_chunks_are_the_whole_in_pieces(rest: bytes, whole: int) -> None:
    data = b"x" * CHUNK * whole + rest
    parts = [*chunks(data)]
    assert b"".join(parts) == data
    assert all(0 < len(part) <= CHUNK for part in parts)
