"""Whatever the far end does, in whatever order: a leg ends once, and nothing of it is left."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.ua.contract import Account
from tests.kit.digest_server import challenge
from tests.kit.legs import ANSWER, NUMBER, SDP_TYPE, LegWorld, sdp
from tests.kit.world import PBX_2, TRUNK, World, address

RELIABLE = (b"Require: 100rel", b"RSeq: 5")
ASKS = b"WWW-Authenticate: " + challenge("carrier", "n1", "SHA-256")
ODD = (
    b"Record-Route: <sip:127.0.0.1:99999;lr>", b"Record-Route: <sip:strict@127.0.0.1:5070>", b"Record-Route: nonsense",
    b"Contact: <sip:other@127.0.0.1:5070>", b"Require: nonsense", b"Require: 100rel", b"RSeq: 99999999999",
    b"Allow: UPDATE", b"Session-Expires: 1", b"Session-Expires: none", b"Min-SE: 99999999999", b"Reason: ;;text=",
    b"Retry-After: 99999999999", b"WWW-Authenticate: Digest", b"WWW-Authenticate: Digest realm=\"r\", nonce=\"\"",
    b"P-Asserted-Identity: <<", b"Content-Type: multipart/mixed", b"RAck: 1 1 BYE", b"Supported: timer",
)
"""Header fields that a far end may send, and should not have."""
CONTACTS = (b"<sip:trunk@127.0.0.1:5070>", b"*", b"<tel:+361>", b"nonsense", b"<sip:x@nowhere.example>",
            b"<sip:x@127.0.0.1:99999>")
BODIES = {"none": b"", "good": ANSWER, "hold": sdp("8 PCMA", direction="sendonly"), "bad": sdp("18 G729")}

EXTRA = st.booleans() | st.sampled_from(ODD)
"""True: what asks for something more of us."""
RESPONSES = st.tuples(
    st.sampled_from(["100", "180", "183", "200", "302", "401", "422", "486", "487", "503", "200 CANCEL", "200 BYE",
                     "407 BYE", "200 PRACK", "491", "200 OPTIONS", "481 UPDATE", "200 UPDATE"]),
    st.sampled_from(["none", "good", "bad"]), st.sampled_from(["", " tag=other"]), EXTRA)
REQUESTS = st.tuples(st.sampled_from(["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK", "ACK", "CANCEL", "REFER"]),
                     st.sampled_from(list(BODIES)), st.just(""), EXTRA)
OURS = st.sampled_from(["hang up", "answer", "early", "ring", "target", "media fails", "again", "restart"])
STEPS = st.lists(st.one_of(RESPONSES, REQUESTS, OURS, st.floats(0.0, 40.0), st.sampled_from(CONTACTS)), max_size=14)


class Storm(LegWorld):
    """A far end without manners."""

    def __init__(self) -> None:
        super().__init__(World(), accounts={("trunk", "main"): Account("acme", "secret", None)})
        self.world.table.set_addresses(self.world.trunk, (address(TRUNK), address(PBX_2)))
        self["trunk"].minds_its_route = False
        self.gone = False

    def deliver(self) -> None:
        for sent in self.world.taken():
            self._deliver(sent)

    def far(self, title: str, body: bytes, tag: str, extra: bool | bytes) -> None:
        fields: list[bytes] = [SDP_TYPE] if body else []
        if isinstance(extra, bytes):
            fields.append(extra)
        elif extra:
            fields += RELIABLE if title[:1] == "1" else [ASKS, b"Session-Expires: 90;refresher=uas", b"Min-SE: 2000"]
        try:
            self.last = self._send(self["trunk"], (title + tag).split(), tuple(fields), body)
        except (StopIteration, AssertionError, AttributeError, IndexError):
            return  # nothing to answer, or nothing to ask in
        for sent in self.last:
            self._deliver(sent)

    def ours(self, what: str) -> None:
        leg = self.incoming
        if what == "again":
            if self["trunk"].sent:
                for sent in self.send(self["trunk"], self["trunk"].sent[-1]):
                    self._deliver(sent)
        elif what == "restart":
            memory = leg.memory() if leg is not None else "{}"
            self.restart()
            self.serial += 5000
            self.gone = True
            self.agent.forget_leg(memory, self.now)
        elif leg is not None and not self.gone:
            if what == "hang up":
                leg.hang_up(self.now, 486)
            elif what == "target":
                leg.refresh_target("", NUMBER, self.now)
            elif what == "media fails":
                if leg.call in self.media.sessions:
                    self.sound(leg.call).fail()
            else:
                {"answer": leg.answer, "early": leg.early, "ring": leg.ring}[what](self.now)
        self.deliver()

    def play_all(self, steps: Sequence[object]) -> None:
        for step in steps:
            if isinstance(step, float):
                self.world.wait_into(step)
                self.deliver()
            elif isinstance(step, str):
                self.ours(step)
            elif isinstance(step, bytes):
                self["trunk"].contact = step
            elif isinstance(step, tuple):
                title, body, tag, extra = step
                self.far(title, BODIES[body], tag, extra)

    def settle(self) -> None:
        """The owner wants no more of it; the far end says nothing any more."""
        legs = self.taken or ([] if self.incoming is None else [self.incoming])
        for leg in legs:
            if not self.gone:
                leg.hang_up(self.now)
        self.deliver()
        self.world.wait_into(70)
        self.deliver()
        if not self.gone:
            assert len(self.listener.ends) == len(legs), self.told
            assert self.told[-1].startswith("ended")
            assert self.told.count("answered") <= len(legs)
        self.assert_all_over()


def acknowledged(storm: Storm) -> None:
    """Each 2xx to INVITE that the far end sent got an ACK of its number and tag, but for one behind a refusal."""
    acks = {(one.cseq.number, one.to.tag) for one in storm["trunk"].received
            if isinstance(one, Request) and one.method == b"ACK"}
    assert all((number, tag) in acks for number, tag in accepted(storm))


def accepted(storm: Storm) -> list[tuple[int, bytes | None]]:
    found: list[tuple[int, bytes | None]] = []
    refused = set()
    for data in storm["trunk"].sent:
        message = parse(data)
        if not isinstance(message, Response) or message.cseq.method != b"INVITE":
            continue
        number = message.cseq.number
        if message.status >= 300:
            refused.add(number)
        elif message.status == 200 and number not in refused:
            found.append((number, message.to.tag))
    return found


SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(STEPS)
def test_placed(steps: list[object]) -> None:
    storm = Storm()
    storm.incoming = storm.place(ring_for=25)
    storm.world.wait_into(0)
    storm.deliver()
    storm.play_all(steps)
    storm.settle()
    acknowledged(storm)


@SETTINGS
@given(STEPS, st.sampled_from(["good", "none", "bad"]), st.booleans())
def test_taken(steps: list[object], body: str, reliable: bool) -> None:
    storm = Storm()
    storm.offered()
    fields = (SDP_TYPE,) if BODIES[body] else ()
    storm.last = storm._send(storm["trunk"], ["INVITE"],
                             (*fields, *((b"Require: 100rel",) if reliable else ())), BODIES[body])
    for sent in storm.last:
        storm._deliver(sent)
    storm.world.wait_into(0)
    storm.deliver()
    storm.play_all(steps)
    if storm.gone:
        return  # its INVITE died with the engine: the far end repeats it, which nobody plays here
    storm.settle()


@pytest.mark.parametrize("steps", [
    [("200", "good", "", False), ("200", "good", " tag=other", False), "hang up", ("401", "none", "", True)],
    [("401", "none", "", True), ("100", "none", "", False), "hang up", ("200", "good", "", False)],
    [("183", "good", "", True), "restart", ("200", "good", "", False), ("200 BYE", "none", "", False)],
    [4.1, ("200", "none", "", ODD[0])],
    [4.1, ("100", "none", "", False), "restart", CONTACTS[2], ("200", "none", "", False)],
])
def test_examples(steps: list[object]) -> None:
    storm = Storm()
    storm.incoming = storm.place()
    storm.world.wait_into(0)
    storm.deliver()
    storm.play_all(steps)
    storm.settle()
    acknowledged(storm)
