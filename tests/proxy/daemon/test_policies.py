"""Which policy a daemon begins with, and what its log says of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.node import NodeConfig, load_node
from config.policy import Policy
from proxy.daemon.policies import Policies
from routing.callbacks.dial_guard import DialGuard
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from tests.kit.logged import capture_logs
from tests.kit.told import Told

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


def begin(folder: Path, store: StoreQueue, seed: str) -> tuple[Policy, list[dict[str, object]]]:
    """The policy that a daemon begins with, and what it logged."""
    (folder / "policy.toml").write_text(SEED)
    (folder / "boomerang.toml").write_text(NODE)
    config: NodeConfig = load_node(folder / "boomerang.toml")
    (folder / "policy.toml").write_text(seed)
    with capture_logs() as logs:
        found = Policies(config, store, lambda _: None).first()
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
