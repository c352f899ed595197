"""The messages of the last minutes: kept within time and memory, found by call, put on disk when an attempt is over."""

import asyncio
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.daemon.message_book import MessageBook
from proxy.daemon.message_keeping import AGAIN, KINDS, SETTLE, MessageKeeping
from proxy.daemon.message_ring import OVERHEAD, MessageRing, call_id_of, find
from proxy.sip.hop import Flow, Listener
from routing.events import Event
from routing.ids import uuid7
from routing.rows import CallRow

NOON = 1_790_000_000.0
LISTENER = Listener(0, "udp", "192.0.2.1", 5060, "0.0.0.0", 5060)
FROM_TRUNK = Flow(LISTENER, "198.51.100.10", 5060)
NAMES = {"198.51.100.10": "main", "10.0.0.10": "office"}


class Watching:
    """`contract.Tracer`: counts what it is shown."""

    def __init__(self) -> None:
        self.active = False
        self.shown = 0

    def received(self, data: bytes, flow: Flow) -> None:
        self.shown += 1

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        self.shown += 1


class Site:
    """A ring with its book, and a clock that stands still."""

    def __init__(self, folder: Path, keep: float = 1800.0, most: int = 1 << 20) -> None:
        self.now = NOON
        self.watching = Watching()
        self.folder = folder / "messages"
        self.ring = MessageRing(self.watching, lambda: self.now, keep, most)
        self.book = self.new_book(self.ring)

    def new_book(self, ring: MessageRing | None) -> MessageBook:
        return MessageBook(ring, self.folder, "edge1", lambda transport, host, port: NAMES.get(host, f"{host}:{port}"),
                           (LISTENER,))

    def pass_call(self, call_id: str, *more: bytes) -> None:
        """An INVITE comes from the trunk, goes to the PBX, and is refused."""
        self.ring.received(invite(call_id), FROM_TRUNK)
        self.ring.sent(invite(call_id), "udp", "10.0.0.10", 5060)
        for data in (busy(call_id), *more):
            self.now += 0.01
            self.ring.received(data, Flow(LISTENER, "10.0.0.10", 5060))

    def call(self, call_id: str, **more: Any) -> CallRow:
        row = CallRow(uuid7(self.now, lambda count: call_id.encode().ljust(count, b"0")[:count]), call_id, "inbound",
                      "main", "office", "+36201234567", None, "600", None, None, "sales", "normal", None, self.now,
                      None, None, None, None, None, None)
        return row._replace(**more)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def invite(call_id: str) -> bytes:
    return (b"INVITE sip:600@10.0.0.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bK1\r\n"
            b"From: <sip:+36201234567@c>;tag=1\r\nTo: <sip:600@b>\r\nCall-ID: " + call_id.encode() + b"\r\n"
            b'CSeq: 1 INVITE\r\nAuthorization: Digest username="u", response="0123456789abcdef", nc=1\r\n\r\n')


def busy(call_id: str) -> bytes:
    return (b"SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bK1\r\nFrom: <sip:a@c>;tag=1\r\n"
            b"To: <sip:600@b>;tag=2\r\ni: " + call_id.encode() + b"\r\nCSeq: 1 INVITE\r\n\r\n")


def test_a_call_is_found_among_others_and_shown_between_its_parties(site: Site) -> None:
    row = site.call("a@b")
    for name in ("a", "a@b", "a@b.c", "x"):
        site.pass_call(name)
    found = site.book.look([row])()
    assert [(one.source, one.destination, one.line) for one in found.messages] == [
        ("main", "edge1", "INVITE sip:600@10.0.0.10"), ("edge1", "office", "INVITE sip:600@10.0.0.10"),
        ("office", "edge1", "486 Busy Here")]
    assert [(one.source_address, one.destination_address) for one in found.messages][:2] == [
        ("198.51.100.10:5060", "192.0.2.1:5060"), ("192.0.2.1:5060", "10.0.0.10:5060")]
    assert (found.kept, found.since, {one.call for one in found.messages}) == ("memory", NOON, {row.id})


