"""The way of a dialog: one Record-Route or two, strict and loose routers around us, Routes that are not ours."""

import pytest

from proxy.core.peers import Address, Peer
from proxy.sip.hop import Hop, Listener, Transport
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, PROXY, TRUNK, World, address

TALK = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 180         : 180 > trunk
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
    pbx > INFO        : INFO > trunk
    trunk > 200 INFO  : 200 INFO > pbx
    trunk > UPDATE    : UPDATE > pbx
    pbx > 200 UPDATE  : 200 UPDATE > trunk
    pbx > BYE         : BYE > trunk
    trunk > 200 BYE   : 200 BYE > pbx
"""


@pytest.mark.parametrize("trunk", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("pbx", ["udp", "tcp", "tls"])
def test_transports(trunk: Transport, pbx: Transport) -> None:
    """One Record-Route for one transport, two for two (RFC 5658); each side speaks to us its own way."""
    call = Script(World(peers=[Peer("trunk", "main", addresses=(address(TRUNK, trunk),)),
                               Peer("pbx", "office", addresses=(address(PBX, pbx),))]), trunk=trunk, pbx=pbx)
    call.play(TALK)
    assert len(call["pbx"].request("INVITE").record_routes) == (1 if trunk == pbx else 2)
    assert call.facts == ["ringing 0", "answered 0", "alive", "ended 200 callee"]
    call.assert_nothing_left()


def test_between_ip_versions() -> None:
    inner = ("::1", 5080)
    place = Address(Hop("udp", *inner), b"[::1]:5080")
    call = Script(World(pbx=(place,)), pbx_place=inner)
    call.play(TALK)
    assert len(call["pbx"].request("INVITE").record_routes) == 2
    call.direct_to_agent()
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 100 > trunk, INVITE > agent\nagent > 200 : 200 > trunk\ntrunk > ACK : ACK > agent")
    assert call["agent"].request().uri == b"sip:201@[::1]:5080"
    call.assert_nothing_left()


def test_sips_stays_sips() -> None:
    call = Script(World(pbx=(address(PBX, "tls"),)), pbx="tls")
    call["trunk"].dialled = b"sips:+3614445555@127.0.0.1"
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    routes = call["pbx"].request().record_routes
    assert [one.uri[:5] for one in routes] == [b"sips:", b"sips:"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call.assert_nothing_left()


def test_large_request_takes_a_stream() -> None:
    """RFC 3261 section 18.1.1: where the peer has one, and we have it too."""
    call = Script(World(pbx=(address(PBX), address(("127.0.0.1", 5083), "tls"), address(("127.0.0.1", 5081), "tcp"))))
    del call.world.wire.listeners[2]
    call.add(Actor("stream", ("127.0.0.1", 5081), transport="tcp"))
    call.step("trunk > INVITE : 100 > trunk, INVITE > stream", body=b"x" * 1400)
    assert len(call["stream"].request().record_routes) == 2
    call.play("stream > 486 : ACK > stream, 486 > trunk\ntrunk > ACK")
    call.world.wire.listeners = call.world.wire.listeners[:1]
    call["trunk"].dialog = None
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", body=b"x" * 1400)
    assert "larger_than_mtu" in [note[0] for note in call.world.notes.lines]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call.assert_nothing_left()


def test_further_routes_are_followed(call: Script) -> None:
    """Proxies of others around us put themselves into the dialog."""
    edge = call.add(Actor("edge", ("127.0.0.1", 5072)))
    inner = call.add(Actor("inner", ("127.0.0.1", 5082)))
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", b"Record-Route: <sip:127.0.0.1:5072;lr>")
    call.step("pbx > 200 : 200 > trunk")
    dialog = call["trunk"].dialog
    assert dialog is not None
    dialog.route = [dialog.route[1], b"<sip:127.0.0.1:5082;lr>, <sip:127.0.0.1:5099;lr>"]
    call.play("trunk > ACK : ACK > inner\npbx > BYE : BYE > edge")
    assert [one.uri for one in inner.request("ACK").routes] == [b"sip:127.0.0.1:5082;lr", b"sip:127.0.0.1:5099;lr"]
    assert edge.request("BYE").uri == b"sip:trunk@127.0.0.1:5070"
    call.play("edge > 200 BYE : 200 BYE > pbx")


def test_strict_router_behind_us(call: Script) -> None:
    """RFC 3261 section 16.6 item 6: it finds itself in the Request-URI, and the target last in the Route."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    strict = call.add(Actor("strict", ("127.0.0.1", 5082)))
    call["trunk"].dialog.route.append(b"<sip:strict@127.0.0.1:5082>")  # type: ignore[union-attr]
    call["trunk"].dialog.route.append(b"<sip:127.0.0.1:5099;lr>")  # type: ignore[union-attr]
    call.play("trunk > BYE : BYE > strict")
    bye = strict.request("BYE")
    assert bye.uri == b"sip:strict@127.0.0.1:5082"
    assert [one.uri for one in bye.routes] == [b"sip:127.0.0.1:5099;lr", b"sip:pbx@127.0.0.1:5080"]
    call.play("strict > 200 BYE : 200 BYE > trunk")


