"""Ten thousand callbacks, and what the console makes of them."""

import random
import time
from collections.abc import Iterator

import pytest

from proxy.demo.company.past import DAY, Past
from tests.kit.browser import Browser
from tests.kit.console_site import ADMIN, PASSWORD, ConsoleSite

CALLBACKS = 10_000
OPEN = 4_000
QUICK = 1.5
"""Seconds, on a machine that does much else; `python -m tests.bench.console` measures it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    now = time.time()
    past = Past(random.Random(7)).callbacks(now - 30 * DAY, now - 60, CALLBACKS, OPEN)
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=past) as made:
        yield made


def test_a_list_of_them_opens_at_once(site: ConsoleSite) -> None:
    client = site.client(ADMIN)
    for path in ("/callbacks", "/callbacks?state=open", "/callbacks?group=sales", "/"):
        took = []
        for _ in range(4):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            took.append(time.perf_counter() - began)
        assert min(took) < QUICK, path


def test_one_page_of_them_is_shown_and_the_next_one_can_be_had(browser: Browser, site: ConsoleSite) -> None:
    with browser.visit(site.url) as visitor:
        visitor.log_in(ADMIN.name, PASSWORD)
        page = visitor.open("/callbacks?state=open")
        rows = page.locator("main table tbody tr")
        first = rows.first.inner_text()
        assert 20 <= rows.count() <= 200
        page.locator("main a[rel=next], main a.next").first.click()
        page.wait_for_load_state("load")
        assert rows.first.inner_text() != first
