"""The wire breaks: a port that nobody listens on any more (real ICMP), connections that are closed or refused."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.call import Incoming, Outgoing, incoming
from tests.kit.certificates import Authority
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket
from tests.kit.sip_text import Message
from tests.kit.site import SHARED
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up

TIMER_B = 32.0
"""Seconds that a caller waited before; whoever hears in half of it did not wait for that."""
FAST = {"proxy.core.qualify:INTERVAL_DOWN": 0.5, "proxy.core.qualify:INTERVAL": 60.0}
"""A peer that is back is soon seen; one that is up is not asked by the clock within a test."""


def by_tcp(port: int) -> tuple[dict[str, object], ...]:
    """A TCP listener beside the UDP one."""
    return ({"uri": f"tcp://{LOOPBACK}:{port}"},)


class Dying:
    """A listener that accepts, reads, and hangs up without a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server((LOOPBACK, 0))
        self.port = self.socket.getsockname()[1]
        self.accepted = 0
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self.socket.settimeout(0.2)
        while not self._closed:
            try:
                stream, _ = self.socket.accept()
            except TimeoutError:
                continue
            self.accepted += 1
            with stream:
                stream.settimeout(PATIENCE)
                stream.recv(65_536)

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self.socket.close()


@contextmanager
def dying() -> Iterator[Dying]:
    made = Dying()
    try:
        yield made
    finally:
        made.close()


def test_a_pbx_that_is_gone(tmp_path: Path) -> None:
    """Each caller hears 503 soon, an alarm stands, and it goes when the PBX is back."""
    with Scene(tmp_path, faults=FAST) as scene:
        scene.both_ways()
        port = scene.pbx.port
        scene.pbx.close()
        first = Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER)
        first.refused(503, TIMER_B / 2)
        scene.boomerang.logs("alarm.raised", alarm="pbx_office")
        eventually(lambda: "pbx_office" in scene.boomerang.alarms(), "the alarm stands")
        for _ in range(3):
            Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER).refused(503, TIMER_B / 2)
        scene.pbx = SipSocket(port=port)
        scene.boomerang.logs("alarm.cleared", alarm="pbx_office")
        scene.both_ways()


def test_a_trunk_that_is_gone(tmp_path: Path) -> None:
    with Scene(tmp_path, faults=FAST) as scene:
        scene.both_ways()
        scene.carrier.close()
        identity = [f"P-Asserted-Identity: <sip:{AGENT}@pbx.example>"]
        Outgoing(scene.pbx, scene.boomerang.hop, CUSTOMER, SHARED, headers=identity).refused(503, TIMER_B / 2)
        scene.boomerang.logs("alarm.raised", alarm="trunk_main")


def test_the_next_address_at_once(tmp_path: Path) -> None:
    with SipSocket() as second:
        scene = Scene(tmp_path, faults=FAST)
        scene.boomerang.config.write_text(scene.boomerang.config.read_text().replace(
            f'"sip:{LOOPBACK}:{scene.pbx.port}"', f'"sip:{LOOPBACK}:{scene.pbx.port}", "sip:{second.at}"'))
        with scene:
            scene.both_ways()
            scene.pbx.close()
            call = Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER)
            there = incoming(second, call_id=call.call_id)
            there.ring()
            there.pick_up_with(call)
            hang_up(call, there)
            assert "pbx_office" not in scene.boomerang.alarms()


def test_the_next_address_at_once_for_who_goes_through_the_queue_room(tmp_path: Path) -> None:
    """The port of the first one says that nobody listens (ICMP): the place is called at the second one."""
    media = free_port(8)
    policy = {"queue_callback": {"enabled": True}, "number": {SHARED: {"group": "sales"}},
              "group": {"sales": {"agents": [AGENT]}}}
    with SipSocket() as second:
        scene = Scene(tmp_path, faults=FAST, policy=policy, extra={"media": {"ports": f"{media}-{media + 7}"}})
        scene.boomerang.config.write_text(scene.boomerang.config.read_text().replace(
            f'"sip:{LOOPBACK}:{scene.pbx.port}"', f'"sip:{LOOPBACK}:{scene.pbx.port}", "sip:{second.at}"'))
        with scene:
            scene.pbx.close()
            call = Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER)
            there = incoming(second)
            assert there.call_id != call.call_id, "it is a leg of ours"
            there.ring()
            there.pick_up_with(call)
            hang_up(call, there)
            assert "pbx_office" not in scene.boomerang.alarms()


def test_a_pbx_that_ignores_options_and_carries_calls_is_up(tmp_path: Path) -> None:
    """Silence to OPTIONS closes nobody's door; without `qualify` nobody is even asked."""
    fast = {**FAST, "proxy.core.qualify:INTERVAL": 0.5, "proxy.core.qualify:PATIENCE": 0.4}
    scene = Scene(tmp_path, faults=fast)
    scene.pbx.alive = False
    with scene:
        scene.pbx.expect("OPTIONS")
        scene.boomerang.logs("alarm.raised", alarm="pbx_office")
        scene.both_ways()
        scene.boomerang.logs("alarm.cleared", alarm="pbx_office")
        for _ in range(3):
            scene.pbx.expect("OPTIONS")
            scene.both_ways()
        assert len([one for one in scene.boomerang.logged("alarm.raised") if one["alarm"] == "pbx_office"]) == 1


