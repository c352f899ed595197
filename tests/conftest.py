"""What every test has in common."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import settings

from proxy.build import Build
from tests.kit.builds import runs_over
from tests.kit.order import in_order

settings.register_profile("boomerang", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("boomerang")  # a machine that is slow or shared is no fault of the code

FOLDER = Path(__file__).parent
BUILD = cast("Build | None", os.environ.get("BOOMERANG_TESTS_OF"))
"""Build whose share of the files is run; None: whatever was asked for."""


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what is the other build's. See `tests/run`."""
    if BUILD is None or not collection_path.name.startswith("test_"):
        return None
    return None if runs_over(BUILD, collection_path.relative_to(FOLDER)) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files in the order of `kit/order.py` where workers share them; the tests of a file keep theirs."""
    if not hasattr(config, "workerinput"):
        return
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        name = item.path.relative_to(FOLDER).as_posix() if item.path.is_relative_to(FOLDER) else item.path.as_posix()
        files.setdefault(name, []).append(item)
    items[:] = [item for name in in_order(files) for item in files[name]]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The collector of cycles rests: what is over must go without it."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
