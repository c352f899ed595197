"""What Boomerang leans on fails: the broker, DNS, the clock. Calls do not notice."""

import signal
from pathlib import Path

import pytest

from tests.kit.call import Outgoing, incoming
from tests.kit.mosquitto import MISSING, Mosquitto, broker, listening
from tests.kit.site import SHARED
from tests.kit.waiting import eventually, stays
from tests.survival.gate import Gate
from tests.survival.names import serving
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up, passes

CALLS = 30
"""Pairs of calls while the broker is away."""
HOURS = 3600.0
SOON = {
    "proxy.transports.questions:TTL_MIN": 0.1,
    "proxy.transports.questions:STALE_AFTER": 0.2,
    "proxy.daemon.locating:REFRESH": 0.2,
    "proxy.daemon.locating:RETRY": 0.2,
}
"""So that names are asked for again within the test."""
STALE = 0.4
"""Seconds after which every answer has outlived its time to live, and was asked for again."""


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_broker_down(tmp_path: Path) -> None:
    """Events wait in the database, also over a crash, and leave in order when the broker is back."""
    fast = {"proxy.status.mqtt:LONGEST_DELAY": 0.3, "proxy.status.mqtt:FIRST_DELAY": 0.1}
    with (
        broker(tmp_path) as server,
        listening(server.port, "boomerang/#") as heard,
        Gate(server.port) as gate,
        Scene(tmp_path / "site", mqtt=f"mqtt://127.0.0.1:{gate.port}", faults=fast) as scene,
    ):
        heard.wait_for("boomerang/edge1/status", "online")
        scene.both_ways()
        eventually(lambda: len(heard.of("event/call.ended")) == 2, "the first calls are told")
        gate.shut()
        heard.wait_for("boomerang/edge1/status", "offline")
        scene.boomerang.logs("alarm.raised", alarm="mqtt")
        for _ in range(CALLS):
            scene.both_ways()
        crash_when_written(scene)
        scene.both_ways()
        assert len(heard.of("event/call.ended")) == 2
        eventually(lambda: scene.boomerang.figure("boomerang_outbox_events") > 6 * CALLS, "what waits is counted")
        gate.open()
        eventually(lambda: len(heard.of("event/call.ended")) >= 2 * CALLS + 4, "all calls are told")
        scene.boomerang.logs("alarm.cleared", alarm="mqtt")
        eventually(lambda: scene.boomerang.figure("boomerang_outbox_events") == 0, "nothing waits any more")
        told = [m.json() for m in heard.of("/event/")]
    first_seen = list(dict.fromkeys(event["seq"] for event in told))
    assert first_seen == list(range(1, len(first_seen) + 1)), "an event is missing or not in order"
    assert len({event["id"] for event in told}) == len(first_seen)


def crash_when_written(scene: Scene) -> None:
    """kill -9, once the last call's end is in the database (rows are written in groups)."""
    eventually(lambda: not scene.boomerang.sql("SELECT 1 FROM calls WHERE ended_at IS NULL"), "the rows are written")
    scene.boomerang.kill9()
    scene.boomerang.restart()


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_a_broker_that_hangs(tmp_path: Path) -> None:
    """It takes connections and says nothing: calls do not notice, and the daemon can be stopped."""
    server = Mosquitto(tmp_path)
    server.start()
    try:
        with Scene(tmp_path / "site", mqtt=f"mqtt://127.0.0.1:{server.port}") as scene:
            scene.boomerang.logs("mqtt_up")
            server.freeze()
            scene.both_ways()
            scene.both_ways()
            scene.boomerang.terminate()
            assert scene.boomerang.running.wait() == 0
    finally:
        server.stop()


def by_name(scene: Scene) -> Scene:
    """Let the PBX be `pbx.test` in boomerang.toml."""
    config = scene.boomerang.config
    port = scene.pbx.port
    config.write_text(config.read_text().replace(f"sip:127.0.0.1:{port}", f"sip:pbx.test:{port}"))
    return scene


