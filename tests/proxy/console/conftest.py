"""A console's application on a port of its own, with people who are made up."""

from collections.abc import Iterator

import pytest

from tests.kit.console import Served, SomePeople, SomeUser, serve_console


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    people = SomePeople({
        "admin": SomeUser("admin"), "anna": SomeUser("anna", "supervisor", frozenset({"sales"})),
        "peter": SomeUser("peter", "agent", None, "201"), "gone": SomeUser("gone", disabled=True)})
    with serve_console(tmp_path_factory.mktemp("console"), people) as console:
        yield console
