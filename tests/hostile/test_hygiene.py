"""Headers that may not cross: in every spelling that a header may be written in, both ways, requests and responses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.wire import fields
from tests.kit.call import Incoming, Outgoing, incoming
from tests.kit.sip_text import SDP, Message
from tests.kit.site import SHARED
from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene, hang_up

PBX = {"agent_from": ["X-Agent", "Subject", "P-Asserted-Identity", "From"]}
"""Subject has a compact form, so here is a private header that may be called `s`."""
PRIVATE = ("X-Agent", "X-Boomerang", "X-Boomerang-Other", "Subject", "S")
ASSERTED = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID")
SECRET = "secret"
KEPT = "X-Kept: as it is"


def spellings(name: str) -> list[str]:
    """Header fields that all are this header, legal every one (RFC 3261 section 7.3.1)."""
    value = f"<sip:{SECRET}@a.example>"
    forms = [f"{each}: {value}" for each in (name, name.lower(), name.upper(), name.swapcase())]
    forms += [f"{name}:{value}", f"{name} : {value}", f"{name}\t:\t{value}", f"{name}   :   {value}"]
    return [*forms, f"{name}:\r\n {value}", f"{name}: <sip:a@b.example>,\r\n\t{value}", f"{name} :\r\n  \r\n {value}"]


@pytest.fixture(scope="module", params=[True, False], ids=["trusted", "untrusted"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A site whose carrier is believed, or not."""
    made = Scene(tmp_path_factory.mktemp("hygiene"), pbx=PBX)
    if not request.param:
        config = made.boomerang.config
        config.write_text(config.read_text().replace("[trunk.main]\n", "[trunk.main]\ntrusted = false\n"))
        assert "trusted = false" in config.read_text()
    with made:
        yield made


def trusted(scene: Scene) -> bool:
    return "trusted = false" not in scene.boomerang.config.read_text()


def hygienic(message: Message, *, asserted: bool) -> None:
    """Nothing private in it, nothing asserted unless that is believed; what stands beside it is all there."""
    names = [name for name, _ in fields(message.raw)]
    private = {name.lower() for name in PRIVATE} | ({name.lower() for name in ASSERTED} if not asserted else set())
    assert private.isdisjoint(names)
    if not asserted:
        assert SECRET not in message.head
    else:
        assert message.head.count(SECRET) == sum(map(len, map(spellings, ASSERTED)))
    assert message.head.count(KEPT) == 2


def all_of_them() -> list[str]:
    return [KEPT, *(form for name in (*PRIVATE, *ASSERTED) for form in spellings(name)), KEPT]


def test_from_the_carrier(scene: Scene) -> None:
    """INVITE, requests and responses of the carrier: private headers never, asserted ones where it is believed."""
    call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER, headers=all_of_them())
    there = incoming(scene.pbx, call_id=call.call_id)
    hygienic(there.invite, asserted=trusted(scene))
    there.pick_up_with(call)
    call.request("INFO", all_of_them())
    info = there.expect("INFO")
    hygienic(info, asserted=trusted(scene))
    there.answer(info)
    call.expect(200)
    there.request("UPDATE")
    call.answer(call.expect("UPDATE"), headers=all_of_them())
    hygienic(there.expect(200), asserted=trusted(scene))
    hang_up(call, there)


def test_from_the_pbx(scene: Scene) -> None:
    """Its own headers stay at home, also in answers: the carrier sees who is asserted and nothing private."""
    call = Outgoing(scene.pbx, scene.hop, CUSTOMER, AGENT, headers=all_of_them())
    there = incoming(scene.carrier, call_id=call.call_id)
    hygienic(there.invite, asserted=True)
    there.refuse()
    call.refused(486)
    called, far = scene.customer_dials("+36209990000")
    far.reply("180 Ringing", all_of_them())
    hygienic(called.expect(180), asserted=True)
    far.reply("200 OK", all_of_them(), SDP)
    hygienic(called.established(), asserted=True)
    far.expect("ACK")
    far.request("INFO", all_of_them())
    info = called.expect("INFO")
    hygienic(info, asserted=True)
    called.answer(info)
    far.expect(200)
    hang_up(called, far)


def test_of_ours_there_is_one(scene: Scene) -> None:
    """A redirected call carries our header once, whatever the carrier wrote under that name."""
    scene.agent_misses(AGENT, CUSTOMER)
    call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER, headers=spellings("X-Boomerang"))
    there: Incoming = incoming(scene.pbx, call_id=call.call_id)
    assert there.invite.user == AGENT
    assert there.invite.all("X-Boomerang") == [f"direct; agent={AGENT}; type=1; dialled={SHARED}"]
    there.pick_up_with(call)
    hang_up(call, there)


ALMOST = (
    "X-Agent\x01: 999", "X-Agent\x00: 999", "X-Agent\x0b: 999", "X-Agent\x7f: 999", "\x01X-Agent: 999",
    "X-Agent\r: 999", "X-Agent\n: 999", "X-Agent\xa0: 999", "X-\u00c4gent: 999", "X Agent: 999", "X-Agent", ": 999",
    "P-Asserted-Identity\x01: <sip:999@a>", "To\x01: <sip:999@a>", "X-Agent\r\n : 999",
)  # fmt: skip
"""What a parser less strict may take for the header."""


@pytest.mark.parametrize("line", ALMOST, ids=ascii)
def test_what_is_nearly_a_header(scene: Scene, line: str) -> None:
    """400, and nothing of it at the other side."""
    call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER, headers=[line])
    call.refused(400)
    assert not any(m.call_id == call.call_id for m in scene.pbx.heard)


def test_no_claim_of_the_carrier_makes_an_agent(tmp_path: Path) -> None:
    """An agent's header from the carrier opens no direct callback and names no agent."""
    with Scene(tmp_path, pbx=PBX) as scene:
        call = Outgoing(scene.carrier, scene.hop, SHARED, CUSTOMER, headers=spellings("X-Agent"))
        there = incoming(scene.pbx, call_id=call.call_id)
        there.refuse()
        call.refused(486)
        (row,) = eventually(lambda: scene.boomerang.cli("calls"), "the call's row")
        assert row["agent"] is None
        assert scene.boomerang.cli("direct", "list") == []