def test_strict_router_before_us(call: Script) -> None:
    """RFC 3261 section 16.4: our own URI came as Request-URI."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    dialog = call["trunk"].dialog
    assert dialog is not None
    ours, dialog.route, target = dialog.route[0].strip(b"<>"), [b"<%s>" % dialog.target], dialog.target
    dialog.target = ours
    sent = call.send(call["trunk"], call["trunk"].write("BYE"))
    assert [(one.title, one.to) for one in sent] == [("BYE", PBX)]
    assert (sent[0].request.uri, sent[0].request.routes) == (target, ())
    call["pbx"].take(sent[0].message)
    call.play("pbx > 200 BYE : 200 BYE > trunk")
    dialog.route = [b"<sip:127.0.0.1:5082;lr>", b"<%s>" % target]
    sent = call.send(call["trunk"], call["trunk"].write("INFO"))
    assert [(one.title, one.to) for one in sent] == [("INFO", ("127.0.0.1", 5082))]
    assert [one.uri for one in sent[0].request.routes] == [b"sip:127.0.0.1:5082;lr"]
    dialog.route = []
    assert [one.title for one in call.send(call["trunk"], call["trunk"].write("INFO"))] == ["482 INFO"]


def test_strict_router_before_us_on_two_transports() -> None:
    call = Script(World(pbx=(address(PBX, "tcp"),)), pbx="tcp")
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    dialog = call["trunk"].dialog
    assert dialog is not None
    first, second = dialog.route
    dialog.route, dialog.target = [second, b"<%s>" % dialog.target], first.strip(b"<>")
    call["trunk"].minds_its_route = False
    call.play("trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")
    assert call["pbx"].request("BYE").routes == ()
    call.assert_nothing_left()


def test_route_in_a_new_request_is_not_followed(call: Script) -> None:
    """No open relay: a new request goes to the other side's peer, whatever stands in its Route."""
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", b"Route: <sip:127.0.0.1:5060;lr>",
              b"Route: <sip:192.0.2.66;lr>, <sip:192.0.2.67;lr>")
    assert not call["pbx"].request().has(b"route")
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call["trunk"].dialog = None
    call["trunk"].dialled = b"sip:a@192.0.2.66"
    call.step("trunk > MESSAGE : MESSAGE > pbx", b"Route: <sip:192.0.2.66;lr>")
    assert not call["pbx"].request("MESSAGE").has(b"route")
    call.play("pbx > 200 MESSAGE : 200 MESSAGE > trunk")


@pytest.mark.parametrize(("target", "status"), [
    (b"tel:+123", 416), (b"urn:service:sos", 416), (b"sip:x@127.0.0.1:5060", 482), (b"sip:x@[::1]", 482),
    (b"sip:x@nowhere.example", 503)])
def test_target_that_cannot_be_reached(call: Script, target: bytes, status: int) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    assert call["trunk"].dialog is not None
    call["trunk"].dialog.target = target
    call.play(f"trunk > INFO : {status} INFO > trunk\ntrunk > ACK")


