"""What every test has in common."""

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("boomerang", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("boomerang")  # a machine that is slow or shared is no fault of the code
# Where nothing is configured a trace is drawn with every variable of every frame: for an application of ours that takes
# the loop it is logged from half a minute.
structlog.configure(processors=[
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The collector of cycles rests: what is over must go without it."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
