"""One daemon with its console for a module."""

from collections.abc import Iterator

import pytest

from tests.proxy.console.api.site import Site, site


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("api")) as made:
        yield made
