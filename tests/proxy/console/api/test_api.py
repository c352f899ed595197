"""The API of a real console in front of a real daemon: who may what, pages, exports, what is done once, refusals."""

import csv
import http.client
import io
import json
import os
import re
import subprocess
import threading
import time
import wave
from pathlib import Path
from typing import Any

import pytest

from proxy.console.api.list_routes import KEYS
from proxy.console.api.paths import NOUNS, verb_paths
from proxy.console.lists import Lists
from proxy.verbs.shapes.caller import RANKS
from proxy.verbs.shapes.catalogue import ALL, BY_NAME
from routing.ids import uuid7
from routing.rows import CallRow
from tests.architecture.tree import ROOT
from tests.kit.ports import LOOPBACK
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.console.api.site import Site
from tests.routing.store.rows import a_task

RANK = {"admin": RANKS["admin"], "sue": RANKS["supervisor"], "anna": RANKS["agent"]}
NOW = time.time()


def a_call(at: float, **changes: Any) -> CallRow:
    return CallRow(uuid7(at, os.urandom), "c", "inbound", "main", "office", "+36201234561", "+3614445551", "600", None,
                   None, "sales", "normal", None, at, None, None, at + 5, 487, "caller", None, "edge1",
                   1)._replace(**changes)


def body_for(verb: str) -> dict[str, Any]:
    """Something of every argument that must be there: enough to come as far as the role."""
    return {field.name: "x" for field in BY_NAME[verb].takes.fields.values() if field.required}


@pytest.mark.parametrize("one", verb_paths(), ids=lambda one: f"{one.method} {one.path}")
@pytest.mark.parametrize("who", ["admin", "sue", "anna", None])
def test_no_role_reaches_what_it_may_not(api: Site, one: Any, who: str | None) -> None:
    """Arguments that cannot be: whoever may is told so, or that there is nothing of that name, and nothing is done."""
    verb = BY_NAME[one.verb]
    path = one.path
    for name in ("{" + part.partition("}")[0] + "}" for part in path.split("{")[1:]):
        path = path.replace(name, "nothing%20here")
    sent = {**body_for(one.verb), "no_such_argument": 1} if one.method != "GET" and one.method != "DELETE" else None
    asked = path if sent is not None else path + "?no_such_argument=1"
    answer = api.ask(who, one.method, asked, sent)
    if who is None:
        assert answer.status == 401
        return
    found = api.ask(who, one.method, path if sent is None else asked, sent)
    if RANK[who] < RANKS[verb.role]:
        assert answer.status in (403, 422), answer.text
        if not verb.changes:
            assert api.ask(who, one.method, path).status in (403, 422), "with arguments that can be"
    assert found.status != 500
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", Lists.names())
def test_lists_are_for_who_may_see_them(api: Site, name: str) -> None:
    path = "/policy/versions" if name == "policy-versions" else f"/{name}"
    for who, rank in RANK.items():
        allowed = rank >= RANKS[Lists.role(name)]
        assert api.get(path, who).status == (200 if allowed else 403)
        assert api.get(f"{path}/export?format=jsonl", who).status == (200 if allowed else 403)
    assert api.ask(None, "GET", path).status == 401


def test_verbs_that_only_an_admin_may_say_are_refused_by_the_daemon(api: Site) -> None:
    for path, sent in (("/users", {"name": "eve", "role": "admin"}), ("/tokens", {"name": "eve", "role": "admin"}),
                       ("/alarms/x/clear", {}), ("/policy/apply", {"toml": ""})):
        for who in ("sue", "anna"):
            assert api.post(path, sent, who).status == 403
    assert all(one["name"] != "eve" for one in api.get("/users").json["items"])


