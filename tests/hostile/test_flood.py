"""Much of it, and most of it nonsense: mutations from a neighbour, floods from strangers and from a known trunk."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.conftest import Range, neighbour
from tests.hostile.traffic import Answering, Calling
from tests.hostile.wire import Wire, options
from tests.kit.sip_socket import SipSocket, unique
from tests.kit.sip_text import SDP, build
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually
from tests.proxy.sip.test_fuzz import CORPUS, mutate
from tests.survival.scene import Faulty

MUTATIONS = 20_000
BURST = 200
"""Messages between two looks at whether it is alive: fewer than the socket's buffer takes."""
SEED = 4475
SETTLED = 24 * 1024
"""KiB that the process may grow by during the second half of the mutations, when all that it keeps has been kept once:
a leak of one message in each twenty would be more."""
FLOOD = 6_000
LEAST = 20
"""Calls that must have been made beside a flood, so that the test has seen anything."""


def storm(range_: Range, rng: random.Random, count: int) -> None:
    """Send so many mutations, an OPTIONS after each burst; wait until all that they began is over."""
    corpus = [data[:2500] for data in CORPUS]
    for _ in range(count // BURST):
        for number in range(BURST):
            # Else most would be taken for copies of what came before.
            own = b"branch=z9hG4bK%d-%d-" % (rng.getrandbits(32), number)
            data = rng.choice(corpus).replace(b"branch=z9hG4bK", own)
            range_.carrier.send(mutate(rng, data), range_.hop)
        range_.carrier.alive(range_.hop)
    boomerang = range_.boomerang
    eventually(lambda: boomerang.figure("boomerang_sip_transactions") > 0, "transactions are counted")
    eventually(lambda: boomerang.figure("boomerang_sip_transactions") == 0, "all transactions are over")


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Range]:
    """A daemon whose timers are short, so that everything it keeps is over soon."""
    carrier, pbx = neighbour(), neighbour()
    boomerang = Faulty(
        tmp_path,
        trunks={"main": {"peers": [f"sip:{carrier.host}"]}},
        pbxs={"office": {"peers": [f"sip:{pbx.host}"], "pass_register": True}},
        extra={"log": {"level": "warning"}},
    )
    boomerang.faults = {"quick": True, "proxy.core:TIMER_C": 1.5, "proxy.core:COMMIT_PATIENCE": 0.05}
    with carrier, pbx, boomerang:
        made = Range(boomerang, carrier, pbx, boomerang.hop)
        made.settle()
        yield made
        boomerang.kill9()


