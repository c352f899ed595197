"""The ladder as SVG: every message is there, between the right parties, and nothing of the network is markup."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.drawing.ladder import LEFT_OUT, LadderRow, kind, ladder

SVG = ET.fromstring
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)


def shown(at: float) -> str:
    return f"{at:.3f}"


def drawn(rows: list[LadderRow], columns: tuple[str, ...] = ("main", "edge1", "office")) -> ET.Element:
    return SVG(ladder(rows, columns, shown, "Messages"))


def texts(svg: ET.Element, of: str) -> list[str]:
    return [one.text or "" for one in svg.iter("text") if one.get("class") == of]


def test_parties_stand_in_their_order_and_who_is_not_in_it_is_left_out() -> None:
    rows = [LadderRow(1, "edge1", "office", "INVITE"), LadderRow(2, "192.0.2.9:5060", "edge1", "OPTIONS")]
    assert texts(drawn(rows), "ladder-party") == ["edge1", "office", "192.0.2.9:5060"]


def test_arrows_point_to_whom_the_message_goes() -> None:
    svg = drawn([LadderRow(1, "main", "edge1", "INVITE sip:600@pbx"), LadderRow(2, "edge1", "main", "486 Busy Here")])
    there, back = (one for one in svg.iter("line") if one.get("class") == "ladder-arrow")
    assert float(there.attrib["x1"]) < float(there.attrib["x2"])
    assert float(back.attrib["x1"]) > float(back.attrib["x2"])
    rows = [one.get("class") for one in svg.iter("g")]
    assert rows == ["ladder-row ladder-request ladder-leg-0", "ladder-row ladder-failure ladder-leg-0"]


@pytest.mark.parametrize(("line", "expected"), [
    ("INVITE sip:1@x", "request"), ("BYE", "request"), ("100 Trying", "provisional"), ("200 OK (BYE)", "success"),
    ("302 Moved", "redirect"), ("486 Busy", "failure"), ("603 Decline", "failure"), ("2000 things", "request"),
    ("", "request"), ("200", "success"),
])
def test_kinds(line: str, expected: str) -> None:
    assert kind(line) == expected


@given(st.lists(st.builds(LadderRow, st.floats(0, 2e9), WORDS, WORDS, WORDS, WORDS), max_size=12))
def test_whatever_came_from_the_network_is_text(rows: list[LadderRow]) -> None:
    svg = drawn(rows)
    allowed = {"svg", "title", "text", "line", "polygon", "g"}
    assert {one.tag for one in svg.iter()} <= allowed
    assert not any(name == "style" or name.startswith("on") for one in svg.iter() for name in one.attrib)
    assert len(list(svg.iter("g"))) == len(rows)


def test_a_call_without_an_end_is_drawn_as_far_as_a_page_can_hold() -> None:
    rows = [LadderRow(at, "main", "edge1", "INVITE") for at in range(LEFT_OUT + 50)]
    assert len(list(drawn(rows).iter("g"))) == LEFT_OUT
