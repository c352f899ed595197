"""What is ours fails: a bug in the rules, too many calls, a loop that cannot keep up. Calls pass, or are told to wait.
"""

from pathlib import Path

from tests.kit.call import Outgoing, incoming
from tests.kit.site import SHARED
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up, passes

ROOM = 5
"""Requests that may be pending where a test makes it a matter of few."""
FLOOD = 2_000
"""INVITEs while there is no room."""
GROWTH = 24 * 1024
"""KiB that the process may grow by during them: the transactions of their 503s are none."""


def test_a_bug_in_a_decision(tmp_path: Path) -> None:
    """Calls take their normal route; the trace is logged once, each call by name; without the bug all is as before."""
    with Scene(tmp_path, faults={"decide": True}) as scene:
        scene.agent_misses(AGENT, CUSTOMER)
        bug = scene.cause("decide")
        assert scene.customer_reaches(CUSTOMER) == SHARED
        scene.both_ways()
        scene.both_ways()
        lines = scene.boomerang.logged_times("internal_error", 5)
        assert len(lines) == 5
        assert all(line["call"] and line["where"] == "decide" for line in lines)
        assert ["trace" in line for line in lines] == [True, False, False, False, False]
        assert "OurBugError" in lines[0]["trace"]
        assert scene.boomerang.figure('boomerang_fail_open_total{what="decide"}') == 5
        bug.unlink()
        assert scene.customer_reaches(CUSTOMER) == AGENT


def test_a_bug_in_whatever_follows_from_a_call(tmp_path: Path) -> None:
    """Ringing, answer and end cannot be told to the rules: both sides of the call see nothing of it."""
    with Scene(tmp_path, faults={"facts": True}) as scene:
        call, there = scene.talking()
        bug = scene.cause("facts")
        scene.both_ways()
        scene.agent_misses(AGENT, CUSTOMER)
        passes(call, there)
        hang_up(call, there)
        assert sum("trace" in line for line in scene.boomerang.logged_times("internal_error", 1)) == 1
        bug.unlink()
        scene.both_ways()


def test_too_many_calls(tmp_path: Path) -> None:
    """Above the limit new calls get 503 with Retry-After, those in progress live, and memory stays where it is."""
    with Scene(tmp_path, faults={"proxy.core:PENDING_LIMIT": ROOM}) as scene:
        call, there = scene.talking()
        ringing = [scene.customer_dials(CUSTOMER) for _ in range(ROOM)]
        for _, far in ringing:
            far.ring()
        before = scene.boomerang.rss()
        for _ in range(FLOOD // 50):
            refused = [Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER) for _ in range(50)]
            for each in refused:
                assert int(each.refused(503).header("Retry-After")) > 0
        assert scene.boomerang.rss() - before < GROWTH
        scene.boomerang.logs("alarm.raised", alarm="overload")
        assert scene.boomerang.figure('boomerang_sip_refused_total{reason="overload"}') >= FLOOD
        assert scene.boomerang.figure("boomerang_sip_transactions") < 3 * ROOM
        assert not any(m.call_id == each.call_id for each in refused for m in scene.pbx.heard)
        passes(call, there)
        for caller, far in ringing:
            far.pick_up_with(caller)
        scene.both_ways()
        for caller, far in [*ringing, (call, there)]:
            hang_up(caller, far)


def test_a_loop_that_cannot_keep_up(tmp_path: Path) -> None:
    """Established calls go on, new ones get 503 with Retry-After; an alarm says why; it ends by itself."""
    with Scene(tmp_path, faults={"slow": True}) as scene:
        call, there = scene.talking()
        slow = scene.cause("slow")
        scene.boomerang.logs("alarm.raised", alarm="overload")
        refused = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER)
        assert int(refused.refused(503).header("Retry-After")) > 0
        passes(call, there)
        slow.unlink()
        scene.boomerang.logs("alarm.cleared", alarm="overload")
        scene.both_ways()
        hang_up(call, there)


def test_a_peer_that_says_503(tmp_path: Path) -> None:
    """The PBX itself is overloaded: what it says reaches the caller, and one that recovers is used at once."""
    with Scene(tmp_path) as scene:
        for _ in range(3):
            call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER)
            incoming(scene.pbx, call_id=call.call_id).refuse("503 Service Unavailable")
            call.refused(503)
        scene.both_ways()
        eventually(lambda: scene.boomerang.figure('boomerang_calls_total{direction="inbound",outcome="failed"}') == 3,
                   "they are counted")  # fmt: skip
