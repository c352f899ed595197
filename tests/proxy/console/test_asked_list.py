"""Lists as an address asks for them: days of the policy's zone, and one look for all of them at a real console."""

import html
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.asked_list import stretch_of
from tests.kit.console_site import ADMIN, AGENT, ConsoleSite

BUDAPEST: Final = ZoneInfo("Europe/Budapest")
FILTERED: Final = ("/callbacks", "/calls", "/tickets", "/direct", "/audit", "/do-not-call")
OF_DAYS: Final = ("/calls", "/tickets", "/audit", "/do-not-call")
OF_AGENTS: Final = {"/callbacks": "agent", "/calls": "agent", "/tickets": "agent", "/direct": "with"}


@pytest.mark.parametrize(("typed", "read"), [
    ({"from": "2026-03-29", "to": "2026-03-29"}, {"from": "2026-03-28T23:00:00Z", "to": "2026-03-29T22:00:00Z"}),
    ({"from": "2026-10-25", "to": "2026-10-25"}, {"from": "2026-10-24T22:00:00Z", "to": "2026-10-25T23:00:00Z"}),
    ({"from": "2026-03-01T12:30"}, {"from": "2026-03-01T11:30:00Z"}),
    ({"to": "2026-03-01T12:30:00+00:00"}, {"to": "2026-03-01T12:30:00Z"}),
    ({"from": "yesterday", "to": ""}, {"from": "yesterday", "to": ""}),
    ({"to": "9999-12-31", "text": "2026-03-01"}, {"to": "9999-12-31", "text": "2026-03-01"}),
])
def test_days_are_those_of_the_zone(typed: dict[str, str], read: dict[str, str]) -> None:
    found = {key: re.sub(r"\.0+Z$", "Z", text) for key, text in stretch_of(typed, BUDAPEST).items()}
    assert found == read


@given(st.dates(date(1980, 1, 1), date(2100, 1, 1)), st.integers(0, 400), st.sampled_from(
    ["Europe/Budapest", "America/New_York", "Asia/Kathmandu", "UTC"]))
def test_a_stretch_of_days_has_each_of_them_whole(first: date, more: int, name: str) -> None:
    zone, last = ZoneInfo(name), first + timedelta(more)
    read = {key: datetime.fromisoformat(text).astimezone(zone) for key, text in stretch_of(
        {"from": first.isoformat(), "to": last.isoformat()}, zone).items()}
    assert (read["from"].date(), read["to"].date()) == (first, last + timedelta(1))
    assert (read["from"] - timedelta(seconds=1)).date() < first
    assert (read["to"] - timedelta(seconds=1)).astimezone(zone).date() <= last


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("lists")) as site:
        yield site


@pytest.mark.parametrize("path", FILTERED)
def test_every_list_is_filtered_by_the_same_words(site: ConsoleSite, path: str) -> None:
    page = site.client(ADMIN).get(path).text
    form = re.search(rf'<form method="get" action="{path}" class="toolbar".*?</form>', page, re.DOTALL)
    assert form is not None
    assert re.findall(r'<button class="button primary" type="submit">(.*?)</button>', form[0]) == ["Show"]
    assert f'<a class="button quiet" href="{path}">Without filters</a>' in form[0]
    assert len(re.findall(r">As a CSV file</a>", page)) == 1
    assert [name in page for name in ("First day", "Last day")] == [path in OF_DAYS] * 2


def options_of(page: str, name: str) -> dict[str, str]:
    """Return what a select of the filters offers: words by value."""
    select = re.search(rf'<select id="f-{name}".*?</select>', page, re.DOTALL)
    assert select is not None
    return dict(re.findall(r'<option value="(.*?)"(?: selected)?>(.*?)</option>', select[0]))


@pytest.mark.parametrize(("path", "name"), OF_AGENTS.items())
def test_agents_and_groups_are_chosen_by_name(site: ConsoleSite, path: str, name: str) -> None:
    page = site.client(ADMIN).get(path, params={name: "299"}).text
    offered = options_of(page, name)
    assert offered["201"] == "201 Anna Kovács"
    assert offered["299"] == "299", "what was asked for stays, though nobody knows it"
    if path != "/direct":
        assert {*options_of(site.client(ADMIN).get(path).text, "group")} >= {"", "sales", "service"}
    assert 'value="202"' not in site.client(AGENT).get(path).text


def test_who_had_a_call_is_shown_by_name(site: ConsoleSite) -> None:
    page = site.client(ADMIN).get("/calls", params={"agent": "201", "kind": "call"}).text
    assert re.search(r"<td>\s*201 Anna Kovács\s*</td>", page)


@pytest.mark.parametrize("path", ["/calls", "/tickets"])
def test_a_day_is_asked_for_and_its_file_has_the_same(site: ConsoleSite, path: str) -> None:
    client = site.client(ADMIN)
    rows = client.get(f"/api/v1{path}", params={"limit": 1000}).json()["items"]
    key = "time" if path == "/calls" else "created"
    days = [datetime.fromisoformat(one[key]).astimezone(BUDAPEST).date().isoformat() for one in rows]
    day = sorted(days)[len(days) // 2]
    page = client.get(path, params={"from": day, "to": day, "state": ""}).text
    found = {*re.findall(rf'href="{path}/([\w-]+)"', page)}
    assert found == {one["id"] for one, on in zip(rows, days, strict=True) if on == day}
    assert f'value="{day}"' in page
    export = re.search(r'href="(/api/v1/\w+/export[^"]*)"', page)
    assert export is not None
    file = client.get(html.unescape(export[1])).text
    assert {line.partition(",")[0] for line in file.splitlines()[1:]} == found


@pytest.mark.parametrize("path", FILTERED)
def test_what_cannot_be_is_said_and_stands_where_it_was_typed(site: ConsoleSite, path: str) -> None:
    client = site.client(ADMIN)
    name = "from" if path in OF_DAYS else "customer"
    answer = client.get(path, params={name: "<b>soon</b>"})
    assert (answer.status_code, "<b>soon" in answer.text) == (422, False)
    field = re.search(rf'<input id="f-{name}"[^>]*>', answer.text)
    assert field is not None
    assert 'value="&lt;b&gt;soon' in field[0]
    assert 'aria-invalid="true"' in field[0]
    wrong = client.get(path, params={"cursor": "none"})
    assert (wrong.status_code, "This cannot be shown:" in wrong.text) == (422, True)
