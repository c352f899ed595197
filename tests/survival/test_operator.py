"""What an operator sees and does while calls pass: the command, the trace, the log."""

import json
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from config.policy import TYPES
from tests.kit.boomerang import ROOT
from tests.kit.call import Outgoing
from tests.kit.process import Process
from tests.kit.sip_socket import SipSocket
from tests.kit.site import SHARED
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up, passes

POLICY = {
    "direct_callback": {"min_talk": "0s"},
    "agent": {AGENT: {"name": "Anna"}},
    "group": {"sales": {"agents": [AGENT, "202"]}},
}
OTHER = "+36207654321"
FILTER = ROOT / "docker" / "fail2ban" / "filter.d" / "boomerang.conf"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("operator"), policy=POLICY) as made:
        yield made


def test_policy_without_dropping_a_call(scene: Scene, tmp_path: Path) -> None:
    """set, show, export and apply act at once; the second apply changes nothing; a wrong one is refused whole."""
    cli = scene.boomerang.cli
    call, there = scene.talking()
    before = cli("policy", "export")["toml"]
    changes = cli("policy", "set", "direct_callback.type", "0")["changes"]
    assert changes == [{"key": "direct_callback.type", "old": 1, "new": 0, "means": TYPES[0]}]
    assert cli("policy", "show")["direct_callback"]["type"] == 0
    assert cli("policy", "show", "--agent", AGENT)["type"] == 0
    scene.agent_misses(AGENT, OTHER)
    assert scene.customer_reaches(OTHER) == SHARED
    passes(call, there)
    file = tmp_path / "policy.toml"
    file.write_text(before)
    assert [change["key"] for change in cli("policy", "apply", str(file))["changes"]] == ["direct_callback.type"]
    assert cli("policy", "apply", str(file))["changes"] == []
    assert cli("policy", "export")["toml"] == before
    file.write_text(before + '\n[number."+3614440000"]\npbx = "nowhere"\n')
    with pytest.raises(AssertionError, match="nowhere"):
        cli("policy", "apply", str(file))
    scene.agent_misses(AGENT, OTHER)
    assert scene.customer_reaches(OTHER) == AGENT
    passes(call, there)
    hang_up(call, there)
    cli("direct", "remove", OTHER)


def test_direct_callbacks(scene: Scene) -> None:
    cli = scene.boomerang.cli
    scene.agent_misses(AGENT, CUSTOMER)
    scene.agent_misses("202", CUSTOMER)
    eventually(lambda: len(cli("direct", "list")) == 2, "both are written")
    assert [one["agent"] for one in cli("direct", "show", "06 20 123 4567")] == ["202", AGENT]
    record = cli("direct", "list")[0]
    assert record["customer"] == CUSTOMER
    touched, expires = (datetime.fromisoformat(record[key]) for key in ("touched", "expires"))
    assert (expires - touched).total_seconds() == pytest.approx(8 * 3600)
    assert cli("direct", "remove", CUSTOMER, "--agent", "202") == {"removed": 1}
    assert scene.customer_reaches(CUSTOMER) == AGENT
    assert cli("direct", "remove", CUSTOMER) == {"removed": 1}
    assert scene.customer_reaches(CUSTOMER) == SHARED
    assert cli("direct", "show", CUSTOMER) == []


def test_calls_agents_and_status(scene: Scene) -> None:
    cli = scene.boomerang.cli
    call, there = scene.agent_dials(AGENT, CUSTOMER)
    there.pick_up_with(call)
    (active,) = cli("calls", "--active")
    assert (active["state"], active["agent"], active["customer"]) == ("talking", AGENT, CUSTOMER)
    agents = {agent["extension"]: agent for agent in cli("agents")}
    assert (agents[AGENT]["name"], agents[AGENT]["groups"], agents[AGENT]["state"]) == ("Anna", ["sales"], "busy")
    assert (agents[AGENT]["with"], agents[AGENT]["released_today"]) == (CUSTOMER, 0)
    status = cli("status")
    assert (status["node"], status["state"], status["calls"]["active"]) == ("edge1", "running", 1)
    eventually(lambda: cli("status")["alarms"] == [], "no alarm stands")
    assert status["trunks"]["main"]["state"] == status["pbxs"]["office"]["state"] == "up"
    hang_up(call, there)
    eventually(lambda: cli("calls", "--limit", "1")[0]["state"] == "ended", "it is ended")
    assert cli("calls", "--limit", "1")[0]["cause"] == 200
    assert cli("calls", "--active") == []


