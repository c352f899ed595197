"""What a page does by itself, in a real Chromium: it says that the connection is lost, comes back, and keeps what is
typed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from jinja2 import ChoiceLoader, DictLoader
from playwright.sync_api import Error, Page

from proxy.console.asking import Asked
from proxy.console.rendering import ENVIRONMENT, forward, page
from tests.kit.browser import Browser, Visitor
from tests.kit.console import PASSWORD, Served, SomePeople, SomeUser, serve_console
from tests.kit.waiting import eventually

PAGE = """{% extends "base.html" %}{% import "parts.html" as parts with context %}{% block main %}
<h1>{{ names["board"] }}</h1>
<p id="loads">{{ now }}</p>
<form method="post" action="/tried" id="form">{{ parts.token() }}
{{ parts.field("name", "Name") }}{{ parts.area("note", "Note") }}{{ parts.check("on", "On") }}
{{ parts.choice("what", "What", [("a", "a"), ("b", "b")], "a") }}
{{ parts.radios("when", "When", [("now", "now", ""), ("later", "later", ""), ("never", "never", "")], when) }}
{{ parts.field("password", "Password", type="password") }}
<button class="button" name="how" value="good">Good</button><button class="button" name="how" value="bad">Bad</button>
<button class="button" name="how" value="wrong">Wrong</button>
</form>
<button class="button" data-opens="more">More</button>
<dialog class="dialog" id="more" aria-label="More"><button data-closes class="button">Less</button></dialog>
<div sse-connect="/tried/events"><p id="told" sse-swap="told">nothing</p>
<div sse-swap="box"></div><div sse-swap="press"></div></div>
<select aria-label="Recording" data-plays="sounds"><option value="" data-sounds="/one.wav /two.wav">built in</option>
<option value="ours" data-sounds="/ours.wav">ours</option><option value="gone" data-sounds="">gone</option></select>
<span id="sounds"><span><audio controls preload="none" src="/one.wav"></audio></span>
<span><audio controls preload="none" src="/two.wav"></audio></span></span>
<p>since <span id="since" data-since="{{ now }}">0:00</span></p>
<label>All <input type="checkbox" data-checks="row"></label>
<input type="checkbox" name="row" aria-label="1"><input type="checkbox" name="row" aria-label="2">
{% endblock %}"""
"""A page of these tests: everything that pages can ask of the script."""
HEARING = """{% extends "base.html" %}{% block main %}<h1>{{ names["desk"] }}</h1>
<div sse-connect="/tried/events" data-hears><p id="told" sse-swap="told">nothing</p></div>{% endblock %}"""
"""A page that goes on though nobody sees it."""
TABS = 8
"""More than a browser's connections to one server."""

router = APIRouter()
followed: set[object] = set()
"""Streams that are open."""


@router.get("/tried")
async def show(asking: Asked) -> Response:
    return page(asking, "tried.html", when="later")


@router.post("/tried")
async def take(request: Request, asking: Asked) -> Response:
    form = await request.form()
    if form["how"] == "wrong":
        return page(asking, "tried.html", status=422, when=form["when"])
    return forward(asking, "/tried", "taken" if form["how"] == "good" else "refused",
                   "good" if form["how"] == "good" else "bad")


@router.get("/tried/hearing")
async def hear(asking: Asked) -> Response:
    return page(asking, "hearing.html")