def test_what_a_digest_proves_leaves_the_memory_blotted_out(site: Site) -> None:
    site.pass_call("a@b")
    data = site.book.look([site.call("a@b")])().messages[0].data
    assert b'response="xxxxxxxxxxxxxxxx"' in data
    assert len(data) == len(invite("a@b"))


SECRETS = [
    (b'Authorization: Digest username="u", response = "SECRET", nc=1', b""),
    (b'Authorization: Digest username="u",\r\n response\t=\r\n "SECRET"', b""),
    (b'Authorization: Digest response=SECRET, nc=1', b""),
    (b'Authentication-Info: rspauth="SECRET"', b""),
    (b"Proxy-Authorization: Basic SECRET", b""), (b"authorization : Bearer SECRET", b""),
    (b"X: 1", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20|1:4;inline:SECRET|2^20|2:4\r\n"),
    (b"X: 1", b"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:SECRET\r\nm=audio 9 RTP/SAVP 0\r\n"),
    (b"X: 1", b"a=key-mgmt:mikey SECRET\r\n"), (b"X: 1", b"k=clear:SECRET\r\n"), (b"X: 1", b"k=base64:SECRET\r\n"),
]


@pytest.mark.parametrize(("header", "body"), SECRETS)
def test_a_secret_is_neither_shown_nor_kept_however_it_is_written(site: Site, header: bytes, body: bytes) -> None:
    data = b"INVITE sip:600@10.0.0.10 SIP/2.0\r\nCall-ID: a@b\r\n" + header + b"\r\nContact: <sip:a>\r\n\r\n" + body
    site.ring.received(data, FROM_TRUNK)
    call = site.call("a@b")
    [shown] = site.book.look([call])().messages
    assert shown.data == data.replace(b"SECRET", b"xxxxxx")
    site.book.save([call])()
    [kept] = site.new_book(None).look([call])().messages
    assert kept.data == shown.data


def test_whoever_watches_sees_messages_too_and_nothing_is_said_where_nobody_does(site: Site) -> None:
    site.pass_call("a@b")
    assert site.watching.shown == 0
    site.watching.active = True
    site.pass_call("a@b")
    assert site.watching.shown == 3


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 300)), max_size=60))
def test_it_never_holds_more_than_it_may(messages: list[tuple[int, float]]) -> None:
    now = [NOON]
    ring = MessageRing(Watching(), lambda: now[0], 600.0, 5_000)
    for size, pause in messages:
        now[0] += pause
        ring.sent(b"x" * size, "udp", "10.0.0.10", 5060)
        ring.trim()
        kept = ring.copy()
        assert ring.size == sum(len(one[1]) + OVERHEAD for one in kept) <= 5_000
        assert all(now[0] - one[0] <= 600.0 for one in kept)
        assert kept, "the newest is always there"


def test_a_message_larger_than_everything_is_let_go() -> None:
    ring = MessageRing(Watching(), lambda: NOON, 600.0, 1_000)
    ring.sent(b"x" * 2_000, "udp", "10.0.0.10", 5060)
    assert (ring.size, ring.since) == (0, None)


@pytest.mark.parametrize(("data", "expected"), [
    (invite("a@b"), b"a@b"), (busy("a@b"), b"a@b"),
    (b"BYE sip:x SIP/2.0\r\nCALL-ID \t: \t a@b \t\r\nCSeq: 1 BYE\r\n\r\n", b"a@b"),
    (b"BYE sip:x SIP/2.0\nCall-ID:a@b\n\n", b"a@b"),
    (b"BYE sip:x SIP/2.0\r\nTo: x\r\n\r\ni: inside the body\r\n", b""),
    (b"\r\n\r\n", b""), (b"", b""), (b"BYE sip:x SIP/2.0\r\nX-Call-ID: 1\r\n\r\n", b""),
])
def test_the_call_id_of_a_message(data: bytes, expected: bytes) -> None:
    assert call_id_of(data) == expected


@given(st.binary(max_size=300))
def test_whatever_a_message_is_it_is_looked_at(data: bytes) -> None:
    ring = MessageRing(Watching(), lambda: NOON, 600.0, 1 << 20)
    ring.received(data, FROM_TRUNK)
    assert [one.data for one in find(ring.copy(), {call_id_of(data)})] == [data]


