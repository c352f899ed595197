"""Every page as each role, in a real Chromium, at a company whose names were meant to do harm."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from proxy.console.rendering import PAGES
from proxy.demo.company.house import LogIn
from tests.browser.hostile import TAKEN, past, policy
from tests.kit.browser import PHONE, WIDE, Browser, Visitor
from tests.kit.console_site import ADMIN, AGENT, PASSWORD, SUPERVISOR, ConsoleSite

HEAVIEST: Final = 250_000
"""Octets of a page that is opened for the first time, with its style and its scripts."""
ROLES: Final[dict[str, LogIn]] = {person.role: person for person in (ADMIN, SUPERVISOR, AGENT)}
RANK: Final = ("agent", "supervisor", "admin")
PATHS: Final = [("/account", "agent"), *((path, role) for path, _, role, *_ in PAGES)]
OF_ONE: Final = (
    "/tickets/{ticket}", "/callbacks/{task}", "/calls/{call}", "/callbacks/add", "/desk?agent=201", "/agents/203",
    "/groups/sales", "/numbers/%2B3614446666", "/campaigns/10001", "/campaigns/new", "/direct?agent=202",
    "/setup?group=sales", "/setup/queue", "/system/policy",
)
"""Pages of one thing, and those that are reached from others."""
LANGUAGES: Final = ("en", "hu", "sk", "pl", "de", "ru")

Window = tuple[str, bool]
"""Whose it is, and whether it is a phone in the dark."""


class Windows:
    """A window for each role, opened and logged in when it is first asked for."""

    def __init__(self, browser: Browser, site: ConsoleSite, stack: ExitStack) -> None:
        self._browser, self._site, self._stack = browser, site, stack
        self._open: dict[Window, Visitor] = {}

    def of(self, person: LogIn, phone: bool = False) -> Visitor:
        key = person.name, phone
        if key not in self._open:
            visit = self._browser.visit(self._site.url, size=PHONE if phone else WIDE,
                                        scheme="dark" if phone else "light")
            visitor = self._stack.enter_context(visit)
            visitor.log_in(person.name, PASSWORD)
            self._open[key] = visitor
        return self._open[key]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=past(), policy=policy()) as made:
        yield made


@pytest.fixture(scope="module")
def windows(browser: Browser, site: ConsoleSite) -> Iterator[Windows]:
    with ExitStack() as stack:
        yield Windows(browser, site, stack)


def look(visitor: Visitor, path: str) -> None:
    """Open a page and expect nothing to be wrong with it."""
    visitor.open(path)
    assert visitor.page.title() != TAKEN
    assert visitor.barriers() == []
    assert visitor.complaints() == []


@pytest.mark.parametrize(("path", "least"), PATHS)
@pytest.mark.parametrize("role", RANK)
def test_a_page_as_a_role(windows: Windows, role: str, path: str, least: str) -> None:
    visitor = windows.of(ROLES[role])
    if RANK.index(role) >= RANK.index(least):
        look(visitor, f"{path}?lang={LANGUAGES[len(path) % len(LANGUAGES)]}")
        return
    visitor.expected = (rf"403 GET .*{path}",)
    try:
        visitor.open(path)
        assert visitor.page.locator("h1").count() == 1, "who may not see it is told so"
        assert visitor.complaints() == []
    finally:
        visitor.expected = ()


@pytest.mark.parametrize(("path", "least"), PATHS)
def test_a_page_on_a_phone_in_the_dark(windows: Windows, path: str, least: str) -> None:
    visitor = windows.of(ADMIN, phone=True)
    look(visitor, path)
    assert not visitor.overflows()


@pytest.mark.parametrize("path", OF_ONE)
def test_a_page_of_one_thing(windows: Windows, site: ConsoleSite, path: str) -> None:
    """Those of whose names were meant to do harm are the newest: tickets with such subjects, agents, campaigns."""
    rows = {"ticket": "SELECT number FROM tickets ORDER BY number DESC",
            "call": "SELECT id FROM calls ORDER BY id DESC",
            "task": "SELECT task FROM attempts GROUP BY task ORDER BY count(*) DESC"}
    ids = {name: site.boomerang.sql(f"{query} LIMIT 1")[0][0] for name, query in rows.items()}
    look(windows.of(ADMIN), path.format(**ids))


@pytest.mark.parametrize(("path", "least"), PATHS)
def test_a_page_is_light(browser: Browser, site: ConsoleSite, windows: Windows, path: str, least: str) -> None:
    """A cache that is empty: a window of its own, with the cookies of who has logged in."""
    state = windows.of(ADMIN).state()
    with browser.visit(site.url, storage_state=state) as fresh:
        assert 0 < fresh.weigh(path) < HEAVIEST


def test_who_has_not_logged_in_is_asked_to(browser: Browser, site: ConsoleSite, tmp_path: Path) -> None:
    with browser.visit(site.url) as visitor:
        visitor.open("/?lang=hu")
        assert "/login" in visitor.page.url
        assert visitor.barriers() == []
