"""One authority for all TLS tests: keys are the slow part."""

from pathlib import Path

import pytest

from tests.proxy.transports.support import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("tls")
    return Authority(folder)
