"""Who claims to be in a call: a token of ours that verifies, or 481. And no request makes a relay of us."""

from collections.abc import Iterator

import pytest

from tests.hostile.conftest import neighbour
from tests.hostile.wire import Wire
from tests.kit.call import Outgoing, incoming
from tests.kit.sip_socket import SipSocket, unique
from tests.kit.sip_text import build
from tests.kit.site import SHARED
from tests.survival.scene import CUSTOMER, Scene, hang_up, passes


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("forgery")) as made:
        yield made


def settled(scene: Scene, at: SipSocket) -> None:
    """Whatever was on its way has arrived: an OPTIONS of the carrier has been answered."""
    uri = f"sip:{scene.hop[0]}:{scene.hop[1]}"
    call_id = unique("settled")
    lines = [at.via(), "Max-Forwards: 70", f"From: <sip:{at.at}>;tag=o", f"To: <{uri}>", f"Call-ID: {call_id}"]
    at.send(build(f"OPTIONS {uri} SIP/2.0", [*lines, "CSeq: 1 OPTIONS"]), scene.hop)
    at.expect(200, call_id)


def refused_inside(scene: Scene, call: Outgoing, routes: list[str], target: str = "") -> None:
    """Requests with these routes get 481 (an ACK nothing), and the PBX hears none of them."""
    real, call.routes = call.routes, routes
    real_target, call.target = call.target, target or call.target
    before = len(scene.pbx.heard)
    for method in ("BYE", "INFO", "INVITE", "REFER", "MESSAGE", "UNHEARD-OF"):
        call.request(method)
        number = call.sent
        call.socket.expect(481, call.call_id, where=lambda m, number=number: m.cseq[0] == number)  # type: ignore[misc]
    call.request("ACK", cseq=call.sent)
    settled(scene, scene.carrier)
    assert [m.start for m in scene.pbx.heard[before:]] == []
    call.routes, call.target = real, real_target


def test_a_to_tag_is_no_pass(scene: Scene) -> None:
    call, there = scene.talking()
    refused_inside(scene, call, [])
    passes(call, there)
    hang_up(call, there)


@pytest.mark.parametrize("change", ["letter", "shorter", "longer", "empty", "case"])
def test_a_forged_token(scene: Scene, change: str) -> None:
    call, there = scene.talking()
    (route,) = call.routes
    user = route.partition(":")[2].partition("@")[0]
    other = {
        "letter": user[:-5] + ("A" if user[-5] != "A" else "B") + user[-4:],
        "shorter": user[:-4],
        "longer": user + "AAAA",
        "empty": "bm-",
        "case": user.swapcase(),
    }[change]
    assert other != user
    refused_inside(scene, call, [route.replace(user, other)])
    passes(call, there)
    hang_up(call, there)


def test_every_letter_of_the_token_counts(scene: Scene) -> None:
    """Changed at any place it opens nothing, also where base64 would read the same octets."""
    call, there = scene.talking()
    real = list(call.routes)
    user = real[0].partition(":")[2].partition("@")[0]
    before = len(scene.pbx.heard)
    for place in range(3, len(user)):
        for letter in ("A", "B", "-"):
            if user[place] != letter:
                call.routes = [real[0].replace(user, user[:place] + letter + user[place + 1 :])]
                call.request("INFO")
                call.expect(481)
    assert [m.start for m in scene.pbx.heard[before:]] == []
    call.routes = real
    passes(call, there)
    hang_up(call, there)


def test_the_token_of_another_call(scene: Scene) -> None:
    one, its_far = scene.talking()
    two, other_far = scene.talking()
    refused_inside(scene, one, two.routes)
    passes(one, its_far)
    hang_up(one, its_far)
    hang_up(two, other_far)


def test_a_route_to_somebody_else(scene: Scene) -> None:
    """A token is read only at an address of ours; and with ours on top the next one is followed, as any proxy does."""
    call, there = scene.talking()
    elsewhere = call.routes[0].replace(f":{scene.boomerang.port};", f":{scene.boomerang.port + 1};")
    assert elsewhere != call.routes[0]
    refused_inside(scene, call, [elsewhere])
    hang_up(call, there)


