"""Commands over MQTT: 5 with a Response Topic, 3.1.1 with `reply_to`, against a real mosquitto."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.status.commands import LONGEST, Message, answer
from proxy.status.source import MqttSettings
from tests.kit.mosquitto import MISSING, Mosquitto, broker, listening
from tests.kit.ports import LOOPBACK
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_commands import FakeCommands
from tests.proxy.status.fake_source import FakeSource

BASE = "boomerang/edge1"
MOSQUITTO_PUB = shutil.which("mosquitto_pub")
MOSQUITTO_RR = shutil.which("mosquitto_rr")
needs_broker = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path) as server:
        yield server


@pytest.fixture
def commands(start: Start, mosquitto: Mosquitto) -> FakeCommands:
    doer = FakeCommands()
    service = start(MqttSettings("edge1", port=mosquitto.port), commands=doer)
    eventually(lambda: service.mqtt_connected, "connected")
    eventually(lambda: "Sending SUBACK to boomerang-edge1" in _log(mosquitto), "subscribed")
    return doer


def _log(mosquitto: Mosquitto) -> str:
    assert mosquitto.process is not None
    return "\n".join(mosquitto.process.lines)


def publish(mosquitto: Mosquitto, verb: str, payload: str, *more: str) -> None:
    assert MOSQUITTO_PUB is not None
    with Process([MOSQUITTO_PUB, "-h", LOOPBACK, "-p", str(mosquitto.port), "-q", "1", "-t", f"{BASE}/cmd/{verb}",
                  "-m", payload, *more]) as process:
        assert process.wait() == 0, process.report()


@needs_broker
def test_mqtt_5_answers_to_the_response_topic(mosquitto: Mosquitto, commands: FakeCommands) -> None:
    assert MOSQUITTO_RR is not None
    with Process([MOSQUITTO_RR, "-h", LOOPBACK, "-p", str(mosquitto.port), "-V", "5", "-q", "1",
                  "-t", f"{BASE}/cmd/callbacks.show", "-e", "answers/me", "-m", '{"id":"t1"}',
                  "-D", "publish", "correlation-data", "abc", "-F", "%D|%p", "-W", f"{PATIENCE:.0f}"]) as process:
        assert process.wait() == 0, process.report()
        correlation, _, payload = process.lines[-1].partition("|")
    assert correlation == "abc"
    assert json.loads(payload) == {"ok": True, "data": {"verb": "callbacks.show", "args": {"id": "t1"}}}


@needs_broker
def test_mqtt_3_answers_to_reply_to(mosquitto: Mosquitto, commands: FakeCommands) -> None:
    with listening(mosquitto.port, "answers/#", version="311") as subscriber:
        eventually(lambda: _log(mosquitto).count("Sending SUBACK") >= 2, "the listener has subscribed")
        publish(mosquitto, "callbacks.add", '{"reply_to":"answers/x","id":7}', "-V", "311")
        heard = subscriber.wait_for("answers/x").json()
    assert heard == {"id": 7, "ok": False, "error": "customer is missing",
                     "problems": [{"key": "customer", "text": "is missing"}]}


@needs_broker
def test_a_retained_command_is_not_done(mosquitto: Mosquitto, start: Start) -> None:
    publish(mosquitto, "callbacks.cancel", '{"id":"old"}', "-r")
    doer = FakeCommands()
    service = start(MqttSettings("edge1", port=mosquitto.port), commands=doer)
    eventually(lambda: service.mqtt_connected, "connected")
    eventually(lambda: "Sending SUBACK to boomerang-edge1" in _log(mosquitto), "subscribed")
    publish(mosquitto, "agents.list", "")
    eventually(lambda: doer.asked, "a command came")
    assert doer.asked == [("agents.list", {})]


async def _said(payload: bytes, verb: str = "callbacks.list", **message: Any) -> Any:
    reply = await answer(Message(verb, payload, response_topic="to", **message), FakeCommands())
    assert reply is not None
    return json.loads(reply.payload)


@pytest.mark.parametrize(("payload", "text"), [
    (b"{", "the payload is no JSON"), (b"[1]", "the payload is no JSON object"), (b"\xff", "the payload is no JSON"),
    (b"[" * 50_000, "the payload is no JSON"), (b"1" * (LONGEST + 1), f"a command has at most {LONGEST} bytes"),
])
def test_bad_payloads_are_refused(payload: bytes, text: str) -> None:
    assert _run(_said(payload)) == {"ok": False, "error": text, "problems": []}


def test_a_bug_is_no_end() -> None:
    assert _run(_said(b"", "broken")) == {"ok": False, "error": "internal error: ZeroDivisionError", "problems": []}


def test_id_is_an_argument_where_nobody_asks_by_reply_to() -> None:
    assert _run(_said(b'{"id":"t1"}', "callbacks.show"))["data"]["args"] == {"id": "t1"}


@pytest.mark.parametrize("payload", [b'{"reply_to":"a/b","id":7}', b'{"id":7}'])
def test_id_beside_a_response_topic_is_no_argument_of_a_verb_that_has_none(payload: bytes) -> None:
    doer = FakeCommands()
    assert _run(answer(Message("agents.list", payload, "answers/me"), doer)) is not None
    assert doer.asked == [("agents.list", {})]


@needs_broker
def test_who_asks_cannot_make_the_broker_end_our_connection(
        mosquitto: Mosquitto, commands: FakeCommands, source: FakeSource) -> None:
    """mosquitto does so for a topic of 201 levels, with a control character or with what is no character."""
    for topic in ("x/" * 250, "a\x01", "a\x85", "a\ufffe", "a\ud800", "a\U0001ffff"):
        publish(mosquitto, "agents.list", json.dumps({"reply_to": topic, "id": 1}))
    publish(mosquitto, "agents.list", "{}", "-V", "5", *(
        word for _ in range(5) for word in ("-D", "publish", "user-property", "n" * 60_000, "v" * 60_000)))
    with listening(mosquitto.port, "answers/#") as subscriber:
        eventually(lambda: _log(mosquitto).count("Sending SUBACK") >= 2, "the listener has subscribed")
        publish(mosquitto, "agents.list", '{"reply_to":"answers/x","id":"half \\ud800"}')
        assert subscriber.wait_for("answers/x").json()["id"] == "half \ud800"
    assert source.alarm_log == [], "the connection stood all the time"
    assert len(commands.asked) == 7, "whose properties reach beyond what is kept asks for nothing"


@pytest.mark.parametrize("topic", ["a/#", "+/b", "", 5, None, "a\0", "a\n", "a\x7f", "a\u009f", "a\udfff", "a\ufdd0",
                                   "a\U0010ffff", "/" * 100, "é" * 32_768])
def test_no_answer_to_what_is_no_topic(topic: object) -> None:
    payload = json.dumps({"reply_to": topic, "id": 1}).encode()
    assert _run(answer(Message("agents.list", payload), FakeCommands())) is None


def test_an_answer_that_the_broker_would_not_take_says_so() -> None:
    message = Message("agents.list", b'{"id":5}', "answers/me", b"12345678")
    whole = _run(answer(message, FakeCommands(), BASE))
    assert whole is not None
    room = len(whole.payload) + len("answers/me") + 8
    assert _run(answer(message, FakeCommands(), BASE, room)) == whole
    short = _run(answer(message, FakeCommands(), BASE, room - 1))
    why = f"the answer has {len(whole.payload)} octets, and the broker takes {room - 1}: ask for less at a time"
    assert json.loads(short.payload) == {"ok": False, "error": why, "problems": []}
    assert (short.topic, short.correlation) == ("answers/me", b"12345678")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_json_has_not_is_no_json(number: str) -> None:
    said = _run(_said(f'{{"id":{number}}}'.encode(), "agents.list"))
    assert (said["ok"], said["error"]) == (False, "the payload is no JSON")


def _run(waiting: Any) -> Any:
    import asyncio

    return asyncio.run(waiting)


@pytest.mark.parametrize(("topic", "goes"), [
    ("boomerang/edge1/status", False), ("boomerang/edge1/agent/201", False), ("boomerang/edge2/status", False),
    ("boomerang/edge2/cmd/callbacks.add", False), ("boomerang/edge1/event/call.ended", False),
    ("boomerang/edge1/answers/me", True), ("boomerang/answers", True), ("answers/me", True),
    ("other/edge1/status", True)])
def test_no_answer_goes_where_a_node_speaks_or_listens(topic: str, goes: bool) -> None:
    reply = _run(answer(Message("agents.list", b"", response_topic=topic), FakeCommands(), BASE))
    assert (reply is not None) is goes
