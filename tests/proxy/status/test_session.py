"""A session against a broker in memory that reads what we write: window, order, and what counts as delivered."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.status import packets, session
from proxy.status.packets import Cutter, Greeting, Hello, Incoming, Outgoing, Version
from proxy.status.session import Delivery, Ended, Session, Unheard, Welcomed

V311, V5 = Version.V311, Version.V5
HELLO = Hello("me", 15, Outgoing("s", b"offline", retain=True))
OK = {V311: b"\x20\x02\0\0", V5: b"\x20\x03\0\0\0"}


def messages(*names: str) -> list[Outgoing]:
    return [Outgoing("t", name.encode()) for name in names]


def welcome(version: Version = V5, window: int | None = None) -> Session:
    """A session after CONNACK; `window`: the broker's receive maximum."""
    made = Session(HELLO, version)
    assert made.take() == packets.write_connect(HELLO, version)
    answer = OK[version] if window is None else b"\x20\x06\0\0\x03\x21" + window.to_bytes(2)
    (welcomed,) = made.receive(answer)
    assert isinstance(welcomed, Welcomed)
    return made


def sent(octets: bytes, version: Version = V5) -> list[tuple[int, str]]:
    """The messages in what was written: packet identifier and payload."""
    read = [packets.read_publish(first, body, version) for first, body in Cutter().cut(octets) if first & 0xF0 == 0x30]
    return [(each.packet or 0, each.payload.decode()) for each in read]


def ack(*identifiers: int) -> bytes:
    return b"".join(b"\x40\x02" + each.to_bytes(2) for each in identifiers)


@pytest.mark.parametrize("version", Version)
def test_nothing_goes_before_the_broker_has_welcomed_us(version: Version) -> None:
    made = Session(HELLO, version)
    made.put(messages("a"))
    assert made.take() == packets.write_connect(HELLO, version)
    assert made.take() == b""
    assert made.receive(OK[version]) == [Welcomed(Greeting(0))]
    assert sent(made.take(), version) == [(1, "a")]


def test_a_batch_is_one_write_and_is_over_with_its_last_acknowledgement() -> None:
    made = welcome()
    delivery = made.put(messages("a", "b", "c"))
    assert sent(made.take()) == [(1, "a"), (2, "b"), (3, "c")]
    assert made.take() == b""
    assert made.receive(ack(1, 2)) == []
    assert delivery.acknowledged_in_front() == 2
    assert made.receive(ack(3)) == [delivery]
    assert (delivery.acknowledged_in_front(), delivery.is_over, made.acknowledged) == (3, True, 3)


def test_a_gap_is_no_delivery() -> None:
    made = welcome()
    delivery = made.put(messages("a", "b", "c"))
    made.take()
    made.receive(ack(1, 3))
    assert delivery.acknowledged_in_front() == 1
    assert made.receive(ack(9, 3)) == [], "what is not under way is passed over"


def test_a_refused_message_ends_its_delivery() -> None:
    made = welcome()
    delivery = made.put(messages("a", "b"))
    made.take()
    assert made.receive(b"\x40\x03\0\x02\x87") == [delivery]
    assert (delivery.refusal, delivery.acknowledged_in_front()) == ("not authorized", 0)
    assert made.receive(ack(1)) == [], "it is told once"
    assert delivery.acknowledged_in_front() == 1


def test_no_more_are_under_way_than_the_broker_allows_and_room_is_filled_by_halves() -> None:
    made = welcome(window=4)
    made.put(messages(*"abcdefgh"))
    assert [name for _, name in sent(made.take())] == list("abcd")
    made.receive(ack(1))
    assert made.take() == b""
    made.receive(ack(2))
    assert sent(made.take()) == [(5, "e"), (6, "f")]


def test_a_window_of_one_goes_on_too() -> None:
    made = welcome(window=1)
    made.put(messages(*"abc"))
    for identifier, name in enumerate("abc", 1):
        assert sent(made.take()) == [(identifier, name)]
        made.receive(ack(identifier))
    assert made.take() == b""


@pytest.mark.parametrize(("version", "most"), [(V5, session.WINDOW), (V311, session.WINDOW_311)])
def test_where_the_broker_says_nothing_the_window_is_ours(version: Version, most: int) -> None:
    made = welcome(version)
    made.put(messages(*map(str, range(2 * most))))
    written = made.take()
    assert len(list(Cutter().cut(written))) == most


def test_an_answer_does_not_wait_for_the_events_before_it() -> None:
    made = welcome(window=2)
    made.put(messages("a", "b", "c"))
    made.take()
    made.answer(Outgoing("r", b"answer", correlation=b"id"))
    assert made.take() == b""
    made.receive(ack(1))
    assert [name for _, name in sent(made.take())] == ["answer"]
    made.receive(ack(2, 3))
    assert [name for _, name in sent(made.take())] == ["c"]


def test_what_waits_of_a_delivery_that_nobody_wants_is_not_sent() -> None:
    made = welcome(window=2)
    first, second = made.put(messages("a", "b", "c")), made.put(messages("d"))
    made.take()
    made.drop(first)
    made.receive(ack(1, 2))
    assert [name for _, name in sent(made.take())] == ["d"]
    assert (first.acknowledged_in_front(), second.is_over) == (2, False)


