"""The application as it is built: whoever comes first waits no longer than the next one."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest
from fastapi import FastAPI

from proxy.console.app import build
from proxy.console.lists import Lists
from proxy.console.settings import ConsoleSettings
from proxy.web.connections import Connections
from tests.kit.console import SomePeople


@pytest.mark.parametrize("path", ["/callbacks", "/api/v1/callbacks", "/api/v1/nothing", "/desk"])
def test_the_first_search_for_a_path_is_no_longer_than_the_next(tmp_path: Path, path: str) -> None:
    settings = ConsoleSettings("edge1", "0", tmp_path, tmp_path / "control.sock", tmp_path / "boomerang.db")
    lists = Lists(settings.database, tmp_path, time.time)
    with ThreadPoolExecutor(1) as beside:  # as in the console, where a loop runs in this one already
        made = beside.submit(build, settings, SomePeople({}), lists, Connections(), time.time).result()
    try:
        first, second = calls_of_search(made.pages, path), calls_of_search(made.pages, path)
        assert second > 0
        assert first < 2 * second
    finally:
        lists.close()
        made.console.figures.close()
        made.console.database.close()


def calls_of_search(app: FastAPI, path: str) -> int:
    """Count the Python functions that are called while a path is looked for among all routes."""
    called = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal called
        called += event == "call"

    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "app": app}
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for route in app.routes:
            route.matches({**scope})
    finally:
        sys.setprofile(before)
    return called
