"""Our publisher against a real mosquitto, heard by mosquitto_sub."""

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.counters import Counters
from proxy.status import mqtt
from proxy.status.service import StatusService
from proxy.status.source import AgentState, Alarm, CallFigures, MqttSettings
from routing.events import EventText
from tests.kit.mosquitto import MISSING, Mosquitto, broker, listening
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually, stays
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_source import FakeSource

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

BASE = "boomerang/edge1"
RETAINED = {f"{BASE}/{topic}" for topic in
            ("status", "calls", "alarms", "trunk/main", "pbx/office", "group/sales", "agent/201")}


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path) as server:
        yield server


def settings(server: Mosquitto) -> MqttSettings:
    return MqttSettings("edge1", port=server.port)


def connected(service: StatusService) -> None:
    eventually(lambda: service.mqtt_connected, "connected")


def test_the_retained_set_is_there_for_whoever_comes_later(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    service = start(settings(mosquitto))
    connected(service)
    with listening(mosquitto.port, f"{BASE}/agent/201") as early:
        early.wait_for(f"{BASE}/agent/201")
    with listening(mosquitto.port) as subscriber:
        eventually(lambda: set(subscriber.topics()) >= RETAINED, "the whole set")
        assert all(message.retained for message in subscriber.heard)
        topics = subscriber.topics()
    assert set(topics) == RETAINED
    assert topics[f"{BASE}/status"] == "online"
    assert json.loads(topics[f"{BASE}/trunk/main"]) == {
        "state": "up", "since": "2023-11-14T22:13:21.000Z", "latency_ms": 12.3}
    assert json.loads(topics[f"{BASE}/agent/201"]) == {
        "state": "busy", "since": "2023-11-14T22:13:23.500Z", "name": "Anna", "groups": ["sales", "service"],
        "with": "+36301234567", "released_today": 2}
    assert json.loads(topics[f"{BASE}/calls"])["active"] == 2
    assert service._publisher is not None
    assert service._publisher.protocol is mqtt.V5


def test_offline_after_a_clean_stop_and_after_everything_else(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    service = start(settings(mosquitto))
    connected(service)
    with listening(mosquitto.port) as subscriber:
        subscriber.wait_for(f"{BASE}/status", "online")
        for _ in range(30):
            source.add("call.ended")
        assert service.stop()
        subscriber.wait_for(f"{BASE}/status", "offline")
        heard = subscriber.heard
        assert len(subscriber.of("/event/")) == 30
        assert heard[-1].topic == f"{BASE}/status"
    assert source.events == []
    with listening(mosquitto.port) as later:
        assert later.wait_for(f"{BASE}/status").payload == "offline"


LONELY = """
import sys, time
from proxy.core.counters import Counters
from proxy.status.service import StatusService
from proxy.status.source import MqttSettings
from tests.proxy.status.fake_source import FakeSource
StatusService(FakeSource(), Counters(), MqttSettings("edge1", port=int(sys.argv[1])), None, "0").start()
time.sleep(60)
"""


def test_the_last_will_says_offline_after_a_kill(mosquitto: Mosquitto) -> None:
    command = [sys.executable, "-c", LONELY, str(mosquitto.port)]
    with listening(mosquitto.port) as subscriber, Process(command) as daemon:
        subscriber.wait_for(f"{BASE}/status", "online")
        daemon.kill9()
        subscriber.wait_for(f"{BASE}/status", "offline")
    with listening(mosquitto.port) as later:
        message = later.wait_for(f"{BASE}/status")
        assert (message.payload, message.retained) == ("offline", True)


def test_a_change_is_sent_at_once_the_next_ones_in_turn_and_the_last_one_always(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    service = start(settings(mosquitto))
    connected(service)
    with listening(mosquitto.port) as subscriber:
        eventually(lambda: set(subscriber.topics()) >= RETAINED, "the whole set")
        already = len(subscriber.heard)
        began = time.monotonic()
        for active in range(100, 200):
            source.now = replace(source.now, calls=CallFigures(active=active))
            service.changed()
            time.sleep(0.005)
        eventually(lambda: json.loads(subscriber.topics()[f"{BASE}/calls"])["active"] == 199, "the last value")
        intervals = (time.monotonic() - began) / mqtt.STATE_INTERVAL
        fresh = subscriber.heard[already:]
    assert {message.topic for message in fresh} == {f"{BASE}/calls"}
    assert 2 <= len(fresh) <= intervals + 2


def test_what_did_not_change_is_not_sent_again_and_what_is_gone_is_taken_away(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    service = start(settings(mosquitto))
    connected(service)
    with listening(mosquitto.port) as subscriber:
        eventually(lambda: set(subscriber.topics()) >= RETAINED, "the whole set")
        already = len(subscriber.heard)
        source.now = replace(source.now, agents={"202": AgentState("free", 0)}, alarms=(Alarm("database", "full", 0),))
        service.changed()
        wanted = {f"{BASE}/agent/201", f"{BASE}/agent/202", f"{BASE}/alarms"}

        def fresh() -> set[str]:
            return {message.topic for message in subscriber.heard[already:]}

        eventually(lambda: fresh() >= wanted, "what has changed")
        assert subscriber.topics()[f"{BASE}/agent/201"] == ""
    assert fresh() == wanted


def test_events_survive_a_broker_restart_in_order(tmp_path: Path, start: Start, source: FakeSource) -> None:
    """The reader's session outlives the broker, so the reader is owed whatever we publish before it is back."""
    with broker(tmp_path, f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/") as server:
        service = start(settings(server))
        connected(service)
        arguments = ("-i", "reader", "-c", "-x", "3600")
        with listening(server.port, f"{BASE}/#", arguments=arguments) as subscriber:
            eventually(lambda: set(subscriber.topics()) >= RETAINED, "the whole set")
            source.add()
            service.committed()
            subscriber.wait_for(f"{BASE}/event/call.started")
            server.stop_cleanly()
            eventually(lambda: not service.mqtt_connected, "the loss is noticed")
            for number in range(50):
                source.add("call.ended", number=number)
                service.committed()
            eventually(lambda: "mqtt" in source.alarms, "the alarm is up")
            assert len(source.events) == 50
            already = len(subscriber.heard)
            server.start()
            eventually(lambda: len(subscriber.of("/event/call.ended")) >= 50, "all events")
            fresh = subscriber.heard[already:]
            eventually(lambda: {m.topic for m in subscriber.heard[already:]} >= RETAINED, "the whole set again")
        numbers = [message.json()["seq"] for message in fresh if "/event/call.ended" in message.topic]
        assert numbers == list(range(2, 52))
        eventually(lambda: not source.events, "the outbox is empty")
        eventually(lambda: "mqtt" not in source.alarms, "the alarm is down")


def test_no_event_is_lost_or_out_of_order_for_a_reader_who_stays(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    """The reader is there before we come back, so it must hear every single one."""
    for number in range(50):
        source.add("call.ended", number=number)
    with listening(mosquitto.port, f"{BASE}/event/#") as subscriber:
        subscribed(mosquitto)
        service = start(settings(mosquitto))
        eventually(lambda: len(subscriber.heard) >= 50, "all events")
        for number in range(50, 500):
            source.add("call.started", number=number)
            service.committed()
        eventually(lambda: len(subscriber.heard) >= 500, "all events")
        heard = [message.json() for message in subscriber.heard]
    assert [event["seq"] for event in heard] == list(range(1, 501))
    assert [event["data"]["number"] for event in heard] == list(range(500))
    assert heard[0] == {"schema": 1, "id": "0190a0b0-0000-7000-8000-000000000001", "seq": 1,
                        "time": "2023-11-14T22:13:21.000Z", "kind": "call.ended", "node": "edge1",
                        "data": {"number": 0}}  # fmt: skip
    assert all(not message.retained for message in subscriber.heard)


class CommittedMeanwhile(FakeSource):
    """An event is committed at the very end of a look into the outbox that finds nothing."""

    service: StatusService | None = None

    def texts_after(self, seq: int, limit: int) -> Sequence[EventText]:
        found = super().texts_after(seq, limit)
        service, self.service = self.service, None
        if not found and service is not None:
            self.add()
            service.committed()
        return found


def test_what_is_committed_during_a_look_that_finds_nothing_goes_out(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks anyway is not told of commits, but it is of one that its last look did not find."""
    monkeypatch.setattr(mqtt, "OUTBOX_INTERVAL", 3600.0)
    source = CommittedMeanwhile()
    service = source.service = StatusService(source, Counters(), settings(mosquitto), None, "0.1.0")
    service.start()
    try:
        eventually(lambda: source.deleted, "the event is delivered")
    finally:
        assert service.stop(PATIENCE)


def subscribed(server: Mosquitto) -> None:
    assert server.process is not None
    server.process.wait_for("Sending SUBACK")


def test_a_frozen_broker_loses_nothing(
    mosquitto: Mosquitto, start: Start, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the messages and never acknowledged: they stay, and come again when it is back."""
    monkeypatch.setattr("proxy.status.link.ACK_TIMEOUT", 0.5)
    service = start(settings(mosquitto))
    connected(service)
    mosquitto.freeze()
    for number in range(50):
        source.add(number=number)
    service.committed()
    eventually(lambda: not service.mqtt_connected, "the missing acknowledgement is noticed")
    assert len(source.events) == 50
    mosquitto.thaw()
    eventually(lambda: not source.events, "the outbox is empty")
    assert source.deleted[-1] == 50


def test_a_frozen_broker_does_not_hold_up_the_stop(mosquitto: Mosquitto, start: Start, source: FakeSource) -> None:
    service = start(settings(mosquitto))
    connected(service)
    mosquitto.freeze()
    source.add()
    service.committed()
    assert service.stop(PATIENCE)
    assert len(source.events) == 1
    assert "failed" not in source.alarms.get("mqtt", ""), "it is the broker that fails, not we"


def test_a_broker_that_accepts_and_never_answers_is_left_and_tried_again(
    start: Start, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.status.link.HANDSHAKE_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=50) as hole:
        source.add()
        service = start(MqttSettings("edge1", port=hole.getsockname()[1]))
        hole.settimeout(PATIENCE)
        protocols = []
        for _ in range(4):
            peer, _ = hole.accept()
            with peer:
                peer.settimeout(PATIENCE)
                connect = peer.recv(4096)
                protocols.append(connect[connect.index(b"MQTT") + 4])
                while peer.recv(4096):
                    pass  # the socket is closed by us, not left behind
        assert protocols == [5, 4, 5, 4]
        eventually(lambda: "mqtt" in source.alarms, "the alarm is up")
        assert len(source.events) == 1
        assert service.stop(PATIENCE)


def test_a_refused_password_is_told_once(tmp_path: Path, start: Start, source: FakeSource) -> None:
    with broker(tmp_path, "allow_anonymous false") as server:
        start(MqttSettings("edge1", port=server.port, username="edge1", password="wrong"))
        eventually(lambda: "uthori" in source.alarms.get("mqtt", ""), "the alarm is up")
        stays(lambda: len(source.alarm_log) == 1, "one alarm, however often it tries", 2.0)


def test_an_older_version_is_not_tried_where_the_broker_knows_us_and_says_no(start: Start) -> None:
    not_authorized = bytes((0x20, 3, 0, 0x87, 0))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        start(MqttSettings("edge1", port=server.getsockname()[1]))
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                connect = peer.recv(4096)
                assert connect[connect.index(b"MQTT") + 4] == 5
                peer.sendall(not_authorized)


@pytest.mark.parametrize("answer", [bytes((0x20, 2, 0, 1)), bytes((0x20, 3, 0, 0x84, 0)), b"", b"\x20\x02\x00\x00"])
def test_the_older_version_is_tried_at_once_where_the_newer_fails(start: Start, answer: bytes) -> None:
    """The refusals of MQTT 3.1.1 and of 5, a closed connection, and an answer in the wrong version."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        start(MqttSettings("edge1", port=server.getsockname()[1]))
        versions = []
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                connect = peer.recv(4096)
                versions.append(connect[connect.index(b"MQTT") + 4])
                peer.sendall(answer)
        assert versions == [5, 4]


def test_a_message_that_the_broker_refuses_stays_in_the_outbox(
    tmp_path: Path, start: Start, source: FakeSource
) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic write {BASE}/status\ntopic write {BASE}/calls\n")
    with broker(tmp_path, f"allow_anonymous true\nacl_file {acl}") as server:
        source.add()
        start(settings(server))
        eventually(lambda: "refused" in source.alarms.get("mqtt", ""), "the alarm is up")
        assert source.deleted == []


def test_what_is_longer_than_the_broker_takes_is_told_and_all_before_it_goes_out(
    tmp_path: Path, start: Start, source: FakeSource
) -> None:
    with broker(tmp_path, "allow_anonymous true\nmax_packet_size 2000") as server:
        source.add()
        source.add(text="x" * 2_000)
        start(settings(server))
        eventually(lambda: "event/call.started is longer than the 2000 octets" in source.alarms.get("mqtt", ""),
                   "the alarm says what")
        assert source.deleted == [1]


def test_an_outbox_that_cannot_be_read_holds_up_no_state_and_heals(
    mosquitto: Mosquitto, start: Start, source: FakeSource
) -> None:
    source.broken = RuntimeError("database is gone")
    source.add()
    service = start(settings(mosquitto))
    with listening(mosquitto.port) as subscriber:
        source.now = replace(source.now, alarms=(Alarm("database", "database is gone", 0.0),))
        connected(service)
        service.changed()
        eventually(lambda: "database is gone" in subscriber.topics().get(f"{BASE}/alarms", ""), "the alarm is shown")
        source.broken = None
        service.committed()
        eventually(lambda: subscriber.of("/event/call.started"), "the event")


def test_numbers_are_masked_where_asked(mosquitto: Mosquitto, start: Start, source: FakeSource) -> None:
    source.now = replace(source.now, alarms=(Alarm("x", "call to +36301234567 lost", 0.0),))
    with listening(mosquitto.port) as subscriber:
        subscribed(mosquitto)
        start(settings(mosquitto)._replace(mask_numbers=True))
        source.add(customer="+36301234567", agent="201")
        subscriber.wait_for(f"{BASE}/alarms")
        message = subscriber.wait_for(f"{BASE}/event/call.started").json()
    assert message["data"] == {"customer": "+36*******67", "agent": "201"}
    assert all("36301234567" not in heard.payload for heard in subscriber.heard)


def test_names_are_made_safe_for_a_topic(mosquitto: Mosquitto, start: Start, source: FakeSource) -> None:
    names = ("2/0#1+", "a\x85", "b\ufffe", "c\udc80")
    source.now = replace(source.now, agents={name: AgentState("free", 0, f"{name} \udc80") for name in names})
    start(settings(mosquitto))
    with listening(mosquitto.port) as subscriber:
        for shown in ("2%2F0%231%2B", "a%C2%85", "b%EF%BF%BE", "c%ED%B2%80"):
            assert subscriber.wait_for(f"{BASE}/agent/{shown}").json()["name"].endswith(" \udc80")
