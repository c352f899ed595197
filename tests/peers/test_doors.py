"""Every verb at every door of a real daemon: the same arguments, the same errors, the same answers, and at once."""

import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from proxy.console.api.paths import PREFIX, SERVED_APART, path_of
from proxy.status.asyncapi import document
from proxy.verbs.shapes import callbacks, calls, campaigns, direct, do_not_call, policy, queues, recordings, tickets
from proxy.verbs.shapes.catalogue import ALL, BY_NAME
from proxy.verbs.shapes.fields import Field, Limit, Moment, OneOf, Seconds, Text, Value, Whole
from proxy.verbs.shapes.verb import Verb
from tests.kit import imported
from tests.kit.boomerang import ROOT
from tests.kit.doors import Api, Doors, Said, words
from tests.kit.fitting import misfits
from tests.kit.mosquitto import Mosquitto, Subscriber, broker, listening
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.site import Site

pytestmark = pytest.mark.usefixtures("mosquitto")

DOORS: Final = ("socket", "mqtt", "api", "command")
POLICY: Final = {
    "direct_callback": {"type": 1},
    "agent": {"201": {"name": "Anna"}},
    "group": {"sales": {"agents": ["201"], "missed_callback": {"enabled": True}}},
    "tickets": {"enabled": True},
}
ROUNDS: Final = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with broker(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture(scope="module")
def heard(server: Mosquitto) -> Iterator[Subscriber]:
    with listening(server.port, "boomerang/#") as subscriber:
        yield subscriber


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: Mosquitto,
         heard: Subscriber) -> Iterator[tuple[Site, Doors]]:
    folder, console = tmp_path_factory.mktemp("doors"), free_port()
    with Site(folder / "site", policy=POLICY, mqtt=f"mqtt://127.0.0.1:{server.port}",
              extra={"console": {"listen": f"{LOOPBACK}:{console}"}}) as site, \
            Api(site.boomerang, console) as api, Doors(site.boomerang, server.port, api) as doors:
        for door in range(len(DOORS)):
            site.agent_misses("201", customer(door))
        yield site, doors


def customer(door: int) -> str:
    return f"+3620111110{door}"


COMMAND_APART: Final = frozenset({"account", "prompts", "users", "tokens", "audit", "dnc.import", "policy.edit"})
"""Nouns and verbs whose command takes something else than the verb does, such as a file, or that have none."""


def has_command(verb: Verb[Any, Any]) -> bool:
    """Whether a command takes the verb's own arguments."""
    return verb.name not in COMMAND_APART and verb.noun not in COMMAND_APART


def doors_of(verb: Verb[Any, Any]) -> list[str]:
    """Where a verb can be asked once; the command comes by the socket."""
    return [] if verb.streams else [
        door for door in DOORS if door in verb.doors or (door == "command" and has_command(verb))]


# The same arguments


def test_every_verb_has_all_its_arguments_at_every_door(site: tuple[Site, Doors]) -> None:
    paths = site[1].paths()
    described = document()
    for verb in ALL:
        wanted = set(verb.takes.fields)
        if has_command(verb):
            assert typed(verb) == wanted, f"{verb.name}: the command"
        if "mqtt" in verb.doors:
            taken = described["components"]["messages"][f"cmd.{verb.name}"]["payload"]["properties"]
            assert set(taken) - wanted <= {"reply_to", "id"}, f"{verb.name}: MQTT"
            assert wanted <= set(taken), f"{verb.name}: MQTT"
        if "api" in verb.doors and verb.name not in SERVED_APART and not verb.streams:
            one = path_of(verb)
            taken = sent(paths[f"{PREFIX}{one.path}"][one.method.lower()], verb)
            if verb.act == "list":  # in pages, with further filters; calls in progress are `result=active` there
                assert wanted - {"active"} <= taken, f"{verb.name}: the API"
            else:
                assert taken == wanted, f"{verb.name}: the API"


