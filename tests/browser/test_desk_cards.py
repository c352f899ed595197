"""An agent's desk in Chromium: a card comes by itself, nothing typed is lost by it, and it is declined by a click."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.kit.browser import PHONE, Browser
from tests.kit.console import PASSWORD
from tests.kit.task_site import TaskSite
from tests.kit.waiting import eventually


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskSite]:
    with TaskSite(tmp_path_factory.mktemp("desk")) as site:
        site.verb("agents.pause", agent="202", reason="away")
        yield site


def test_a_card_comes_by_itself_and_is_declined_by_a_click(browser: Browser, site: TaskSite) -> None:
    with browser.visit(site.url) as visitor:
        visitor.log_in("anna", PASSWORD)
        page = visitor.open("/desk")
        assert page.locator("[data-card]").count() == 0
        assert not page.locator("#sound").is_checked()
        assert not page.locator("#notice").is_checked()
        page.evaluate("window.beeps = 0; window.AudioContext = class { constructor() { window.beeps += 1; } "
                      "resume() { return Promise.reject(); } }; addEventListener('unhandledrejection', "
                      "(event) => event.preventDefault())")
        page.locator("#sound").check()
        assert page.evaluate("window.beeps") == 1
        page.fill("#f-reason", "lunch with Eva")
        task = site.promise("+36702210001", note="<b>Eva</b>")
        card = page.locator("[data-card]")
        card.wait_for()
        assert "+36702210001" in card.inner_text()
        assert "<b>Eva</b>" in card.inner_text()
        clock = card.locator("[data-until]").inner_text()
        assert re.fullmatch(r"[0-2]:\d\d", clock), clock
        assert page.input_value("#f-reason") == "lunch with Eva", "what was typed is there"
        assert visitor.barriers() == []
        card.locator("input[name=reason]").fill("not mine")
        card.locator("form[action$='/decline'] button").click()
        page.locator(".flash-good").wait_for()
        eventually(lambda: "201" in site.verb("callbacks.show", id=task)["declined_by"], "it is declined")
        assert page.locator("#sound").is_checked(), "the browser remembers it"
        site.verb("callbacks.cancel", id=task)


def test_a_click_counts_though_the_desk_changes_between_press_and_release(browser: Browser, site: TaskSite) -> None:
    task = site.promise("+36702250001")
    with browser.visit(site.url) as visitor:
        visitor.log_in("anna", PASSWORD)
        page = visitor.open("/desk")
        card = page.locator("[data-card]", has_text="+36702250001")
        card.wait_for()
        button = card.locator("form[action$='/decline'] button")

        def pressed() -> bool:
            """Whether the press has met it, not the place where it was before something above it came."""
            button.hover()
            page.mouse.down()
            if button.evaluate("one => one.matches(':active')"):
                return True
            page.mouse.up()
            return False

        eventually(pressed, "the button is pressed")
        with page.expect_event("console", lambda said: said.text == "the desk has changed"):
            page.evaluate("""() => {
                const desk = document.querySelector("[sse-connect^='/desk/']");
                const source = new EventSource(desk.getAttribute("sse-connect"));
                source.addEventListener("desk", (event) => {
                    if (!event.data.includes("lunch with Eva")) return;
                    source.close();
                    console.log("the desk has changed");
                });
            }""")
            site.verb("agents.pause", agent="201", reason="lunch with Eva")
        page.mouse.up()
        page.locator(".flash").wait_for()  # declined, or too late: the pause takes the callback from them as well
        site.verb("agents.resume", agent="201")
        site.verb("callbacks.cancel", id=task)


def test_a_desk_on_a_phone_in_the_dark(browser: Browser, site: TaskSite) -> None:
    task = site.promise("+36702220001", note="Wants an offer")
    eventually(lambda: site.verb("agents.desk", agent="201")["cards"], "a card")
    with browser.visit(site.url, language="hu", scheme="dark", size=PHONE) as visitor:
        visitor.log_in("anna", PASSWORD)
        page = visitor.open("/desk")
        assert "Elfogad\u00e1s" in page.locator("[data-card]").inner_text()
        assert not visitor.overflows()
        assert visitor.barriers() == []
    site.verb("callbacks.hold", id=task)


def test_the_pages_of_callbacks_have_no_barriers(browser: Browser, site: TaskSite) -> None:
    task = site.promise("+36702230001", "support", at=time.time() + 3600)
    with browser.visit(site.url) as visitor:
        visitor.log_in("olga", PASSWORD)
        for path in ("/callbacks", f"/callbacks/{task}", "/callbacks/add", "/desk", "/desk?agent=201"):
            page = visitor.open(path)
            assert visitor.barriers() == [], path
            assert not visitor.overflows(), path
        visitor.open("/callbacks")
        page.locator("[data-checks=id]").check()
        boxes = page.locator("input[name=id]")
        assert boxes.count() == page.locator("input[name=id]:checked").count() > 0
