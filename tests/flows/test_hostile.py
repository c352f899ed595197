"""Whatever is sent, by whomever: the verdicts of the specification, no exception, and nothing that stays.

Chosen where the specification leaves it open: clerr, ncl, lwsstart and trws are answered 400, scalarlg and bigcode are
responses and dropped, unkscm and novelsc get 416.
"""

import random
from contextlib import suppress

import pytest

from proxy.sip.errors import SipError
from proxy.sip.framing import Framer
from proxy.sip.message import Response
from tests.kit.actor import Actor
from tests.kit.script import LONG, Script
from tests.kit.twisted import KINDS, MESSAGES, of_kinds
from tests.kit.world import PBX, TRUNK, Sent, World
from tests.proxy.sip.test_fuzz import CORPUS, mutate

MUTATIONS = 20_000
STRANGER = ("192.0.2.66", 5060)


def words(text: str) -> list[str]:
    return text.split()


BAD = {400: words("badaspec baddate baddn badinv01 clerr escruri insuf ltgtruri lwsruri lwsstart mcl01 mismatch01 "
                  "mismatch02 multi01 ncl quotbal regbadct scalar02 trws ipv6-bad"),
       416: ["unkscm", "novelsc"], 420: ["bext01"], 483: ["zeromf"], 505: ["badvers"],
       481: ["wsinv", "mult-ip-in-header", "via-received-param-with-delim"]}
REGISTERS = words("cparam01 cparam02 dblreq escnull ipv6-good port-ambiguous port-unambiguous regaut01 regescrt "
                  "unksm2")
INVITES = words("esc01 inv2543 invut ipv4-mapped-ipv6 ipv6-in-sdp longreq mult-ip-in-sdp sdp01")
OTHERS = words("badbranch esc02 intmeth ipv6-bug-abnf-3-colons ipv6-correct-abnf-2-colons lwsdisp mpart01 semiuri "
               "transports")
DROPPED = words("bcast bigcode noreason scalarlg unreason")
TO_US = ["via-received-param-no-delim"]

OPTIONS = Actor("asker", STRANGER).write("OPTIONS")


def statuses(sent: list[Sent]) -> list[int]:
    return [one.message.status if isinstance(one.message, Response) else 0 for one in sent]


def alive(world: World) -> None:
    assert statuses(world.give(OPTIONS, STRANGER)) == [200]


def expected(name: str, peer: bool) -> list[int]:
    """Statuses of what leaves; 0 stands for the request itself."""
    name = KINDS[name]
    for status, names in BAD.items():
        if name in names:
            return [status]
    if name in DROPPED:
        return []
    if name in TO_US:
        return [200]
    if not peer:
        return [403]
    return [405] if name in REGISTERS else [100, 0] if name in INVITES else [0]


def test_every_kind_has_a_verdict() -> None:
    listed = [*REGISTERS, *INVITES, *OTHERS, *DROPPED, *TO_US, *(name for names in BAD.values() for name in names)]
    assert sorted(listed) == sorted({*KINDS.values()})


@pytest.mark.parametrize("source", [TRUNK, PBX, STRANGER])
def test_torture_on_udp(source: tuple[str, int]) -> None:
    world = World()
    for name, data in MESSAGES.items():
        assert (name, statuses(world.give(data, source))) == (name, expected(name, source != STRANGER))
        alive(world)
        world.wait(LONG)  # two of them have one branch
        assert (world.proxy.transactions.clients, world.proxy.relays.by_key, world.proxy.pending.count) == ({}, {}, 0)


@pytest.mark.parametrize("source", [TRUNK, STRANGER])
def test_torture_on_a_stream(source: tuple[str, int]) -> None:
    """What the framer lets through gets the same verdict; what is longer than it says is the next message."""
    world = World()
    for name, data in MESSAGES.items():
        messages = []
        with suppress(SipError):
            messages = Framer().feed(data)
        for number, message in enumerate(messages):
            seen = statuses(world.give(message, source, "tcp"))
            if number == 0:
                assert (name, seen) == (name, expected(name, source != STRANGER))
            alive(world)
        world.wait(LONG)
        assert (world.proxy.transactions.clients, world.proxy.relays.by_key, world.proxy.pending.count) == ({}, {}, 0)


