"""Tables that fit: nothing is wider than the terminal, and nothing is lost."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tables import Cell, blocks, fold, layout, width_of

SIGNS = "ab é日ﬁ\u0301"


def text_of(line: list[Cell]) -> str:
    return "".join(cell.text for cell in line)


def table(width: int | None, *rows: tuple[str, ...], headings: tuple[str, ...] = ("id", "note")) -> list[str] | None:
    lines = layout(headings, [[Cell(text, whole=not n) for n, text in enumerate(row)] for row in rows], width)
    return None if lines is None else [text_of(line) for line in lines]


def test_what_fits_is_as_wide_as_it_is() -> None:
    assert table(None, ("1", "a longer note than others"), ("22", "x")) == [
        "id  note", "1   a longer note than others", "22  x"]


def test_text_is_folded_between_words_and_ids_never_are() -> None:
    assert table(16, ("12345678", "call me back"), ("2", "x")) == [
        "id        note", "12345678  call", "          me", "          back", "2         x"]
    assert table(15, ("12345678", "call me back")) is None, "the id and six signs of text are too wide"
    assert table(15, ("12345678", "call")) == ["id        note", "12345678  call"]


def test_the_widest_column_gives_way_first() -> None:
    lines = layout(["a", "b"], [[Cell("x" * 30), Cell("y" * 12)]], 30)
    assert lines is not None
    assert [text_of(line) for line in lines] == ["a" + " " * 17 + "b", "x" * 16 + "  " + "y" * 12, "x" * 14]


def test_what_is_too_wide_for_a_table_becomes_blocks() -> None:
    rows = [[Cell("12345678", whole=True), Cell("call me back")], [Cell("2", whole=True), Cell("")]]
    assert [text_of(line) for line in blocks(["id", "note"], rows, 15)] == [
        "id    12345678", "note  call me", "      back", "", "id    2", "note  "]


@pytest.mark.parametrize(("text", "places"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("", 0)])
def test_places_that_a_text_takes(text: str, places: int) -> None:
    assert width_of(text) == places


@given(st.text(SIGNS, max_size=60), st.integers(2, 20))
def test_folding_loses_nothing_and_fits(text: str, room: int) -> None:
    lines = fold(text, room)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line) <= room for line in lines)


@given(st.lists(st.tuples(st.text(SIGNS, max_size=30), st.text(SIGNS, max_size=30), st.text("0123456789", max_size=9)),
                min_size=1, max_size=4), st.integers(20, 80))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    cells = [[Cell(one), Cell(two), Cell(three, whole=True)] for one, two, three in rows]
    headings = ("name", "note", "number")
    lines = layout(headings, cells, width) or blocks(headings, cells, width)
    assert all(width_of(text_of(line)) <= width for line in lines)
    shown = Counter("".join(text_of(line) for line in lines))
    assert Counter("".join("".join(row) for row in rows).replace(" ", "")) <= shown, "nothing is lost"
