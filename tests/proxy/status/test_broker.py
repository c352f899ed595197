"""The embedded broker, which speaks MQTT 3.1.1 alone, with our publisher and with mosquitto_sub."""

import json
import logging
import socket
import subprocess
import threading
from dataclasses import replace

import pytest

from proxy.status import mqtt
from proxy.status.broker import EmbeddedBroker
from proxy.status.service import StatusService
from proxy.status.source import CallFigures, MqttSettings
from tests.kit.mosquitto import MISSING, listening
from tests.kit.ports import free_port
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_source import FakeSource
from tests.proxy.status.test_mqtt import BASE, RETAINED

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

EMBEDDED = MqttSettings("edge1", port=0, embedded=True)


@pytest.fixture
def embedded(start: Start) -> StatusService:
    service = start(EMBEDDED)
    eventually(lambda: service.mqtt_connected, "connected to our own broker")
    return service


def port(service: StatusService) -> int:
    found = service.broker_port
    assert found is not None
    return found


def test_state_and_events_reach_a_reader(embedded: StatusService, source: FakeSource) -> None:
    with listening(port(embedded), version="311") as subscriber:
        eventually(lambda: set(subscriber.topics()) >= RETAINED, "the whole set")
        assert all(message.retained for message in subscriber.heard)
        source.now = replace(source.now, calls=CallFigures(active=9))
        embedded.changed()
        for number in range(100):
            source.add(number=number)
        embedded.committed()
        eventually(lambda: len(subscriber.of("/event/")) == 100, "all events")
        assert [message.json()["seq"] for message in subscriber.of("/event/")] == list(range(1, 101))
        eventually(lambda: json.loads(subscriber.topics()[f"{BASE}/calls"])["active"] == 9, "the change")
    eventually(lambda: not source.events, "the outbox is empty")


def test_events_wait_until_the_broker_is_up(start: Start, source: FakeSource) -> None:
    for _ in range(5):
        source.add()
    start(EMBEDDED)
    eventually(lambda: not source.events, "the outbox is empty")


def test_offline_is_said_before_the_broker_goes(embedded: StatusService) -> None:
    with listening(port(embedded), version="311") as subscriber:
        subscriber.wait_for(f"{BASE}/status", "online")
        assert embedded.stop()
        subscriber.wait_for(f"{BASE}/status", "offline")


def test_a_publisher_of_version_5_falls_back_and_its_will_works(
    embedded: StatusService, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another node publishes to our broker: it begins with MQTT 5, and is cut off without a goodbye."""
    monkeypatch.setattr("proxy.status.link.HANDSHAKE_TIMEOUT", 0.5)
    other = start(MqttSettings("edge2", port=port(embedded)))
    eventually(lambda: other.mqtt_connected, "connected")
    publisher = other._publisher
    assert publisher is not None
    assert publisher.protocol is mqtt.V311
    with listening(port(embedded), "boomerang/edge2/status", version="311") as subscriber:
        assert subscriber.wait_for("boomerang/edge2/status", "online").retained
        cut_all_but_the_first(embedded)
        subscriber.wait_for("boomerang/edge2/status", "offline")
        eventually(lambda: subscriber.heard[-1].payload == "online", "it comes back")


def cut_all_but_the_first(service: StatusService) -> None:
    """Close edge2's connection at the broker's end."""
    assert service._broker is not None
    broker = service._broker._broker
    loop = service._loop
    assert broker is not None
    assert loop is not None
    _, handler = broker.sessions["boomerang-edge2"]
    loop.call_soon_threadsafe(lambda: handler.writer._writer.transport.abort())


def test_a_taken_port_is_an_alarm_and_heals(
    start: Start, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.status.service.RETRY", 0.2)
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        service = start(EMBEDDED._replace(port=taken))
        eventually(lambda: str(taken) in source.alarms.get("mqtt", ""), "the alarm is up")
    eventually(lambda: service.mqtt_connected, "it heals")
    eventually(lambda: source.alarms == {}, "the alarm is down")


def test_rubbish_at_the_broker_harms_nobody(embedded: StatusService, caplog: pytest.LogCaptureFixture) -> None:
    for rubbish in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f", b"\x10\x02\x00\x00", b"\xff" * 100):
        with socket.create_connection(("127.0.0.1", port(embedded))) as client:
            client.sendall(rubbish)
    with listening(port(embedded), version="311") as subscriber:
        subscriber.wait_for(f"{BASE}/status", "online")
    assert embedded.mqtt_connected
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_nothing_is_left_after_the_stop(start: Start) -> None:
    before = threading.active_count()
    service = start(EMBEDDED)
    eventually(lambda: service.mqtt_connected, "connected")
    with listening(port(service), version="311") as subscriber:
        subscriber.wait_for(f"{BASE}/status", "online")
        held = port(service)
        assert service.stop()
    eventually(lambda: threading.active_count() <= before, "no thread is left")
    with socket.create_server(("127.0.0.1", held)):
        pass


def test_with_a_password_only_who_shows_it_comes_in(start: Start) -> None:
    service = start(EMBEDDED._replace(username="reader", password="s3cret"))
    eventually(lambda: service.mqtt_connected, "we ourselves show it")
    with listening(port(service), version="311", arguments=("-u", "reader", "-P", "s3cret")) as subscriber:
        subscriber.wait_for(f"{BASE}/status", "online")
    for wrong in ((), ("-u", "reader"), ("-u", "reader", "-P", "s3cre"), ("-u", "other", "-P", "s3cret")):
        refused = subprocess.run(["mosquitto_sub", "-p", str(port(service)), "-V", "311", "-t", "#", *wrong],
                                 capture_output=True, text=True, timeout=PATIENCE)
        assert refused.returncode != 0
        assert refused.stdout == ""
        assert "efused" in refused.stderr or "uthori" in refused.stderr, refused.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "198.51.100.7", "broker.example"])
def test_nobody_outside_comes_in_without_a_password(host: str) -> None:
    for who in ((None, None), ("reader", None), (None, "s3cret"), ("", "")):
        with pytest.raises(ValueError, match="needs a user name and a password"):
            EmbeddedBroker(host, 0, *who)
    EmbeddedBroker(host, 0, "reader", "s3cret")