@pytest.mark.parametrize("how", ["dead", "mute"])
def test_dns_down(tmp_path: Path, how: str) -> None:
    """A peer and a contact are known by name; what was learned serves on when nobody answers any more."""
    with serving({"pbx.test": "127.0.0.1", "phone.test": "127.0.0.1"}) as server:
        servers = {"dns": {"servers": [f"127.0.0.1:{server.port}"]}}
        with by_name(Scene(tmp_path, faults=SOON, extra=servers)) as scene:
            call, there = scene.customer_dials(CUSTOMER)
            there.reply("200 OK", [f"Contact: <sip:callee@phone.test:{scene.pbx.port}>"])
            call.established()
            call.target = f"sip:callee@phone.test:{scene.pbx.port}"
            there.expect("ACK")
            passes(call, there)
            asked = server.asked["phone.test", "A"]
            eventually(lambda: server.asked["pbx.test", "A"] > 1, "names are asked for again")
            assert server.asked["phone.test", "A"] == asked
            if how == "dead":
                server.die()
            else:
                server.mute = True
            stays(lambda: scene.boomerang.running.running, "it runs while what it knows grows stale", STALE)
            scene.both_ways()
            passes(call, there)
            hang_up(call, there)


def test_a_name_without_answer_at_the_start(tmp_path: Path) -> None:
    """No address for the PBX yet: the daemon is up, calls get 503, and pass as soon as the name is answered."""
    with serving({}) as server:
        faults = {**SOON, "proxy.transports.questions:FAILURE_PAUSE": 0.1}
        servers = {"dns": {"servers": [f"127.0.0.1:{server.port}"]}}
        with by_name(Scene(tmp_path, faults=faults, extra=servers)) as scene:
            Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER).refused(503)
            server.add("pbx.test", "A", "127.0.0.1")
            eventually(lambda: reaches(scene), "a call reaches the PBX")


def reaches(scene: Scene) -> bool:
    """Whether a call gets to the PBX rather than 503."""
    call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER)
    eventually(lambda: call.statuses() or any(m.call_id == call.call_id for m in scene.pbx.heard), "an answer")
    if call.statuses():
        call.refused(503)
        return False
    incoming(scene.pbx, call_id=call.call_id).refuse()
    call.refused(486)
    return True


def jump(scene: Scene, seconds: float) -> None:
    """Set the daemon's wall clock off by so much."""
    folder = scene.boomerang.folder
    (folder / "clock").write_text(str(seconds))
    (folder / "jumped").unlink(missing_ok=True)
    scene.boomerang.running.signal(signal.SIGUSR1)
    eventually((folder / "jumped").exists, "the clock has jumped")


def test_clock_jumps(tmp_path: Path) -> None:
    """Records expire by the wall clock; whatever it does, calls in progress and the protocol's timers do not care."""
    policy = {"direct_callback": {"min_talk": "0s", "type": 1, "expires_after": "8h"}}
    with Scene(tmp_path, policy=policy, faults={"clock": True}) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        call, there = scene.customer_dials("+36209999999")
        there.pick_up_with(call)
        for hours in (-30 * 24, 7.9):
            jump(scene, hours * HOURS)
            assert scene.customer_reaches(CUSTOMER) == AGENT
            passes(call, there)
        silent, unanswered = scene.agent_dials(AGENT, CUSTOMER)
        jump(scene, 8.1 * HOURS)
        repeated(scene, silent.call_id)
        assert scene.customer_reaches(CUSTOMER) == SHARED
        unanswered.refuse()
        silent.refused(486)
        passes(call, there)
        heard = len(scene.boomerang.running.lines)
        jump(scene, 30 * 24 * HOURS)
        scene.boomerang.running.wait_for('"direct.expired"', after=heard)  # what is kept has been swept
        scene.both_ways()
        passes(call, there)
        hang_up(call, there)


def repeated(scene: Scene, call_id: str) -> None:
    """An INVITE that nobody answers comes again after T1 and 2*T1 (RFC 3261 section 17.1.1.2), no more and no less."""
    def copies() -> int:
        return sum(m.method == "INVITE" and m.status is None and m.call_id == call_id for m in scene.carrier.heard)

    eventually(lambda: copies() >= 3, "two repetitions")