def test_a_2xx_without_a_readable_cseq_leaves_nothing_behind() -> None:
    script = Script()
    script.play("trunk > MESSAGE : MESSAGE > pbx")
    data = script["pbx"].answer(200, "MESSAGE").replace(b"CSeq: 1 MESSAGE", b"CSeq: MESSAGE")
    script.world.give(data, PBX)
    script.assert_nothing_left()


def test_what_passes_is_unharmed() -> None:
    for name in of_kinds((*INVITES, *OTHERS)):
        out = World().give(MESSAGES[name], TRUNK)[-1].request
        body = MESSAGES[name].partition(b"\r\n\r\n")[2]
        assert body.startswith(out.body)
        kept = [field for header, field in zip(out.names, out.fields, strict=True)
                if header not in (b"via", b"max-forwards", b"record-route")]
        assert all(field in MESSAGES[name] for field in kept)


def call_messages() -> list[bytes]:
    """Every message of a call with all that may be in it, as both sides write them."""
    call = Script()
    call.play("""
        trunk > INVITE     : 100 > trunk, INVITE > pbx
        pbx > 183          : 183 > trunk
        trunk > PRACK      : PRACK > pbx
        pbx > 200 PRACK    : 200 PRACK > trunk
        pbx > 200          : 200 > trunk
        trunk > ACK        : ACK > pbx
        pbx > INVITE       : 100 > pbx, INVITE > trunk
        trunk > 486        : ACK > trunk, 486 > pbx
        pbx > ACK
        trunk > REFER      : REFER > pbx
        trunk > CANCEL     : 200 CANCEL > trunk
        trunk > BYE        : BYE > pbx
        pbx > 200 BYE      : 200 BYE > trunk
    """)
    return [*call["trunk"].sent, *call["pbx"].sent]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_mutations(transport: str) -> None:
    rng = random.Random(4475)
    corpus = [data for data in CORPUS if len(data) < 3000] + call_messages() * 40
    world = World()
    direct = Script(world)
    sources = (TRUNK, PBX, STRANGER)
    answered = forwarded = most = 0
    for number in range(MUTATIONS // 2):
        if number % 50 == 0:
            direct.direct_to_agent(rng.choice((2.0, 20.0)))
        data = rng.choice(corpus).replace(b"z9hG4bK-", b"z9hG4bK-%d-" % rng.randrange(1000))
        data = mutate(rng, data) if rng.random() < 0.9 else data
        sent = world.give(data, rng.choice(sources), transport)
        answered += any(one.data.startswith(b"SIP/2.0 ") for one in sent)
        forwarded += any(not one.data.startswith(b"SIP/2.0 ") for one in sent)
        most = max(most, len(world.proxy.transactions.clients) + len(world.proxy.relays.by_key))
        if rng.random() < 0.1:
            world.wait(rng.random() * 3)
        if sent and rng.random() < 0.3 and not sent[-1].data.startswith(b"SIP/2.0"):
            reply = _answer(rng, sent[-1])
            world.give(mutate(rng, reply) if rng.random() < 0.5 else reply, PBX, transport)
    assert answered > MUTATIONS // 20
    assert forwarded > MUTATIONS // 50  # few: what is in no dialog of a call in progress is refused
    assert most < MUTATIONS
    assert world.notes.failures == []
    world.wait(LONG)
    proxy = world.proxy
    left = (list(proxy.transactions.clients), list(proxy.relays.by_key), proxy.pending.count, len(proxy.timers))
    assert left == ([], [], 0, 0)
    alive(world)


def _answer(rng: random.Random, sent: Sent) -> bytes:
    phone = Actor("pbx", PBX)
    phone.received.append(sent.request)
    status = rng.choice((100, 180, 183, 200, 302, 401, 404, 486, 487, 503, 603))
    return phone.answer(status, sent.request.method.decode())
