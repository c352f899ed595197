"""Packets of both versions: against octets of the standards, against another implementation, and cut anywhere."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from proxy.status import packets
from proxy.status.packets import Cutter, Greeting, Hello, Incoming, Outgoing, PacketError, Version

V311, V5 = Version.V311, Version.V5
VERSIONS = st.sampled_from(Version)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)
BINARY = st.binary(max_size=200)
WILL = Outgoing("b/n/status", b"offline", retain=True)


def cut(*pieces: bytes) -> list[tuple[int, bytes]]:
    cutter = Cutter()
    return [packet for piece in pieces for packet in cutter.cut(piece)]


@pytest.mark.parametrize(("hello", "version", "octets"), [
    (Hello("me", 15, Outgoing("s", b"off")), V311,
     b"\x10\x16\0\x04MQTT\x04\x2e\0\x0f\0\x02me\0\x01s\0\x03off"),
    (Hello("me", 15, Outgoing("s", b"off")), V5,
     b"\x10\x18\0\x04MQTT\x05\x2e\0\x0f\0\0\x02me\0\0\x01s\0\x03off"),
    (Hello("me", 300, Outgoing("s", b""), "u", "pä"), V311,
     b"\x10\x1b\0\x04MQTT\x04\xee\x01\x2c\0\x02me\0\x01s\0\0\0\x01u\0\x03p\xc3\xa4"),
    (Hello("me", 15, Outgoing("s", b""), None, "p"), V311,
     b"\x10\x13\0\x04MQTT\x04\x2e\0\x0f\0\x02me\0\x01s\0\0"),
    (Hello("me", 15, Outgoing("s", b""), None, "p"), V5,
     b"\x10\x18\0\x04MQTT\x05\x6e\0\x0f\0\0\x02me\0\0\x01s\0\0\0\x01p"),
    (Hello("", 15, Outgoing("s", b""), "u"), V5,
     b"\x10\x16\0\x04MQTT\x05\xae\0\x0f\0\0\0\0\0\x01s\0\0\0\x01u"),
])
def test_connect(hello: Hello, version: Version, octets: bytes) -> None:
    assert packets.write_connect(hello, version) == octets


@pytest.mark.parametrize(("message", "version", "octets"), [
    (Outgoing("a/b", b"xy"), V311, b"\x32\x09\0\x03a/b\x01\x02xy"),
    (Outgoing("a/b", b"xy"), V5, b"\x32\x0a\0\x03a/b\x01\x02\0xy"),
    (Outgoing("a", b"", retain=True), V5, b"\x33\x06\0\x01a\x01\x02\0"),
    (Outgoing("a", b"x", correlation=b"id"), V5, b"\x32\x0c\0\x01a\x01\x02\x05\x09\0\x02idx"),
    (Outgoing("a", b"x", correlation=b"id"), V311, b"\x32\x06\0\x01a\x01\x02x"),
])
def test_publish(message: Outgoing, version: Version, octets: bytes) -> None:
    assert packets.write_publish(message, 0x102, version) == octets


def test_what_is_longer_than_127_octets_has_a_longer_length() -> None:
    assert packets.write_publish(Outgoing("a", bytes(200)), 1, V311)[:3] == b"\x32\xcd\x01"
    assert packets.write_publish(Outgoing("a", bytes(20_000)), 1, V311)[:4] == b"\x32\xa5\x9c\x01"


def test_subscribe_and_the_small_ones() -> None:
    assert packets.write_subscribe("a/+", 7, V311) == b"\x82\x08\0\x07\0\x03a/+\x01"
    assert packets.write_subscribe("a/+", 7, V5) == b"\x82\x09\0\x07\0\0\x03a/+\x01"
    assert packets.write_puback(0x102) == b"\x40\x02\x01\x02"


def test_a_string_has_65535_octets_at_the_most() -> None:
    packets.write_publish(Outgoing("é" * 32_767, b""), 1, V5)
    for message in (Outgoing("é" * 32_768, b""), Outgoing("a", b"", correlation=bytes(65_536))):
        with pytest.raises(PacketError):
            packets.write_publish(message, 1, V5)


@pytest.mark.parametrize(("body", "version", "greeting"), [
    (b"\0\0", V311, Greeting(0)),
    (b"\x01\x05", V311, Greeting(5)),
    (b"\0\0\0", V5, Greeting(0)),
    (b"\0\0\x03\x21\0\x14", V5, Greeting(0, 20)),
    (b"\0\0\x0b\x22\0\x0a\x13\0\x05\x12\0\x02ab", V5, Greeting(0, 65_535, 5)),
    (b"\0\0\x05\x27\0\0\x07\xd0", V5, Greeting(0, longest=2_000)),
    (b"\0\x87\0", V5, Greeting(0x87)),
    (b"\0\x01", V5, Greeting(1)),
    (b"\0\x84", V5, Greeting(0x84)),
])
def test_connack(body: bytes, version: Version, greeting: Greeting) -> None:
    assert packets.read_connack(body, version) == greeting


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0", b"\0\0\x03\x21\0", b"\0\0\x03\x21\0\0", b"\0\0\x01\x77",
                                  b"\0\0\x05\x27\0\0\0\0",
                                  b"\0\0\x02\x15\0", b"\0\0\x80\x80\x80\x80\x01"])
def test_a_connack_of_5_that_is_none(body: bytes) -> None:
    with pytest.raises(PacketError):
        packets.read_connack(body, V5)


@pytest.mark.parametrize(("body", "found"), [(b"\x01\x02", (0x102, 0)), (b"\0\x01\x87", (1, 0x87)),
                                             (b"\0\x01\x10\0", (1, 0x10))])
def test_puback(body: bytes, found: tuple[int, int]) -> None:
    assert packets.read_puback(body) == found


def test_what_is_too_short_or_of_another_qos_is_refused() -> None:
    for body in (b"", b"\x01"):
        with pytest.raises(PacketError):
            packets.read_puback(body)
    with pytest.raises(PacketError):
        packets.read_publish(0x34, b"\0\x01a\0\x01\0", V5)
    with pytest.raises(PacketError):
        packets.read_publish(0x32, b"\0\x01\xff\0\x01\0", V5)
    with pytest.raises(PacketError):
        packets.read_suback(b"\0\x01", V311)


def test_suback_and_disconnect() -> None:
    assert packets.read_suback(b"\0\x01\x01", V311) == 1
    assert packets.read_suback(b"\0\x01\x05\x1f\0\x02no\x87", V5) == 0x87
    assert packets.read_disconnect(b"") == 0
    assert packets.read_disconnect(b"\x8e\0") == 0x8E


def test_reasons_are_told_in_words() -> None:
    assert packets.reason(0x87) == packets.reason(5) == "not authorized"
    assert packets.reason(0xF0) == "reason 240"


@given(topic=TEXTS, payload=BINARY, retain=st.booleans(), correlation=st.none() | BINARY,
       packet=st.integers(1, 65_535), version=VERSIONS)
def test_what_is_written_is_read_again(topic: str, payload: bytes, retain: bool, correlation: bytes | None,
                                       packet: int, version: Version) -> None:
    written = packets.write_publish(Outgoing(topic, payload, retain, correlation), packet, version)
    ((first, body),) = cut(written)
    kept = correlation if version is V5 else None
    assert packets.read_publish(first, body, version) == Incoming(topic, payload, retain, packet, None, kept)


@given(response=TEXTS, correlation=BINARY, users=st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
       content=st.none() | TEXTS, expiry=st.none() | st.integers(0, 2**32 - 1),
       identifier=st.none() | st.integers(1, 2**28 - 1))
def test_properties_of_another_implementation_are_understood(
        response: str, correlation: bytes, users: list[tuple[str, str]], content: str | None, expiry: int | None,
        identifier: int | None) -> None:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the library has no types here
    made.ResponseTopic, made.CorrelationData = response, correlation
    if users:
        made.UserProperty = users
    if content is not None:
        made.ContentType = content
    if expiry is not None:
        made.MessageExpiryInterval = expiry
    if identifier is not None:
        made.SubscriptionIdentifier = identifier
    body = b"\0\x01t" + made.pack() + b"payload"  # type: ignore[no-untyped-call]
    assert packets.read_publish(0x30, body, V5) == Incoming("t", b"payload", False, None, response, correlation)


@given(octets=st.binary(max_size=60), version=VERSIONS, first=st.integers(0, 255))
def test_any_octets_are_read_or_refused(octets: bytes, version: Version, first: int) -> None:
    for read in (lambda: packets.read_connack(octets, version), lambda: packets.read_puback(octets),
                 lambda: packets.read_suback(octets, version), lambda: packets.read_disconnect(octets),
                 lambda: packets.read_publish(first, octets, version), lambda: cut(octets)):
        with contextlib.suppress(PacketError):
            read()


def test_of_properties_that_reach_beyond_what_is_kept_nothing_is_believed() -> None:
    user = b"\x26" + b"\xff\xff" + b"n" * 65_535 + b"\0\0"
    properties = b"\x08\0\x01r" + user * 6
    written = packets._packet(0x32, b"\0\x01c\0\x07" + packets._number(len(properties)) + properties + b"payload")
    ((first, body),) = cut(written)
    read = packets.read_publish(first, body, V5)
    assert (read.topic, read.packet, read.response_topic) == ("c", 7, None)
    assert len(read.payload) > 2 * packets.STRING_MAX
    with pytest.raises(PacketError):
        packets.read_publish(first, body[:-1], V5)


@given(message=st.builds(Outgoing, TEXTS, BINARY, st.booleans(), st.none() | BINARY), version=VERSIONS)
def test_what_a_message_has_besides_is_never_more_than_is_said(message: Outgoing, version: Version) -> None:
    inside = len(message.topic.encode()) + len(message.payload) + len(message.correlation or b"")
    assert len(packets.write_publish(message, 65_535, version)) <= inside + packets.HEAD


# Cutting

BODIES = st.lists(st.tuples(st.sampled_from([0x40, 0x32, 0xD0]), st.binary(max_size=300)), max_size=8)


@given(whole=BODIES, cuts=st.lists(st.integers(0, 3000), max_size=10))
def test_packets_are_the_same_however_they_are_cut(whole: list[tuple[int, bytes]], cuts: list[int]) -> None:
    octets = b"".join(packets._packet(*each) for each in whole)
    edges = [0, *sorted(min(each, len(octets)) for each in cuts), len(octets)]
    assert cut(*(octets[start:stop] for start, stop in itertools.pairwise(edges))) == whole


@pytest.mark.parametrize("size", [packets.KEPT - 1, packets.KEPT, packets.KEPT + 1, 3 * packets.KEPT])
@pytest.mark.parametrize("piece", [1 << 30, 65_536, 250_001])
def test_of_a_long_packet_the_beginning_is_kept_and_the_next_one_is_found(size: int, piece: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    octets = packets._packet(0x30, body) + packets.PING + b"\x40"
    pieces = [octets[at:at + piece] for at in range(0, len(octets), piece)]
    assert cut(*pieces) == [(0x30, body[:packets.KEPT]), (0xC0, b"")]


def test_a_length_of_five_octets_is_none() -> None:
    with pytest.raises(PacketError):
        cut(b"\x30\x80\x80\x80\x80\x01")
