"""Who may talk: peers to the other side, everybody else to nobody; and what is refused with which answer."""

import ipaddress

import pytest

from proxy.core.limiter import PEER_BURST, STRANGER_BURST
from proxy.core.peers import Peer, SourceRule
from proxy.core.pending import PENDING_LIMIT
from proxy.sip.hop import Transport
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, TRUNK, World, address

FAR = ("192.0.2.66", 5060)


@pytest.fixture
def call(call: Script) -> Script:
    call.add(Actor("stranger", FAR))
    return call


def refused(call: Script) -> dict[str, int]:
    return call.world.proxy.counters.refused


TALK = """
    trunk > INVITE    : 100 > trunk, INVITE > pbx
    pbx > 200         : 200 > trunk
    trunk > ACK       : ACK > pbx
"""


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "REGISTER", "SUBSCRIBE", "BYE", "nonsense"])
def test_stranger(call: Script, method: str) -> None:
    answer = "403" if method == "INVITE" else f"403 {method}"
    call.play(f"stranger > {method} : {answer} > stranger")
    assert call.world.notes.refusals == [(*FAR, "unknown_source")]
    assert refused(call) == {"unknown_source": 1}


def test_stranger_may_ask_whether_we_live(call: Script) -> None:
    call.play("stranger > OPTIONS : 200 OPTIONS > stranger")
    assert call.world.notes.refusals == []


def test_ack_of_a_stranger_is_dropped(call: Script) -> None:
    data = call["stranger"].write("INVITE").replace(b"INVITE", b"ACK")
    assert call.send(call["stranger"], data) == []


def test_to_tag_is_no_pass(call: Script) -> None:
    data = call["trunk"].write("INFO").replace(b"5060>\r\nCall", b"5060>;tag=x\r\nCall")
    assert [one.title for one in call.send(call["trunk"], data)] == ["481 INFO"]
    assert call.world.notes.refusals == [(*TRUNK, "no_token")]
    ack = data.replace(b"INFO", b"ACK")
    assert call.send(call["trunk"], ack) == []
    assert refused(call) == {"no_token": 1, "ack_without_token": 1}


def test_forged_tokens(call: Script) -> None:
    call.play(TALK)
    dialog = call["trunk"].dialog
    assert dialog is not None
    true = dialog.route[0]
    user = true.partition(b":")[2].partition(b"@")[0]
    flipped = bytes((user[10] ^ 1,))
    other_end = b"A" if user[-1:] != b"A" else b"B"
    forged = (user[:10] + flipped + user[11:], user[:-1] + other_end, user[:-4], user + b"A", b"bm-", b"x")
    for each in forged:
        dialog.route = [true.replace(user, each)]
        call.play("trunk > INFO : 481 INFO > trunk\ntrunk > ACK")
    dialog.route = [true.replace(b"127.0.0.1", b"192.0.2.5")]
    data = call["trunk"].write("INFO")
    call.world.proxy.receive(data, call["trunk"].flow(call.world.wire.listeners))
    assert [one.title for one in call.world.taken()] == ["481 INFO"]
    dialog.route = []
    call.play("trunk > INFO : 481 INFO > trunk")
    dialog.route = [true]
    call.play("trunk > INFO : INFO > pbx\npbx > 200 INFO : 200 INFO > trunk")


def test_token_of_another_call(call: Script) -> None:
    call.play(TALK)
    first, call["trunk"].dialog = call["trunk"].dialog, None
    call.play(TALK)
    assert first is not None
    vars(call["trunk"])["dialog"].route = first.route
    call.play("trunk > BYE : 481 BYE > trunk")
    assert call.facts == ["answered 0", "answered 0"]


def test_one_true_route_and_one_forged(call: Script) -> None:
    call.play(TALK)
    dialog = call["trunk"].dialog
    assert dialog is not None
    dialog.route.append(b"<sip:bm-forged@127.0.0.1:5060;lr>")
    call.play("trunk > INFO : 481 INFO > trunk")


