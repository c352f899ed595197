"""A node is complete once it is built, does nothing unasked, and carries calls whatever fails beside it."""

from collections.abc import Callable

from config.policy import Policy
from proxy.node import Node, Surroundings, build_node
from proxy.services.callbacks import CallbackMedia
from proxy.sip.hop import Flow
from proxy.sip.timers import Timers
from proxy.transports.own import OwnAddresses
from routing.duty import ALONE
from routing.events import Event
from routing.hub import EVERYTHING
from tests.kit.callback_site import config_of
from tests.kit.fake_media import FakeMedia
from tests.kit.world import KEY, PBX, TRUNK, Names, Notes, Wire, address
from tests.routing.memory_store import MemoryStore

INVITE = (b"INVITE sip:+3614445555@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
          b"Max-Forwards: 70\r\nFrom: <sip:+36201234567@c.example>;tag=f\r\nTo: <sip:+3614445555@127.0.0.1>\r\n"
          b"Call-ID: c@x\r\nCSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.1:5070>\r\nContent-Length: 0\r\n\r\n")


class World:
    """A node by itself."""

    def __init__(self, media: Callable[[Callable[[str, str | None], None]], CallbackMedia] | None = None) -> None:
        self.now = 1_000.0
        self.wire, self.notes, self.timers = Wire(), Notes(), Timers()
        self.alarms: list[Event] = []
        listeners = tuple(self.wire.listeners)
        self.node: Node = build_node(config_of("on_agent", None), Surroundings(
            network=self.wire, listeners=listeners, is_own=OwnAddresses(listeners).holds, locator=Names(),
            timers=self.timers, clock=lambda: self.now, wall=lambda: 1.7e9 + self.now, draw=lambda: 0.0,
            random_bytes=lambda count: bytes(count), journal=self.notes, on_alarm=self.alarms.append,
            media=media or (lambda alarm: FakeMedia(self.timers, lambda: self.now)), post=lambda what: what(),
            duty=ALONE),
            MemoryStore(), KEY, EVERYTHING)

    def ready(self) -> None:
        for (peer, _), place in zip(self.node.peers, (TRUNK, PBX), strict=True):
            self.node.table.set_addresses(peer, (address(place),))
        self.node.set_policy(Policy(region="HU"))

    def called(self) -> list[str]:
        """What leaves when the trunk calls."""
        self.node.engine.receive(INVITE, Flow(self.wire.listeners[0], *TRUNK, 0))
        return [one.title for one in self.wire.sent]


def broken(alarm: Callable[[str, str | None], None]) -> CallbackMedia:
    raise ZeroDivisionError("a bug")


def test_it_does_nothing_before_it_is_told_to() -> None:
    world = World()
    assert (world.wire.sent, len(world.timers), world.alarms) == ([], 0, [])
    assert world.node.services is None


def test_it_carries_calls_before_the_services_are_there_and_with_them() -> None:
    for begun in (False, True):
        world = World()
        world.ready()
        if begun:
            world.node.start()
            assert world.node.callbacks is not None
        assert world.called() == ["100 INVITE", "INVITE"]
        assert len(world.node.ledger.calls()) == 1


def test_services_that_cannot_be_built_are_an_alarm_and_calls_pass() -> None:
    world = World(broken)
    world.ready()
    world.node.start()
    assert world.node.services is None
    assert [event.data["alarm"] for event in world.alarms] == ["callbacks"]
    assert [where for where, _ in world.notes.failures] == ["services"]
    assert world.called() == ["100 INVITE", "INVITE"]
    world.node.turn()
    world.node.sweep()
    world.node.drain()
    assert (world.node.conversations(), world.node.unanswered()) == (0, 1)