@router.get("/tried/events")
async def events(request: Request) -> Response:
    async def told() -> AsyncIterator[str]:
        followed.add(request)
        try:
            for number in range(1, 400):
                yield f"event: told\nid: {number}\ndata: <b>{number}</b>\n\n"
                yield (f'event: box\ndata: <label>In it <input id="inside" data-number="{number}"></label>'
                       '<button id="beside">Beside</button>\n\n')
                yield f'event: press\ndata: <button id="press" data-number="{number}">Press</button>\n\n'
                await asyncio.sleep(0.05)
                if await request.is_disconnected():
                    return
        finally:
            followed.discard(request)

    return StreamingResponse(told(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    loader = ENVIRONMENT.loader
    assert loader is not None
    ENVIRONMENT.loader = ChoiceLoader([loader, DictLoader({"tried.html": PAGE, "hearing.html": HEARING})])
    try:
        people = SomePeople({"admin": SomeUser("admin")})
        with serve_console(tmp_path_factory.mktemp("script"), people, router) as console:
            yield console
    finally:
        ENVIRONMENT.loader = loader


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    with browser.visit(f"http://127.0.0.1:{served.port}") as one:
        one.log_in("admin", PASSWORD)
        one.complaints()  # of the first page, which asks a node that knows nothing
        one.open("/tried")
        yield one


def fill(visitor: Visitor) -> None:
    visitor.page.fill("[name=name]", "Anna <b>")
    visitor.page.fill("[name=note]", "two\nlines")
    visitor.page.check("[name=on]")
    visitor.page.select_option("[name=what]", "b")
    visitor.page.check("[value=never]")
    visitor.page.fill("[name=password]", "secret")


def typed(visitor: Visitor) -> tuple[str, str, bool, str, str, str]:
    page = visitor.page
    return (page.input_value("[name=name]"), page.input_value("[name=note]"), page.is_checked("[name=on]"),
            page.input_value("[name=what]"), page.evaluate("document.querySelector('[name=when]:checked').value"),
            page.input_value("[name=password]"))


def until(visitor: Visitor, look: str) -> None:
    """Wait until an expression is true; between two pages there is nothing to look at."""

    def true() -> bool:
        try:
            return bool(visitor.page.evaluate(look))
        except Error:
            return False

    eventually(true, look)


def streams(visitor: Visitor) -> int:
    """How many streams of events the page holds."""
    return int(visitor.page.evaluate("window.held.filter((one) => one.readyState !== EventSource.CLOSED).length"))


def see(page: Page, *, hidden: bool) -> None:
    """Show the page, or another tab before it: to a browser without a screen every tab is seen."""
    page.evaluate("""(hidden) => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }""", hidden)


def test_a_page_that_nobody_sees_holds_no_connection(visitor: Visitor) -> None:
    """A browser has six to a host: the seventh tab would not come, and nothing could be sent from any."""
    visitor.page.add_init_script("""
        window.held = [];
        window.EventSource = class extends EventSource {
            constructor(...all) { super(...all); window.held.push(this); }
        };
    """)
    visitor.open("/tried")
    until(visitor, "Number(document.getElementById('told').textContent) > 3")
    assert streams(visitor) == 1
    see(visitor.page, hidden=True)
    assert streams(visitor) == 0
    visitor.page.evaluate("document.getElementById('told').textContent = 'gone'")
    see(visitor.page, hidden=False)
    assert streams(visitor) == 1
    until(visitor, "Number(document.getElementById('told').textContent) > 3")


KEPT = ("Anna <b>", "two\nlines", True, "b", "never", "")
NOTHING = ("", "", False, "a", "later", "")


def test_what_is_typed_outlives_the_page(visitor: Visitor) -> None:
    fill(visitor)
    visitor.page.reload()
    visitor.page.wait_for_selector(".restored")
    assert typed(visitor) == KEPT, "but for passwords, which are kept nowhere"
    assert "secret" not in visitor.page.evaluate("JSON.stringify({...sessionStorage})")
    visitor.page.click(".restored button")
    assert typed(visitor) == NOTHING
    visitor.page.reload()
    assert typed(visitor) == NOTHING


def test_what_was_taken_is_typed_no_more_and_what_was_refused_is(visitor: Visitor) -> None:
    fill(visitor)
    visitor.page.click("text=Bad")
    visitor.page.wait_for_selector(".flash-bad")
    assert typed(visitor) == KEPT
    visitor.page.click("text=Good")
    visitor.page.wait_for_selector(".flash-good")
    assert typed(visitor) == NOTHING
    visitor.page.reload()
    assert not visitor.page.query_selector(".flash-good")
    assert typed(visitor) == NOTHING


def test_the_answer_to_a_form_shows_what_it_shows(visitor: Visitor) -> None:
    fill(visitor)
    visitor.expected = ("422",)
    visitor.page.click("text=Wrong")
    visitor.page.wait_for_url("**/tried")
    until(visitor, "document.body.dataset.sent === 'yes'")
    assert visitor.page.query_selector(".restored") is None
    assert typed(visitor)[4] == "never"
    visitor.page.check("[value=now]")
    visitor.open("/tried")
    visitor.page.wait_for_selector(".restored")
    assert typed(visitor)[4] == "now"
    visitor.page.check("[value=later]")
    visitor.page.reload()
    assert typed(visitor)[4] == "later", "back as it was: nothing of it is kept"


def test_a_node_that_goes_is_said_and_the_page_comes_back_by_itself(served: Served, visitor: Visitor) -> None:
    before = visitor.page.text_content("#loads")
    visitor.expected = ("events",)
    served.node.go()
    try:
        visitor.page.wait_for_selector("#connection:not([hidden]) >> text=The node is being started again")
    finally:
        served.node.come()
    until(visitor, f"document.getElementById('loads').textContent !== '{before}'")
    assert visitor.page.is_hidden("#connection")


def test_a_lost_connection_is_said_and_nothing_typed_is_sent_or_lost(visitor: Visitor) -> None:
    before = visitor.page.text_content("#loads")
    fill(visitor)
    visitor.expected = ("ERR_", "events", "alive")
    visitor.page.context.set_offline(True)
    visitor.page.wait_for_selector("#connection:not([hidden]) >> text=No connection to the console")
    visitor.page.click("text=Good")
    visitor.page.wait_for_selector("text=Not sent")
    visitor.page.context.set_offline(False)
    visitor.page.wait_for_selector("#connection.is-back >> text=Connected again")
    assert visitor.page.text_content("#loads") == before, "who is typing is not disturbed"
    assert typed(visitor) == (*KEPT[:5], "secret")
    visitor.page.click("text=Good")
    visitor.page.wait_for_selector(".flash-good")


def test_events_take_their_place_and_leave_alone_who_types(visitor: Visitor) -> None:
    page = visitor.page
    until(visitor, "Number(document.getElementById('told').textContent) > 3")
    assert page.query_selector("#told b") is not None
    page.focus("#inside")
    page.keyboard.type("x")
    at = page.get_attribute("#inside", "data-number")
    until(visitor, f"Number(document.getElementById('told').textContent) > {at} + 5")
    assert (page.input_value("#inside"), page.get_attribute("#inside", "data-number")) == ("x", at)
    page.focus("[name=name]")
    until(visitor, f"document.getElementById('inside').dataset.number !== '{at}'")


def number(page: Page) -> int:
    """Which drawing of the button stands there."""
    return int(page.get_attribute("#press", "data-number") or 0)


def told(page: Page) -> int:
    return int(page.inner_text("#told"))


def later(page: Page) -> None:
    """Let some more events come."""
    seen = told(page)
    eventually(lambda: told(page) > seen + 4, "events go on")


@pytest.fixture
def button(visitor: Visitor) -> Page:
    """A page with a button that is drawn anew twenty times a second, and that counts its clicks."""
    page = visitor.page
    page.evaluate("""() => {
        window.clicks = 0;
        document.addEventListener("click", (event) => { window.clicks += Boolean(event.target.closest("#press")); });
    }""")
    eventually(lambda: page.locator("#press").count() and told(page) > 3, "the button is there")
    return page


def hold_down(page: Page, what: str = "#press") -> None:
    """Press a button with the mouse."""
    across, down = page.evaluate("""(what) => {
        const button = document.querySelector(what);
        button.scrollIntoView({block: "center"});
        const box = button.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }""", what)
    page.mouse.move(across, down)
    page.mouse.down()


def goes_on(page: Page, at: int) -> None:
    eventually(lambda: number(page) > at, "it is drawn anew again")


def test_what_is_pressed_is_not_drawn_anew_until_it_is_let_go(button: Page) -> None:
    for clicks in (1, 2):
        hold_down(button)
        at = number(button)
        later(button)
        assert number(button) == at, "it stays under the pointer"
        button.mouse.up()
        eventually(lambda clicks=clicks: button.evaluate("window.clicks") == clicks, "the click counts")  # type: ignore[misc]
        goes_on(button, at)


def test_a_press_that_is_let_go_elsewhere_holds_nothing_up(button: Page) -> None:
    hold_down(button)
    button.mouse.move(1, 1)
    at = number(button)
    button.mouse.up()
    goes_on(button, at)
    hold_down(button)
    at = number(button)
    button.evaluate("dispatchEvent(new PointerEvent('pointermove', {buttons: 0}))")  # let go where nobody saw it
    goes_on(button, at)
    button.mouse.up()
    hold_down(button)
    at = number(button)
    button.evaluate("dispatchEvent(new Event('blur'))")
    goes_on(button, at)
    button.mouse.up()


def test_the_space_bar_presses_like_a_pointer(button: Page) -> None:
    button.focus("#press")
    button.keyboard.down(" ")
    at = number(button)
    later(button)
    assert number(button) == at
    button.keyboard.up(" ")
    eventually(lambda: button.evaluate("window.clicks") == 1, "the click counts")
    goes_on(button, at)


def test_who_leaves_a_field_by_a_click_beside_it_has_clicked(visitor: Visitor) -> None:
    """What waited for the field is not drawn between the press, which takes the focus from it, and the release."""
    page = visitor.page
    eventually(lambda: page.locator("#inside").count(), "the field is there")
    page.evaluate("""() => {
        window.clicks = 0;
        document.addEventListener("click", (event) => { window.clicks += event.target.id === "beside"; });
    }""")
    page.focus("#inside")
    at = page.get_attribute("#inside", "data-number")
    later(page)
    hold_down(page, "#beside")
    later(page)
    assert page.get_attribute("#inside", "data-number") == at
    page.mouse.up()
    eventually(lambda: page.evaluate("window.clicks") == 1, "the click counts")


def test_dialogs_boxes_and_seconds(visitor: Visitor) -> None:
    page = visitor.page
    page.click("text=More")
    assert page.is_visible("#more")
    page.click("text=Less")
    assert page.is_hidden("#more")
    page.check("[data-checks]")
    assert page.evaluate("[...document.getElementsByName('row')].every((one) => one.checked)")
    until(visitor, "document.getElementById('since').textContent > '0:01'")


def test_what_is_chosen_is_what_is_played(visitor: Visitor) -> None:
    page = visitor.page
    players = page.locator("#sounds audio")
    for chosen, heard in (("ours", ["/ours.wav", None]), ("gone", [None, None]), ("", ["/one.wav", "/two.wav"])):
        page.get_by_label("Recording").select_option(chosen)
        assert [players.nth(place).get_attribute("src") for place in range(2)] == heard
        assert [players.nth(place).is_visible() for place in range(2)] == [one is not None for one in heard]


def test_the_menu_of_languages_is_for_the_keyboard_too(visitor: Visitor) -> None:
    page = visitor.page
    page.focus("details.who summary")
    page.keyboard.press("Enter")
    assert page.is_visible(".languages")
    page.keyboard.press("Escape")
    assert page.is_hidden(".languages")
    page.keyboard.press("Enter")
    page.click("text=Magyar")
    page.wait_for_selector("html[lang=hu]")
    page.goto(visitor.base + "/tried")
    assert page.get_attribute("html", "lang") == "hu"
    page.goto(visitor.base + "/tried?lang=en")


def test_without_scripts_pages_are_read_and_sent(browser: Browser, served: Served) -> None:
    with browser.visit(f"http://127.0.0.1:{served.port}", scripts=False) as one:
        one.log_in("admin", PASSWORD)
        one.complaints()  # of the first page, which asks a node that knows nothing
        one.open("/tried")
        one.page.fill("[name=name]", "Anna")
        one.page.click("text=Good")
        one.page.wait_for_selector(".flash-good")
        one.page.set_viewport_size({"width": 390, "height": 844})
        one.page.click(".menu-open")
        assert one.page.is_visible("nav.pages")
        one.page.click(".menu-close")
        assert one.page.is_hidden("nav.pages")


def test_any_number_of_tabs_are_open_side_by_side(visitor: Visitor) -> None:
    tabs = [visitor.page]
    for _ in range(TABS - 1):
        see(tabs[-1], hidden=True)
        tabs.append(visitor.page.context.new_page())
        tabs[-1].goto(visitor.base + "/tried")
        tabs[-1].wait_for_selector("#told b")
    eventually(lambda: len(followed) == 1, "the tab that is seen has the one stream")
    see(tabs[-1], hidden=True)
    eventually(lambda: not followed, "nobody sees any")
    before = tabs[0].inner_text("#told")
    see(tabs[0], hidden=False)
    eventually(lambda: tabs[0].inner_text("#told") != before, "what is seen again goes on")
    assert not tabs[0].is_visible("#connection")
    for one in tabs[1:]:
        one.close()


def test_what_makes_itself_heard_goes_on_in_one_hidden_tab(visitor: Visitor) -> None:
    visitor.open("/tried/hearing")
    tabs = [visitor.page, *(visitor.page.context.new_page() for _ in range(2))]
    for one in tabs[1:]:
        one.goto(visitor.base + "/tried/hearing")
    for one in tabs:
        one.wait_for_selector("#told b")
        see(one, hidden=True)
    eventually(lambda: len(followed) == 1, "one of three goes on")
    marks = [one.inner_text("#told") for one in tabs]
    going = eventually(lambda: [one for one, mark in zip(tabs, marks, strict=True) if one.inner_text("#told") != mark],
                       "it is the one that changes")
    assert len(going) == 1
    going[0].goto(visitor.base + "/login")
    eventually(lambda: len(followed) == 1, "another one takes its place")
    for one in visitor.page.context.pages[1:]:
        one.close()


def test_a_double_click_sends_a_form_once(visitor: Visitor) -> None:
    sent = visitor.page.evaluate("""() => {
        const button = document.querySelector("[value=good]");
        let sent = 0;
        document.addEventListener("submit", (event) => { sent += !event.defaultPrevented; event.preventDefault(); });
        button.click();
        button.click();
        return sent;
    }""")
    assert sent == 1
