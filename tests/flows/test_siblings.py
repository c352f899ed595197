"""Two nodes with one key: whichever gets a message of a call goes on with it, whether the other one lives or not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.call_names import AGE
from proxy.sip.via import Via
from routing.facts import Standing
from tests.kit.actor import title_of
from tests.kit.script import Script
from tests.kit.world import PROXY, STRANGER, World

OTHER = ("127.0.0.1", 5062)
WHOLE = """
    trunk > INVITE      : 100 > trunk, INVITE > pbx
    pbx > 180           : 180 > trunk
    pbx > 200           : 200 > trunk
    trunk > ACK         : ACK > pbx
    trunk > INFO        : INFO > pbx
    pbx > 200 INFO      : 200 INFO > trunk
    pbx > INVITE        : 100 > pbx, INVITE > trunk
    trunk > 200         : 200 > pbx
    pbx > ACK           : ACK > trunk
    {by} > BYE          : BYE > {other}
    {other} > 200 BYE   : 200 BYE > {by}
"""
RINGS = """
    trunk > INVITE      : 100 > trunk, INVITE > pbx
    pbx > 180           : 180 > trunk
"""


class Nodes:
    """A script that is played at one of two nodes, now this, now that."""

    def __init__(self, other: tuple[str, int] = OTHER, start: float = 1_000.0) -> None:
        """`other`: address of the second one. Where it is that of the first, both have one."""
        siblings: tuple[tuple[str, int | None], ...] = () if other == PROXY else (PROXY, other)
        self.worlds = [World(own=own, start=start, siblings=tuple(one for one in siblings if one != own))
                       for own in (PROXY, other)]
        self.worlds[1].serial = 1_000  # names are given by nodes apart
        for world in self.worlds:
            world.router.standings = Unwritten(world)
        self.call = Script(self.worlds[0])
        for actor in self.call.actors.values():
            actor.minds_its_route = False

    def go_to(self, number: int) -> None:
        """Have what comes next read by this node."""
        now = self.call.world.now
        self.call.world = self.worlds[number]
        self.call.world.now = max(now, self.call.world.now)

    def play(self, text: str, *at: int) -> None:
        """Play lines, each at the node of its number."""
        lines = [line for line in text.splitlines() if line.strip()]
        for line, number in zip(lines, at or (1,) * len(lines), strict=True):
            self.go_to(number)
            self.call.play(line)

    def told(self, number: int) -> list[str]:
        """What a node's router was told."""
        self.go_to(number)
        return self.call.facts

    def adopted(self, number: int) -> list[tuple[str, bool]]:
        """What a node took over: the call's name, and whether it had been answered."""
        return [(call.id, answered) for call, answered in self.worlds[number].router.adopted]

    @property
    def name(self) -> str:
        """Our name of the call, by the node that it began at."""
        return next(world.router.calls[0].id for world in self.worlds if world.router.calls)


class Unwritten(dict[str, Standing]):
    """Says of calls that a router was never told of that they are unknown to it."""

    def __init__(self, world: World) -> None:
        self.router = world.router

    def get(self, call: str, default: object = None) -> Standing:
        known = [one.id for one in self.router.calls] + [one.id for one, _ in self.router.adopted]
        return "open" if call in known else "unknown"


def transcript(call: Script) -> list[tuple[str, str, bytes]]:
    """What both far ends were sent, without what says which node sent it."""
    seen = []
    for name, actor in sorted(call.actors.items()):
        for message in actor.received:
            text = message.to_bytes()
            for port in (b"5060", b"5062"):
                text = re.sub(rb"(Via: SIP/2.0/UDP |@)127\.0\.0\.1:" + port, rb"\1node", text)
            text = re.sub(rb";(received|rport)=[^;\r]*", b"", text)
            seen.append((name, title_of(message), re.sub(rb"bm-[\w%-]{40,}", b"token", text)))
    return seen


@pytest.mark.parametrize("other", [OTHER, PROXY])
@pytest.mark.parametrize("by", ["trunk", "pbx"])
@given(at=st.lists(st.integers(0, 1), min_size=10, max_size=10))
def test_whichever_gets_a_message_the_far_ends_see_the_same(other: tuple[str, int], by: str, at: list[int]) -> None:
    text = WHOLE.format(by=by, other="pbx" if by == "trunk" else "trunk")
    alone, nodes = Nodes(), Nodes(other)
    alone.play(text, *([0] * 11))
    nodes.play(text, 0, *at)
    assert transcript(nodes.call) == transcript(alone.call)
    for number in (0, 1):
        nodes.go_to(number)
        nodes.call.assert_nothing_left()
    assert {name for name, _ in nodes.adopted(1)} <= {nodes.name}


