"""What every test has in common."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("boomerang", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("boomerang")  # a machine that is slow or shared is no fault of the code


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The collector of cycles rests: what is over must go without it."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
