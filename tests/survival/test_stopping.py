"""Signals and the service manager: drain, reload, READY and watchdog. No call is dropped by any of them."""

import os
import signal
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.kit.callback_scene import CUSTOMER as CALLED_BACK
from tests.kit.callback_scene import CallbackScene, policy
from tests.kit.far_call import FarCall
from tests.kit.sip_socket import SipSocket, unique
from tests.kit.sip_text import build
from tests.kit.site import SHARED
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import AGENT, CUSTOMER, Faulty, Scene, hang_up, passes

WATCHDOG = 0.4
"""Seconds after which the service manager would take the daemon for dead."""


def options(by: SipSocket, hop: tuple[str, int]) -> int | None:
    """Status that OPTIONS to the daemon gets."""
    call_id = unique("options")
    uri = f"sip:{hop[0]}:{hop[1]}"
    lines = [by.via(), "Max-Forwards: 70", f"From: <sip:{by.at}>;tag=o", f"To: <{uri}>", f"Call-ID: {call_id}"]
    by.send(build(f"OPTIONS {uri} SIP/2.0", [*lines, "CSeq: 1 OPTIONS"]), hop)
    answers = eventually(lambda: [m for m in by.heard if m.status and m.call_id == call_id], "an answer to OPTIONS")
    return answers[0].status


class OnCall:
    """A daemon with a conversation of its own: an agent and a customer whom it has called back."""

    def __init__(self, folder: Path, drain: str = "5m", environment: Mapping[str, str] | None = None) -> None:
        class Quick(Faulty):
            faults = {"proxy.daemon.leaving:DRAIN_REPORT": 0.2}

        Quick.environment = environment or {}
        self.scene = CallbackScene(folder, policy=policy(callback={"min_talk": "0s"}), login=None, daemon=Quick, extra={
            "node": {"name": "edge1", "data": str(folder / "data"), "drain": drain}})

    @property
    def daemon(self) -> Faulty:
        assert isinstance(self.scene.boomerang, Faulty)
        return self.scene.boomerang

    def talk(self) -> tuple[FarCall, FarCall]:
        """Have the customer called back; gives the two ends."""
        self.scene.miss()
        return self.scene.until(self.scene.agent_call(), "up"), self.scene.until(self.scene.customer_call(), "up")


def test_drain(tmp_path: Path) -> None:
    """A conversation of ours is waited for, and a line says so; calls pass meanwhile, new ones too; then it ends."""
    on_call = OnCall(tmp_path)
    with on_call.scene as scene:
        agent, customer = on_call.talk()
        daemon = on_call.daemon
        assert daemon.get("/readyz")[0] == 200
        daemon.terminate()
        line = daemon.logs("draining", waiting_for_conversations=1)
        assert line["at_most"].endswith("s")
        eventually(lambda: daemon.get("/readyz")[0] == 503, "/readyz says no")
        assert daemon.get("/healthz")[0] == 200
        assert daemon.cli("status")["state"] == "draining"
        with SipSocket() as stranger:
            assert options(stranger, daemon.hop) == 503
        other = scene.dial("+36209998888")
        eventually(lambda: 180 in other.statuses, "a new call rings")
        scene.hang_up(other)
        assert daemon.running.running
        assert (agent.state, customer.state) == ("up", "up")
        scene.hang_up(customer)
        scene.until(agent, "over")
        assert daemon.running.wait() == 0
        assert daemon.log[-1].find("stopped") > 0
        assert scene.tasks(CALLED_BACK)[0]["state"] == "done"


def test_the_drain_comes_to_an_end(tmp_path: Path) -> None:
    """After `node.drain` the conversation is ended in order."""
    on_call = OnCall(tmp_path, drain="300ms")
    with on_call.scene as scene:
        agent, customer = on_call.talk()
        on_call.daemon.terminate()
        on_call.daemon.logs("draining", waiting_for_conversations=1)
        assert on_call.daemon.running.wait() == 0
        assert (scene.until(agent, "over").ended_by, scene.until(customer, "over").ended_by) == ("far", "far")


def test_a_second_signal_ends_the_drain(tmp_path: Path) -> None:
    on_call = OnCall(tmp_path)
    with on_call.scene as scene:
        agent, customer = on_call.talk()
        on_call.daemon.terminate()
        on_call.daemon.logs("draining", waiting_for_conversations=1)
        on_call.daemon.terminate()
        assert on_call.daemon.running.wait() == 0
        assert on_call.daemon.logged("stopping_at_once")[0]["conversations"] == 1
        assert (scene.until(agent, "over").ended_by, scene.until(customer, "over").ended_by) == ("far", "far")


def test_calls_that_pass_are_not_waited_for(tmp_path: Path) -> None:
    """They go on without us, and a new process takes them up: one that talks and one that rings."""
    with Scene(tmp_path) as scene:
        call, there = scene.talking()
        ringing, rung = scene.customer_dials("+36209999999")
        rung.ring()
        ringing.expect(180)
        scene.boomerang.terminate()
        assert scene.boomerang.running.wait() == 0
        assert not list(scene.boomerang.data.glob("*.sock"))
        scene.boomerang.restart()
        passes(call, there)
        rung.pick_up_with(ringing)
        hang_up(ringing, rung)
        hang_up(call, there)
        rows = "SELECT cause FROM calls WHERE ended_at IS NOT NULL"
        eventually(lambda: [row["cause"] for row in scene.boomerang.sql(rows)] == [200, 200], "both are closed")


