"""The policy as a door asks for it: read, put whole, one setting changed; over a real ledger and a real store."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from config.policy import TYPES, Peers, Policy, export_policy, parse_policy
from proxy.daemon.source import DaemonSource
from proxy.daemon.tracing import MessageTracer
from proxy.status.commands import CommandError
from proxy.verbs.doors import CommandDoor
from proxy.verbs.handlers.looking import LookAnswers, Sides
from proxy.verbs.handlers.policy import PolicyAnswers, PolicyVersions
from proxy.verbs.shapes.caller import Caller
from routing.store.sqlite import sqlite_store
from tests.kit.answering import settling
from tests.kit.told import Told
from tests.kit.waiting import eventually
from tests.proxy.verbs.on_disk import NOW, OnDisk

BOSS = Caller("boss", "admin", "console")
TEXT = """
region = "HU"
[agent.201]
name = "Anna"
[number."+3614445555"]
group = "sales"
[group.sales]
agents = ["201"]
"""
class Refused(NamedTuple):
    """What a door says instead."""

    error: str
    problems: list[dict[str, Any]]


class Asking:
    """Somebody at a door, who may do everything."""

    def __init__(self, door: CommandDoor) -> None:
        self._door = door

    async def read(self) -> str:
        return str((await self._door.run("policy.export", {}))["toml"])

    async def put(self, text: str) -> Any:
        return await self._say("policy.apply", toml=text, name="policy.toml")

    async def set(self, key: str, value: object, **more: object) -> Any:
        return await self._say("policy.set", key=key, value=value, **more)

    async def unset(self, key: str) -> Any:
        return await self._say("policy.unset", key=key)

    async def _say(self, verb: str, **args: object) -> Any:
        """The answer's data, or why it was refused."""
        try:
            return await self._door.run(verb, args)
        except CommandError as error:
            return Refused(str(error), error.problems)


Ask = Callable[[Asking], Coroutine[Any, Any, None]]