def test_a_pbx_that_is_not_asked(tmp_path: Path) -> None:
    scene = Scene(tmp_path, faults=FAST, pbx={"qualify": False})
    scene.pbx.alive = False
    with scene:
        scene.both_ways()
        assert "pbx_office" not in scene.boomerang.alarms()
        assert [one.method for one in scene.pbx.heard if one.method == "OPTIONS"] == []


def test_a_listener_that_accepts_and_dies(tmp_path: Path) -> None:
    """Two times the same request, for an idle connection may have been closed just then; then the next address."""
    with dying() as broken, SipSocket() as second:
        peers = [f"sip:{LOOPBACK}:{broken.port};transport=tcp"]
        with Scene(tmp_path / "one", faults=FAST, listen=by_tcp(free_port()), pbx={"peers": peers}) as scene:
            Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER).refused(503, TIMER_B / 2)
            scene.boomerang.logs("alarm.raised", alarm="pbx_office")
        peers.append(f"sip:{second.at}")
        with Scene(tmp_path / "two", faults=FAST, listen=by_tcp(free_port()), pbx={"peers": peers}) as scene:
            call = Outgoing(scene.carrier, scene.boomerang.hop, SHARED, CUSTOMER)
            there = incoming(second, call_id=call.call_id)
            there.ring()
            there.pick_up_with(call)
            hang_up(call, there)


def by_tls(folder: Path, port: int) -> tuple[SipSocket, dict[str, object], tuple[dict[str, object], ...]]:
    """A PBX that speaks TLS, how it is known, and our listener for it."""
    authority = Authority(folder)
    own, theirs = authority.issue("boomerang"), authority.issue("pbx", "localhost")
    pbx = SipSocket("tls", server=theirs.server(), client=theirs.client())
    listener = {"uri": f"tls://{LOOPBACK}:{port}", "certificate": own.certificate, "private_key": own.key,
                "ca": own.ca}
    return pbx, {"peers": [f"sip:localhost:{pbx.port};transport=tls"], "sources": [LOOPBACK]}, (listener,)


@pytest.fixture(params=["tcp", "tls"])
def streams(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A PBX that speaks TCP or TLS, and has rung."""
    port = free_port()
    if request.param == "tls":
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        pbx, peers, listen = by_tls(tmp_path / "authority", port)
    else:
        pbx, listen = SipSocket("tcp"), by_tcp(port)
        peers = {"peers": [f"sip:{pbx.at};transport=tcp"]}
    scene = Scene(tmp_path / "site", faults=FAST, listen=listen, pbx=peers)
    scene.pbx.close()
    scene.pbx = pbx
    with scene:
        eventually(lambda: scene.boomerang.logged("pbx.state"), "the PBX answers OPTIONS")
        yield scene


def via_of(there: Incoming) -> tuple[str, int]:
    """Where a response goes whose connection is gone (RFC 3261 section 18.2.2)."""
    sent_by = there.invite.header("Via").split()[1].partition(";")[0]
    host, _, port = sent_by.partition(":")
    return host, int(port)


def rung(scene: Scene) -> tuple[Outgoing, Incoming]:
    call, there = scene.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    return call, there


def test_a_connection_that_breaks_while_it_rings(streams: Scene) -> None:
    """The PBX is gone: its caller hears so, and not ringing until Timer C."""
    call, _ = rung(streams)
    streams.pbx.close()
    call.refused(503, TIMER_B / 2)
    streams.boomerang.logs("alarm.raised", alarm="pbx_office")


def test_a_connection_that_breaks_while_it_rings_and_the_pbx_lives(streams: Scene) -> None:
    """The PBX is asked, and its answer to the call comes by a new connection."""
    call, there = rung(streams)
    streams.pbx.break_streams()
    eventually(lambda: len([one for one in streams.pbx.heard if one.method == "OPTIONS"]) > 1, "the PBX is asked")
    there.hop = via_of(there)
    there.invite = Message(there.invite.raw, there.hop)
    there.pick_up_with(call)
    hang_up(call, there)


def test_a_connection_that_breaks_before_any_response(streams: Scene) -> None:
    """The peer may just have closed an idle one: the very same request comes once more by a new connection."""
    call, there = streams.customer_dials(CUSTOMER)
    streams.pbx.break_streams()

    def invites() -> list[Message]:
        return [one for one in streams.pbx.heard if one.method == "INVITE"]

    eventually(lambda: len(invites()) == 2, "the request comes once more")
    assert invites()[0].raw == invites()[1].raw
    there.invite = invites()[1]
    there.hop = there.invite.source
    there.pick_up_with(call)
    hang_up(call, there)
