"""A caller's number can be forged, and dialling it costs money: what is refused, what is capped, that it is said."""

import json
import time
from collections import Counter, deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.kit.boomerang import Boomerang
from tests.kit.callback_scene import ACCEPTS, AGENT, CUSTOMER, GROUP, MEDIA_PORTS, NOBODY, CallbackScene, policy
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import FarEnd, Loop
from tests.kit.ports import free_port
from tests.kit.site import SHARED, peer
from tests.kit.waiting import LOOK_EVERY, PATIENCE, eventually, stays
from tests.survival.scene import Faulty

FORGED = {
    "+3690123456": "number_type",  # Hungarian premium rate
    "+3691123456": "number_type",
    "+36999999999": "number_type",  # nobody's: unknown
    "+19005551234": "country",  # premium rate elsewhere
    "+18095551234": "country",  # the Caribbean behind +1
    "+22177123456": "country",
    "+37190123456": "country",
    "+881612345678": "country",  # a satellite's
    "+88216212345": "country",  # an international network's
    SHARED: "own_number",
    "06 1 444 5555": "own_number",  # the same, as people write it
}
FLOOD, RATE, AT_ONCE = 1000, 60.0, 25
"""Callers, how many of them call in a second, and how many are in a call at the same time at most: as many channels as
their carrier has."""
INSISTS = tuple((0.02 + 0.5 * press, "1") for press in range(30))
"""Keys of an agent who presses 1 until something happens: what is pressed before there is media is heard by nobody."""
BUSY = Plan(status=486, answer=0.0, ring=None, media=False)


def said(boomerang: Faulty, kind: str, times: int) -> list[dict[str, Any]]:
    """Events of a kind, as they stand in the log, once there are so many."""
    return boomerang.logged_times(kind, times)


def test_forged_callers_are_refused_with_a_reason(tmp_path: Path) -> None:
    """Premium, foreign, impossible and own numbers: no phone rings, and journal, event and task say why."""
    with CallbackScene(tmp_path, policy=policy(), daemon=Faulty) as scene:
        for caller in FORGED:
            scene.miss(caller.replace(" ", ""))
        rows = eventually(lambda: _failed(scene, len(set(map(_e164, FORGED)))), "every forged caller has an answer")
        reasons = {row["customer"]: row["reason"] for row in rows}
        assert reasons == {_e164(caller): reason for caller, reason in FORGED.items()}
        for row in rows:
            lines = scene.boomerang.sql("SELECT data FROM journal WHERE task=? AND kind='refused'", row["id"])
            assert len(lines) == 1, row
            assert json.loads(lines[0]["data"])["reason"] == row["reason"]
        assert isinstance(scene.boomerang, Faulty)
        failed = {line["customer"]: line["reason"] for line in said(scene.boomerang, "callback.failed", len(rows))}
        assert failed == reasons
        for caller in ("anonymous", "", "'; DROP TABLE tasks", "%2B36201234567%00"):
            call = scene.dial(caller or "x")
            time.sleep(0.1)
            scene.hang_up(call)
        assert scene.pbx.to(AGENT) == []
        scene.miss()  # somebody who is real
        scene.until(scene.customer_call(), "up")
        assert {call.user for call in scene.carrier.calls if not call.caller} == {CUSTOMER}


def _e164(caller: str) -> str:
    return caller if caller.startswith("+") else SHARED


def _failed(scene: CallbackScene, count: int) -> list[dict[str, Any]]:
    rows = [row for row in scene.tasks() if row["state"] == "failed"]
    return rows if len({row["customer"] for row in rows}) >= count else []