class Node(OnDisk):
    """A daemon's policy with a door before it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TEXT)
        self.puts = 0
        look = LookAnswers(self.ledger, self.store, self.reader, cast(DaemonSource, None), cast(MessageTracer, None),
                           "0", Sides(("main",), "edge1", ("office",)), lambda: NOW, lambda call: None)
        peers = Peers(("main",), ("office",), ("^[23]..$",))
        self.verbs = settling(self.store, *look.bound(),
                              *PolicyAnswers(
                                  self.ledger, peers, path.parent, self.store, self.reader, self.put).bound())

    def put(self, policy: Policy) -> None:
        self.puts += 1
        self.ledger.set_policy(policy)
        self.store.save_policy(export_policy(policy), NOW)

    def play(self, scene: Ask) -> None:
        async def run() -> None:
            self.loop = asyncio.get_running_loop()
            await scene(Asking(CommandDoor(self.verbs, self.loop, "api")))
            self.loop = None

        asyncio.run(run())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "boomerang.db")
    yield node
    node.close()


def test_what_is_read_may_be_put_back(node: Node) -> None:
    async def scene(ask: Asking) -> None:
        got = await ask.read()
        assert parse_policy(got) == node.ledger.policy
        assert (await ask.put(got), node.puts) == ({"changes": []}, 0)
        changed = got.replace("Anna", "Zoë")
        for changes in ([{"key": "agent.201.name", "old": "Anna", "new": "Zoë"}], []):
            assert await ask.put(changed) == {"changes": changes}
        assert await ask.read() == changed
        fresh = sqlite_store(node.path, lambda what: what(), lambda: NOW, "edge1", Told())
        try:
            eventually(lambda: fresh.well, "the database is open")
            assert fresh.load_policy() == changed, "an answer is given once it is kept"
        finally:
            fresh.close()

    node.play(scene)


def test_a_bad_policy_changes_nothing_and_every_problem_is_told(node: Node) -> None:
    bad = '[direct_callback]\ntype = 9\n[number."+3614445555"]\npbx = "nowhere"\ngroup = "x"\n[grup.a]\n'

    async def scene(ask: Asking) -> None:
        before = await ask.read()
        said = await ask.put(bad)
        assert [(one["file"], one["line"], one["key"]) for one in said.problems] == [
            ("policy.toml", 2, "direct_callback.type"), ("policy.toml", 4, 'number."+3614445555".pbx'),
            ("policy.toml", 5, 'number."+3614445555".group'), ("policy.toml", 6, "grup")]
        assert said.problems[1]["text"] == "there is no PBX 'nowhere'"
        assert (await ask.put("a = = 1")).problems[0]["line"] == 1
        assert await ask.read() == before
        assert node.puts == 0

    node.play(scene)


@pytest.mark.parametrize(("key", "value", "old", "new"), [
    ("direct_callback.type", 3, 1, 3), ("direct_callback.type", "3", 1, 3),
    ("direct_callback.expires_after", "2h", "8h", "2h"), ("callback.record", True, False, True),
    ("agent.201.name", "Béla", "Anna", "Béla"), ('number."+3614445555".trunk', "main", None, "main"),
    ("group.sales.agents", ["201", "202"], ["201"], ["201", "202"])])
def test_one_setting(node: Node, key: str, value: object, old: object, new: object) -> None:
    async def scene(ask: Asking) -> None:
        means = {"means": TYPES[3]} if key == "direct_callback.type" else {}
        assert await ask.set(key, value) == {"changes": [{"key": key, "old": old, "new": new, **means}]}
        assert await ask.set(key, value) == {"changes": []}

    node.play(scene)


@pytest.mark.parametrize(("key", "value", "problem"), [
    ("direct_callback.typ", "3", "there is no such setting"), ("region..x", "3", "'region..x' is not a key"),
    ('number."+3614445555".trunk', "other", "there is no trunk 'other'"),
    ("direct_callback.type", True, "whole number")])
def test_a_setting_that_cannot_be(node: Node, key: str, value: object, problem: str) -> None:
    async def scene(ask: Asking) -> None:
        (found,) = (await ask.set(key, value)).problems
        assert problem in found["text"]

    node.play(scene)


@pytest.mark.parametrize(("key", "value", "meant"), [
    ("agent.202.name", "Béla", "'202'"), ("group.slaes.target", "600", "did you mean sales?"),
    ('number."+3614445556".kind', "shared", "did you mean +3614445555?"), ("campaign.10001.group", "sales", "'10001'")])
def test_a_name_that_is_not_listed_is_made_where_that_is_said(node: Node, key: str, value: str, meant: str) -> None:
    async def scene(ask: Asking) -> None:
        (found,) = (await ask.set(key, value)).problems
        assert (found["key"], node.puts) == (key, 0)
        assert meant in found["text"]
        made = await ask.set(key, value, new=True)
        assert {"key": key, "old": None, "new": value} in made["changes"]

    node.play(scene)


def test_what_is_taken_out(node: Node) -> None:
    async def scene(ask: Asking) -> None:
        await ask.set("direct_callback.type", 4)
        default = {"key": "direct_callback.type", "old": 4, "new": 1, "means": TYPES[1]}
        assert await ask.unset("direct_callback.type") == {"changes": [default]}
        assert await ask.unset("direct_callback.type") == {"changes": []}
        assert await ask.unset("agent.201") == {
            "changes": [{"key": "agent.201.name", "old": "Anna", "new": None}]}
        for key, problem in (("agent.201", "lists no agent '201'"), ("agent.201.name", "lists no agent '201'"),
                             ("group.sales.target", "is not set"), ("group.sales", "there is no group 'sales'"),
                             ("group.sales.hour", "there is no such setting; did you mean hours?"),
                             ("nothing", "no such setting"), ("group", "no such setting"), ("a..b", "not a key")):
            assert problem in (await ask.unset(key)).problems[0]["text"], key

    node.play(scene)


def test_what_is_doubtful_is_said_once_and_what_is_dangerous_refused(node: Node) -> None:
    async def scene(ask: Asking) -> None:
        (warning,) = (await ask.set("missed_callback.enabled", True))["warnings"]
        assert (warning["level"], warning["key"]) == ("warning", "group.sales")
        assert "00:00 and 04:00" in warning["text"]
        assert "warnings" not in await ask.set("direct_callback.type", 2), "what was so before is not told again"
        text = await ask.read()
        whole = await ask.put(text)
        assert [(one["key"], one["line"] > 0) for one in whole["warnings"]] == [("group.sales", True)]
        for refused in (await ask.unset("region"), await ask.put(text.replace('region = "HU"', ""))):
            assert "neither region nor guard.countries" in refused.problems[0]["text"]
        assert (await ask.set("guard.countries", ["HU"]))["changes"] != []
        assert (await ask.unset("region"))["changes"] != []

    node.play(scene)


def test_several_settings_are_changed_at_once_or_none(node: Node) -> None:
    async def play() -> None:
        door = CommandDoor(node.verbs, asyncio.get_running_loop(), "api")
        node.loop = asyncio.get_running_loop()
        assert (await door.run("policy.export", {}))["version"] is None, "it is not on disk"
        await door.run("policy.set", {"key": "agent.201.name", "value": "Eve"})
        kept = (await door.run("policy.export", {}))["version"]

        def edit(version: int | None = None, new: bool = False, **keys: Any) -> Coroutine[Any, Any, Any]:
            changes = [{"key": key.replace("__", "."), "value": value} for key, value in keys.items()]
            return door.run("policy.edit", {"changes": changes, "version": version, "new": new})

        done = await edit(kept, missed_callback__attempts=6, group__sales__hours=["mon-fri 08:00-17:00"],
                          direct_callback__expires_after="2h", agent__201__name="7")
        assert [one["key"] for one in done["changes"]] == [
            "agent.201.name", "direct_callback.expires_after", "group.sales.hours", "missed_callback.attempts"]
        assert node.ledger.policy.agent["201"].name == "7"
        with pytest.raises(CommandError, match=f"made from version {kept} of the policy"):
            await edit(kept, missed_callback__attempts=7)
        now = (await door.run("policy.export", {}))["version"]
        assert now > kept
        with pytest.raises(CommandError) as wrong:
            await edit(now, missed_callback__attempts=70, group__sale__hours=["x"], nothing="1", tickets__enabled=True)
        assert sorted(one["key"] for one in wrong.value.problems) == [
            "group.sale.hours", "missed_callback.attempts", "nothing"]
        assert not node.ledger.policy.tickets.enabled
        await edit(now, new=True, group__vip__agents=["202"], agent__201__name=None)
        assert node.ledger.policy.agent["201"].name == ""
        await edit(group__vip=None, agent__201__name=None)
        assert "vip" not in node.ledger.policy.group
        nothing = await edit(missed_callback__attempts="6")
        assert nothing["changes"] == []

    asyncio.run(play())


def test_a_version_that_is_not_on_disk_yet_is_none(node: Node) -> None:
    versions = PolicyVersions(node.store)
    assert versions.now() is None
    node.store.save_policy("# one", NOW)
    assert eventually(versions.now, "a version") == 1
    node.store.save_policy("# other", NOW)
    eventually(lambda: versions.now() == 2, "the next version")


def test_mqtt_has_no_policy(node: Node) -> None:
    async def play() -> None:
        gate = CommandDoor(node.verbs, asyncio.get_running_loop(), "mqtt")
        for verb in ("policy.export", "policy.show", "policy.apply", "policy.set", "policy.edit", "policy.unset",
                     "status", "trace"):
            with pytest.raises(CommandError, match="there is no command"):
                await gate.run(verb, {})

    asyncio.run(play())


def test_the_history_tells_also_what_changed_between_versions_that_knew_other_settings(node: Node) -> None:
    for name in ("Anna", "Berta", "Cili"):
        node.store.save_policy(f'region = "HU"\n\n[agent.201]\nname = "{name}"\nfax = "7"\n', NOW)

    def steps() -> Any:
        return asyncio.run(node.verbs.one("policy.history", {"limit": 2}, BOSS))

    eventually(lambda: len(node.reader.policies(9)) == 3, "they are on disk")
    assert [one["changes"] for one in steps()] == [
        [{"key": "agent.201.name", "old": "Berta", "new": "Cili"}],
        [{"key": "agent.201.name", "old": "Anna", "new": "Berta"}]]
