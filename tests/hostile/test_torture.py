"""Every kind of twisted message to a running Boomerang, and between any two an OPTIONS that it answers 200.

They are ours, and those of RFC 4475 and RFC 5118 where they are here; lists name the kinds by the RFCs' own. What is
owed to each is said in the specification ("Input that is wrong"). Tolerated: nothing of `trws` and `lwsstart`, which
get 400. A request that passes arrives whole: all but the hop-by-hop headers byte for byte.
"""

import re
import time

import pytest

from tests.hostile.conftest import Range, neighbour
from tests.hostile.wire import Wire, acknowledgement, answer, fields, passed, status, value
from tests.kit.sip_socket import unique
from tests.kit.twisted import KINDS, MESSAGES, OWN, of_kinds
from tests.kit.waiting import PATIENCE

BAD = {
    400: "badaspec baddate baddn badinv01 clerr escruri insuf ltgtruri lwsruri lwsstart mcl01 mismatch01 mismatch02 "
    "multi01 ncl quotbal regbadct scalar02 trws ipv6-bad",
    416: "novelsc unkscm",
    420: "bext01",
    481: "wsinv mult-ip-in-header via-received-param-with-delim",
    483: "zeromf",
    505: "badvers",
}
OWED = {name: status for status, names in BAD.items() for name in names.split()}
DROPPED = {"bcast", "bigcode", "noreason", "scalarlg", "unreason"}
"""Responses that nobody asked for."""
OURS = {"via-received-param-no-delim": 200}
"""OPTIONS without a user part."""
# fmt: off
REGISTERS = (
    "cparam01", "cparam02", "dblreq", "escnull", "ipv6-good", "port-ambiguous", "port-unambiguous", "regaut01",
    "regescrt", "unksm2",
)
PASSES = (
    "badbranch", "esc01", "esc02", "intmeth", "inv2543", "invut", "longreq", "lwsdisp", "mpart01", "sdp01", "semiuri",
    "transports", "ipv4-mapped-ipv6", "ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons", "ipv6-in-sdp",
    "mult-ip-in-sdp",
)
# fmt: on
BEYOND = {"dblreq", "ipv4-mapped-ipv6", "ipv6-in-sdp", "mult-ip-in-sdp"}
"""Octets follow the length that they say: on a stream those are the beginning of something else."""
SURPLUS = 5
"""Octets that the second body of dblreq is longer than it says; on a stream they would be a message, and no good one.
"""
NO_LENGTH = {"inv2543"}
CLOSED = {"ncl", "mcl01", *NO_LENGTH}
"""On a stream nobody knows where the next message begins: 400 and the end."""
NEVER_WHOLE = {"clerr"}
"""On a stream it waits for octets that do not come (tests of slow senders see how long)."""


def test_every_kind_has_a_verdict() -> None:
    assert {one.like for one in OWN} == {*OWED, *DROPPED, *OURS, *REGISTERS, *PASSES}
    assert set(KINDS.values()) == {one.like for one in OWN}


_sent: dict[int, set[bytes]] = {}


def fresh(range_: Range, name: str) -> bytes:
    """The message as it is; where its transaction was begun before (many share a branch), one of its own."""
    data = MESSAGES[name]
    sent = _sent.setdefault(range_.boomerang.port, set())
    via = value(data, "via")
    branch = re.search(rb"branch\s*=\s*z9hG4bK([^;,\s]+)", via.split(b",")[0])
    key = branch[0] if branch else value(data, "call-id")
    if key in sent:
        word = branch[1] if branch else key
        data = data.replace(word, word + unique("n").encode(), 1)
    sent.add(key)
    return data


