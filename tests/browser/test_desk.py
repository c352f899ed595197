"""An agent's desk and what comes of it, with phones that ring: accept and decline by click, wrap-up, pause, tickets."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page

from proxy.demo.company.writing import keep
from tests.kit.browser import Browser, Visitor
from tests.kit.callback_scene import NOBODY, CallbackScene, policy
from tests.kit.console_site import ADMIN, AGENT, PASSWORD, people
from tests.kit.far_call import Plan
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import eventually

LISTENS = Plan(tone=440.0)
"""An agent who answers the phone, hears what it is about, and leaves the rest to a click."""
PORT = free_port()
BY_HAND = "+36201110009"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallbackScene]:
    callback = {"preview": "1s", "wrap_up": "60s", "accept_within": "60s", "retry_agent": "1s"}
    rules = policy(("201", "202"), callback=callback, tickets={"enabled": True, "on_start": True},
                   campaign={"10001": {"group": "sales", "as_ticket": True, "add_after": "1h",
                                       "ticket_subject": "Call %number% by hand"}})
    made = CallbackScene(tmp_path_factory.mktemp("d"), policy=rules, login=None,
                         extra={"console": {"listen": f"{LOOPBACK}:{PORT}"}})
    keep(made.boomerang.data, made.boomerang.name, (people(),))
    made.pbx.plans |= {"201": LISTENS, "202": NOBODY}
    with made:
        made.boomerang.cli("agents", "pause", "202", "--reason", "lunch")
        yield made


@pytest.fixture(scope="module")
def windows(browser: Browser, scene: CallbackScene) -> Iterator[tuple[Visitor, Visitor]]:
    """The agent's, and an admin's."""
    with ExitStack() as stack:
        both = [stack.enter_context(browser.visit(f"http://{LOOPBACK}:{PORT}")) for _ in range(2)]
        for visitor, person in zip(both, (AGENT, ADMIN), strict=True):
            visitor.log_in(person.name, PASSWORD)
        yield both[0], both[1]


def card(page: Page, customer: str) -> None:
    page.locator(".desk-card", has_text=customer).wait_for()


def click(page: Page, act: str) -> None:
    """Click once, and wait until the button is gone: a card that is drawn anew just then waits for the click."""
    button = page.locator(f"form[action='/desk/{act}'] button").first
    button.click()
    button.wait_for(state="detached")


def test_decline_puts_it_back(scene: CallbackScene, windows: tuple[Visitor, Visitor]) -> None:
    page = windows[0].open("/desk")
    scene.miss("+36201110001")
    card(page, "+36201110001")
    scene.agent_call(1)
    scene.boomerang.cli("agents", "resume", "202")
    page.locator("form[action='/desk/decline'] [name=reason]").first.fill("at lunch soon")
    click(page, "decline")
    scene.agent_call(1, "202")
    assert not scene.carrier.to("+36201110001"), "nobody has accepted"
    name = scene.tasks("+36201110001")[-1]["id"]
    detail = windows[1].open(f"/callbacks/{name}")
    assert "at lunch soon" in detail.locator("ol.journal").inner_text()
    assert "Declined by" in detail.locator("dl.facts").inner_text()
    detail.once("dialog", lambda dialog: dialog.accept())
    detail.locator("#cancel button").click()
    scene.task(lambda one: one["state"] == "cancelled", "it is cancelled", "+36201110001")
    scene.boomerang.cli("agents", "pause", "202", "--reason", "lunch")
    scene.all_quiet()


def test_accept_talk_and_done(scene: CallbackScene, windows: tuple[Visitor, Visitor]) -> None:
    page = windows[0].open("/desk")
    scene.miss("+36201110002")
    card(page, "+36201110002")
    agent = eventually(lambda: [one for one in scene.pbx.to("201") if one.shown == "+36201110002"], "their call")[0]
    eventually(lambda: agent.state == "up", "the agent has answered")
    click(page, "accept")
    customer = scene.customer_call(1, "+36201110002")
    name = scene.tasks("+36201110002")[-1]["id"]
    scene.task(lambda one: one["state"] == "done", "the promise is kept", "+36201110002")
    detail = windows[1].open(f"/callbacks/{name}")
    assert detail.locator("#cancel").count() == 0, "nothing can be cancelled any more"
    scene.hang_up(customer)
    page.locator(".desk-wrap_up").wait_for()
    click(page, "done")
    page.locator(".desk-card").wait_for(state="detached")
    ticket = windows[1].open(f"/callbacks/{name}").get_by_role("link", name="Open the ticket")
    ticket.click()
    windows[1].page.wait_for_url("**/tickets/**")
    assert "+36201110002" in windows[1].page.locator("main").inner_text()


def test_a_customer_who_does_not_answer_leaves_a_note_in_the_ticket(scene: CallbackScene,
                                                                    windows: tuple[Visitor, Visitor]) -> None:
    page = windows[0].open("/desk")
    scene.carrier.plans["+36201110003"] = Plan(status=480)
    scene.miss("+36201110003")
    card(page, "+36201110003")
    agent = eventually(lambda: [one for one in scene.pbx.to("201") if one.shown == "+36201110003"], "their call")[0]
    eventually(lambda: agent.state == "up", "the agent has answered")
    click(page, "accept")
    row = scene.task(lambda one: one["attempts"] == 1, "an attempt that counts", "+36201110003")
    page.locator(".desk-wrap_up").wait_for()
    click(page, "done")
    admin = windows[1].open(f"/callbacks/{row['id']}")
    admin.get_by_role("link", name="Open the ticket").click()
    admin.wait_for_url("**/tickets/**")

    def noted() -> bool:
        notes = admin.locator("main").inner_text()
        if "nternal" in notes and "the customer did not answer" in notes:
            return True
        admin.reload()
        return False

    eventually(noted, "an internal note of the try", every=0.2)
    admin.once("dialog", lambda dialog: dialog.accept())
    windows[1].open(f"/callbacks/{row['id']}").locator("#cancel button").click()
    scene.task(lambda one: one["state"] == "cancelled", "it is cancelled", "+36201110003")


def test_one_click_in_a_ticket_makes_the_callback(scene: CallbackScene, windows: tuple[Visitor, Visitor]) -> None:
    scene.pbx.plans["201"] = NOBODY
    scene.boomerang.cli("callbacks", "add", BY_HAND, "--group", "sales", "--campaign", "10001")
    eventually(lambda: scene.boomerang.sql("SELECT 1 FROM tickets WHERE customer=?", BY_HAND), "its ticket is kept")
    admin = windows[1].open("/tickets")
    admin.get_by_text(f"Call {BY_HAND} by hand").first.click()
    admin.wait_for_url("**/tickets/**")
    admin.get_by_role("button", name="Call the customer back").click()
    row = scene.task(lambda one: one["kind"] == "manual" and one["state"] == "open", "a callback", BY_HAND)
    assert row["group"] == "sales"


def test_a_pause_with_its_reason_is_seen_by_who_looks_at_the_board(scene: CallbackScene,
                                                                   windows: tuple[Visitor, Visitor]) -> None:
    page, board = windows[0].open("/desk"), windows[1].open("/")
    page.fill("#pausing [name=reason]", "training")
    page.locator("#pausing button").click()
    page.locator("form[action='/desk/resume'] button").wait_for()
    board.get_by_text("training").wait_for()
    click(page, "resume")
    board.get_by_text("training").wait_for(state="detached")
