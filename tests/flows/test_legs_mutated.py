"""Legs whose far end sends broken messages at random: whatever they are, a leg that is hung up comes to its end."""

import random

from tests.kit.legs import ANSWER, SDP_TYPE, LegWorld
from tests.kit.world import PBX, TRUNK
from tests.proxy.sip.test_fuzz import mutate

RUNS = 600
SEED = 4475
VALUES = (b"", b"<>", b"*", b"\xff\xfe", b";;;", b"sip:", b"<sip:x@127.0.0.1:99999>", b"<sip:x@[::::]>", b"-1",
          b"9" * 40, b"1 INVITE", b"4294967296 BYE", "٣ INVITE".encode(), b"100rel", b"1;refresher=uac", b"1, 2",
          b"A" * 9000, b"<sip:127.0.0.1:5060;lr>", b'Digest realm="x", nonce="y", qop="auth"', b"application/sdp")
NAMES = (b"Via", b"From", b"To", b"CSeq", b"Contact", b"Record-Route", b"Require", b"Session-Expires", b"Min-SE",
         b"RSeq", b"Content-Type", b"Content-Length", b"Retry-After", b"Proxy-Authenticate", b"i", b"t")
METHODS = ("INVITE", "UPDATE", "INFO", "BYE", "OPTIONS", "REFER", "PRACK", "MESSAGE")


def broken(rng: random.Random, data: bytes) -> bytes:
    """A message with one header changed, taken away, doubled or added; or with octets changed anywhere."""
    if rng.random() < 0.2:
        return mutate(rng, data)
    head, end, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    at, kind = rng.randrange(1, len(lines)), rng.randrange(6)
    if kind < 3:
        lines[at] = lines[at].partition(b":")[0] + b": " + rng.choice(VALUES)
    elif kind == 3:
        del lines[at]
    elif kind == 4:
        lines.insert(at, lines[at])
    else:
        lines.insert(at, rng.choice(NAMES) + b": " + rng.choice(VALUES))
    return b"\r\n".join(lines) + end + body


def play(rng: random.Random) -> LegWorld:
    """One leg: broken answers, a good one, broken requests, a hang-up into silence."""
    legs = LegWorld()
    side, place = rng.choice((("trunk", TRUNK), ("pbx", PBX)))
    leg = legs.place(side="trunk" if side == "trunk" else "pbx")
    legs.play(f"wait 0 : INVITE > {side}")
    phone = legs[side]
    timer = rng.choice(((), (b"Session-Expires: 90;refresher=uac",), (b"Session-Expires: 90;refresher=uas",)))
    for status in rng.choices((180, 183, 200, 200, 401, 422, 486), k=rng.randrange(4)):
        legs.world.give(broken(rng, phone.answer(status, "INVITE", [SDP_TYPE], ANSWER)), place)
    if rng.random() < 0.2:
        leg.hang_up(legs.now)
    legs.world.give(phone.answer(200, "INVITE", [SDP_TYPE, *timer], ANSWER), place)
    for method in rng.choices(METHODS, k=rng.randrange(6)):
        legs.world.give(broken(rng, phone.write(method, [SDP_TYPE], ANSWER)), place)
        for sent in legs.world.wait(rng.choice((0.0, 1.0, 50.0))):
            if sent.data.startswith((b"INVITE ", b"UPDATE ")):
                phone.take(sent.message)
                asked, status = sent.data.split()[0].decode(), rng.choice((100, 200, 422, 491))
                legs.world.give(broken(rng, phone.answer(status, asked, [SDP_TYPE, *timer], ANSWER)), place)
    leg.hang_up(legs.now)
    return legs


def test_broken_messages_at_random() -> None:
    rng = random.Random(SEED)
    answered = 0
    for number in range(RUNS):
        legs = play(rng)
        answered += "answered" in legs.told
        try:
            legs.assert_all_over()
        except AssertionError as error:
            error.add_note(f"run {number}")
            raise
        assert legs.world.notes.failures == []
    assert RUNS // 4 < answered < RUNS  # both ways are walked