def test_a_thousand_callers_at_once(tmp_path: Path) -> None:
    """Promises and calls are capped, the cap is explained and alarmed, and live calls pass all the while."""
    caps = {"tasks_per_hour": 200, "all_per_hour": 25}
    agents = tuple(str(number) for number in range(201, 209))
    settings = policy(agents, callback={"retry_busy": "1h", "retry_agent": "1s"}, guard=caps)
    with CallbackScene(tmp_path, policy=settings, daemon=Faulty, login=None) as scene:
        assert isinstance(scene.boomerang, Faulty)
        scene.pbx.plans[SHARED] = BUSY
        scene.carrier.default = BUSY
        for agent in agents:
            scene.pbx.plans[agent] = Plan(answer=0.0, keys=INSISTS)
        begun = time.monotonic()
        calls = flood(scene, FLOOD)
        took = time.monotonic() - begun
        assert Counter(call.statuses[-1] for call in calls) == {486: FLOOD}, "the proxy path does not feel it"
        eventually(lambda: len(scene.tasks()) == caps["tasks_per_hour"], "as many promises as may be")
        over = FLOOD - caps["tasks_per_hour"]
        refused = [one for one in said(scene.boomerang, "callback.failed", over) if one["reason"] == "flood"]
        assert len(refused) == over
        assert str(caps["tasks_per_hour"]) in refused[0]["text"]
        assert "callbacks_flood" in scene.boomerang.alarms()

        ours = eventually(lambda: _dialled(scene, caps["all_per_hour"]), "as many calls as may be", 2 * PATIENCE)
        assert len(ours) == caps["all_per_hour"]
        lines = eventually(lambda: scene.boomerang.sql("SELECT data FROM journal WHERE kind='refused'"),
                           "the journal says why the others wait")
        assert {json.loads(line["data"])["reason"] for line in lines} == {"all_cap"}
        stays(lambda: len(_dialled(scene, 0)) == caps["all_per_hour"], "no call more", 2.0)
        assert [row for row in scene.tasks() if row["state"] == "failed"] == []  # they wait, they are not lost

        scene.pbx.plans[SHARED] = Plan(answer=0.0)
        live = scene.dial("+36301111111")
        scene.until(live, "up")
        scene.hang_up(live)
        print(f"{FLOOD} missed calls in {took:.1f} s: {len(scene.tasks())} promises, {len(ours)} calls")


def flood(scene: CallbackScene, count: int) -> list[FarCall]:
    """So many calls from as many numbers, as fast as RATE, AT_ONCE and the machine let them; return them when they are
    over. A caller who hears that the node has more than it can carry (503 with Retry-After) calls again: they are not
    lost either.
    """
    over: list[FarCall] = []
    calls: list[FarCall] = []
    waiting, begun, made = deque(range(count)), time.monotonic(), 0
    callers: dict[str, int] = {}
    until = begun + 3 * PATIENCE
    while waiting or calls:
        assert time.monotonic() < until, f"{len(over)} of {count} calls are over"
        if waiting and len(calls) < AT_ONCE:
            number = waiting.popleft()
            calls.append(scene.dial(f"+3620{7_000_000 + number}"))
            callers[calls[-1].call_id] = number
            made += 1
        time.sleep(max(LOOK_EVERY / 4, begun + made / RATE - time.monotonic()))
        for call in [call for call in calls if call.state == "over"]:
            calls.remove(call)
            if call.statuses[-1] == 503:
                waiting.append(callers[call.call_id])
            else:
                over.append(call)
    return over


def _dialled(scene: CallbackScene, least: int) -> list[FarCall]:
    found = [call for call in list(scene.carrier.calls) if not call.caller]
    return found if len(found) >= least else []


def test_one_number_again_and_again(tmp_path: Path) -> None:
    """A number that is always busy is dialled as often as its cap says, and the journal says that it was capped."""
    settings = policy(missed={"attempts": 10}, callback={"retry_busy": "1s"}, guard={"number_per_hour": 3},
                      direct_callback={"type": 0})  # or the agent who has tried picks their next call up
    with CallbackScene(tmp_path, policy=settings) as scene:
        scene.carrier.default = BUSY
        scene.miss()
        scene.customer_call(3)
        scene.all_quiet()
        for _ in range(3):
            scene.miss()  # calling again buys nothing
        stays(lambda: len(scene.carrier.to(CUSTOMER)) == 3, "three calls, and no more", 2.5)
        row = scene.task(lambda one: one["missed"] == 4, "every call is written")
        assert (row["state"], row["attempts"]) == ("open", 3), "the promise waits"
        assert "refused" in scene.journal(row["id"])


