"""Callbacks, clicked through in Chromium: added, given to somebody, held, cancelled; and what the page then tells."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.kit.browser import PHONE, Browser, Visitor
from tests.kit.console_site import ADMIN, PASSWORD, SUPERVISOR, ConsoleSite
from tests.kit.waiting import eventually


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=()) as made:
        for agent in ("201", "202", "203"):
            made.verb("agents.pause", agent=agent, reason="lunch")  # nobody is rung behind the test's back
        yield made


@pytest.fixture(scope="module")
def visitor(browser: Browser, site: ConsoleSite) -> Iterator[Visitor]:
    with browser.visit(site.url) as made:
        made.page.on("dialog", lambda dialog: dialog.accept())
        made.log_in(SUPERVISOR.name, PASSWORD)
        yield made


def add(page: Page, **typed: str) -> str:
    """Add a callback by the form; return its id."""
    for name, value in typed.items():
        field = page.locator(f"#add [name='{name}']")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.locator("#add button[type=submit]").click()
    page.wait_for_url(re.compile(r"/callbacks/[0-9a-f-]{36}"))
    return page.url.rpartition("/")[2].partition("?")[0]


def task(site: ConsoleSite, name: str) -> dict[str, Any]:
    found: dict[str, Any] = site.verb("callbacks.show", id=name)
    return found


def test_what_is_typed_wrong_is_said_at_its_field_and_nothing_is_lost(visitor: Visitor) -> None:
    page = visitor.open("/callbacks/add")
    page.fill("#add [name=customer]", "12")
    page.fill("#add [name=note]", "Ask for Mr. <b>Kovács</b>")
    visitor.expected = ("422", "409")
    page.locator("#add button[type=submit]").click()
    page.locator(".flash-bad, .field-error").first.wait_for()
    visitor.complaints()
    visitor.expected = ()
    assert page.input_value("#add [name=note]") == "Ask for Mr. <b>Kovács</b>"
    assert page.input_value("#add [name=customer]") == "12"


def test_who_is_responsible_is_shown_and_released_and_counted(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/callbacks/add")
    name = add(page, customer="+36204441001", group="sales", responsible="202", responsible_wait="2")
    assert "Ben Szabó" in page.locator("dl.facts").inner_text()
    eventually(lambda: task(site, name)["released"], "it is released")
    page.locator("dl.facts", has_text="released").wait_for()
    journal = visitor.open(f"/callbacks/{name}").locator("ol.journal").inner_text()
    assert "202" in journal.partition("Released")[2]
    assert [line["kind"] for line in task(site, name)["journal"]].count("released") == 1

    def counted() -> int:
        agents = {one["extension"]: one["released_today"] for one in site.verb("agents.list")}
        return int(agents["202"])

    assert eventually(counted, "it is counted") == 1


def test_held_resumed_and_given_to_somebody_else(visitor: Visitor, site: ConsoleSite) -> None:
    name = add(visitor.open("/callbacks/add"), customer="+36204441002", group="sales")
    page = visitor.page
    page.fill("#hold-reason", "waits for an offer")
    page.locator("#hold button").click()
    page.locator("#resume").wait_for()
    assert task(site, name)["state"] == "held"
    page.locator("#resume button").click()
    page.locator("#hold").wait_for()
    page.locator("#reassign [name=responsible]").select_option("203")
    page.locator("#reassign button").click()
    page.locator(".flash-good").wait_for()
    assert (task(site, name)["state"], task(site, name)["responsible"]) == ("open", "203")
    assert SUPERVISOR.name in page.locator("ol.journal").inner_text()


def test_several_are_cancelled_at_once(visitor: Visitor, site: ConsoleSite) -> None:
    made = [site.verb("callbacks.add", customer=f"+3620444110{number}", group="sales", by="tests")["id"]
            for number in range(3)]
    page = visitor.open("/callbacks")
    for one in made:
        page.locator(f"input[name=id][value='{one}']").check()
    page.locator("button[name=act][value=cancel]").click()
    page.get_by_role("link", name="Back to the list").wait_for()
    assert {task(site, one)["state"] for one in made} == {"cancelled"}


def test_a_supervisor_sees_their_own_groups_alone(visitor: Visitor, site: ConsoleSite, browser: Browser) -> None:
    name = site.verb("callbacks.add", customer="+36204441201", group="service")["id"]
    assert "+36204441201" not in visitor.open("/callbacks?state=all").locator("main").inner_text()
    visitor.expected = ("403", "404")
    visitor.open(f"/callbacks/{name}")
    assert "+36204441201" not in visitor.page.locator("main").inner_text()
    visitor.complaints()
    visitor.expected = ()
    with browser.visit(site.url) as admin:
        admin.log_in(ADMIN.name, PASSWORD)
        assert "+36204441201" in admin.open("/callbacks").locator("main").inner_text()


def test_filters_and_order_are_the_servers(visitor: Visitor, site: ConsoleSite) -> None:
    page = visitor.open("/callbacks?state=all&customer=%2B36204441001")
    assert page.locator("main table tbody tr").count() == 1
    page = visitor.open("/callbacks?state=all&sort=customer&order=asc")
    numbers = page.locator("main table tbody a.number").all_inner_texts()
    assert numbers == sorted(numbers)
    assert len(numbers) > 3


def test_a_row_is_one_line_on_a_phone(browser: Browser, site: ConsoleSite) -> None:
    site.verb("callbacks.add", customer="+36204441301", group="sales", responsible="201", note="they have moved")
    with browser.visit(site.url, language="hu", size=PHONE) as visitor:
        visitor.log_in(SUPERVISOR.name, PASSWORD)
        page = visitor.open("/callbacks?state=all")
        rows = page.locator("main table tbody tr")
        lines: list[float] = rows.evaluate_all(
            "rows => rows.map(row => row.getBoundingClientRect().height"
            " / parseFloat(getComputedStyle(row).lineHeight))")
        assert lines
        assert max(lines) < 2.5, "a line, and the space around it"
        assert not visitor.overflows(), "the table scrolls, not the page"


def test_reading_works_without_scripts(browser: Browser, site: ConsoleSite) -> None:
    with browser.visit(site.url, scripts=False) as visitor:
        visitor.log_in(SUPERVISOR.name, PASSWORD)
        page = visitor.open("/callbacks?state=all")
        page.locator("main table tbody a.number").first.click()
        page.wait_for_url(re.compile(r"/callbacks/[0-9a-f-]{36}"))
        assert page.locator("ol.journal li").count() > 0