def test_a_page_after_the_other_and_what_is_whose(api: Site) -> None:
    rows = [a_call(NOW - 100 + n, group="sales" if n % 2 else "support", agent="301" if n % 4 == 0 else None)
            for n in range(25)]
    api.put("calls", rows)
    seen: list[str] = []
    path = "/calls?limit=10"
    while True:
        page = api.get(path).json
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        path = f"/calls?limit=10&cursor={page['next']}"
    assert seen == [row.id for row in reversed(rows)]
    mine = api.get("/calls?limit=1000", "sue").json["items"]
    assert {one["group"] for one in mine} == {"sales"}
    assert len(mine) == 12
    assert api.get("/calls", "anna").json == {"items": [], "next": None}
    answer = api.get(f"/calls?cursor={page['next'] or 'x'}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "cursor")
    one = api.get(f"/calls/{rows[0].id}")
    assert (one.status, one.json["id"]) == (200, rows[0].id)
    assert api.get(f"/calls/{rows[0].id}", "anna").status == 403


@pytest.mark.parametrize("path", KEYS)
def test_lists_that_the_daemon_gives_whole_come_in_pages(api: Site, path: str) -> None:
    whole = api.get(f"/{path}?limit=1000").json["items"]
    found, after = [], ""
    while True:
        page = api.get(f"/{path}?limit={max(1, len(whole) // 3)}{after}").json
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    keys = [tuple(one[key] for key in KEYS[path]) for one in found]
    assert keys == [tuple(one[key] for key in KEYS[path]) for one in whole]
    assert len(keys) == len({*keys}), "no two have these alike"
    assert api.get(f"/{path}?limit=1&cursor=AAAA").status == 422


@pytest.mark.parametrize(("method", "path", "sent", "status", "field"), [
    ("GET", "/calls?limit=0", None, 422, "limit"), ("GET", "/calls?limit=ten", None, 422, "limit"),
    ("GET", "/calls?colour=red", None, 422, "colour"), ("GET", "/calls?agent=1&agent=2", None, 422, "agent"),
    ("GET", "/calls?sort=colour", None, 422, "sort"), ("GET", "/calls?order=up", None, 422, "order"),
    ("GET", "/calls/export?format=xml", None, 422, "format"), ("GET", "/callbacks?state=opened", None, 422, "state"),
    ("GET", "/events?kinds=nothing", None, 422, "kinds"), ("POST", "/callbacks", {}, 422, "customer"),
    ("POST", "/callbacks", {"customer": "nobody", "group": "sales"}, 422, "customer"),
    ("POST", "/callbacks", b"{", 422, ""), ("POST", "/callbacks", b"[1]", 422, ""),
    ("POST", "/callbacks", b'{"customer": NaN}', 422, ""), ("POST", "/callbacks", b"\xff", 422, ""),
    ("PUT", "/policy", "x = 1", 422, "x"), ("PUT", "/policy", b"\xff", 422, ""),
    ("POST", "/callbacks/nothing/cancel", {}, 404, None), ("GET", "/callbacks/nothing", None, 404, None),
    ("GET", "/callbacks/%20", None, 404, None), ("POST", "/callbacks/%20/call-now", {}, 404, None),
    ("POST", "/callbacks/%C3%A9/hold", {}, 404, None), ("GET", "/policy/history?cursor=AAAA", None, 422, "cursor"),
    ("GET", "/policy/history?limit=0", None, 422, "limit"), ("GET", "/policy/history?colour=1", None, 422, "colour"),
    ("GET", "/nothing", None, 404, None), ("DELETE", "/status", None, 405, None),
    ("GET", "/recordings/..%2fboomerang.db", None, 404, None), ("GET", "/policy/versions/999", None, 404, None),
    ("GET", "/policy/versions/x", None, 422, "version"),
])
def test_what_is_refused_says_where_and_why(api: Site, method: str, path: str, sent: Any, status: int,
                                            field: str | None) -> None:
    answer = api.ask("admin", method, path, sent)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    if field is not None:
        assert problem["errors"][0]["field"] == field
        assert problem["errors"][0]["reason"]


def test_done_once_by_its_key(api: Site) -> None:
    wanted = {"customer": "+36201110001", "group": "sales"}
    first = api.post("/callbacks", wanted, Idempotency_Key="one")
    again = api.post("/callbacks", wanted, Idempotency_Key="one")
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert len(api.get("/callbacks?customer=%2B36201110001").json["items"]) == 1
    other = api.post("/callbacks", {**wanted, "customer": "+36201110002"}, Idempotency_Key="one")
    assert (other.status, other.json["errors"][0]["field"]) == (422, "Idempotency-Key")
    elsewhere = api.post("/callbacks", {"customer": "+36201110003", "group": "sales"}, "sue", Idempotency_Key="one")
    assert elsewhere.status == 200, "a key is that of whoever shows it"
    assert api.post("/callbacks", {"customer": "x", "group": "sales"}, Idempotency_Key="two").status == 422
    assert api.post("/callbacks", {"customer": "+36201110004", "group": "sales"}, Idempotency_Key="two").status == 200


def test_many_at_once_with_one_key_do_it_once(api: Site) -> None:
    wanted, answers = {"customer": "+36201110009", "group": "support"}, []

    def ask() -> None:
        answers.append(api.post("/callbacks", wanted, Idempotency_Key="race"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status for one in answers} <= {200, 409}
    ids = {one.json["id"] for one in answers if one.status == 200}
    assert len(ids) == 1
    assert len(api.get("/callbacks?customer=%2B36201110009").json["items"]) == 1


def test_a_secret_is_kept_nowhere(api: Site) -> None:
    first = api.post("/tokens", {"name": "once", "role": "agent", "agent": "201"}, Idempotency_Key="secret")
    again = api.post("/tokens", {"name": "once", "role": "agent", "agent": "201"}, Idempotency_Key="secret")
    assert (first.status, again.status) == (200, 409)
    kept = b"".join(path.read_bytes() for path in api.daemon.data.glob("*.db*"))
    assert first.json["token"].encode() not in kept
    assert first.json["token"] not in json.dumps(api.get("/tokens").json)


def test_the_policy_and_its_version(api: Site) -> None:
    first = api.get("/policy")
    assert first.text == api.daemon.ask("policy.export")["toml"]
    tag = first.headers["etag"]
    other = '"1' + tag[1:]
    for said, status in ((tag, 304), (f"W/{tag}", 304), (f"{other}, {tag}", 304), ("*", 304), (other, 200),
                         (f"x{tag}x", 200), (f"{tag}{tag}", 200), (tag[:-1], 200)):
        assert api.get("/policy", If_None_Match=said).status == status, said
    changed = api.ask("admin", "PATCH", "/policy", {"key": "missed_callback.attempts", "value": 6}, If_Match=tag)
    assert changed.status == 200
    assert changed.json["changes"] == [{"key": "missed_callback.attempts", "old": 4, "new": 6}]
    newer = changed.headers["etag"]
    assert newer != tag
    [on_disk] = api.daemon.sql("SELECT text FROM policy ORDER BY version DESC LIMIT 1")
    assert api.get("/policy").text == on_disk["text"] == first.text.replace("attempts = 4", "attempts = 6", 1)
    late = api.ask("admin", "PUT", "/policy", first.body, If_Match=tag)
    assert (late.status, late.json["status"]) == (412, 412)
    assert api.ask("admin", "PATCH", "/policy", {"key": "missed_callback.attempts", "value": 5},
                   If_Match=tag).status == 412
    assert api.ask("admin", "PUT", "/policy", first.body, If_Match="nonsense").status == 422
    back = api.ask("admin", "PUT", "/policy", first.body, If_Match=newer)
    assert (back.status, back.json["changes"][0]["new"]) == (200, 4)
    assert api.get("/policy").body == first.body
    page = api.get("/policy/history?limit=2").json
    steps = page["items"]
    assert [(one["by"], [change["new"] for change in one["changes"]]) for one in steps] == [
        ("admin", [4]), ("admin", [6])]
    rest = api.get(f"/policy/history?limit=1000&cursor={page['next']}").json
    whole = api.daemon.ask("policy.history", limit=100)
    assert [*steps, *rest["items"]] == whole
    assert rest["next"] is None
    versions = api.get("/policy/versions").json["items"]
    assert [one["version"] for one in versions][:2] == [one["version"] for one in steps]
    old = api.get(f"/policy/versions/{versions[1]['version']}").json
    assert "attempts = 6" in old["toml"]
    assert old["by"] == "admin"
    assert api.ask("sue", "PUT", "/policy", first.body).status == 403


def test_exports_hold_every_row_once(api: Site) -> None:
    start = NOW - 1_000_000
    rows = [a_call(start + n, customer="=cmd()" if n == 7 else "+36209999999", agent="202") for n in range(2_500)]
    api.put("calls", rows)
    told = api.get("/calls/export?format=csv&agent=202")
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="calls-' in told.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(told.text)))
    assert [line["id"] for line in lines] == [row.id for row in reversed(rows)]
    assert {line["customer"] for line in lines} == {"+36209999999", "'=cmd()"}
    asked = api.get("/calls/export?format=jsonl&agent=202&order=asc")
    assert [json.loads(line)["id"] for line in asked.text.splitlines()] == [row.id for row in rows]
    item = api.get("/calls?agent=202&limit=1").json["items"][0]
    assert json.loads(asked.text.splitlines()[-1]) == item, "as a list has it"
    assert api.get("/calls/export?format=jsonl&agent=202", "anna").text == ""


class Stream:
    """Somebody who follows events."""

    def __init__(self, site: Site, who: str, path: str = "/events", **headers: str) -> None:
        self.connection = http.client.HTTPConnection(LOOPBACK, site.port, timeout=PATIENCE)
        said = {"Authorization": f"Bearer {site.tokens[who]}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.connection.request("GET", f"/api/v1{path}", headers=said)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")
        assert self.line().startswith(":"), "whoever reads this is followed"

    def line(self) -> str:
        while True:
            line = self.answer.readline().decode().rstrip("\r\n")
            if line:
                return line

    def event(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\r\n")
            if not line and found:
                return found
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                found[name] = value

    def close(self) -> None:
        self.connection.close()


def test_events_are_followed_and_gone_on_with(api: Site) -> None:
    eventually(lambda: json.loads(api.get("/status").body)["state"] == "running", "it runs")
    admin, anna = Stream(api, "admin", "/events?kinds=callback.queued"), Stream(api, "anna")
    made = api.post("/callbacks", {"customer": "+36201230001", "group": "sales"}).json
    told = admin.event()
    while told["event"] != "callback.queued":
        told = admin.event()
    data = json.loads(told["data"])
    assert (data["kind"], data["data"]["task"], data["id"]) == ("callback.queued", made["id"], told["id"])
    second = api.post("/callbacks", {"customer": "+36201230002", "group": "sales"}).json
    assert json.loads(admin.event()["data"])["data"]["task"] == second["id"]
    back = Stream(api, "admin", "/events?kinds=callback.queued", Last_Event_ID=told["id"])
    assert json.loads(back.event()["data"])["data"]["task"] == second["id"], "what came meanwhile"
    strange = Stream(api, "admin", Last_Event_ID="nobody knows")
    assert strange.event()["event"] == "reset"
    for one in (admin, anna, back, strange):
        one.close()


def test_what_was_put_by_a_program_says_so(api: Site) -> None:
    made = api.post("/callbacks", {"customer": "+36201239999", "group": "sales"}, "sue").json
    [asked] = [line for line in api.get(f"/callbacks/{made['id']}").json["journal"] if line["kind"] == "requested" or
               "by" in line["data"]][:1]
    assert asked["data"]["by"] == "sue"
    line = api.get("/audit?who=sue&verb=callbacks.add&limit=1").json["items"][0]
    assert (line["door"], line["who"]) == ("api", "sue")


def test_numbers_and_which_level_a_setting_comes_from(api: Site) -> None:
    for key, value in (("queue_callback.offer_after", "30s"), ("group.sales.queue_callback.offer_after", "40s"),
                       ('number."+3614445551".queue_callback.key', "5")):
        assert api.ask("admin", "PATCH", "/policy", {"key": key, "value": value}).status == 200
    items = api.get("/numbers").json["items"]
    assert [(one["number"], one["group"]) for one in items] == [("+3614445551", "sales"), ("+3614445552", "support")]
    assert items[0]["settings"]["queue_callback.key"] == {"value": "5", "level": "number", "name": "+3614445551"}
    assert items[0]["settings"]["queue_callback.offer_after"] == {"value": "40s", "level": "group", "name": "sales"}
    assert items[1]["settings"]["queue_callback.offer_after"] == {"value": "30s", "level": "company", "name": ""}
    assert [one["number"] for one in api.get("/numbers", "sue").json["items"]] == ["+3614445551"]
    assert api.get("/numbers", "anna").status == 403
    one = api.get("/numbers/+3614445551", "sue").json
    assert one["settings"] == items[0]["settings"]
    assert api.get("/numbers/+3614445552", "sue").status == 404
    assert api.get("/numbers/+3614440000").status == 404
    assert api.get("/groups/sales/settings", "sue").json["settings"]["agents"]["value"] == ["201", "202"]
    assert api.get("/groups/support/settings", "sue").status == 404


def test_every_list_that_the_daemon_gives_whole_has_a_key() -> None:
    lists = {NOUNS.get(verb.noun, verb.noun) for verb in ALL if verb.act == "list" and "api" in verb.doors}
    assert lists - {*Lists.names()} == {*KEYS}


def test_a_prompt_is_uploaded_and_heard(api: Site) -> None:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\1" * 8000)
    put = api.ask("admin", "PUT", "/prompts/greeting?language=hu", made.getvalue(), Content_Type="audio/wav")
    assert (put.status, put.json["name"], put.json["language"]) == (200, "greeting", "hu")
    heard = api.get("/prompts/greeting?language=hu")
    assert (heard.status, heard.headers["content-type"], heard.body[:4]) == (200, "audio/wav", b"RIFF")
    assert api.ask("admin", "PUT", "/prompts/greeting", b"no sound").status in (409, 422)
    assert api.ask("anna", "PUT", "/prompts/greeting", made.getvalue()).status == 403
    assert api.get("/prompts/nothing").status == 404
    names = {(one["name"], one["language"], one["built_in"]) for one in api.get("/prompts?limit=1000").json["items"]}
    assert ("greeting", "hu", False) in names


def test_ten_thousand_callbacks_come_quickly(api: Site) -> None:
    api.put("tasks", [a_task(customer=f"+3630{n:07}", created_at=NOW - n, state="done", ended_at=NOW)
                      for n in range(10_000)])
    took = []

    def quick() -> bool:
        began = time.perf_counter()
        assert len(api.get("/callbacks?state=done&sort=customer&limit=100").json["items"]) == 100
        took.append(time.perf_counter() - began)
        return took[-1] < 0.3

    eventually(quick, "one that nothing else has held up", every=0.1)


def moments_in_seconds(data: Any, where: str = "") -> list[str]:
    """Where something is told that only seconds since the epoch can be."""
    if isinstance(data, dict):
        return [found for key, value in data.items() for found in moments_in_seconds(value, f"{where}.{key}")]
    if isinstance(data, list):
        return [found for value in data for found in moments_in_seconds(value, f"{where}[]")]
    return [where] if isinstance(data, int | float) and not isinstance(data, bool) and data > 1e9 else []


def test_every_moment_is_told_as_text(api: Site) -> None:
    made = api.post("/tokens", {"name": "short", "role": "agent", "agent": "201", "expires": "90d"}).json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["expires"])
    task = api.post("/callbacks", {"customer": "+36201117777", "group": "sales"}).json
    told = {path: api.get(path).json for path in (
        "/tokens", "/users", "/callbacks", "/policy/versions", "/policy/history", "/audit", "/status", "/figures",
        "/agents", "/groups", "/callbacks/running", f"/callbacks/{task['id']}", f"/callbacks/{task['id']}/plan")}
    assert [*moments_in_seconds(made), *moments_in_seconds(told)] == []
    assert made["expires"] in [one["expires"] for one in told["/tokens"]["items"]]
    for path in ("/tokens", "/callbacks"):
        lines = api.get(f"{path}/export?format=jsonl").text.splitlines()
        assert moments_in_seconds([json.loads(one) for one in lines]) == [], path
    api.post(f"/tokens/{made['id']}/revoke")


def test_what_is_over_is_there_and_cannot_be_changed(api: Site) -> None:
    task = api.post("/callbacks", {"customer": "+36201118888", "group": "sales"}).json["id"]
    assert [api.post(f"/callbacks/{task}/cancel").status for _ in range(2)] == [200, 409]
    assert api.get(f"/callbacks/{task}").json["state"] == "cancelled"


def test_the_document_and_its_page(api: Site) -> None:
    document = api.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for one in verb_paths():
        assert one.method.lower() in document["paths"][f"/api/v1{one.path}"]
    names = {name for path in document["paths"].values() for way in path.values() for name in way["responses"]}
    assert {"200", "401", "403", "404", "409", "422", "503"} <= names
    assert api.ask(None, "GET", "/openapi.json").status == 401
    assert "$ref" not in json.dumps(document).replace('"$ref": "#/components/schemas/', "")


EXAMPLES = re.findall(r"^```sh\n(.*?)^```", (ROOT / "proxy/console/api/README.md").read_text(),
                      re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_do_what_they_say(api: Site, tmp_path: Path, example: str) -> None:
    done = subprocess.run(["sh", "-e", "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TOKEN": api.tokens["admin"], "API": f"http://{LOOPBACK}:{api.port}/api/v1"})
    assert done.returncode == 0, done.stderr