def test_a_token_that_somebody_else_has_seen(scene: Scene) -> None:
    """All of the call is known to them, and nothing of it opens: neither in it nor to a third party."""
    call, there = scene.talking()
    with SipSocket() as stranger, SipSocket() as third:
        theirs, real = call.socket, call.target
        for target in (real, f"sip:+3690123456@{third.at}"):
            call.socket, call.target = stranger, target
            for method in ("INFO", "INVITE", "REFER", "MESSAGE", "BYE"):
                call.request(method)
                number = call.sent
                stranger.expect(481, call.call_id, where=lambda m, number=number: m.cseq[0] == number)  # type: ignore[misc]
            call.request("ACK", cseq=call.sent)
        call.socket, call.target = theirs, real
        settled(scene, scene.carrier)
        assert third.heard == []
    assert not any(m.call_id == call.call_id and m.method in ("INFO", "BYE", "REFER") for m in scene.pbx.heard)
    scene.boomerang.running.wait_for("reason=stranger_in_dialog")
    passes(call, there)
    hang_up(call, there)
    call.request("INFO")
    call.expect(481)


def test_no_open_relay(scene: Scene) -> None:
    """A new INVITE with Routes, or with a Request-URI elsewhere, goes to the PBX and nowhere else."""
    with SipSocket() as third:
        for headers, host in (
            ([f"Route: <sip:{third.at};lr>"], None),
            ([f"Route: <sip:{scene.hop[0]}:{scene.hop[1]};lr>, <sip:{third.at};lr>"], None),
            ([f"ROUTE\t: <sip:{third.at}>", f"route:\r\n <sip:{third.at};lr>"], None),
            ([], third.at),
        ):
            call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER, headers=headers, host=host)
            there = incoming(scene.pbx, call_id=call.call_id)
            assert there.invite.all("Route") == []
            there.refuse()
            call.refused(486)
        assert third.heard == []


def test_a_strangers_cancel(scene: Scene) -> None:
    """It is not the caller's: 481, and the phone rings on."""
    call, there = scene.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    with neighbour() as stranger:
        lines = [call.via, "Max-Forwards: 70", f"From: {call.own}", f"To: {call.far}", f"Call-ID: {call.call_id}"]
        stranger.send(build(f"CANCEL {call.uri} SIP/2.0", [*lines, "CSeq: 1 CANCEL"]), scene.hop)
        answers = stranger.alive(scene.hop)
        assert not any(answer.startswith(b"SIP/2.0 2") for answer in answers)
    settled(scene, scene.carrier)
    assert not any(m.method == "CANCEL" and m.call_id == call.call_id for m in scene.pbx.heard)
    there.pick_up_with(call)
    hang_up(call, there)


def response(wire: Wire, call: Outgoing, branch: str) -> bytes:
    """A 200 for a call's INVITE from somebody who guesses the branch."""
    lines = [f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch={branch}", call.via, f"From: {call.own}", f"To: {call.far};tag=x"]
    lines += [f"Call-ID: {call.call_id}", "CSeq: 1 INVITE", f"Contact: <sip:{wire.at}>"]
    return build("SIP/2.0 200 OK", lines)


def test_an_invented_answer(scene: Scene) -> None:
    """A 200 with a branch that was guessed reaches nobody."""
    call, there = scene.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    real = there.invite.branch
    with neighbour() as stranger:
        for branch in ("z9hG4bK1", real[:-1] + ("0" if real[-1] != "0" else "1"), real.swapcase()[:7] + real[7:-2]):
            stranger.send(response(stranger, call, branch), scene.hop)
        stranger.alive(scene.hop)
    settled(scene, scene.carrier)
    assert call.statuses() == [180]
    there.refuse()
    call.refused(486)
