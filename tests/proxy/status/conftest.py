"""Services that a test starts are stopped at its end."""

from collections.abc import Callable, Iterator

import pytest

from proxy.core.counters import Counters
from proxy.status.commands import Commands
from proxy.status.service import StatusService
from proxy.status.source import HttpSettings, MqttSettings
from tests.kit.waiting import PATIENCE
from tests.proxy.status.fake_source import FakeSource

Start = Callable[..., StatusService]


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def start(source: FakeSource, counters: Counters) -> Iterator[Start]:
    running: list[StatusService] = []

    def start(mqtt: MqttSettings | None = None, http: HttpSettings | None = None,
              commands: Commands | None = None) -> StatusService:
        service = StatusService(source, counters, mqtt, http, "0.1.0", commands)
        service.start()
        running.append(service)
        return service

    yield start
    for service in running:
        assert service.stop(PATIENCE), "the status thread goes on"