def test_a_topic_that_cannot_be_written_is_refused_at_once() -> None:
    made = welcome()
    with pytest.raises(packets.PacketError):
        made.answer(Outgoing("x" * 65_536, b""))
    with pytest.raises(UnicodeError):
        made.answer(Outgoing("\ud800", b""))
    assert made.take() == b""


@given(longest=st.integers(10, 60), sizes=st.lists(st.integers(0, 60), max_size=5))
def test_no_message_is_longer_than_the_broker_takes(longest: int, sizes: list[int]) -> None:
    made = Session(HELLO, V5)
    made.take()
    made.receive(b"\x20\x08\0\0\x05\x27" + longest.to_bytes(4))
    texts = [Outgoing("é", bytes(size)) for size in sizes]
    fitting = made.fitting(texts)
    lengths = [len(packets.write_publish(each, 1, V5)) for each in texts]
    assert all(length <= longest for length in lengths[:fitting])
    assert fitting == len(texts) or lengths[fitting] > longest
    for text, length in zip(texts, lengths, strict=True):
        if length > longest:
            with pytest.raises(packets.PacketError, match="octets"):
                made.answer(text)
        else:
            made.answer(text)


def test_a_message_is_acknowledged_and_handed_on() -> None:
    made = welcome()
    made.subscribe("cmd/+")
    assert made.take() == packets.write_subscribe("cmd/+", 1, V5)
    assert made.receive(b"\x90\x04\0\x01\0\x01") == []
    assert made.receive(b"\x32\x08\0\x01c\x02\x03\0hi") == [Incoming("c", b"hi", False, 0x203)]
    assert made.take() == b"\x40\x02\x02\x03"
    assert made.receive(b"\x30\x06\0\x01c\0hi") == [Incoming("c", b"hi", False, None)]
    assert made.take() == b""


def test_a_refused_subscription_is_told_and_ends_nothing() -> None:
    made = welcome()
    made.subscribe("cmd/+")
    made.take()
    assert made.receive(b"\x90\x04\0\x01\0\x87") == [Unheard("not authorized")]


def test_a_ping_that_is_not_answered_is_told_by_the_next() -> None:
    made = welcome()
    assert made.ping()
    assert made.take() == b"\xc0\x00"
    made.receive(b"\xd0\x00")
    assert made.ping()
    made.take()
    assert not made.ping()


@pytest.mark.parametrize(("octets", "version", "reason"), [
    (b"\xe0\x02\x8e\0", V5, "another client has taken our name"),
    (b"\xe0\x00", V5, "reason 0"),
    (b"\xe0\x00", V311, "kind 14"),
    (b"\x20\x03\0\0\0", V5, "kind 2"),
    (b"\x40\x01\0", V5, "too short"),
    (b"\x34\x06\0\x01c\0\x01\0", V5, "QoS 2"),
    (b"\x30\xff\xff\xff\xff\xff", V5, "four octets"),
])
def test_what_ends_a_session(octets: bytes, version: Version, reason: str) -> None:
    (ended,) = welcome(version).receive(octets)
    assert isinstance(ended, Ended)
    assert reason in ended.reason


@pytest.mark.parametrize("octets", [b"\x30\x03\0\x01c", b"\xd0\x00", b"\x20\x02\0\0"])
def test_only_an_answer_to_connect_can_come_first(octets: bytes) -> None:
    (ended,) = Session(HELLO, V5).receive(octets)
    assert isinstance(ended, Ended)


def test_a_refusal_is_an_answer_too() -> None:
    made = Session(HELLO, V5)
    assert made.receive(b"\x20\x03\0\x87\0") == [Welcomed(Greeting(0x87))]
    assert not made.is_welcome


@given(window=st.integers(1, 7), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6), data=st.data())
def test_every_message_goes_once_in_order_whatever_the_broker_acknowledges_when(
        window: int, sizes: list[int], data: st.DataObject) -> None:
    made, waiting, heard, over = welcome(window=window), deque[int](), list[str](), list[Delivery]()
    numbers = iter(range(100))
    deliveries = []
    for size in sizes:
        deliveries.append(made.put(messages(*(str(next(numbers)) for _ in range(size)))))
        for _ in range(data.draw(st.integers(0, 4))):
            turn(made, waiting, heard, over, window, data)
    while len(over) < len(deliveries):
        turn(made, waiting, heard, over, window, data)
    assert heard == [str(number) for number in range(sum(sizes))]
    assert over == deliveries or set(over) == set(deliveries)
    assert all(each.acknowledged_in_front() == each.count for each in deliveries)


def turn(made: Session, waiting: "deque[int]", heard: list[str], over: list[Delivery], window: int,
         data: st.DataObject) -> None:
    """The broker reads what is written and acknowledges some of what it has, in any order, never nothing."""
    for identifier, name in sent(made.take()):
        assert identifier not in waiting
        waiting.append(identifier)
        heard.append(name)
    assert len(waiting) <= window
    for _ in range(data.draw(st.integers(1, max(1, len(waiting))))):
        if waiting:
            waiting.rotate(data.draw(st.integers(0, len(waiting))))
            over += [each for each in made.receive(ack(waiting.popleft())) if isinstance(each, Delivery)]