def sent(operation: dict[str, Any], verb: Verb[Any, Any]) -> set[str]:
    """The arguments that a path of the API takes."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    named = {verb.key if one["in"] == "path" else one["name"]
             for one in operation.get("parameters", ()) if one["in"] != "header"}
    return named | set(body.get("properties", {}))


def typed(verb: Verb[Any, Any]) -> set[str]:
    """The arguments that the command's help names."""
    said = [word for word in words(verb, {}) if not word.startswith("-")]
    shown = imported.run([sys.executable, "-m", "proxy", *said, "--help"], ROOT,
                         {"COLUMNS": "200", "PYTHONPATH": str(ROOT)})
    assert shown.returncode == 0, shown.stderr
    help_text = shown.stdout
    if verb is policy.APPLY:  # its text comes from a file, and is called as that is
        return set(verb.takes.fields) if "file" in help_text.lower() else set()
    if verb is queues.LIST:
        return set()
    if verb is queues.SHOW:
        return {"group", "limit"} if "--limit" in help_text and "group" in help_text.lower() else set()
    places = {name for name, field in verb.takes.fields.items() if field.place and field.place in help_text}
    return places | {name for name in verb.takes.fields if f"--{name.replace('_', '-')} " in help_text}


# The same errors


def wrong(field: Field) -> tuple[Any, str] | None:
    """A value that an argument cannot have, as JSON and as it is typed; None: whatever is typed may be one."""
    if isinstance(field, Limit):
        return 0, "0"
    if isinstance(field, Whole):
        return field.most + 1, str(field.most + 1)
    if isinstance(field, Seconds):
        return -1.0, "-1"
    if isinstance(field, OneOf | Moment):
        return "nonsense", "nonsense"
    if isinstance(field, Text) and not isinstance(field, Value) and field.most < 10_000:
        return "x" * (field.most + 1), "x" * (field.most + 1)
    return None


GOOD: Final[dict[str, dict[str, Any]]] = {
    "alarms.clear": {"name": "none"}, "calls.end": {"id": "none"}, "direct.show": {"customer": "+36201"},
    "direct.remove": {"customer": "+36201"}, "queues.show": {"group": "none"}, "callbacks.show": {"id": "none"},
    "callbacks.cancel": {"id": "none"}, "callbacks.hold": {"id": "none"}, "callbacks.resume": {"id": "none"},
    "callbacks.call-now": {"id": "none"}, "callbacks.add": {"customer": "+36201"}, "dnc.add": {"customer": "+36201"},
    "dnc.remove": {"customer": "+36201"}, "campaigns.show": {"id": "none"}, "campaigns.remove": {"id": "none"},
    "campaigns.renumber": {"id": "none", "to": "none"}, "tickets.show": {"id": "none"}, "tickets.close": {"id": "none"},
    "tickets.comment": {"id": "none", "text": "t"}, "tickets.call": {"id": "none"}, "recordings.get": {"name": "none"},
    "policy.set": {"key": "none", "value": "1"}, "policy.unset": {"key": "none"}, "campaigns.add": {"group": "none"},
    "calls.show": {"id": "none"}, "calls.messages": {"id": "none"}, "callbacks.plan": {"id": "none"},
    "callbacks.reassign": {"id": "none"}, "campaigns.preview": {"id": "none"},
}
"""What else a verb must be told, of things that are not there."""
MUST: Final[dict[str, dict[str, Any]]] = {
    **{f"agents.{act}": {"agent": "none"} for act in ("desk", "done", "pause", "resume")},
    **{f"callbacks.{act}": {"id": "none", "agent": "none"} for act in ("accept", "decline")},
    "dnc.import": {"text": "none"}, "prompts.add": {"name": "none", "data": "none"}, "prompts.get": {"name": "none"},
    "prompts.remove": {"name": "none"}, "policy.edit": {"changes": [{"key": "none", "value": 1}]},
    "policy.at": {"version": "none"}, "users.add": {"name": "none", "role": "agent"},
    "users.change": {"name": "none", "role": "agent"}, "users.passwd": {"name": "none"},
    "users.disable": {"name": "none"}, "users.enable": {"name": "none"}, "account.passwd": {"name": "none"},
    "tokens.add": {"name": "none", "role": "agent"}, "tokens.revoke": {"name": "none"},
}
"""The same, of verbs whose refusal of what is not there has tests elsewhere."""


