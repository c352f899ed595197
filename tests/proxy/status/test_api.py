"""The API of versions before the console: each path is a command, for whoever has its key."""

from typing import Any

import httpx
import pytest

from proxy.status.source import HttpSettings
from tests.kit.waiting import eventually
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_commands import FakeCommands

TOKEN = "s3cret"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def commands() -> FakeCommands:
    return FakeCommands()


def serving(start: Start, commands: FakeCommands, token: str | None = None) -> str:
    service = start(http=HttpSettings(port=0, token=token), commands=commands)
    port = eventually(lambda: service.http_port, "HTTP listens", 20)
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def base(start: Start, commands: FakeCommands) -> str:
    return serving(start, commands, TOKEN)


@pytest.mark.parametrize(("method", "path", "body", "verb", "args"), [
    ("GET", "/callbacks?limit=5&state=open", None, "callbacks.list", {"limit": 5, "state": "open"}),
    ("POST", "/callbacks", {"customer": "+36201234567", "responsible": "201"}, "callbacks.add",
     {"customer": "+36201234567", "responsible": "201", "note": ""}),
    ("GET", "/callbacks/running", None, "callbacks.running", {}),
    ("GET", "/callbacks/t1", None, "callbacks.show", {"id": "t1"}),
    ("POST", "/callbacks/t1/cancel", {"reason": "asked to"}, "callbacks.cancel", {"id": "t1", "reason": "asked to"}),
    ("POST", "/callbacks/t1/hold", None, "callbacks.hold", {"id": "t1"}),
    ("POST", "/callbacks/t1/resume", None, "callbacks.resume", {"id": "t1"}),
    ("POST", "/callbacks/t1/call-now", None, "callbacks.call-now", {"id": "t1", "force": False}),
    ("POST", "/callbacks/t1/call-now", {"force": True, "reason": "promised"}, "callbacks.call-now",
     {"id": "t1", "reason": "promised", "force": True}),
    ("GET", "/figures", None, "callbacks.figures", {}),
    ("GET", "/groups", None, "queues.list", {}),
    ("GET", "/groups/sales?limit=5", None, "queues.show", {"group": "sales", "limit": 5}),
    ("GET", "/campaigns/10001", None, "campaigns.show", {"id": "10001"}),
    ("POST", "/campaigns/10001/renumber", {"to": "10007"}, "campaigns.renumber", {"id": "10001", "to": "10007"}),
    ("GET", "/recordings?customer=%2B36201234567", None, "recordings.list",
     {"limit": 100, "customer": "+36201234567"}),
    ("POST", "/tickets/7/call", {"group": "vip"}, "tickets.call", {"id": "7", "group": "vip"}),
    ("POST", "/tickets/7/call", None, "tickets.call", {"id": "7"}),
    ("GET", "/calls?active=true", None, "calls.list", {"limit": 100, "active": True}),
    ("POST", "/calls/c1/end", None, "calls.end", {"id": "c1"}),
    ("GET", "/direct?limit=5", None, "direct.list", {"limit": 5}),
    ("GET", "/direct/+36201234567", None, "direct.show", {"customer": "+36201234567"}),
    ("DELETE", "/direct/+36201234567", None, "direct.remove", {"customer": "+36201234567"}),
    ("DELETE", "/direct/+36201234567?agent=201", None, "direct.remove",
     {"customer": "+36201234567", "agent": "201"}),
    ("GET", "/alarms", None, "alarms.list", {}),
    ("POST", "/alarms/database_loss/clear", None, "alarms.clear", {"name": "database_loss"}),
    ("GET", "/agents", None, "agents.list", {}),
    ("GET", "/campaigns", None, "campaigns.list", {}),
    ("GET", "/dnc", None, "dnc.list", {"limit": 100}),
    ("POST", "/dnc", {"customer": "+36201234567"}, "dnc.add", {"customer": "+36201234567", "reason": ""}),
    ("DELETE", "/dnc/+36201234567", None, "dnc.remove", {"customer": "+36201234567"}),
    ("GET", "/tickets?state=open", None, "tickets.list", {"limit": 100, "state": "open"}),
    ("GET", "/tickets/7", None, "tickets.show", {"id": "7"}),
    ("POST", "/tickets/7/comments", {"text": "called"}, "tickets.comment",
     {"id": "7", "text": "called", "author": "api", "internal": False}),
    ("POST", "/tickets/7/close", None, "tickets.close", {"id": "7"}),
])
def test_each_path_is_a_command(base: str, commands: FakeCommands, method: str, path: str, body: Any, verb: str,
                                args: dict[str, Any]) -> None:
    said = httpx.request(method, f"{base}/api/v1{path}", json=body, headers=AUTHORIZED)
    assert commands.asked == [(verb, args)]
    assert said.status_code == 200
    assert said.json() == {"verb": verb, "args": args}


def test_a_recording_comes_whole(base: str, commands: FakeCommands) -> None:
    sound = bytes(range(256)) * 5
    commands.recording = sound
    said = httpx.get(f"{base}/api/v1/recordings/one.wav", headers=AUTHORIZED)
    assert (said.status_code, said.headers["content-type"], said.content) == (200, "audio/wav", sound)
    assert [args.get("offset") for _, args in commands.asked] == [None, 500, 1000]


def test_what_cannot_be_done(base: str, commands: FakeCommands) -> None:
    assert httpx.get(f"{base}/api/v1/callbacks/other", headers=AUTHORIZED).status_code == 404
    refused = httpx.post(f"{base}/api/v1/callbacks", json={"customer": ""}, headers=AUTHORIZED)
    assert (refused.status_code, refused.json()["detail"]) == (
        422, "customer: '' cannot be read as a number; write it with + and country code")
    bodies: list[object] = [{}, {"customer": 5}, {"customer": "+361", "unknown": 1}, []]
    for body in bodies:
        assert httpx.post(f"{base}/api/v1/callbacks", json=body, headers=AUTHORIZED).status_code == 422, body


def test_with_a_token(start: Start, commands: FakeCommands) -> None:
    base = serving(start, commands, TOKEN)
    for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Basic s3cret"},
                    {"Authorization": "Bearer s3cret2"}):
        assert httpx.get(f"{base}/api/v1/agents", headers=headers).status_code == 401
    assert commands.asked == []
    good = httpx.get(f"{base}/api/v1/agents", headers={"Authorization": "Bearer s3cret"})
    assert good.status_code == 200
    assert httpx.get(f"{base}/healthz").status_code == 200


def test_everything_is_described(base: str) -> None:
    paths = httpx.get(f"{base}/api/openapi.json", headers=AUTHORIZED).json()["paths"]
    assert "/api/v1/callbacks/{task}/call-now" in paths
    assert "callbacks" in httpx.get(f"{base}/api/docs", headers=AUTHORIZED).text


def test_without_its_key_it_is_not_there(start: Start, commands: FakeCommands) -> None:
    base = serving(start, commands)
    for method, path in (("GET", "/api/v1/status"), ("GET", "/api/v1/agents"), ("GET", "/api/docs"),
                         ("POST", "/api/v1/callbacks/t1/cancel"), ("PUT", "/api/v1/policy"),
                         ("GET", "/api/openapi.json")):
        answer = httpx.request(method, f"{base}{path}")
        assert (answer.status_code, answer.json()) == (404, {
            "detail": "the API is the console's: see console.listen"})
    assert httpx.get(f"{base}/docs").status_code == 404
    assert commands.asked == []
