"""What the tests in the browser share: Chromium, one for each file."""

import os
from collections.abc import Iterator

import pytest

from tests.kit.browser import MISSING, Browser, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if MISSING:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with chromium() as started:
        yield started
