"""A first day with the console, from the set-up to the figures, in two languages: two real Asterisks, PJSIP phones, and
people who click in Chromium.

A supervisor switches callbacks on in three steps; a customer is missed; the agent sees the card, accepts by a click and
talks; the callback's page then tells what happened, with its messages and its recording, and the figures count it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from playwright.sync_api import Page

from proxy.demo.company.writing import keep
from tests.kit.browser import MISSING, Browser, Visitor, chromium
from tests.kit.call_center import AGENT_TONE, CUSTOMER_TONE, CallCenter
from tests.kit.console_site import ADMIN, AGENT, PASSWORD, people
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import eventually, stays
from tests.peers.conftest import lacking
from tests.peers.test_callback import UNANSWERED, gives_up

pytestmark = pytest.mark.usefixtures("pjsip")

CUSTOMERS: Final = {"hu": "+36201234567", "en": "+36301112233"}


class Said(NamedTuple):
    """What is typed and what pages then say, in a language."""

    attempts: str
    saved: str


SAID: Final = {"hu": Said("5", "Mentve"), "en": Said("4", "Saved")}

POLICY: Final = {
    "number": {UNANSWERED: {"group": "sales"}},
    "agent": {"201": {"name": "Kovács Anna"}},
    "group": {"sales": {"target": "600", "agents": ["201"],
                        "callback": {"min_talk": "1s", "preview": "2s", "wrap_up": "60s", "record": True}}},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if MISSING:
        lacking(MISSING)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def url() -> str:
    return f"http://{LOOPBACK}:{free_port()}"


@pytest.fixture(scope="module")
def center(asterisk: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCenter]:
    folder = tmp_path_factory.mktemp("walk")
    made = CallCenter(asterisk, folder, customers=[*CUSTOMERS.values()], policy=POLICY, phones=("201",),
                      pbx={"answers": "on_agent"}, extra={"console": {"listen": url.removeprefix("http://")}})
    keep(made.boomerang.data, made.boomerang.name, (people(),))
    with made:
        yield made


def window(stack: ExitStack, browser: Browser, url: str, name: str, language: str) -> Visitor:
    """A window of somebody who has logged in and reads this language."""
    visitor = stack.enter_context(browser.visit(url, language=language))
    visitor.log_in(name, PASSWORD)
    return visitor


def set_up(page: Page, attempts: str) -> None:
    """The three steps: on, until when, how often."""
    page.locator("form.settings [name='missed_callback.enabled']").select_option("true")
    page.locator("form.settings [name='missed_callback.window'][value='24h']").check()
    page.locator("form.settings [name='missed_callback.attempts']").fill(attempts)
    page.locator("form.settings button[value=save]").click()
    page.locator(".flash-good").wait_for()


@pytest.mark.parametrize("language", ["hu", "en"])
def test_a_first_day(browser: Browser, center: CallCenter, url: str, language: str) -> None:
    number, words = CUSTOMERS[language], SAID[language]
    with ExitStack() as stack:
        admin = window(stack, browser, url, ADMIN.name, language)
        set_up(admin.open("/setup"), words.attempts)
        assert words.saved in admin.page.locator(".flash-good").inner_text()

        anna = window(stack, browser, url, AGENT.name, language)
        desk = anna.open("/desk")
        phone, customer = center.agent("201", answer="silent"), center.customer(number)
        center.agent_becomes("201", "free")
        gives_up(customer, UNANSWERED)
        phone.ended()
        began, seen = len(customer.lines), len(phone.lines)
        card = desk.locator(".card", has_text=number).first
        card.wait_for()
        phone.rings(after=seen)
        phone.pick_up()
        phone.talks(after=seen)
        stays(lambda: customer.rang() == 0, "nobody is dialled before the agent accepts", 1)
        desk.locator("form[action$='/accept'] button").first.click()
        assert UNANSWERED in customer.rings(after=began)
        customer.talks(after=began)
        stays(lambda: phone.running, "they talk", 3)
        customer.hang_up()
        phone.ended(after=seen)
        task = center.task(lambda row: row["state"] == "done" and row["customer"] == number, "the promise is kept")
        desk.locator("form[action$='/done'] button").first.click()
        center.agent_becomes("201", "free")

        page = admin.open(f"/callbacks/{task['id']}")
        page.locator("details.messages summary").first.click()
        page.locator("details.messages svg").wait_for()
        assert "INVITE" in str(page.locator("details.messages svg").first.text_content())
        sound = page.locator("audio").first.get_attribute("src")
        heard = page.request.get(url + str(sound))
        assert (heard.status, heard.body()[:4]) == (200, b"RIFF")
        assert phone.hears().seconds_of(CUSTOMER_TONE) > 1
        assert customer.hears(1).seconds_of(AGENT_TONE) > 1
        cells = admin.open("/").locator("[data-figures='group:sales'] td")
        figures = ["0", str(len(center.tasks()))]
        eventually(lambda: cells.all_inner_texts()[:2] == figures, "the board counts it", every=0.5)
        assert admin.open("/reports").locator("main svg").count() > 0