@pytest.mark.parametrize("name", [verb.name for verb in ALL if verb.takes.fields and doors_of(verb)])
def test_an_argument_that_cannot_be_is_told_alike(site: tuple[Site, Doors], name: str) -> None:
    verb, (_, doors) = BY_NAME[name], site
    if verb is policy.APPLY:
        return  # its text is a file
    for argument, field in verb.takes.fields.items():
        bad = wrong(field)
        if bad is None or (argument == verb.key and verb is not calls.END_CALL and len(bad[1]) > 64 * 4):
            continue
        said: dict[str, Said] = {}
        for door in doors_of(verb):
            if door == "command" and (verb is recordings.GET or field is not next(iter(verb.takes.fields.values()))):
                continue  # one for each verb, for a process takes half a second; and one gives a file
            if door == "api" and ((verb.act == "list" and argument == "limit") or verb.name in SERVED_APART):
                continue  # a page has bounds of its own, and a file has no offset
            value = bad[1] if door == "command" else bad[0]
            said[door] = doors.asks[door](verb, {**GOOD.get(name, {}), **MUST.get(name, {}), argument: value})
        first = said["socket"]
        assert first.error, f"{name}: {argument}"
        assert {door: (one.error, one.key) for door, one in said.items()} == \
            {door: (first.error, argument if door != "command" else one.key) for door, one in said.items()}
        assert first.error.startswith(argument)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_not_there_is_told_alike(site: tuple[Site, Doors], name: str) -> None:
    verb, (_, doors) = BY_NAME[name], site
    if verb is recordings.GET:
        return
    said = {door: doors.asks[door](verb, GOOD[name]) for door in doors_of(verb)}
    errors = {door: one.error.removeprefix("policy: ") for door, one in said.items()}
    assert len({text.removeprefix("policy: ") for text in errors.values()}) == 1, errors
    assert {json.dumps(one.data) for one in said.values()} == {json.dumps(said["socket"].data)}


@pytest.mark.parametrize("door", ["socket", "mqtt", "api"])
def test_an_argument_that_there_is_not_is_an_error(site: tuple[Site, Doors], door: str) -> None:
    said = site[1].asks[door](callbacks.SHOW, {"id": "none", "grup": "sales"})
    assert (said.error, said.key) == ("there is no argument 'grup': id", "grup")


# The same answers


def plain(data: Any, door: int) -> Any:
    """An answer without what is another at each door: names of things, moments, and whose it is."""
    text = json.dumps(data)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "MOMENT", text)
    text = re.sub(r'"by": "(?!Eva)[^"]*"', '"by": "WHO"', text)
    text = text.replace(customer(door), "CUSTOMER").replace(f"2000{door}", "CAMPAIGN").replace(f"2100{door}", "OTHER")
    return json.loads(re.sub(r'"(number|latency_ms|wait_s)": [\d.]+', r'"\1": 1', text))


def no_epoch(data: Any) -> bool:
    """Whether no moment is told as seconds since the epoch."""
    if isinstance(data, dict):
        return all(map(no_epoch, data.values()))
    if isinstance(data, list):
        return all(map(no_epoch, data))
    return not isinstance(data, int | float) or isinstance(data, bool) or data < 1e9


def life(doors: Doors, number: int) -> list[Any]:
    """What happens to one customer, all by one door."""
    ask, who = doors.asks[DOORS[number]], customer(number)
    found: list[Any] = []

    def say(verb: Verb[Any, Any], **args: Any) -> Any:
        said = ask(verb, args)
        assert not said.error, f"{DOORS[number]}: {verb.name}: {said.error}"
        assert no_epoch(said.data), f"{DOORS[number]}: {verb.name}: {said.data}"
        assert misfits(verb, said.data) == [], DOORS[number]
        found.append((verb.name, plain(said.data, number)))
        return said.data

    say(direct.SHOW, customer=who)
    say(direct.REMOVE, customer=who, agent="201")
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    made = say(callbacks.ADD, customer=who, group="sales", number="+3614445555", responsible="201", responsible_wait=30,
               language="hu", preview=5, at=later, window="24h", attempts=2, note="by mail", by="Eva")
    task = made["id"]
    say(callbacks.LIST, limit=1, state="open", customer=who, group="sales")
    say(callbacks.HOLD, id=task, reason="wait")
    say(callbacks.RESUME, id=task, reason="go on")
    say(callbacks.CANCEL, id=task, reason="asked to")
    say(callbacks.SHOW, id=task)
    say(callbacks.RUNNING)
    say(do_not_call.ADD, customer=who, reason="law")
    say(do_not_call.LIST, limit=1)
    say(do_not_call.REMOVE, customer=who)
    say(campaigns.ADD, id=f"2000{number}", name="Winter", group="sales", to="2999-01-01", retries=1)
    say(campaigns.SHOW, id=f"2000{number}")
    say(campaigns.RENUMBER, id=f"2000{number}", to=f"2100{number}")
    say(campaigns.LIST)
    say(campaigns.REMOVE, id=f"2100{number}")
    say(queues.LIST)
    say(queues.SHOW, group="sales", limit=3)
    say(queues.AGENTS)
    say(tickets.LIST, limit=1, state="open", customer=who)
    return [(name, data) for name, data in found if name not in ("queues.list", "queues.show")]