class Rows:
    """Where rows of calls are read."""

    def __init__(self, **of: list[CallRow]) -> None:
        self.of = of

    def calls_of(self, name: str) -> list[CallRow]:
        return self.of.get(name, [])

    def callers_of(self, calls: Sequence[CallRow]) -> list[CallRow]:
        return [one for call in calls for one in self.of.get(f"caller of {call.id}", [])]


def ended(attempt: str) -> Event:
    return Event("callback.attempted", NOON, "id", {"attempt": attempt, "task": "t1"}, "edge1")


def settle(site: Site, keeping: MessageKeeping) -> None:
    asyncio.run(keeping.turn())
    site.now += SETTLE
    asyncio.run(keeping.turn())


def test_messages_of_an_attempt_that_is_over_are_there_when_the_memory_is_not(site: Site) -> None:
    legs = [site.call("leg-1"), site.call("leg-2")]
    keeping = MessageKeeping(site.book, Rows(a1=legs), lambda: site.now)
    for leg in legs:
        site.pass_call(leg.sip_call_id, b"\xff\xfe not text \x00" + busy(leg.sip_call_id))
    site.pass_call("of nobody")
    keeping.on_events([ended("a1")])
    settle(site, keeping)
    fresh = site.new_book(None)  # after a restart
    found = fresh.look(legs)()
    assert found == site.book.look(legs)()._replace(kept="disk", since=None)
    assert len(found.messages) == 8
    files = sorted(site.folder.rglob("*.gz"))
    assert [one.name.removesuffix(".jsonl.gz") for one in files] == sorted(leg.id for leg in legs)
    assert "0123456789abcdef" not in "".join(gzip.decompress(one.read_bytes()).decode() for one in files)
    assert site.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("later", "left"), [(0.0, 5), (0.005, 3), (0.015, 2), (1.0, 0)])
def test_what_the_memory_lets_go_of_an_attempt_stays_on_disk_and_is_shown(
        site: Site, later: float, left: int) -> None:
    first, second = site.call("leg-1"), site.call("leg-2")
    rows = Rows(a1=[first], t1=[first])
    keeping = MessageKeeping(site.book, rows, lambda: site.now)
    site.pass_call("leg-1", busy("leg-1"), invite("leg-1"))
    keeping.on_events([ended("a1")])
    settle(site, keeping)
    whole = site.new_book(None).look([first])().messages
    assert len(whole) == 5
    site.now = NOON + 1800.0 + later
    site.ring.trim()
    site.pass_call("leg-2")
    assert sum(call_id_of(one[1]) == b"leg-1" for one in site.ring.copy()) == left
    found = site.book.look([first, second])()
    assert ([one for one in found.messages if one.call == first.id], len(found.messages)) == (whole, 8)
    assert found.kept == ("memory" if left == 5 else "disk")
    rows.of = {"a2": [second], "t1": [first, second]}
    keeping.on_events([ended("a2")])
    settle(site, keeping)
    assert site.new_book(None).look([first])().messages == whole
    assert site.new_book(None).look([first, second])().messages == found.messages


def test_of_a_long_attempt_all_is_kept_however_little_the_memory_holds(site: Site) -> None:
    leg = site.call("leg-1")
    keeping = MessageKeeping(site.book, Rows(a1=[leg], t1=[leg]), lambda: site.now)

    def tell(*kinds: str) -> None:
        keeping.on_events([event._replace(kind=kind) for kind in kinds if kind in KINDS for event in (ended("a1"),)])

    tell("callback.assigned")
    for number in range(5):
        site.pass_call("leg-1", *[busy("leg-1")] * number)
        site.now += AGAIN
        asyncio.run(keeping.turn())
        site.now += 1900.0
        site.ring.trim()
    tell("callback.attempted")
    settle(site, keeping)
    assert len(site.new_book(None).look([leg])().messages) == 5 * 3 + 10
    site.pass_call("leg-1")
    site.now += AGAIN
    asyncio.run(keeping.turn())
    assert len(site.new_book(None).look([leg])().messages) == 25, "it is over, and looked at no more"