def test_reload_of_an_edited_policy(tmp_path: Path) -> None:
    """SIGHUP applies the seed that was edited, names what changed, drops nothing; a bad file changes nothing."""
    with Scene(tmp_path) as scene:
        call, there = scene.talking()
        scene.agent_misses(AGENT, CUSTOMER)
        seed = scene.boomerang.folder / "policy.toml"
        good = seed.read_text()
        seed.write_text(good.replace('min_talk = "0s"', 'min_talk = "0s"\ntype = 0'))
        scene.boomerang.running.signal(signal.SIGHUP)
        assert scene.boomerang.logs("policy_changed", changes=1)["keys"] == "direct_callback.type"
        scene.boomerang.logs("policy_reloaded", changes=1)
        scene.agent_misses("202", "+36201112222")
        assert scene.customer_reaches("+36201112222") == SHARED
        seed.write_text(good + "\nnonsense = 1\n")
        scene.boomerang.running.signal(signal.SIGHUP)
        assert "nonsense" in scene.boomerang.logs("reload_failed")["reason"]
        passes(call, there)
        hang_up(call, there)
        assert scene.boomerang.cli("policy", "show")["direct_callback"]["type"] == 0
        seed.write_text(good)
        scene.boomerang.kill9()
        scene.boomerang.restart()
        assert scene.boomerang.cli("policy", "show")["direct_callback"]["type"] == 0


@contextmanager
def service_manager(folder: Path) -> Iterator[socket.socket]:
    """The socket that systemd would listen at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        sock.settimeout(PATIENCE)
        yield sock


def told(sock: socket.socket, what: str) -> list[str]:
    """Read until this is told; everything that was told up to there."""
    heard: list[str] = []
    while not heard or not heard[-1].startswith(what):
        heard.append(sock.recv(4096).decode())
    return heard


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    """READY=1 when calls are taken and not before, signs of life again and again, reload and stop announced."""
    with service_manager(tmp_path) as manager:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000))}
        on_call = OnCall(tmp_path / "site", environment=environment)
        with on_call.scene as scene:
            told(manager, "READY=1")
            for _ in range(4):
                told(manager, "WATCHDOG=1")
            on_call.daemon.running.signal(signal.SIGHUP)
            told(manager, "RELOADING=1")
            told(manager, "READY=1")
            _, customer = on_call.talk()
            on_call.daemon.terminate()
            told(manager, "STOPPING=1")
            assert "1 conversation" in told(manager, "STATUS=")[-1]
            told(manager, "WATCHDOG=1")
            scene.hang_up(customer)
            assert on_call.daemon.running.wait() == 0


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It says so and ends with 1: nothing half alive stays behind."""
    with Scene(tmp_path / "one") as scene:
        other = Scene(tmp_path / "two")
        try:
            text = other.boomerang.config.read_text()
            taken, free = str(scene.boomerang.port), str(other.boomerang.port)
            other.boomerang.config.write_text(text.replace(free, taken))
            other.boomerang.start(ready=False)
            assert other.boomerang.running.wait() == 1
            assert taken in other.boomerang.logged("cannot_start")[0]["reason"]
        finally:
            other.boomerang.stop()
            other.carrier.close()
            other.pbx.close()
        scene.both_ways()
        assert os.path.exists(scene.boomerang.data / "control.sock")


def test_the_last_answer_leaves(tmp_path: Path) -> None:
    """What was answered while it stops is answered, though the answer waits for a slow disk."""
    with Scene(tmp_path) as scene:
        call, there = scene.talking()
        with closing(sqlite3.connect(scene.boomerang.data / "boomerang.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            call.request("BYE")
            there.hung_up()
            scene.boomerang.terminate()
            eventually(lambda: scene.boomerang.get("/readyz")[0] != 200, "it stops")
        call.bye_answered()
        assert scene.boomerang.running.wait() == 0
        (row,) = scene.boomerang.sql("SELECT cause, ended_by FROM calls")
        assert (row["cause"], row["ended_by"]) == (200, "caller")


def test_a_seed_that_was_spoilt_keeps_no_calls_from_passing(tmp_path: Path) -> None:
    """The seed is not needed any more once the database holds a policy; without one its problems end the start."""
    with Scene(tmp_path) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        eventually(lambda: scene.boomerang.sql("SELECT 1 FROM direct"), "the record is written")
        seed = scene.boomerang.folder / "policy.toml"
        seed.write_text("nonsense = [")
        scene.boomerang.kill9()
        scene.boomerang.restart()
        eventually(lambda: any("policy.toml" in line for line in scene.boomerang.log), "a line about the seed")
        assert scene.customer_reaches(CUSTOMER) == AGENT
        scene.boomerang.kill9()
        for file in scene.boomerang.data.glob("boomerang.db*"):
            file.unlink()
        scene.boomerang.start(ready=False)
        assert scene.boomerang.running.wait() == 2
