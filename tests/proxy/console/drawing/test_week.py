"""The week of opening hours, drawn."""

from xml.etree import ElementTree

import pytest

from config.hours import parse_all
from proxy.console.drawing.week import WIDTH, draw_week

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "<Su>")


@pytest.mark.parametrize(("lines", "stretches"), [
    ((), 7), (("mon-fri 08:00-17:00",), 5), (("mon 08:00-12:00,13:00-24:00", "sun 00:00-06:00"), 3)])
def test_each_stretch_is_drawn_within_its_row(lines: tuple[str, ...], stretches: int) -> None:
    root = ElementTree.fromstring(str(draw_week(parse_all(lines), DAYS, "The week")))
    found = [one.attrib for one in root if one.attrib.get("class") == "week-open"]
    assert len(found) == stretches
    assert all(float(one["x"]) >= 0 and float(one["x"]) + float(one["width"]) <= WIDTH for one in found)
    assert [one.text for one in root if one.attrib.get("class") == "week-day"] == [*DAYS]