def test_what_comes_after_an_attempt_was_kept_is_added_to_it(site: Site) -> None:
    leg = site.call("leg-1")
    site.pass_call("leg-1")
    assert site.book.save([leg])() == 1
    assert site.book.save([leg])() == 0, "nothing is new"
    site.now += 1900.0
    site.ring.trim()
    site.ring.sent(busy("leg-1"), "udp", "10.0.0.10", 5060)
    site.ring.sent(busy("leg-1"), "udp", "10.0.0.10", 5060)
    assert len(site.book.look([leg])().messages) == 5
    assert site.book.save([leg])() == 1
    assert len(site.new_book(None).look([leg])().messages) == 5


def test_many_attempts_that_end_together_are_all_kept_whole(tmp_path: Path) -> None:
    site = Site(tmp_path, most=1 << 24)
    legs = []
    for number in range(700):
        site.now += 1.0
        legs.append(site.call(f"leg-{number}"))
        site.pass_call(legs[-1].sip_call_id)
    assert site.book.save(legs)() == 700
    assert len(site.new_book(None).look(legs[-2:])().messages) == 6


def test_with_a_place_its_caller_is_kept(site: Site) -> None:
    caller, place = site.call("caller"), site.call("place")
    for call in (caller, place):
        site.pass_call(call.sip_call_id)
    keeping = MessageKeeping(site.book, Rows(**{"t1": [place], f"caller of {place.id}": [caller]}), lambda: site.now)
    keeping.on_events([ended("a1")])
    settle(site, keeping)
    book = site.new_book(None)
    assert {one.call for one in book.look([place, caller])().messages} == {caller.id, place.id}
    assert book.look([caller])().kept == "disk"


def test_nothing_is_written_before_the_last_answers_have_passed(site: Site) -> None:
    leg = site.call("leg-1")
    keeping = MessageKeeping(site.book, Rows(a1=[leg]), lambda: site.now)
    keeping.on_events([ended("a1")])
    site.now += SETTLE / 2
    asyncio.run(keeping.turn())
    assert not site.folder.exists()
    site.pass_call("leg-1")
    site.now += SETTLE
    asyncio.run(keeping.turn())
    assert len(site.new_book(None).look([leg])().messages) == 3


def spoil_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def spoil_other(path: Path) -> None:
    with gzip.open(path, "wt") as file:
        file.write('{"time": 1}\n')


def spoil_text(path: Path) -> None:
    path.write_text("no archive")


@pytest.mark.parametrize("spoil", [spoil_cut, spoil_other, spoil_text])
def test_a_file_that_cannot_be_read_is_as_none(site: Site, spoil: Callable[[Path], None]) -> None:
    leg = site.call("leg-1")
    site.pass_call("leg-1")
    assert site.book.save([leg])() == 1
    [path] = site.folder.rglob("*.gz")
    spoil(path)
    assert site.new_book(None).look([leg])().messages[3:] == []


def test_a_name_leads_nowhere_else(site: Site) -> None:
    odd = site.call("a")._replace(id="019a0000-../../../../../etc/passwd")
    assert site.new_book(None).look([odd])().messages == []


def test_days_that_are_too_old_go_and_nothing_else(site: Site) -> None:
    leg = site.call("leg-1")
    site.pass_call("leg-1")
    site.book.save([leg])()
    [day] = site.folder.iterdir()
    (site.folder / "notes").mkdir()
    site.book.prune(NOON - 86_400)
    assert day.exists()
    site.book.prune(NOON + 2 * 86_400)
    assert [one.name for one in site.folder.iterdir()] == ["notes"]
    site.new_book(None).prune(NOON)


def test_a_message_costs_a_few_calls_and_no_reading(site: Site) -> None:
    """The hot path: one tuple, one sum, whatever the message is."""
    import sys

    calls: list[str] = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        if event in ("call", "c_call"):
            calls.append(event)

    data, ring = invite("a@b"), site.ring
    sys.setprofile(profile)
    try:
        for _ in range(100):
            ring.received(data, FROM_TRUNK)
            ring.sent(data, "udp", "10.0.0.10", 5060)
    finally:
        sys.setprofile(None)
    assert len(calls) / 200 <= 4.1  # itself, the clock, append, len