def test_the_stop_switch(tmp_path: Path) -> None:
    """With it nothing is dialled, what rings an agent already is ended, and what was promised waits."""
    with CallbackScene(tmp_path, policy=policy()) as scene:
        scene.pbx.plans[AGENT] = NOBODY
        scene.miss()
        agent = scene.agent_call()
        scene.boomerang.cli("policy", "set", "guard.stop", "true")
        scene.until(agent, "over")
        assert agent.ended_by == "far"
        scene.pbx.plans[AGENT] = ACCEPTS
        scene.miss("+36201234568")
        stays(lambda: len(scene.pbx.to(AGENT)) == 1, "no agent is rung", 1.5)
        assert [row["state"] for row in scene.tasks()] == ["open", "open"]
        scene.boomerang.cli("policy", "set", "guard.stop", "false")
        eventually(lambda: _dialled(scene, 1), "it goes on")


# Two that call each other back


class Pair:
    """Two sites, each the other's carrier; nobody answers at either front desk, and both have an agent who accepts."""

    NUMBERS = ("+3614445555", "+3616667777")

    def __init__(self, folder: Path, stack: ExitStack, agent: Plan, caps: dict[str, int]) -> None:
        self.loop = stack.enter_context(Loop())
        self.pbxs: list[FarEnd] = [self.loop.open(), self.loop.open()]
        ports = (free_port(), free_port())
        self.sites: list[Boomerang] = []
        for place, own in enumerate(self.NUMBERS):
            media = free_port(MEDIA_PORTS)
            table = policy(missed={"attempts": 10, "window": "60s"}, guard=caps,
                           callback={"customer_ring_for": "1s", "retry_agent": "1s"})  # who left unheard is asked again
            table["number"] = {own: {"group": GROUP}}
            site = Boomerang(
                folder / f"site{place}", port=ports[place], trunks={"main": peer(ports[1 - place])},
                pbxs={"office": peer(self.pbxs[place].port)}, policy=table,
                extra={"media": {"ports": f"{media}-{media + MEDIA_PORTS - 1}"}})
            self.pbxs[place].plans.update({AGENT: agent, own: NOBODY})
            self.sites.append(stack.enter_context(site))

    def begin(self) -> None:
        """Somebody at the first site calls the second in vain."""
        call = self.loop.do(lambda: self.pbxs[0].dial(
            self.NUMBERS[1], self.NUMBERS[0], self.sites[0].hop, Plan(media=False)))
        eventually(lambda: 180 in call.statuses, "the call that begins it rings")
        self.loop.do(call.hang_up)

    def dialled(self) -> list[int]:
        """How often each site has dialled the other. An attempt whose commit came too late has dialled nobody."""
        legs = "SELECT count(*) FROM calls WHERE reason='callback' AND direction='outbound'"
        return [site.sql(legs)[0][0] for site in self.sites]


def test_two_boomerangs_call_each_other_back(tmp_path: Path) -> None:
    """Each callback that nobody answers is a missed call of the other site: the caps of a number end it."""
    cap, leaves = 3, Plan(keys=((0.05, "1"), (0.2, "1"), (0.4, "1")), hang_up=0.6)
    with ExitStack() as stack:
        pair = Pair(tmp_path, stack, leaves, {"number_per_hour": cap})
        pair.begin()
        for place, site in enumerate(pair.sites):
            eventually(lambda: "number_cap" in refusals(site), f"the journal of site {place} says why")  # noqa: B023
        assert pair.dialled() == [cap, cap], "both have dialled as often as they may"
        stays(lambda: pair.dialled() == [cap, cap], "it has ended", 5.0)
        calls = [len(pair.pbxs[place].to(number)) for place, number in enumerate(pair.NUMBERS)]
        assert calls[0] <= cap  # or fewer: a callback that meets the other site's waiting agent is joined with them
        assert calls[1] <= 1 + cap


def test_two_boomerangs_whose_agents_wait_bring_them_together(tmp_path: Path) -> None:
    """The other site's callback comes in while our agent waits: the two are joined, and that was all."""
    with ExitStack() as stack:
        pair = Pair(tmp_path, stack, ACCEPTS, {})
        pair.begin()
        states = "SELECT count(*) FROM tasks WHERE state='done' AND reason='talked'"
        eventually(lambda: [site.sql(states)[0][0] for site in pair.sites] == [1, 1], "both have talked")
        assert pair.dialled() == [1, 1]


def refusals(site: Boomerang) -> Counter[str]:
    """Reasons of the guard in a journal."""
    return Counter(json.loads(row["data"])["reason"]
                   for row in site.sql("SELECT data FROM journal WHERE kind='refused'"))