@contextmanager
def tracing(scene: Scene, of: str, *more: str) -> Iterator[Process]:
    """`boomerang trace OF`, once it listens."""
    argv = [sys.executable, "-m", "proxy", "trace", of, *more, "-c", str(scene.boomerang.config)]
    with Process(argv, cwd=scene.boomerang.folder, env={"PYTHONPATH": str(ROOT)}, fork=True) as process:
        process.wait_for("edge1")
        yield process


STORY = ["INVITE", "100", "INVITE", "180", "180", "200", "200", "ACK", "ACK", "BYE", "BYE", "200", "200"]
"""What a call through a proxy is made of, in the order it passes us (our 100 leaves before the INVITE goes on)."""


def rows(process: Process) -> list[str]:
    """Rows of the ladder that were drawn, without its head."""
    return [line for line in process.lines[1:] if "▶" in line or "◀" in line]


def told(row: str) -> str:
    """Word that the arrow of a row begins with."""
    found = re.search(r"[─◀│] ([A-Z]+|[1-6][0-9]{2}) ", row)
    return found[1] if found else row


def test_trace_of_a_number(scene: Scene) -> None:
    """Every message of its call, as a ladder between trunk, ourselves and PBX; nothing of anybody else's."""
    with tracing(scene, CUSTOMER, "--count", str(len(STORY))) as process:
        other, far = scene.customer_dials(OTHER)
        call, there = scene.customer_dials(CUSTOMER)
        there.ring()
        call.expect(180)
        there.pick_up_with(call)
        hang_up(call, there)
        far.refuse()
        other.refused(486)
        assert process.wait() == 0, process.report()
        drawn = rows(process)
    assert re.search(r"main +edge1 +office", process.lines[0])
    assert [told(row) for row in drawn] == STORY
    assert not any(OTHER[1:] in row for row in process.lines)


def test_trace_of_a_call(scene: Scene) -> None:
    """A call in progress by its id, as status and log name it."""
    call, there = scene.talking()
    (active,) = scene.boomerang.cli("calls", "--active")
    with tracing(scene, active["id"], "--count", "4") as process:
        hang_up(call, there)
        assert process.wait() == 0, process.report()
        assert [told(row) for row in rows(process)] == ["BYE", "BYE", "200", "200"]


def test_every_line_of_a_call_names_it_and_no_number(tmp_path: Path) -> None:
    """As it is by default: one id per call in every line about it, and only three digits of anybody's number."""
    extra = {"log": {"level": "debug", "mask_numbers": True}}
    with Scene(tmp_path, policy=POLICY, extra=extra) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        assert scene.customer_reaches(CUSTOMER) == AGENT
        scene.both_ways()
        about = ("call.", "target_failed", "direct.created", "direct.used", "direct.removed")
        eventually(lambda: len(scene.boomerang.logged("call.ended")) == 4, "all calls are logged")
        lines = [json.loads(line) for line in scene.boomerang.log if line.startswith("{")]
        told = [line for line in lines if line["event"].startswith(about)]
        assert all(re.fullmatch(r"[0-9a-f-]{36}", line["call"]) for line in told)
        assert len({line["call"] for line in told}) == 4
        text = "\n".join(scene.boomerang.log)
        for number in (CUSTOMER, SHARED):
            assert number[1:] not in text
            assert number[-3:] in text


def test_a_refused_source_is_ready_for_fail2ban(scene: Scene) -> None:
    """A stranger's INVITE gets 403 and a line that the filter of docker/fail2ban finds the address in."""
    with SipSocket() as stranger:
        Outgoing(stranger, scene.hop, SHARED, CUSTOMER).refused(403)
        line = scene.boomerang.running.wait_for(f"refused source=127.0.0.1 port={stranger.port} transport=udp")
    config = ConfigParser()
    config.read(FILTER)
    patterns = config["Definition"]["failregex"].replace("<HOST>", "(?P<host>[0-9a-f.:]+)").split("\n")
    found = [match for match in (re.search(pattern, line) for pattern in patterns) if match]
    assert [match["host"] for match in found] == ["127.0.0.1"]