def own(data: bytes) -> bytes:
    """The message without what follows its body."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = value(data, "content-length")
    return head + end + (body[: int(length)] if length else body)


def forwarded(got: list[bytes], data: bytes) -> bytes:
    """The one request that came through, which is the one that was sent; it may have come again after T1."""
    requests = list(dict.fromkeys(
        message for message in got if status(message) is None and not message.startswith(b"ACK ")))
    assert len(requests) == 1, got
    assert requests[0].split(b"\r\n")[0] == data.lstrip(b"\r\n").split(b"\r\n")[0]
    assert passed(requests[0]) == passed(own(data))
    return requests[0]


def finals(messages: list[bytes], data: bytes) -> list[int]:
    """Final statuses of the answers to a message."""
    ours = [message for message in messages if value(message, "call-id") == value(data, "call-id")]
    return list(dict.fromkeys(code for code in map(status, ours) if code is not None and code >= 200))


def passes(range_: Range, sender: Wire, receiver: Wire, data: bytes) -> None:
    """A request arrives whole at the other side, and the answer to it comes back."""
    sender.send(data, range_.hop)
    sender.alive(range_.hop)
    request = forwarded(receiver.drain(PATIENCE), data)
    receiver.send(answer(request, b"404 Not Found"), range_.hop)
    receiver.alive(range_.hop)
    answers: list[bytes] = []
    end = time.monotonic() + PATIENCE
    while not finals(answers, data) and time.monotonic() < end:
        answers += sender.drain(0.2)
    assert finals(answers, data) == [404]
    ours = next(message for message in answers if value(message, "call-id") == value(data, "call-id"))
    if data.startswith(b"INVITE "):
        sender.send(acknowledgement(own(data), ours), range_.hop)  # or it comes again, into the next test
    vias = [text for name, text in fields(ours) if name == "via"]
    assert len(vias) == len([name for name, _ in fields(data) if name == "via"])


@pytest.mark.parametrize("name", MESSAGES)
def test_over_udp_from_the_carrier(range_: Range, name: str) -> None:
    data = fresh(range_, name)
    range_.settle()
    kind = KINDS[name]
    if kind in PASSES:
        passes(range_, range_.carrier, range_.pbx, data)
        return
    range_.carrier.send(data, range_.hop)
    got = finals(range_.carrier.alive(range_.hop), data)
    expected = OWED.get(kind) or OURS.get(kind) or (405 if kind in REGISTERS else None)
    assert got == ([expected] if expected else [])
    assert range_.pbx.drain() == []


@pytest.mark.parametrize("name", of_kinds(REGISTERS))
def test_register_from_the_pbx(range_: Range, name: str) -> None:
    """They are good, and passed where the configuration says so."""
    range_.settle()
    passes(range_, range_.pbx, range_.carrier, fresh(range_, name))


@pytest.mark.parametrize("name", MESSAGES)
def test_over_tcp_from_the_carrier(range_: Range, name: str) -> None:
    data, kind = fresh(range_, name), KINDS[name]
    range_.settle()
    with range_.stream() as stream:
        if kind == "dblreq":
            data = data[:-SURPLUS]
        stream.socket.sendall(data)
        if kind in CLOSED:
            answer_ = stream.final()
            assert answer_
            assert status(answer_) == 400
            assert stream.read() == b""
        elif kind in PASSES:
            request = forwarded(range_.pbx.drain(PATIENCE), data)
            range_.pbx.send(answer(request, b"404 Not Found"), range_.hop)
            got = stream.final()
            assert got
            assert status(got) == 404
        elif kind not in DROPPED and kind not in NEVER_WHOLE:
            got = stream.final()
            assert got
            assert status(got) == (OWED.get(kind) or OURS.get(kind) or 405)
        if kind == "dblreq":
            second = data[data.index(b"INVITE ") :]
            request = forwarded(range_.pbx.drain(PATIENCE), second)
            range_.pbx.send(answer(request, b"404 Not Found"), range_.hop)
            assert finals([stream.final() or b""], second) == [404]
        if kind not in CLOSED | NEVER_WHOLE | BEYOND:
            stream.alive()
    with range_.stream() as another:
        another.alive()
    range_.carrier.alive(range_.hop)


def test_the_neighbours_are_who_they_seem(range_: Range) -> None:
    """The same from a stranger's address: 403 where it was passed, and never anything at the other side."""
    with neighbour() as stranger:
        for name in of_kinds((*PASSES, *REGISTERS)):
            data = fresh(range_, name)
            stranger.send(data, range_.hop)
            assert finals(stranger.alive(range_.hop), data) == [403], name
    assert range_.pbx.alive(range_.hop) == []
