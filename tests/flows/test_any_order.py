"""Calls in which everybody does anything at any time: some things must hold whatever comes."""

import random

import pytest

from proxy.core.relay import TIMER_C
from proxy.sip.message import Message, Request, Response
from routing.facts import Decision, Target
from tests.kit.actor import Actor
from tests.kit.script import LONG, Script
from tests.kit.world import PBX, PBX_2, World, address

CALLS = 400
STATUSES = (100, 180, 180, 183, 200, 302, 404, 408, 480, 486, 487, 500, 503, 600, 603)


class Chaos:
    """One call: a caller and whoever receives its INVITEs, each INVITE answered on its own."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.call = Script(World(pbx=(address(PBX), address(PBX_2))[:self.rng.randint(1, 2)]))
        self.world = self.call.world
        users = ("201", None) if self.rng.random() < 0.7 else (None,)
        targets = tuple(Target(user, self.rng.choice((1.0, 5.0, 20.0)) if user else None) for user in users)
        self.world.router.decision = lambda new: Decision(targets, "office", "direct")
        self.caller = self.call["trunk"]
        self.to_caller: list[Message] = []
        self.legs: dict[bytes, tuple[Actor, tuple[str, int]]] = {}
        """By branch: who answers it, and from where."""
        self.over: dict[bytes, float] = {}
        """By branch: when its transaction ends at the far end, which says nothing after that."""
        self.spoke: set[bytes] = set()
        self.failed: set[bytes] = set()
        self.acknowledged: set[bytes] = set()

    def step(self) -> None:
        self.take()
        dice = self.rng.random()
        if dice < 0.35:
            for _ in range(self.rng.choice((1, 1, 1, 1, 4))):
                self.world.wait_into(self.rng.choice((0.1, 0.6, 2.0, 6.0, 9.0)))
                self.take()
        elif dice < 0.42:
            self.say(self.caller, self.caller.write("CANCEL"), self.caller.place)
        elif dice < 0.5 and self.world.now < 1_030.0:
            self.say(self.caller, self.caller.sent[0], self.caller.place)
        elif self.legs:
            branch = self.rng.choice(list(self.legs))
            if self.world.now > self.over.get(branch, self.world.now):
                return
            actor, place = self.legs[branch]
            status = self.rng.choice(STATUSES)
            if branch in self.failed and status >= 200:
                status = int(actor.sent[-1][8:11])
            if branch not in self.spoke:
                self.spoke.add(branch)
                del self.over[branch]
            if status >= 200:
                self.over.setdefault(branch, self.world.now + 30.0)
            if status >= 300:
                self.failed.add(branch)
            self.say(actor, actor.answer(status), place)

    def say(self, actor: Actor, data: bytes, place: tuple[str, int]) -> None:
        actor.sent.append(data)
        self.world.proxy.receive(data, self.world.flow(place))

    def take(self) -> None:
        for sent in self.world.taken():
            message = sent.message
            if sent.to == self.caller.place:
                self.to_caller.append(message)
                continue
            assert isinstance(message, Request)
            branch = message.via.branch or b""
            if message.method == b"INVITE" and branch not in self.legs:
                actor = Actor(f"leg{len(self.legs)}", sent.to)
                actor.take(message)
                self.legs[branch] = actor, sent.to
                self.over[branch] = self.world.now + 20.0
            elif message.method == b"CANCEL":
                assert branch in self.spoke, "CANCEL before a 1xx"
                self.over.setdefault(branch, self.world.now + 30.0)
            elif message.method == b"ACK":
                self.acknowledged.add(branch)

    def finals(self) -> list[int]:
        return [one.status for one in self.to_caller
                if isinstance(one, Response) and one.status >= 200 and one.cseq.method == b"INVITE"]


@pytest.mark.parametrize("block", range(4))
def test_anything(block: int) -> None:
    for seed in range(block * CALLS, (block + 1) * CALLS):
        chaos = Chaos(seed)
        chaos.say(chaos.caller, chaos.caller.write("INVITE"), chaos.caller.place)
        for _ in range(chaos.rng.randint(0, 15)):
            chaos.step()
        for _ in range(3):
            chaos.world.wait_into(TIMER_C)
            chaos.take()
        check(chaos, seed)


def check(chaos: Chaos, seed: int) -> None:
    chaos.take()
    finals, facts = chaos.finals(), chaos.call.facts
    assert finals, f"seed {seed}: the caller was never told"
    assert len({status for status in finals if status >= 300}) <= 1, f"seed {seed}: {finals}"
    ended = [fact for fact in facts if fact.startswith("ended")]
    answered = [fact for fact in facts if fact.startswith("answered")]
    assert len(ended) + len(answered) == 1, f"seed {seed}: {facts}"
    assert not ended or finals[0] >= 300, f"seed {seed}: {facts}"
    owed = {branch for branch in chaos.failed if not answered_first(chaos, branch)}
    assert owed <= chaos.acknowledged, f"seed {seed}: a failure without its ACK"
    chaos.world.wait_into(LONG)
    proxy = chaos.world.proxy
    left = (list(proxy.transactions.clients), list(proxy.relays.by_key), proxy.pending.count, len(proxy.timers))
    assert left == ([], [], 0, 0), f"seed {seed}: {left}"
    assert chaos.world.notes.failures == []


def answered_first(chaos: Chaos, branch: bytes) -> bool:
    """A leg that sent a 2xx and then a failure breaks the rules itself; nobody owes it an ACK."""
    finals = [int(data[8:11]) for data in chaos.legs[branch][0].sent if data[8:9] >= b"2"]
    return finals[0] < 300