def test_one_life_is_told_alike_at_every_door(site: tuple[Site, Doors]) -> None:
    told = {door: life(site[1], number) for number, door in enumerate(DOORS)}
    for door in DOORS[1:]:
        for first, other in zip(told["socket"], told[door], strict=True):
            assert first == other, door


def test_what_is_not_for_mqtt_is_told_alike_elsewhere(site: tuple[Site, Doors]) -> None:
    _, doors = site
    for verb in (policy.SHOW, policy.EXPORT, BY_NAME["alarms.list"], recordings.LIST, BY_NAME["log.level"],
                 callbacks.FIGURES):
        said = {door: doors.asks[door](verb, {}).data for door in doors_of(verb)}
        assert all(one == said["socket"] for one in said.values()), verb.name
        assert misfits(verb, said["socket"]) == []
        assert no_epoch(said["socket"])
    for door in ("socket", "api", "command"):
        changed = doors.asks[door](policy.SET, {"key": "direct_callback.type", "value": "3"}).data
        assert changed["changes"][0]["new"] == 3, door
        assert doors.asks[door](policy.UNSET, {"key": "direct_callback.type"}).data["changes"][0]["old"] == 3
        assert doors.asks[door](policy.SET, {"key": "direct_callback.type", "value": "1"}).error == ""
    assert "there is no command" in doors.mqtt(policy.SHOW, {}).error
    status = {door: plain(doors.asks[door](BY_NAME["status"], {}).data, 0) for door in ("socket", "command", "api")}
    assert status["socket"] == status["command"]
    assert misfits(BY_NAME["status"], doors.socket(BY_NAME["status"], {}).data) == []
    assert misfits(calls.CALLS, doors.socket(calls.CALLS, {}).data) == []
    assert misfits(direct.LIST, doors.socket(direct.LIST, {}).data) == []
    for name in ("node", "version", "since", "state", "trunks", "pbxs", "alarms"):
        assert status["api"][name] == status["socket"][name], name


def test_no_event_and_no_topic_tells_a_moment_in_seconds(site: tuple[Site, Doors], heard: Subscriber) -> None:
    _, doors = site
    doors.socket(callbacks.ADD, {"customer": "+36205550000", "group": "sales"})
    heard.wait_for("boomerang/edge1/event/callback.queued")
    payloads = [json.loads(one.payload) for one in heard.heard if one.payload.startswith(("{", "["))]
    assert len(payloads) > 5
    assert [one for one in payloads if not no_epoch(one)] == []


# At once


def test_what_was_written_at_one_door_is_read_at_another_at_once(site: tuple[Site, Doors]) -> None:
    site_, doors = site
    reading = ("socket", "api", "mqtt")
    with sqlite3.connect(f"file:{site_.boomerang.data / 'boomerang.db'}?mode=ro", uri=True) as disk:
        for number in range(ROUNDS):
            by, at = reading[number % 3], reading[(number // 3 + 1) % 3]
            who = f"+3630{number:07d}"
            assert doors.asks[by](do_not_call.ADD, {"customer": who}).data == {"customer": who}
            assert doors.asks[at](do_not_call.LIST, {"limit": 1}).data[0]["customer"] == who, (by, at)
            rows = disk.execute("SELECT count(*) FROM do_not_call WHERE customer=?", (who,)).fetchone()
            assert rows == (1,), "a reader in another process sees it too"
            made = doors.asks[by](callbacks.ADD, {"customer": f"+3670{number:07d}", "group": "sales"}).data
            assert doors.asks[at](callbacks.LIST, {"limit": 1}).data[0]["id"] == made["id"], (by, at)
            assert doors.asks[at](callbacks.CANCEL, {"id": made["id"]}).data["state"] == "cancelled"
            found = doors.asks[by](callbacks.LIST, {"limit": 1, "state": "cancelled"}).data[0]
            assert found["id"] == made["id"], (by, at)
    disk.close()