def test_cancel_from_another_address(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    cancel = call["trunk"].write("CANCEL")
    sent = call.send(call["stranger"], cancel)
    assert [one.title for one in sent] == ["481 CANCEL"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def test_cancel_of_nothing(call: Script) -> None:
    data = call["stranger"].write("INVITE").replace(b"INVITE", b"CANCEL")
    assert [one.title for one in call.send(call["stranger"], data)] == ["481 CANCEL"]
    data = call["trunk"].write("INVITE").replace(b"INVITE", b"CANCEL")
    tagged = data.replace(b"5060>\r\nCall", b"5060>;tag=x\r\nCall")
    assert [one.title for one in call.send(call["trunk"], tagged)] == ["481 CANCEL"]


def test_register(call: Script) -> None:
    call.play("pbx > REGISTER : 405 REGISTER > pbx\ntrunk > REGISTER : 405 REGISTER > trunk")
    assert b"REGISTER" not in (call["pbx"].response("405 REGISTER").value(b"allow") or b"")


def test_register_is_passed_where_it_is_configured() -> None:
    call = Script(World(register_to="main"))
    call.play("""
        pbx > REGISTER       : REGISTER > trunk
        trunk > 200 REGISTER : 200 REGISTER > pbx
        trunk > REGISTER     : 405 REGISTER > trunk
    """)
    call.assert_nothing_left()


@pytest.mark.parametrize("uri", [b"sip:127.0.0.1", b"sip:127.0.0.1:5060", b"sip:ping@127.0.0.1:5060", b"sip:x@[::1]",
                                 b"sip:edge.example"])
def test_options_to_us(call: Script, uri: bytes) -> None:
    call["trunk"].dialled = uri
    call.play("trunk > OPTIONS : 200 OPTIONS > trunk")
    assert b"INVITE" in (call["trunk"].response("200 OPTIONS").value(b"allow") or b"")


def test_draining(call: Script) -> None:
    """OPTIONS say that new calls are better sent elsewhere; those that come all the same pass, for they outlive us."""
    call.play(TALK)
    call.world.proxy.ourselves.draining = True
    call.play("""
        stranger > OPTIONS : 503 OPTIONS > stranger
        pbx > INFO         : INFO > trunk
        trunk > 200 INFO   : 200 INFO > pbx
    """)
    call.play("trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")
    call["trunk"].dialog = call["pbx"].dialog = None
    call.play("trunk > MESSAGE : MESSAGE > pbx\npbx > 200 MESSAGE : 200 MESSAGE > trunk")
    call["trunk"].dialog = call["pbx"].dialog = None
    call.play(TALK)
    assert refused(call) == {}


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "REGISTER"])
def test_overload(call: Script, method: str) -> None:
    call.play(TALK)
    call.world.proxy.admission.overloaded = True
    call["pbx"].dialog = None
    call.play(f"pbx > {method} : {'503' if method == 'INVITE' else '503 ' + method} > pbx")
    call.play("trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")


def test_too_much_is_pending(call: Script) -> None:
    call.world.proxy.pending.count = PENDING_LIMIT
    call.play("trunk > INVITE : 503 > trunk")
    call.world.proxy.pending.count = 0
    assert refused(call) == {"overload": 1}


def test_flood_of_a_stranger(call: Script) -> None:
    """What is over the limit gets no answer, and takes nothing from the calls of others."""
    options = call["stranger"].write("OPTIONS")
    answered = sum(bool(call.send(call["stranger"], options)) for _ in range(int(STRANGER_BURST) + 500))
    assert answered == STRANGER_BURST
    assert refused(call) == {"flood": 500}
    call.ladder.clear()
    call.play(TALK + "trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")
    call.world.wait(1.0)
    assert sum(bool(call.send(call["stranger"], options)) for _ in range(200)) == 100


def test_flood_of_a_peer(call: Script) -> None:
    call.play(TALK)
    dialog, call["trunk"].dialog = call["trunk"].dialog, None
    message = call["trunk"].write("MESSAGE")
    for number in range(int(PEER_BURST) - 1):  # the call was the first
        call.world.proxy.receive(message.replace(b"branch=z9hG4bK", b"branch=z9hG4bK-%d" % number),
                                 call["trunk"].flow(call.world.wire.listeners))
    assert len([one for one in call.world.taken() if one.title == "MESSAGE"]) == PEER_BURST - 1
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 503 > trunk")
    call["trunk"].dialog = dialog
    call.play("trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")
    assert refused(call) == {"overload": 1}


