"""Reports by a real console: what they show is what the daemon says, whose it is, and as a file."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from zoneinfo import ZoneInfo

import httpx
import pytest

from proxy.console import cursors
from proxy.console.csv_lines import cell
from proxy.console.drawing.curve import CURVES
from proxy.console.figures import COLUMNS
from proxy.console.pages.reports import names_of
from routing.events import rfc3339
from tests.kit.console_site import ADMIN, AGENT, SUPERVISOR, ConsoleSite
from tests.kit.waiting import eventually

SAME = ("offers_made", "offers_taken", "promised", "dialled", "kept", "called_meanwhile", "tickets", "failed",
        "expired", "cancelled", "average_wait_s")
HEAVIEST = 250_000
QUICK = 2.0
BEING_COUNTED = "still being counted"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("reports")) as site:
        yield site


@pytest.fixture(scope="module")
def admin(site: ConsoleSite) -> httpx.Client:
    return site.client(ADMIN)


def today(site: ConsoleSite) -> str:
    return str(site.verb("callbacks.figures")["day"])


def file_of(client: httpx.Client, **query: str) -> list[dict[str, str]]:
    answer = client.get("/reports.csv", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return [*csv.DictReader(io.StringIO(answer.text))]


def written(value: float | None) -> str:
    return "" if value is None else str(value)


def test_today_is_what_the_daemon_says_of_it(site: ConsoleSite, admin: httpx.Client) -> None:
    """Of everything, each group, each number and each campaign; a promise that is made now too."""
    site.verb("callbacks.add", customer="+36301112233", group="sales", at=rfc3339(time.time() + 3600))
    day = today(site)
    said = site.verb("callbacks.figures")
    (row,) = file_of(admin, **{"from": day, "to": day})
    if today(site) != day:
        pytest.skip("midnight")
    assert {key: row[key] for key in SAME} == {key: written(said["total"][key]) for key in SAME}
    for by, side in (("group", "groups"), ("number", "numbers"), ("campaign", "campaigns")):
        found = {one["of"]: one for one in file_of(admin, **{"from": day, "to": day, "by": by})}
        for name, tally in said[side].items():
            if any(tally[key] for key in SAME):
                assert {key: found[name][key] for key in SAME} == {key: written(tally[key]) for key in SAME}, name


def test_the_file_has_a_line_for_each_day_and_thing(admin: httpx.Client) -> None:
    days = file_of(admin)
    assert len(days) == 7
    assert tuple(days[0]) == COLUMNS
    agents = file_of(admin, by="agent")
    assert {row["of"] for row in agents} > {"201"}
    assert sum(int(row["kept"]) for row in agents) == sum(int(row["kept"]) for row in days) > 0
    assert sum(int(row["missed"]) for row in days) > 0


def cells(page: str) -> list[list[str]]:
    body = page[page.index("<tbody>"):page.index("</tbody>")]
    return [[unescape(re.sub("<[^>]+>", "", one)) for one in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_the_page_shows_the_same_as_table_and_curves(admin: httpx.Client) -> None:
    page = admin.get("/reports", params={"by": "day"}).text
    table = cells(page)
    file = file_of(admin)
    assert [row[0] for row in table] == [row["day"] for row in reversed(file)]
    assert [row[1] for row in table] == [row["missed"] for row in reversed(file)]
    assert page.count('class="curves"') == 2
    assert "style=" not in page
    groups = admin.get("/reports", params={"by": "group", "sort": "promised", "order": "desc"}).text
    promised = [int(row[2]) for row in cells(groups)]
    assert promised == sorted(promised, reverse=True)
    assert 1 <= groups.count('<g class="curve ') <= 2 * CURVES
    assert len(page) < HEAVIEST


def test_a_year_is_counted_once_and_is_there_at_once_then(admin: httpx.Client) -> None:
    first = datetime.now(ZoneInfo("UTC")).date()
    query = {"from": first.replace(year=first.year - 1, day=1).isoformat(), "by": "agent"}
    left = 1_000
    while BEING_COUNTED in (page := admin.get("/reports", params=query).text):
        found = re.search(rf"(\d+) days? (is|are) {BEING_COUNTED}", page)
        assert found is not None
        assert int(found[1]) < left, "each look counts further"
        left = int(found[1])

    def quick() -> bool:
        began = time.monotonic()
        answer = admin.get("/reports", params=query)
        assert answer.status_code == 200
        assert len(answer.text) < HEAVIEST
        return time.monotonic() - began < QUICK

    eventually(quick, "one that nothing else has held up")


def test_everybody_sees_what_is_theirs(site: ConsoleSite, admin: httpx.Client) -> None:
    assert SUPERVISOR.groups is not None
    theirs = file_of(site.client(SUPERVISOR), by="group")
    assert {row["of"] for row in theirs} == set(SUPERVISOR.groups)
    assert {row["of"] for row in file_of(admin, by="group")} > set(SUPERVISOR.groups)
    agent = site.client(AGENT)
    assert [agent.get(path).status_code for path in ("/reports", "/reports.csv")] == [403, 403]
    nobody = site.client()
    assert nobody.get("/reports.csv", follow_redirects=False).status_code in (303, 401)


@pytest.mark.parametrize(("query", "field"), [
    ({"from": "2026-02-30"}, "from"), ({"from": "2020-01-01"}, "from"), ({"to": '"><script>'}, "to"),
    ({"by": "<b>"}, "by"), ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
])
def test_what_cannot_be_stands_at_its_field_and_what_was_typed_too(admin: httpx.Client, query: dict[str, str],
                                                                   field: str) -> None:
    answer = admin.get("/reports", params=query)
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert "<script>" not in answer.text
    if "to" in query and field == "to":
        assert "&#34;&gt;&lt;script&gt;" in answer.text
    assert admin.get("/reports.csv", params=query).status_code == 422


@pytest.mark.parametrize("language", ["hu", "sk", "pl", "de", "ru"])
def test_in_every_language(admin: httpx.Client, language: str) -> None:
    for by in ("day", "agent"):
        answer = admin.get("/reports", params={"lang": language, "by": by, "measure": "kept"})
        assert answer.status_code == 200
        assert f'<html lang="{language}">' in answer.text
    admin.get("/reports", params={"lang": "en"})


def test_every_figure_has_its_name() -> None:
    assert {"day", "of", *names_of(str)} == set(COLUMNS)


@pytest.mark.parametrize(("value", "told"), [
    ("sales", "sales"), ("=1+1", "'=1+1"), ("@x", "'@x"), ("-2", "'-2"), ("+36301112233", "+36301112233"),
    ("+cmd", "'+cmd"), ("\tx", "'\tx"), (None, ""), (3, "3"), (2.5, "2.5"), ("", "")])
def test_no_name_is_a_formula_in_a_spreadsheet(value: object, told: str) -> None:
    assert cell(value) == told


# The same by the API

def test_the_api_gives_today_as_it_stands_and_days_in_pages(site: ConsoleSite, admin: httpx.Client) -> None:
    now = admin.get("/api/v1/figures").json()
    assert {"day", "total", "groups"} <= set(now)
    found: list[dict[str, object]] = []
    query = {"by": "agent", "limit": "4"}
    answer = admin.get("/api/v1/figures", params=query)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            break
        assert len(page["items"]) == 4
        answer = admin.get("/api/v1/figures", params={**query, "cursor": page["next"]})
    file = file_of(admin, by="agent")
    assert [(row["day"], row["of"]) for row in found] == [(row["day"], row["of"]) for row in file]
    assert [str(row["kept"]) for row in found] == [row["kept"] for row in file]
    supervisor = site.client(SUPERVISOR).get("/api/v1/figures", params={"by": "group"}).json()
    assert {row["of"] for row in supervisor["items"]} == set(SUPERVISOR.groups or ())
    agent = site.client(AGENT).get("/api/v1/figures", params={"by": "agent"}).json()
    assert {row["of"] for row in agent["items"]} == {AGENT.agent}


def test_the_api_gives_days_as_files(admin: httpx.Client) -> None:
    table = admin.get("/api/v1/figures/export", params={"by": "group"})
    assert table.text == admin.get("/reports.csv", params={"by": "group"}).text
    lines = admin.get("/api/v1/figures/export", params={"by": "group", "format": "jsonl"})
    assert lines.headers["content-type"] == "application/jsonl"
    rows = [json.loads(line) for line in lines.text.splitlines()]
    assert [row["of"] for row in rows] == [row["of"] for row in file_of(admin, by="group")]


def a_cursor(place: object, by: str, day: str) -> str:
    return cursors.write(place, "figures", by, day, day)  # type: ignore[arg-type]


@pytest.mark.parametrize(("query", "field"), [
    ({"from": "x"}, "from"), ({"to": "x"}, "to"), ({"by": "x"}, "by"), ({"by": "day", "limit": "0"}, "limit"),
    ({"by": "day", "cursor": "x"}, "cursor"), ({"by": "day", "colour": "red"}, "colour"),
])
def test_the_api_names_what_cannot_be(admin: httpx.Client, query: dict[str, str], field: str) -> None:
    answer = admin.get("/api/v1/figures", params=query)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_made_up_cursor_breaks_nothing(admin: httpx.Client) -> None:
    day = "2026-01-02"
    for place in ((5, None), (None, 7), ("2026-01-02", "x"), ("x", "\u202e")):
        answer = admin.get("/api/v1/figures", params={"from": day, "to": day, "by": "agent",
                                                      "cursor": a_cursor(place, "agent", day)})
        assert (answer.status_code, answer.json()["next"]) == (200, None)