@pytest.mark.parametrize("other", [OTHER, PROXY])
@given(at=st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_whichever_gets_a_refusal_the_far_ends_see_the_same(other: tuple[str, int], at: list[int]) -> None:
    text = """
        trunk > INVITE      : 100 > trunk, INVITE > pbx
        pbx > 180           : 180 > trunk
        pbx > 183           : 183 > trunk
        pbx > 486           : ACK > pbx, 486 > trunk
        trunk > ACK
    """
    alone, nodes = Nodes(), Nodes(other)
    alone.play(text, *([0] * 5))
    nodes.play(text, 0, *at)
    assert transcript(nodes.call) == transcript(alone.call)
    assert "ended 486 callee" in nodes.told(at[2])


def test_an_agent_who_refuses_at_another_node_ends_the_call() -> None:
    """Where it would have gone next is known to the node that began it, and to no other."""
    nodes = Nodes()
    nodes.call.direct_to_agent()
    nodes.play("""
        trunk > INVITE      : 100 > trunk, INVITE > agent
        agent > 180         : 180 > trunk
        agent > 486         : ACK > agent, 486 > trunk
    """, 0, 0, 1)


@pytest.mark.parametrize("step", range(1, 11))
@pytest.mark.parametrize("by", ["trunk", "pbx"])
def test_a_node_that_dies_at_any_step(by: str, step: int) -> None:
    nodes = Nodes()
    nodes.play(WHOLE.format(by=by, other="pbx" if by == "trunk" else "trunk"), *[0] * step, *[1] * (11 - step))
    side = "caller" if by == "trunk" else "callee"
    assert nodes.told(1)[-1:] == ([] if step == 10 else [f"ended 200 {side}"])
    assert [name for name, _ in nodes.adopted(1)] == ([] if step == 10 else [nodes.name])


@pytest.mark.parametrize(("step", "answered"), [(2, False), (3, True), (4, True), (6, True), (9, False)])
def test_what_is_known_of_a_call_that_is_found(step: int, answered: bool) -> None:
    """A BYE says nothing of when it was answered, and an answer says it by itself."""
    nodes = Nodes()
    nodes.play(WHOLE.format(by="trunk", other="pbx"), *[0] * step, *[1] * (11 - step))
    [(call, was_answered)] = nodes.worlds[1].router.adopted
    begun = nodes.worlds[0].router.calls[0]
    assert (call.id, call.direction, call.trunk, call.pbx, call.dialled, call.sip_call_id) == (
        begun.id, begun.direction, begun.trunk, begun.pbx, begun.dialled, begun.sip_call_id)
    assert was_answered is answered
    assert ("answered 0" in nodes.told(1)) is (step == 2)


def test_ended_by_the_other_side_of_an_agents_call() -> None:
    nodes = Nodes()
    nodes.play("""
        pbx > INVITE        : 100 > pbx, INVITE > trunk
        trunk > 200         : 200 > pbx
        pbx > ACK           : ACK > trunk
        trunk > BYE         : BYE > pbx
        pbx > 200 BYE       : 200 BYE > trunk
    """, 0, 0, 0, 1, 1)
    [(call, _)] = nodes.worlds[1].router.adopted
    assert (call.direction, call.dialled, call.identities[0].user, call.withheld) == (
        "outbound", "+3614445555", "+36201234567", False)
    assert nodes.told(1) == ["ended 200 callee"]


def test_a_refusal() -> None:
    nodes = Nodes()
    nodes.play(RINGS + """
        pbx > 486           : ACK > pbx, 486 > trunk
        trunk > ACK
    """, 0, 0, 1, 1)
    assert nodes.told(1) == ["ended 486 callee"]
    assert len(nodes.worlds[1].router.calls) == 1


def test_a_refusal_that_bears_our_route_has_the_name_of_its_call() -> None:
    nodes = Nodes()
    nodes.play(RINGS, 0, 0)
    route = nodes.call["pbx"].request().record_routes[0].uri
    nodes.go_to(1)
    nodes.call.step("pbx > 486 : ACK > pbx, 486 > trunk", b"Record-Route: <%s>" % route)
    assert nodes.worlds[1].router.calls[0].id == nodes.name


def test_a_refusal_of_a_call_that_is_over_opens_nothing() -> None:
    """It is passed on, and what was written of the call stays."""
    nodes = Nodes()
    nodes.play(RINGS, 0, 0)
    route = nodes.call["pbx"].request().record_routes[0].uri
    nodes.worlds[1].router.standings = {nodes.name: "over"}
    nodes.go_to(1)
    nodes.call.step("pbx > 486 : ACK > pbx, 486 > trunk", b"Record-Route: <%s>" % route)
    assert (nodes.worlds[1].router.calls, nodes.told(1)) == ([], [])


def cancels(nodes: Nodes) -> list[Via]:
    """The Via of each CANCEL that the PBX was sent."""
    return [message.via for message in nodes.call["pbx"].received if title_of(message) == "CANCEL"]


@pytest.mark.parametrize("age", [0.0, 3 * AGE])
def test_cancel_of_a_call_that_the_other_node_has_begun(age: float) -> None:
    """The far end knows the INVITE by branch and sent-by (RFC 3261 section 17.2.3): one of those must be its own."""
    nodes = Nodes()
    for world in nodes.worlds:
        world.wait(age)
    nodes.play(RINGS + "trunk > CANCEL : 200 CANCEL > trunk, 4x CANCEL > pbx", 0, 0, 1)
    invite = nodes.call["pbx"].request("INVITE").via
    assert [via.sent_by for via in cancels(nodes) if via.branch == invite.branch] == [b"127.0.0.1:5062", invite.sent_by]
    nodes.play("""
        pbx > 200 CANCEL
        pbx > 487           : ACK > pbx, 487 > trunk
        trunk > ACK
    """)
    assert nodes.told(1) == ["ended 487 caller"]


def test_cancel_where_all_have_one_address() -> None:
    nodes = Nodes(PROXY)
    nodes.play(RINGS + "trunk > CANCEL : 200 CANCEL > trunk, 2x CANCEL > pbx", 0, 0, 1)
    assert nodes.call["pbx"].request("INVITE").via in cancels(nodes)


def test_the_node_that_lives_takes_the_end_of_what_the_other_has_cancelled() -> None:
    nodes = Nodes()
    nodes.play(RINGS + """
        trunk > CANCEL      : 200 CANCEL > trunk, 4x CANCEL > pbx
        pbx > 487           : ACK > pbx, 487 > trunk
        trunk > ACK
    """, 0, 0, 1, 0, 0)
    assert nodes.told(0) == ["ringing 0", "ended 487 callee"]


def test_cancel_of_a_stranger_and_of_what_began_here() -> None:
    nodes = Nodes()
    nodes.play(RINGS + """
        pbx > 486           : ACK > pbx, 486 > trunk
        trunk > ACK
        wait 40
        trunk > CANCEL      : 481 CANCEL > trunk
    """, *[0] * 6)
    nodes.call["trunk"].place = ("192.0.2.66", 5070)
    nodes.play("trunk > CANCEL : 481 CANCEL > trunk", 1)


def test_one_address_an_invite_that_comes_again_is_the_very_same() -> None:
    nodes = Nodes(PROXY)
    nodes.play(RINGS + "trunk > again : 100 > trunk, INVITE > pbx", 0, 0, 1)
    one, other = (message for message in nodes.call["pbx"].received if title_of(message) == "INVITE")
    assert one.via == other.via


def test_addresses_of_their_own_an_invite_that_comes_again_is_another_transaction() -> None:
    """To the PBX it is a merged request (RFC 3261 section 8.2.2.2), which it may refuse; the first one rings on."""
    nodes = Nodes()
    nodes.play(RINGS + """
        trunk > again       : 100 > trunk, INVITE > pbx
        pbx > 482           : ACK > pbx, 482 > trunk
    """, 0, 0, 1, 1)
    one, other = (message for message in nodes.call["pbx"].received if title_of(message) == "INVITE")
    assert (one.via.branch, one.via.sent_by) != (other.via.branch, other.via.sent_by)
    assert one.via.branch == other.via.branch


def test_a_call_that_passes_twice_is_no_loop() -> None:
    """A PBX sends a customer's call on to the carrier, by the other node; the same request again to a node is one."""
    nodes = Nodes()
    nodes.play(RINGS, 0, 0)
    sent = nodes.call["pbx"].request("INVITE").to_bytes().replace(
        b"Via:", b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-on;rport\r\nVia:", 1)
    nodes.go_to(1)
    world = nodes.call.world
    assert [one.title for one in world.give(sent, nodes.call["pbx"].place)] == ["100 INVITE", "INVITE"]
    back = nodes.call["pbx"].request("INVITE").to_bytes().replace(
        b"Via:", b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-in;rport\r\nVia:", 1)
    assert [one.title for one in world.give(back, nodes.call["trunk"].place)] == ["482 INVITE"]


def test_a_sibling_is_no_next_hop() -> None:
    nodes = Nodes()
    nodes.play(WHOLE.format(by="trunk", other="pbx"), *[0] * 11)
    nodes.go_to(1)
    trunk = nodes.call["trunk"]
    data = trunk.write("INFO").replace(b"@127.0.0.1:5080", b"@127.0.0.1:5060", 1)
    assert [one.title for one in nodes.call.send(trunk, data)] == ["482 INFO"]


def test_a_siblings_route_opens_nothing_for_a_stranger() -> None:
    nodes = Nodes()
    nodes.play(WHOLE.format(by="trunk", other="pbx"), *[0] * 11)
    nodes.go_to(1)
    nodes.call["trunk"].place = STRANGER
    assert [one.title for one in nodes.call.send(nodes.call["trunk"], nodes.call["trunk"].write("BYE"))] == ["481 BYE"]
    assert nodes.adopted(1) == []


@pytest.mark.parametrize("user", ["", "600@"])
def test_options_to_a_sibling_are_to_us(user: str) -> None:
    world = Nodes().worlds[1]
    sent = world.give(f"OPTIONS sip:{user}127.0.0.1:5060 SIP/2.0\r\n"
                      "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-o\r\n"
                      "From: <sip:d@127.0.0.1>;tag=d\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
                      "Max-Forwards: 1\r\n\r\n", ("127.0.0.1", 5070))
    assert [one.title for one in sent] == ["200 OPTIONS"]