def test_max_forwards(call: Script) -> None:
    for left, title in ((0, "483 MESSAGE > trunk"), (1, "MESSAGE > pbx")):
        call["trunk"].dialog, call["trunk"].max_forwards = None, left
        call.play(f"trunk > MESSAGE : {title}")
    assert call["pbx"].request("MESSAGE").max_forwards == 0
    call.play("pbx > 483 MESSAGE : 483 MESSAGE > trunk")
    call["trunk"].dialog, call["trunk"].max_forwards = None, None
    call.play("trunk > MESSAGE : MESSAGE > pbx")
    assert call["pbx"].request("MESSAGE").max_forwards == 70
    call.play("pbx > 200 MESSAGE : 200 MESSAGE > trunk")


def test_ack_with_no_hop_left_goes_no_further(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk")
    call["trunk"].max_forwards = 0
    call.play("""
        trunk > ACK
        trunk > ACK branch=invite
        trunk > INFO : 483 INFO > trunk
    """)


def test_proxy_require(call: Script) -> None:
    call.step("trunk > INVITE : 420 > trunk", b"Proxy-Require: Foo, bar")
    assert call["trunk"].response("420").value(b"unsupported") == b"foo, bar"
    call["trunk"].dialog = None
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", b"Require: foo")
    call.play("pbx > 420 : ACK > pbx, 420 > trunk\ntrunk > ACK")


def test_loop(call: Script) -> None:
    """What we sent out comes back the way it came the first time (RFC 5393 section 4.2)."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    back = call["pbx"].request().to_bytes()
    start, _, rest = back.partition(b"\r\n")
    again = start + b"\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-other\r\n" + rest
    assert [one.title for one in call.send(call["trunk"], again)] == ["482 INVITE"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def test_spiral_is_no_loop(call: Script) -> None:
    """The PBX forwards the call to the outside: the same call, another way."""
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    data = call["pbx"].request().to_bytes().replace(call["trunk"].dialled, b"sip:+4930@trunk.example", 1)
    via = b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-pbx-out\r\n"
    sent = call.send(call["pbx"], data.replace(b"\r\n", b"\r\n" + via, 1))
    assert [(one.title, one.to) for one in sent] == [("100 INVITE", PBX), ("INVITE", TRUNK)]
    assert len({one.id for one in call.world.router.calls}) == 2
    call["trunk"].take(sent[1].message)
    call.step("trunk > 486 : ACK > trunk, 486 > pbx")
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    call.world.wait(40)


def test_own_address_is_never_a_next_hop(call: Script) -> None:
    call.world.table.set_addresses(call.world.pbx, (address(("127.0.0.1", 5060)),))
    call.play("trunk > INVITE : 100 > trunk, 503 > trunk\ntrunk > ACK")
    assert call.facts == ["ended 503 proxy"]
    assert call.world.notes.lines[0][0] == "own_address_as_next_hop"


def streams(call_from: Transport) -> Script:
    """Trunk and PBX at one address, on streams."""
    return Script(World(peers=[Peer("trunk", "main", addresses=(address(TRUNK, call_from),)),
                               Peer("pbx", "office", addresses=(address(PBX, call_from),))]),
                  trunk=call_from, pbx=call_from)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_streams_from_one_address_are_told_apart_by_their_via(transport: Transport) -> None:
    call = streams(transport)
    for name in ("trunk", "pbx"):
        actor = call[name]
        data = actor.write("INVITE")
        flow = actor.flow(call.world.wire.listeners)._replace(port=41000)
        call.world.proxy.receive(data, flow)
        assert [one.title for one in call.world.taken()] == ["100 INVITE", "INVITE"]
    assert [one.direction for one in call.world.router.calls] == ["inbound", "outbound"]
    nobody = Actor("nobody", ("127.0.0.1", 5999), transport=transport)
    call.world.proxy.receive(nobody.write("INVITE"), nobody.flow(call.world.wire.listeners))
    assert [one.title for one in call.world.taken()] == ["403 INVITE"]


def test_name_in_a_client_certificate() -> None:
    peers = [Peer("trunk", "main", addresses=(address(TRUNK),), host_names=frozenset({"sip.carrier.example"})),
             Peer("pbx", "office", addresses=(address(PBX),), sources=())]
    call = Script(World(peers=peers))
    known = call.add(Actor("known", FAR, transport="tls", names=frozenset({"sip.carrier.example", "other.example"})))
    wrong = call.add(Actor("wrong", ("192.0.2.67", 5060), transport="tls", names=frozenset({"evil.example"})))
    call.play("known > INVITE : 100 > known, INVITE > pbx\nwrong > INVITE : 403 > wrong")
    assert (known.names, wrong.names) != (frozenset(), frozenset())
    call.play("pbx > 486 : ACK > pbx, 486 > known\nknown > ACK")
    call.assert_nothing_left()


def test_source_networks() -> None:
    peers = [Peer("trunk", "main", addresses=(address(TRUNK),),
                  sources=(SourceRule(ipaddress.ip_network("198.51.100.0/24")),)),
             Peer("pbx", "office", addresses=(address(PBX),))]
    call = Script(World(peers=peers))
    call.add(Actor("gateway", ("198.51.100.77", 9999)))
    call.add(Actor("next", ("198.51.101.1", 5060)))
    call.play("gateway > INVITE : 100 > gateway, INVITE > pbx\nnext > INVITE : 403 > next")
    call.play("pbx > 486 : ACK > pbx, 486 > gateway\ngateway > ACK")
    call.assert_nothing_left()


def test_answers_go_where_they_were_asked_for(call: Script) -> None:
    """RFC 3581 with rport; without it the port in the Via (RFC 3261 section 18.2.2)."""
    actor = call["stranger"]
    for rport, port in ((True, 40000), (False, 5060)):
        actor.rport, actor.dialog = rport, None
        call.world.proxy.receive(actor.write("OPTIONS"), actor.flow(call.world.wire.listeners)._replace(port=40000))
        assert [one.to for one in call.world.taken()] == [(FAR[0], port)]


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\0\0\0\0", b"x", b""])
def test_keepalives(call: Script, data: bytes) -> None:
    assert call.send(call["trunk"], data, "keep-alive") == []
    assert call.world.proxy.counters.parse_errors == {}


# Calls to the Contact that we registered: it is the account, and the number that was dialled stands in To


def registered(call: Script, account: str = "acme", *, user: bytes = b"acme",
               to: bytes = b"<sip:+3614445555@") -> bytes:
    """An INVITE to our Contact."""
    call.world.trunk.account = account
    call["trunk"].dialled = b"sip:%s@127.0.0.1:5060" % user
    return call["trunk"].write("INVITE").replace(b"To: <sip:%s@" % user, b"To: " + to, 1)


@pytest.mark.parametrize(("account", "user"), [("acme", b"acme"), ("acme@carrier.example", b"acme%40carrier.example")])
def test_a_call_to_the_registered_contact(call: Script, account: str, user: bytes) -> None:
    sent = call.send(call["trunk"], registered(call, account, user=user))[-1].request
    assert sent.uri.startswith(b"sip:+3614445555@")
    assert call.world.router.calls[-1].dialled == "+3614445555"
    call.world.wait(400)


@pytest.mark.parametrize(("to", "uri"), [
    (b"<tel:14445555;phone-context=+49>;x=\"", b"sip:14445555;phone-context=+49@"),
    (b"<sip:14445555;phone-context=+49@", b"sip:14445555;phone-context=+49@"),
])
def test_a_number_in_a_context_keeps_it(call: Script, to: bytes, uri: bytes) -> None:
    data = registered(call, to=to).replace(b'x="127.0.0.1:5060>', b"x=1", 1)
    assert call.send(call["trunk"], data)[-1].request.uri.startswith(uri)
    assert call.world.router.calls[-1].dialled == "+4914445555"


def test_its_copy_is_no_second_call(call: Script) -> None:
    """RFC 3261 section 17.2.3: without the magic cookie the Request-URI that came names the transaction."""
    data = registered(call).replace(b"z9hG4bK", b"old")
    assert [one.title for one in call.send(call["trunk"], data)] == ["100 INVITE", "INVITE"]
    assert [one.title for one in call.send(call["trunk"], data)] == ["100 INVITE"]
    assert len(call.world.router.calls) == 1


def test_a_number_that_cannot_be_read(call: Script) -> None:
    """It is a call all the same."""
    data = registered(call, to=b"<sip:+3614445555@127.0.0.1:99999>;x=").replace(b";x=127.0.0.1:5060>", b"", 1)
    assert [one.title for one in call.send(call["trunk"], data)] == ["100 INVITE", "INVITE"]
    assert call.world.router.calls[-1].dialled == "acme"
