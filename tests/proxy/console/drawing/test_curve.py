"""Curves: every figure at its place below a round top, gaps where there is none, and nothing that breaks out."""

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.drawing.curve import BOTTOM, CURVES, HEIGHT, LEFT, POINTS, RIGHT, TOP, WIDTH, Curve, curves


def drawn(days: list[str], *lines: Curve, title: str = "figures", unit: str = "") -> Element:
    return fromstring(str(curves(days, lines, title, unit)))


def named(found: Element, name: str) -> list[Element]:
    return [one for one in found.iter() if name in (one.get("class") or "").split()]


def texts(found: Element, name: str) -> list[str]:
    return ["".join(one.itertext()) for one in named(found, name)]


def test_three_days_from_edge_to_edge() -> None:
    found = drawn(["11-01", "11-02", "11-03"], Curve("kept", [0.0, 4.0, 8.0]))
    assert (found.tag, found.get("role"), found.findtext("title")) == ("svg", "img", "figures")
    (path,) = [one.get("d") for one in named(found, "curve-line")]
    top, low, middle = TOP, HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    assert path == f"M{LEFT} {low} L{middle:g} {(top + low) / 2:g} L{WIDTH - RIGHT} {top}"
    assert texts(found, "curve-figure") == ["0", "2", "4", "6", "8"]
    assert [one.findtext("title") for one in found.iter("circle")] == [
        "kept, 11-01: 0", "kept, 11-02: 4", "kept, 11-03: 8"]
    assert texts(found, "curve-day") == ["11-01", "11-02", "11-03"]


@pytest.mark.parametrize(("most", "top"), [
    (0, "4"), (1, "4"), (4, "4"), (5, "8"), (9, "12"), (21, "24"), (100, "120"), (121, "160"), (999, "1200"),
    (1234, "1600"), (3999, "4000"), (4001, "8000")])
def test_the_top_is_round_and_not_below_anything(most: float, top: str) -> None:
    found = drawn(["a", "b"], Curve("x", [0.0, float(most)]))
    figures = texts(found, "curve-figure")
    assert float(figures[-1]) >= most
    assert all(float(one) == int(float(one)) for one in figures), "whole figures"
    assert figures[-1] == top


def test_a_day_without_a_figure_is_a_gap() -> None:
    found = drawn(["a", "b", "c", "d"], Curve("wait", [1.0, None, 2.0, 3.0]), unit=" min")
    (path,) = [str(one.get("d")) for one in named(found, "curve-line")]
    assert [part[0] for part in path.split(" ") if part[0].isalpha()] == ["M", "M", "L"]
    assert len([*found.iter("circle")]) == 3
    assert named(drawn(["a"], Curve("x", [None])), "curve-line") == []
    assert len([*drawn(["a"], Curve("x", [2.0])).iter("circle")]) == 1


def test_lines_and_labels_are_as_many_as_can_be_told_apart() -> None:
    days = [f"{number:03}" for number in range(365)]
    found = drawn(days, *(Curve(f"agent {number}", [1.0] * 365) for number in range(9)))
    assert len(named(found, "curve")) == CURVES
    assert [*found.iter("circle")] == [], "too many to point at"
    assert 5 <= len(named(found, "curve-day")) <= 11
    assert len([*drawn(days[:POINTS], Curve("x", [1.0] * POINTS)).iter("circle")]) == POINTS


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=40), st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=20))
def test_whatever_the_figures_and_names_it_stays_inside(values: list[float | None], name: str) -> None:
    found = drawn([name] * len(values), Curve(name, values), title=name)
    assert found.findtext("title") == name
    for circle in found.iter("circle"):
        assert LEFT <= float(circle.get("cx") or 0) <= WIDTH - RIGHT
        assert TOP - 1 <= float(circle.get("cy") or 0) <= HEIGHT - BOTTOM + 1
    assert not any(one.get("style") or any(key.startswith("on") for key in one.keys()) for one in found.iter())  # noqa: SIM118
