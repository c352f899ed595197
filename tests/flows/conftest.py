"""Every flow ends the same way: nothing of it is left behind."""

from collections.abc import Iterator

import pytest

from tests.kit.script import Script


@pytest.fixture
def call() -> Iterator[Script]:
    """A script between a trunk and a PBX, both on UDP."""
    script = Script()
    yield script
    script.assert_nothing_left()
