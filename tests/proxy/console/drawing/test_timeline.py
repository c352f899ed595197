"""Time lines: every attempt at its place, what is open, labels on the hour of the zone, and nothing that breaks out."""

import re
from datetime import datetime
from itertools import pairwise
from xml.etree.ElementTree import Element, fromstring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.drawing.timeline import MARGIN, RADIUS, WIDTH, Mark, apart, timeline

ZONE = ZoneInfo("Europe/Budapest")


def at(text: str, zone: ZoneInfo = ZONE) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def drawn(*args: object, **more: object) -> Element:
    return fromstring(str(timeline(*args, **more)))  # type: ignore[arg-type]  # as it was made


def named(found: Element, name: str) -> list[Element]:
    return [one for one in found.iter() if name in (one.get("class") or "").split()]


def texts(found: Element, name: str) -> list[str]:
    return ["".join(one.itertext()) for one in named(found, name)]


NOON, NEXT = at("2026-11-23 12:00"), at("2026-11-24 12:00")
SIX = tuple(Mark(NOON + 4 * 3600 * number, "planned", str(number + 1), f"attempt {number + 1}") for number in range(6))


def test_missed_at_noon_three_today_three_tomorrow() -> None:
    found = drawn(NOON, NEXT, [(NOON, NEXT)], SIX, ZONE, "the plan")
    assert (found.tag, found.get("role")) == ("svg", "img")
    marks = named(found, "timeline-mark")
    assert [mark.findtext("title") for mark in marks] == [f"attempt {number}" for number in range(1, 7)]
    places = [float(mark.find("circle").get("cx") or 0) for mark in marks]  # type: ignore[union-attr]
    assert places == [round(MARGIN + (WIDTH - 2 * MARGIN) * number / 6, 1) for number in range(6)]
    assert texts(found, "timeline-day") == ["11-24"]
    assert texts(found, "timeline-hour")[:3] == ["12:00", "14:00", "16:00"]


def test_open_hours_are_cut_to_the_line_and_now_stands_where_it_is() -> None:
    spans = [(at("2026-11-23 08:00"), at("2026-11-23 17:00")), (at("2026-11-24 08:00"), at("2026-11-24 17:00")),
             (at("2026-11-25 08:00"), at("2026-11-25 17:00"))]
    found = drawn(NOON, NEXT, spans, SIX, ZONE, "plan", now=(NOON + 6 * 3600, "now"))
    assert len(named(found, "timeline-open")) == 2
    assert all(float(one.get("x") or 0) >= MARGIN for one in named(found, "timeline-open"))
    assert texts(found, "timeline-word") == ["now"]
    assert named(found, "timeline-now")[0].get("x1") == str(MARGIN + (WIDTH - 2 * MARGIN) // 4)
    assert named(drawn(NOON, NEXT, spans, SIX, ZONE, "plan", now=(NEXT + 60, "now")), "timeline-now") == []


def test_quiet_hours_are_drawn_over_what_is_open() -> None:
    found = drawn(NOON, NEXT, [(NOON, NEXT)], SIX, ZONE, "plan", None,
                  [(at("2026-11-22 20:00"), at("2026-11-23 08:00")), (at("2026-11-23 20:00"), at("2026-11-24 08:00"))])
    assert [one.get("width") for one in named(found, "timeline-quiet")] == [str((WIDTH - 2 * MARGIN) // 2)]


@given(st.lists(st.floats(MARGIN, WIDTH - MARGIN), min_size=1, max_size=30).map(sorted))
def test_no_circle_covers_another(places: list[float]) -> None:
    found = apart(places)
    assert all(MARGIN - 0.1 <= one <= WIDTH - MARGIN + 0.1 for one in found)
    assert all(other - one >= 2 * RADIUS for one, other in pairwise(found))
    if all(other - one >= 2 * RADIUS + 2 for one, other in pairwise(places)):
        assert found == pytest.approx(places, abs=0.06)


def test_a_night_on_which_the_clock_goes_back_keeps_its_labels_on_the_hour() -> None:
    found = drawn(at("2026-10-24 18:00"), at("2026-10-25 18:00"), [], [], ZONE, "plan")
    assert texts(found, "timeline-day") == ["10-25"]
    assert {label[-3:] for label in texts(found, "timeline-hour")} == {":00"}


def test_what_it_says_is_text() -> None:
    text = str(timeline(NOON, NEXT, [], [Mark(NOON, "kept", "<b>", "<script>alert(1)</script>")], ZONE, '"><script>'))
    assert "<script>" not in text
    assert "style=" not in text
    fromstring(text)


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC"])
@given(begin=st.floats(0, 4e9), length=st.floats(-10, 15 * 86_400), marks=st.lists(st.floats(0, 4e9), max_size=12))
def test_whatever_it_is_given_nothing_lies_outside(zone: str, begin: float, length: float, marks: list[float]) -> None:
    near = [begin + one % (16 * 86_400) for one in marks]
    text = str(timeline(begin, begin + length, [(begin - 5, begin + length + 5)],
                        [Mark(one, "planned", "1", "x") for one in near], ZoneInfo(zone), "plan"))
    fromstring(text)
    for value in re.findall(r' (?:cx|x|x1|x2)="([^"]+)"', text):
        assert MARGIN - 0.1 <= float(value) <= WIDTH - MARGIN + 0.1
    assert text.count("<text") <= len(near) + 40