def test_target_that_only_looks_like_a_token(call: Script) -> None:
    call["pbx"].contact = b"<sip:bm-pbx@127.0.0.1:5080>"
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")


@pytest.mark.parametrize("route", [b"<sip:127.0.0.1:99999;lr>", b"<sip:@;lr>"])
@pytest.mark.parametrize("ours", [True, False])
def test_route_that_cannot_be_read(call: Script, route: bytes, ours: bool) -> None:
    """It is answered, whether one of ours stands before it or not."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    dialog = call["trunk"].dialog
    assert dialog is not None
    dialog.route = [*dialog.route, route] if ours else [route]
    call["trunk"].minds_its_route = False
    call.play("trunk > BYE : 400 BYE > trunk\ntrunk > ACK :")


def test_maddr_and_transport_of_the_target(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    assert call["trunk"].dialog is not None
    call.add(Actor("other", ("127.0.0.1", 5090), transport="tcp"))
    call["trunk"].dialog.target = b"sip:x@pbx.example:5090;maddr=127.0.0.1;transport=TCP"
    call.play("trunk > INFO : INFO > other\nother > 200 INFO : 200 INFO > trunk")


def test_names_are_looked_up(call: Script) -> None:
    call.world.wire.listeners = [one for one in call.world.wire.listeners if one.transport != "tls"]
    call.world.names.known["pbx.example"] = (Hop("tls", "127.0.0.1", 5081), Hop("udp", *PBX))
    call["pbx"].contact = b"<sip:600@pbx.example>"
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)


def test_cancel_while_a_name_is_looked_up(call: Script) -> None:
    waiting = []
    call["pbx"].contact = b"<sip:600@pbx.example>"
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\n")
    call.world.names.locate = lambda *question: waiting.append(question[-1])  # type: ignore[method-assign]
    call.play("""
        trunk > ACK
        trunk > INVITE    : 100 > trunk
        trunk > CANCEL    : 200 CANCEL > trunk, 487 > trunk
        trunk > INFO
    """)
    for answer in waiting:
        answer((Hop("udp", *PBX),))
    call.play("wait 0     : ACK > pbx, INFO > pbx\npbx > 200 INFO : 200 INFO > trunk")


def test_ack_that_leads_nowhere(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    assert call["trunk"].dialog is not None
    call["trunk"].dialog.target = b"sip:x@nowhere.example"
    call.play("trunk > ACK\ntrunk > ACK branch=invite")
    call["trunk"].dialog.target = b"tel:1"
    call.play("trunk > ACK branch=invite")
    call["trunk"].dialog.target = b"sip:x@192.0.2.9"
    call.world.wire.dead.add(("192.0.2.9", 5060))
    call.play("trunk > ACK")
    assert call.world.proxy.counters.refused == {"ack_without_next_hop": 2}
    assert call.world.notes.lines[-1][0] == "not_sent"


def test_options_inside_a_dialog_is_the_peers(call: Script) -> None:
    """Its target may have no user part: it is a sign of life between the two ends."""
    call["pbx"].contact = b"<sip:127.0.0.1:5080>"
    call.play("""
        trunk > INVITE     : 100 > trunk, INVITE > pbx
        pbx > 200          : 200 > trunk
        trunk > ACK        : ACK > pbx
        trunk > OPTIONS    : OPTIONS > pbx
        pbx > 200 OPTIONS  : 200 OPTIONS > trunk
    """)


def test_neighbour_with_our_port_on_the_other_transport() -> None:
    """A PBX on this very machine that speaks TCP at the port where we speak UDP is not ourselves."""
    world = World(pbx=(address(PROXY, "tcp"),))
    del world.wire.listeners[1]
    world.wire.listeners.append(Listener(1, "tcp", PROXY[0], 5090, PROXY[0], 5090))
    world.restart()
    call = Script(world, pbx="tcp", pbx_place=PROXY)
    call.play(TALK)
    call.assert_nothing_left()
