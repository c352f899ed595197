"""A page that is open while the daemon, or the console's process alone, goes and comes: with real processes."""

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error

from tests.kit.browser import Browser, Visitor
from tests.kit.console_site import ADMIN, PASSWORD, ConsoleSite
from tests.kit.waiting import eventually
from tests.survival.test_console_process import console_of

TROUBLE = ("ERR_", "/alive", "/live", "50[23] ")
"""What a page may complain of while nobody answers it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("restart"), past=()) as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, site: ConsoleSite) -> Iterator[Visitor]:
    with browser.visit(site.url) as one:
        one.expected = TROUBLE
        one.log_in(ADMIN.name, PASSWORD)
        yield one


def is_new(visitor: Visitor) -> bool:
    """Whether the page was loaded again since it was marked."""
    try:
        return bool(visitor.page.evaluate("window.marked === undefined && document.readyState === 'complete'"))
    except Error:
        return False


def test_who_types_while_the_daemon_is_started_again_loses_nothing(site: ConsoleSite, visitor: Visitor) -> None:
    page = visitor.open("/users")
    page.evaluate("window.marked = 1")
    page.fill("[name=name]", "newcomer")
    site.boomerang.kill9()
    page.wait_for_selector("#connection:not([hidden]) >> text=What you typed is kept")
    site.boomerang.restart()
    page.wait_for_selector("#connection.is-back >> text=Connected again", timeout=60_000)
    assert not is_new(visitor)
    assert page.input_value("[name=name]") == "newcomer"
    page.check("[name=role][value=admin]")
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    assert "newcomer" in str(page.text_content("main"))
    assert {one["name"] for one in site.verb("users.list")} >= {"newcomer"}


def test_who_only_looks_sees_it_anew(site: ConsoleSite, visitor: Visitor) -> None:
    page = visitor.open("/calls")
    page.evaluate("window.marked = 1")
    site.boomerang.kill9()
    page.wait_for_selector("#connection:not([hidden])")
    site.boomerang.restart()
    eventually(lambda: is_new(visitor), "the page, loaded again")
    assert page.is_hidden("#connection")
    assert page.query_selector("h1") is not None, "and nobody had to log in again"
    assert "/login" not in page.url


def test_a_console_that_was_killed_is_hardly_noticed(site: ConsoleSite, visitor: Visitor) -> None:
    page = visitor.open("/users")
    page.fill("[name=name]", "somebody")
    before = console_of(site.boomerang)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    page.reload()  # waits in the socket
    assert page.input_value("[name=name]") == "somebody"
    assert console_of(site.boomerang) not in (None, before)
