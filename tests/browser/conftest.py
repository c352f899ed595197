"""What the tests in the browser share: Chromium, one for each file."""

import os
from collections.abc import Iterator

import pytest

from tests.kit.browser import MISSING, Browser, Visitor, chromium
from tests.kit.console_site import ADMIN, PASSWORD, ConsoleSite


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if MISSING:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def visitor(browser: Browser, site: ConsoleSite) -> Iterator[Visitor]:
    """Yield an admin, logged in at the console of the file's `site`."""
    with browser.visit(site.url) as made:
        made.log_in(ADMIN.name, PASSWORD)
        yield made