def test_mutations(quick: Range) -> None:
    """20,000 mutated messages from a trusted neighbour: it lives, answers, forgets them, and logs no bug of ours."""
    rng = random.Random(SEED)
    boomerang = quick.boomerang
    with Answering(quick.pbx, quick.hop) as pbx:
        storm(quick, rng, MUTATIONS // 2)
        before = boomerang.rss()
        storm(quick, rng, MUTATIONS // 2)
        assert pbx.seen > MUTATIONS / 100, "some of it is good enough to pass"
    assert boomerang.rss() - before < SETTLED
    assert boomerang.running.running
    assert not boomerang.logged("internal_error")
    assert not boomerang.logged("message handling failed")


@pytest.fixture
def two_trunks(tmp_path: Path) -> Iterator[tuple[Faulty, SipSocket, SipSocket, Wire]]:
    """A daemon with two trunks: the first makes calls to the PBX, the other is about to misbehave."""
    other = neighbour()
    with SipSocket() as carrier, SipSocket() as pbx, other:
        boomerang = Faulty(
            tmp_path, trunks={"main": peer(carrier.port), "other": {"peers": [f"sip:{other.host}"]}},
            pbxs={"office": peer(pbx.port)}, extra={"log": {"level": "warning"}},
        )  # fmt: skip
        with boomerang:
            other.alive(boomerang.hop)
            yield boomerang, carrier, pbx, other
            boomerang.kill9()


def invite(wire: Wire, hop: tuple[str, int], cseq: int = 1) -> bytes:
    """A good INVITE of a call of its own."""
    uri = f"sip:{SHARED}@{hop[0]}:{hop[1]}"
    lines = [f"Via: SIP/2.0/UDP {wire.at};branch={unique('z9hG4bK')};rport", "Max-Forwards: 70"]
    lines += [f"From: <sip:+36201234567@{wire.at}>;tag={unique('f')}", f"To: <{uri}>", f"Call-ID: {unique('flood')}"]
    lines += [f"CSeq: {cseq} INVITE", f"Contact: <sip:{wire.at}>", "Content-Type: application/sdp"]
    return build(f"INVITE {uri} SIP/2.0", lines, SDP)


def flood(wire: Wire, hop: tuple[str, int], what: list[bytes], calling: Calling) -> None:
    """Send it as fast as the daemon's socket takes it, and on until enough calls were made beside it."""
    sent = 0
    while sent < FLOOD or (calling.made < LEAST and not calling.failed):
        for message in what[sent % len(what) : sent % len(what) + BURST]:
            wire.send(message, hop)
        sent += BURST
        wire.drain()
        # Its calls are paced by answers, the flood by them: a kernel buffer that overflows would hit both alike.
        made = calling.made
        eventually(lambda made=made: calling.made > made or calling.failed, "a call beside the flood")  # type: ignore[misc]


def test_flood_of_a_stranger(two_trunks: tuple[Faulty, SipSocket, SipSocket, Wire]) -> None:
    """INVITE, OPTIONS and garbage from an address that is nobody's: no call of others fails, and most is not read."""
    boomerang, carrier, pbx, _ = two_trunks
    with neighbour() as stranger, Calling(carrier, pbx, boomerang.hop, SHARED) as calling:
        what = [invite(stranger, boomerang.hop) for _ in range(FLOOD // 3)]
        what += [options(stranger.at, boomerang.hop)[0] for _ in range(FLOOD // 3)]
        what += [b"\xff" * 1200] * (FLOOD // 3)
        flood(stranger, boomerang.hop, what, calling)
    assert calling.failed == []
    assert calling.made >= LEAST
    assert boomerang.figure('boomerang_sip_refused_total{reason="flood"}') > FLOOD / 2
    assert boomerang.rss() < 250 * 1024


def test_flood_of_another_trunk(two_trunks: tuple[Faulty, SipSocket, SipSocket, Wire]) -> None:
    """A known peer sends INVITEs that nobody wanted: those beyond its rate get 503, calls of the other trunk pass."""
    boomerang, carrier, pbx, other = two_trunks
    boomerang.stop()
    boomerang.faults = {"proxy.core:PEER_RATE": 100.0, "proxy.core:PEER_BURST": 300.0}
    boomerang.start()
    with Calling(carrier, pbx, boomerang.hop, SHARED) as calling:
        flood(other, boomerang.hop, [invite(other, boomerang.hop) for _ in range(FLOOD)], calling)
    assert calling.failed == []
    assert calling.made >= LEAST
    assert boomerang.figure('boomerang_sip_refused_total{reason="overload"}') > FLOOD / 2


def test_flood_of_broken_messages_from_another_trunk(two_trunks: tuple[Faulty, SipSocket, SipSocket, Wire]) -> None:
    """The same with what is no SIP at all, and what is nearly so."""
    boomerang, carrier, pbx, other = two_trunks
    rng = random.Random(SEED)
    with Calling(carrier, pbx, boomerang.hop, SHARED) as calling:
        what = [mutate(rng, invite(other, boomerang.hop)) for _ in range(FLOOD // 2)] + [b"x" * 1400] * (FLOOD // 2)
        flood(other, boomerang.hop, what, calling)
    assert calling.failed == []
    assert calling.made >= LEAST
