"""Which policy a daemon begins with, what its log says of it, and whose policy is in force where nodes share it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.node import NodeConfig, load_node
from config.policy import Policy
from proxy.daemon.policies import Policies
from routing.callbacks.dial_guard import DialGuard
from routing.storage import ANYTHING_CHANGED
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from tests.kit.logged import capture_logs
from tests.kit.told import Told
from tests.routing.world import Loop

NODE = """[node]
data = "."
[[listen]]
uri = "udp://127.0.0.1:5060"
[trunk.a]
peers = ["sip:a"]
[pbx.b]
peers = ["sip:b"]
[policy]
seed = "policy.toml"
"""
SEED = 'region = "HU"\n[direct_callback]\ntype = 2\n'
CALLED_BACK = '[group.sales]\ntarget = "600"\nmissed_callback = { enabled = true }\n'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreQueue]:
    store = sqlite_store(tmp_path / "boomerang.db", lambda what: what(), lambda: 0.0, "edge1", Told())
    yield store
    store.close()


class Node:
    """A node whose database another one writes to as well; its policies, and what they say."""

    def __init__(self, folder: Path, name: str) -> None:
        self.loop = Loop()
        self.store = sqlite_store(folder / "boomerang.db", self.loop.post, lambda: 0.0, name, Told(), shared=True)
        self.alarms: dict[str, str] = {}
        self.in_force: list[Policy] = []
        self.policies = Policies(configure(folder, SEED), self.store, self.in_force.append, self._alarm)
        self.in_force.append(self.policies.first())
        self.settle()

    def _alarm(self, name: str, text: str | None) -> None:
        self.alarms.pop(name, None)
        if text is not None:
            self.alarms[name] = text

    def settle(self) -> None:
        done: list[bool] = []
        self.store.settled(lambda: done.append(True))
        self.loop.until(lambda: done)

    def save(self, text: str) -> None:
        """Have a policy saved here, be it one of a later version."""
        self.store.save_policy(text, 1.0)
        self.settle()

    def until(self, true: Callable[[], object]) -> None:
        """Give turns, as the daemon does, until something holds."""
        def turned() -> object:
            self.policies.turn()
            return true()

        self.loop.until(turned)

    @property
    def type(self) -> int:
        return self.in_force[-1].direct_callback.type


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[[str], Node]]:
    made: list[Node] = []

    def one(name: str) -> Node:
        made.append(Node(tmp_path, name))
        return made[-1]

    yield one
    for each in made:
        each.store.close()


def configure(folder: Path, seed: str) -> NodeConfig:
    (folder / "policy.toml").write_text(SEED)
    (folder / "boomerang.toml").write_text(NODE)
    config = load_node(folder / "boomerang.toml")
    (folder / "policy.toml").write_text(seed)
    return config


def begin(folder: Path, store: StoreQueue, seed: str) -> tuple[Policy, list[dict[str, object]]]:
    """The policy that a daemon begins with, and what it logged."""
    config = configure(folder, seed)
    with capture_logs() as logs:
        found = Policies(config, store, lambda _: None, lambda name, text: None).first()
    return found, [dict(line) for line in logs]


def test_a_seed_is_taken_in_silence(store: StoreQueue, tmp_path: Path) -> None:
    policy, logs = begin(tmp_path, store, SEED)
    assert (policy.direct_callback.type, logs) == (2, [])


def test_a_file_that_differs_from_the_database_is_named(store: StoreQueue, tmp_path: Path) -> None:
    store.save_policy(SEED.replace("2", "4"), 1.0)
    policy, (line,) = begin(tmp_path, store, SEED)
    assert policy.direct_callback.type == 4
    assert (line["event"], line["log_level"], line["settings"]) == ("policy_file_differs", "warning", 1)
    assert f"boomerang policy apply {tmp_path}/policy.toml" in str(line["text"])
    assert "direct_callback.type" in str(line["text"])


def test_the_same_file_again_is_no_news(store: StoreQueue, tmp_path: Path) -> None:
    store.save_policy(SEED, 1.0)
    assert begin(tmp_path, store, SEED)[1] == []
    assert begin(tmp_path, store, "nonsense")[1] == [], "what is wrong with the file is told elsewhere"


def test_calls_at_night_are_told_at_the_start(store: StoreQueue, tmp_path: Path) -> None:
    _, (line,) = begin(tmp_path, store, SEED + CALLED_BACK)
    assert (line["event"], line["log_level"], line["key"]) == ("policy_doubtful", "warning", "group.sales")
    assert "00:00 and 04:00" in str(line["text"])


def test_a_kept_policy_without_a_country_stays_in_force_and_dials_nobody(store: StoreQueue, tmp_path: Path) -> None:
    store.save_policy(CALLED_BACK, 1.0)
    policy, logs = begin(tmp_path, store, CALLED_BACK)
    assert policy.group["sales"].target == "600", "its calls go where they went"
    assert "neither region nor guard.countries" in str(logs[0]["text"])
    for number in ("+36301234567", "+18765551234", "+2693211234"):
        refusal = DialGuard(policy).check_number(number, ())
        assert refusal is not None
        assert refusal.reason == "country"


# Where several nodes share it

LATER = SEED + "[direct_callback.of_a_later_version]\nmoon = 3\n"


def test_a_policy_that_another_node_saves_is_in_force(node: Callable[[str], Node]) -> None:
    a, b = node("a"), node("b")
    for type_ in ("3", "4", "1"):
        a.save(SEED.replace("2", type_))
        b.until(lambda: b.type == int(type_))  # noqa: B023  # asked at once
        assert b.store.load_policy() == SEED.replace("2", type_)
    before = list(b.in_force)
    a.save(SEED.replace("2", "1"))
    a.policies.put(a.policies.first())
    a.settle()
    assert b.in_force == before, "what says the same is not put in force again"


def test_of_two_that_are_saved_at_once_both_nodes_take_the_same(node: Callable[[str], Node]) -> None:
    a, b = node("a"), node("b")
    for each, type_ in ((a, 3), (b, 4)):
        each.policies.put(each.in_force[-1].model_copy(update={
            "direct_callback": each.in_force[-1].direct_callback.model_copy(update={"type": type_})}))
    for each in (a, b):
        each.settle()
    newest = a.store.policy_history(1)[0].text
    won = 3 if "type = 3" in newest else 4
    for each in (a, b):
        each.store.tell_changed(ANYTHING_CHANGED)
        each.until(lambda: each.type == won)  # noqa: B023  # asked at once
        assert each.store.load_policy() == newest


def test_one_that_this_version_cannot_read_is_refused_and_said(node: Callable[[str], Node]) -> None:
    a, b = node("a"), node("b")
    a.save(LATER)
    b.until(lambda: b.alarms)
    assert "of_a_later_version" in b.alarms["policy"]
    assert b.type == 2, "the old one stays"
    assert len(b.in_force) == 1
    a.save(SEED.replace("2", "4"))
    b.until(lambda: b.type == 4)
    assert b.alarms == {}


def test_a_start_writes_nothing_over_one_that_it_cannot_read(node: Callable[[str], Node]) -> None:
    a = node("a")
    a.save(SEED.replace("2", "3"))
    a.save(LATER)
    b = node("b")
    assert b.type == 3, "the newest that can be read"
    assert "policy" in b.alarms
    assert b.store.policy_history(1)[0].text == LATER
    b.policies.put(b.in_force[-1])
    assert b.alarms == {}, "an operator has put another one in its place"


def test_where_none_can_be_read_the_seed_is_in_force_and_not_written(store: StoreQueue, tmp_path: Path) -> None:
    store.save_policy(LATER, 1.0)
    policy, logs = begin(tmp_path, store, SEED)
    assert policy.direct_callback.type == 2
    assert [line["event"] for line in logs] == ["stored_policy_unusable"]
    assert store.load_policy() == LATER
