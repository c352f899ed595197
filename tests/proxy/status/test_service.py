"""The thread: what it costs where it is not wanted, and that nothing outside can hurt or hold it."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proxy.core.counters import Counters
from proxy.status.mqtt import Publisher
from proxy.status.service import StatusService
from proxy.status.source import HttpSettings, MqttSettings
from tests.kit.mosquitto import MISSING, broker, listening
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_source import FakeSource

HEAVY = {"h11", "amqtt"}
FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "anyio", "email", "http.server", "prometheus_client"}


def test_what_is_switched_off_is_not_loaded() -> None:
    code = f"import sys, proxy.status.service; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_health_and_metrics_need_no_framework() -> None:
    """Three pages must not take the memory of what could serve a thousand."""
    code = f"import sys, proxy.status.http; print(sorted({FRAMEWORKS} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_can_be_poked_and_stopped_at_any_time(start: Start, source: FakeSource, counters: Counters) -> None:
    never = StatusService(source, counters, None, None, "0")
    never.committed()
    never.changed()
    assert never.stop()
    for service in (start(), start(MqttSettings("edge1", port=1)), start(http=HttpSettings(port=0)),
                    start(MqttSettings("edge1", port=0, embedded=True), HttpSettings(port=0))):
        service.committed()
        service.changed()
        assert service.stop(PATIENCE)
        service.committed()
        service.changed()
        assert service.stop()
    assert "status" not in {thread.name for thread in threading.enumerate()}


def test_what_it_knows_of_itself(start: Start) -> None:
    service = start()
    assert service.mqtt_connected is None
    assert service.http_port is None
    assert service.broker_port is None
    assert start(MqttSettings("edge1", port=1)).mqtt_connected is False


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_a_bug_in_one_part_leaves_the_other_and_is_tried_again(
    start: Start, source: FakeSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("proxy.status.service.RETRY", 0.2)
    run = Publisher.run
    failures = iter([ZeroDivisionError("our own bug")] * 3)

    async def unlucky(self: Publisher) -> None:
        if failure := next(failures, None):
            raise failure
        await run(self)

    monkeypatch.setattr(Publisher, "run", unlucky)
    with broker(tmp_path) as server:
        service = start(MqttSettings("edge1", port=server.port), HttpSettings(port=0))
        eventually(lambda: source.alarms.get("mqtt") == "mqtt failed: our own bug", "the alarm is up")
        eventually(lambda: service.http_port, "HTTP serves")
        eventually(lambda: service.mqtt_connected, "it is tried again")
        eventually(lambda: source.alarms == {}, "the alarm is down")


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_mqtts_trusts_the_given_authority_alone(start: Start, source: FakeSource, tmp_path: Path) -> None:
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", ca, "-days", "1", "-subj", "/CN=broker",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)  # fmt: skip
    with broker(tmp_path, f"allow_anonymous true\ncertfile {ca}\nkeyfile {key}") as server:
        stranger = start(MqttSettings("edge1", port=server.port, tls=True))
        eventually(lambda: "certificate" in source.alarms.get("mqtt", "").lower(), "the certificate is refused")
        assert stranger.mqtt_connected is False
        assert stranger.stop(PATIENCE)
        friend = start(MqttSettings("edge1", port=server.port, tls=True, ca_file=str(ca)))
        eventually(lambda: friend.mqtt_connected, "connected")
        with listening(server.port, version="5", arguments=("--cafile", str(ca))) as subscriber:
            subscriber.wait_for("boomerang/edge1/status", "online")


def test_a_missing_authority_file_is_an_alarm(start: Start, source: FakeSource, tmp_path: Path) -> None:
    start(MqttSettings("edge1", port=1, tls=True, ca_file=str(tmp_path / "none.pem")))
    eventually(lambda: "No such file" in source.alarms.get("mqtt", ""), "the alarm is up")
