"""The ladder: rows that stay in their columns, whatever is written on them."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.ladder import COLUMN, LINE, Ladder, printable

NAMES = ("carrier", "edge1", "office")
LADDER = Ladder(NAMES, show_time="{:06.3f}".format)


def test_the_picture() -> None:
    rows = [
        LADDER.head(),
        LADDER.line(1.0, "carrier", "edge1", "INVITE +3614445555"),
        LADDER.line(1.5, "edge1", "office", "INVITE 201", "direct"),
        LADDER.line(2.0, "office", "carrier", "180 Ringing"),
        LADDER.line(2.5, "edge1", "edge1", "gives 201 up, tries the next one"),
        LADDER.line(3.0, "office", "office", "201 is busy"),
        LADDER.line(3.5, "somebody", "edge1", "OPTIONS"),
    ]
    assert rows == [
        "                carrier                  edge1                   office",
        "01.000             │─ INVITE +3614445555 ─▶│                       │",
        "01.500             │                       │───── INVITE 201 ─────▶│            direct",
        "02.000             │◀──────────────── 180 Ringing ─────────────────│",
        "02.500             │                       │ gives 201 up, tries … │",
        "03.000             │                       │                       │ 201 is busy",
        "03.500             │                       │                       │            somebody → edge1: OPTIONS",
    ]


@given(st.sampled_from(NAMES), st.sampled_from(NAMES), st.text(max_size=60), st.text(max_size=9))
def test_lines_stay_where_they_are(source: str, destination: str, text: str, note: str) -> None:
    row = LADDER.line(0.0, source, destination, text, note)
    assert row.isprintable()
    places = [7 + COLUMN // 2 + number * COLUMN for number in range(3)]
    start, end = sorted((NAMES.index(source), NAMES.index(destination)))
    for number, place in enumerate(places):
        if not start < number < end:
            assert row[place] == LINE


@given(st.text())
def test_nothing_that_a_terminal_obeys(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


def test_a_ladder_without_columns_says_it_in_words() -> None:
    assert Ladder((), show_time=str).line(1.0, "a", "b", "BYE") == "1.0  a → b: BYE"
