"""Conversations over real sockets: a phone at each end, the media process between them, audio that is listened to."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiortp import RtcpPacket, RtcpSdesPacket, RtcpSrPacket

from proxy.media.contract import Clip, CodecName
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import FRAME, RtpPhone
from tests.kit.tones import heard, loudness, power
from tests.kit.waiting import PATIENCE
from tests.proxy.media.support import Ears, Room, Scenario, Session, play_all, run, studio, until

A_HZ, B_HZ = 700, 1100
SECOND = 8000
SCENARIOS: dict[str, Scenario] = {}


def scenario(*values: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a scenario, once for each of the values."""

    def register(play: Callable[..., Any]) -> Callable[..., Any]:
        for value in values[0] if values else [()]:
            words = value if isinstance(value, tuple) else (value,)
            SCENARIOS["-".join(map(str, (play.__name__, *words)))] = bound(play, words)
        return play

    return register


def bound(play: Callable[..., Any], words: tuple[Any, ...]) -> Scenario:
    return lambda it: play(it, *words)


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseException | None]:
    """What became of the scenarios that are asked for, all played beside each other: audio takes its time."""
    asked = [str(item.callspec.params["name"]) for item in request.session.items
             if isinstance(item, pytest.Function) and item.originalname == "test_conversation"]
    return asyncio.run(play_all(tmp_path_factory.mktemp("studio"), {name: SCENARIOS[name] for name in asked}))


async def both_speak(a: Session, b: Session, seconds: float = 0.6) -> tuple[bytes, bytes]:
    """Let both speak at a time; what a and what b heard in the later part of it."""
    since = len(a.phone.heard), len(b.phone.heard)
    await asyncio.gather(a.phone.speak(A_HZ, seconds), b.phone.speak(B_HZ, seconds))
    await asyncio.sleep(0.05)
    return a.phone.audio(since[0] + 10), b.phone.audio(since[1] + 10)


async def done(it: Room) -> None:
    """Wait until the media process has done all that it was told, and what it sent before has been read."""
    ears = Ears()
    it.media.open("last", ears)
    await until(lambda: ears.addresses, "an answer")
    it.media.close("last")
    await asyncio.sleep(0.05)


def frames(pcm: bytes, rate: int = SECOND) -> list[bytes]:
    """Audio in pieces as long as a packet."""
    size = 2 * rate // 50
    return [pcm[place : place + size] for place in range(0, len(pcm), size)]


async def again(work: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
    """Do it until it is so: what is said in real time has holes where a machine is held up."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await work():
                pass
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE:g} s: {what}") from None


async def talk(a: Session, b: Session) -> None:
    """Wait until each hears the other, and not itself."""
    async def both_hear() -> bool:
        a_heard, b_heard = await both_speak(a, b)
        rate = {"G722": 16_000}
        return (heard(a_heard, B_HZ, [A_HZ], rate.get(a.phone.codec, 8000))
                and heard(b_heard, A_HZ, [B_HZ], rate.get(b.phone.codec, 8000)))

    await again(both_hear, "each hears the other")


@scenario()
async def reports_are_sent(it: Room) -> None:
    """First of all, because the report comes every five seconds."""
    a = await it.session("a", connect=False)
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
        reports.bind((LOOPBACK, port + 1))
        reports.setblocking(False)
        it.media.connect("a", a.stream(port=port))
        a.phone.close()
        a.phone.close()
        a.phone = RtpPhone(port=port)
        a.phone.target = (LOOPBACK, a.ears.addresses[0].port if a.ears.addresses[0] else 0)
        await a.phone.speak(A_HZ, 0.2)
        data, sent = b"", 0

        def told() -> bool:
            nonlocal data, sent
            at_least = len(a.phone.heard)
            with contextlib.suppress(BlockingIOError):
                data = reports.recv(2000)
            sent = sent if data else at_least
            return bool(data)

        await until(told, "a report")
    sender, names = RtcpPacket.parse(data)
    assert isinstance(sender, RtcpSrPacket)
    assert isinstance(names, RtcpSdesPacket)
    assert sender.ssrc == a.phone.heard[0].ssrc
    await until(lambda: sent <= sender.sender_info.packet_count <= len(a.phone.heard), "as many packets as it counts")
    assert [(block.ssrc, block.packets_lost) for block in sender.reports] == [(a.phone.ssrc, 0)]


@scenario([
    ("PCMA", "PCMA"), ("PCMA", "PCMU"), ("PCMU", "G722"), ("G722", "G722"), ("G722", "PCMA"),
])
async def joined_legs_hear_each_other(it: Room, one: CodecName, other: CodecName) -> None:
    a, b = await it.session("a", one), await it.session("b", other)
    it.media.join("a", "b")
    await talk(a, b)
    assert (a.ears.heard, b.ears.heard) == (1, 1)
    if one == other == "G722":
        assert max(power(b.phone.audio(), hertz, 16_000) for hertz in (A_HZ,)) > 0.5


def test_version_6(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path, host="::1") as it:
            a, b = await it.session("a"), await it.session("b")
            it.media.join("a", "b")
            await talk(a, b)

    run(scenario())


@scenario()
async def parted_legs_hear_nothing_and_can_be_joined_with_others(it: Room) -> None:
    a, b, c = [await it.session(name) for name in "abc"]
    it.media.join("a", "b")
    await talk(a, b)
    it.media.part("b")
    await done(it)
    a_heard, b_heard = await both_speak(a, b, 0.3)
    assert loudness(a_heard) < 20
    assert loudness(b_heard) < 20
    assert len(a_heard) > 0.1 * 2 * SECOND  # the line is not dead: silence is sent
    it.media.join("c", "a")
    await talk(c, a)
    it.media.join("b", "c")  # takes c away from a
    await talk(b, c)
    a_heard, b_heard = await both_speak(a, b, 0.3)
    assert loudness(a_heard) < 20


@scenario()
async def hold_and_another_address(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    await talk(a, b)
    it.media.connect("a", a.stream(sending=False))
    await done(it)
    before = len(a.phone.heard)
    await b.phone.speak(B_HZ, 0.2)
    assert len(a.phone.heard) == before, "who holds us is sent nothing"
    it.media.connect("a", a.stream())
    await talk(a, b)
    moved = RtpPhone()
    moved.target = a.phone.target
    old, a.phone = a.phone, moved
    it.media.connect("a", a.stream())
    await talk(a, b)
    old.close()


@scenario()
async def another_codec_in_the_middle(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    await talk(a, b)
    a.phone.codec = "PCMU"
    it.media.connect("a", a.stream("PCMU"))
    await talk(a, b)


@scenario()
async def the_far_end_may_send_another_codec_of_the_offer(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    a.phone.codec = "PCMU"

    async def hears() -> bool:
        since = len(b.phone.heard)
        await a.phone.speak(A_HZ, 0.5)
        return heard(b.phone.audio(since + 10), A_HZ)

    await again(hears, "the other end hears it")


@scenario()
async def a_description_that_names_a_port_of_ours_makes_no_loop(it: Room) -> None:
    """What we send to ourselves is known by its SSRC and dropped; else one packet goes round as fast as the machine."""
    a, b = await it.session("a", connect=False), await it.session("b")
    host, port = b.phone.target
    it.media.connect("a", a.stream(host=host, port=port))
    it.media.join("a", "b")
    await asyncio.sleep(0.7)
    assert (a.ears.heard, b.ears.heard) == (0, 0)
    await talk(a, b)


@scenario()
async def rtp_comes_from_elsewhere_than_was_signalled(it: Room) -> None:
    """Symmetric RTP, latched once: the first source is followed, a stranger after it is not heard and hears nothing."""
    a, b = await it.session("a", port=9), await it.session("b")
    it.media.join("a", "b")
    await talk(a, b)
    stranger = RtpPhone()
    stranger.target = a.phone.target

    async def hears() -> bool:
        since = len(b.phone.heard)
        await asyncio.gather(stranger.speak(1900, 0.4), a.phone.speak(A_HZ, 0.4), b.phone.speak(B_HZ, 0.4))
        return heard(b.phone.audio(since + 5), A_HZ, [1900])

    await again(hears, "the first one alone is heard")
    assert stranger.heard == []
    assert a.ears.heard == 1
    stranger.close()


@scenario()
async def a_stranger_who_is_first_loses_to_the_signalled_address(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    stranger = RtpPhone()
    stranger.target = a.phone.target
    await stranger.speak(1900, 0.1)
    await talk(a, b)
    since = len(b.phone.heard)
    await stranger.speak(1900, 0.2)
    assert power(b.phone.audio(since), 1900) < 0.1
    stranger.close()


@scenario()
async def what_is_no_rtp_harms_nobody(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    for junk in (b"", b"\x80", b"\0" * 20, b"\x80" * 11, b"\x8f" * 12, b"\xff" * 1500, b"\x80\xc8" + b"\xff" * 40,
                 b"OPTIONS sip:a SIP/2.0\r\n", b"\x80\x08" + b"\0" * 10, b"\x80\x65" + b"\0" * 11):
        a.phone.sock.sendto(junk, a.phone.target)
        a.phone.sock.sendto(junk, (a.phone.target[0], a.phone.target[1] + 1))
    await talk(a, b)
    assert a.ears.digits == ""


@scenario()
async def keys_are_told_once_and_cross(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b", keys=96)
    b.phone.keys = 96
    a.phone.press("1")
    await until(lambda: a.ears.digits == "1", "the key is told")
    assert b.phone.key_packets() == [], "nobody is joined"
    it.media.join("a", "b")
    await a.phone.speak(A_HZ, 0.1)
    a.phone.press("5", ends=0)
    a.phone.press("#")
    await until(lambda: a.ears.digits == "15#", "keys are told")
    await until(lambda: len(b.phone.key_packets()) == 11, "every packet crosses")
    keys = b.phone.key_packets()
    assert [p.payload[0] for p in keys] == [5] * 4 + [11] * 7
    assert len({p.timestamp for p in keys}) == 2
    numbers = [p.sequence for p in b.phone.heard[-11:]]
    assert [(y - x) & 0xFFFF for x, y in pairwise(numbers)] == [1] * 10
    b.phone.press("*")
    await until(lambda: b.ears.digits == "*", "the other way")
    await until(lambda: len(a.phone.key_packets()) == 7, "the other way")
    assert a.ears.digits == "15#"
    b.phone.keys = 101  # what our offer said, though its answer said 96
    b.phone.press("0")
    await until(lambda: b.ears.digits == "*0", "it is heard all the same")


@scenario()
async def keys_from_a_third_host_press_nothing(it: Room) -> None:
    """The phone is silent; whoever guesses the port presses 1, and takes no place either."""
    a = await it.session("a")
    stranger = RtpPhone()
    stranger.target = a.phone.target
    for _ in range(3):
        stranger.press("1")
    stranger.press("1")
    a.phone.press("2")
    await until(lambda: a.ears.digits, "the phone's own key is heard")
    assert a.ears.digits == "2"
    stranger.press("1")
    a.phone.press("3")
    await until(lambda: a.ears.digits.endswith("3"), "and the next")
    assert a.ears.digits == "23"
    stranger.close()


@scenario()
async def keys_from_behind_a_nat(it: Room) -> None:
    """What was signalled leads nowhere: keys count once the phone has been heard from where it really is."""
    a = await it.session("a", port=9)
    a.phone.press("1")
    await a.phone.speak(A_HZ, 0.1)
    await until(lambda: a.ears.heard, "it is heard")
    assert a.ears.digits == ""
    a.phone.press("2")
    await until(lambda: a.ears.digits == "2", "its key counts")


@scenario()
async def a_key_that_was_down_when_legs_are_joined_does_not_cross(it: Room) -> None:
    """1 accepts a callback and may join at once: the customer must not get the rest of that press."""
    a, b = await it.session("a"), await it.session("b")
    a.phone.event("1", FRAME, marker=True)
    await until(lambda: a.ears.digits == "1", "the key is told")
    it.media.join("a", "b")
    for down in (2, 3, 4):
        a.phone.event("1", down * FRAME)
    a.phone.event("1", 5 * FRAME, end=True)
    a.phone.timestamp += 20 * FRAME
    a.phone.press("7")
    await until(lambda: len(b.phone.key_packets()) == 7, "the next press crosses")
    assert {p.payload[0] for p in b.phone.key_packets()} == {7}


@scenario()
async def keys_cross_as_tones_where_the_other_end_has_no_events(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b", dtmf=None)
    it.media.join("a", "b")
    await asyncio.gather(a.phone.speak(A_HZ, 0.1), b.phone.speak(B_HZ, 0.1))
    since = len(b.phone.heard)
    a.phone.press("5")


    def crossed() -> bool:
        pcm = b.phone.audio(since)
        parts = [pcm[place : place + 2 * 800] for place in range(0, len(pcm) - 2 * 800, 320)]
        return any(power(part, 770) > 0.3 and power(part, 1336) > 0.3 for part in parts)

    await until(crossed, "the tones of the key")
    assert b.phone.key_packets() == []


@scenario()
async def we_press_keys(it: Room) -> None:
    a = await it.session("a")
    it.media.press("a", "1x#")
    await until(lambda: len([p for p in a.phone.key_packets() if p.payload[1] & 0x80]) == 6, "two keys end")
    presses = {p.timestamp: p.payload[0] for p in a.phone.key_packets()}
    assert list(presses.values()) == [1, 11]


@scenario(["PCMA", "PCMU", "G722"])
async def ringback_and_busy(it: Room, codec: CodecName) -> None:
    a = await it.session("a", codec)
    rate = 16_000 if codec == "G722" else 8000

    async def hears(packets: int) -> bytes:
        since = len(a.phone.heard)
        await until(lambda: len(a.phone.heard) >= since + packets, f"{packets} packets")
        return a.phone.audio(since)

    it.media.tone("a", "ringback")
    pcm = await hears(100)
    loud = [loudness(frame) > 60 for frame in frames(pcm, rate)]
    begin, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
    assert 45 <= last - begin <= 55, "a second"
    assert heard(pcm[begin * rate // 25 : last * rate // 25], 425, rate=rate)
    it.media.tone("a", "busy")
    await done(it)
    pcm = await hears(60)
    halves = [power(pcm[place : place + rate // 5], 425, rate) > 0.8 for place in range(0, len(pcm), rate // 5)]
    assert 0.3 < sum(halves) / len(halves) < 0.7
    it.media.tone("a", "silence")
    await done(it)
    assert loudness(await hears(10)) < 60


@scenario([(20, 160, 50), (40, 320, 25), (10, 80, 100), (17, 160, 50)])
async def packets_are_as_long_as_was_agreed_and_come_in_time(it: Room, ptime: int, size: int, rate: int) -> None:
    a = await it.session("a", ptime=ptime)
    it.media.tone("a", "comfort")
    await until(lambda: a.phone.heard, "audio")
    since, began = len(a.phone.heard), time.monotonic()
    await until(lambda: len(a.phone.heard) >= since + rate, "the packets of a second")
    assert 0.8 < time.monotonic() - began < 10.0, "a busy machine may be late, but nothing makes them early"
    packets = a.phone.heard[since:]
    assert {len(p.payload) for p in packets} == {size}
    steps = {(y.timestamp - x.timestamp) & 0xFFFFFFFF for x, y in pairwise(packets)}
    assert steps == {size}
    assert 1 < loudness(a.phone.audio(since)) < 60


@scenario()
async def a_prompt_is_played_and_told(it: Room) -> None:
    a = await it.session("a", connect=False)
    it.media.play("a", [Clip("callback_for"), Clip("digits", digits="+36")], 5)
    await asyncio.sleep(0.1)
    assert a.ears.played == [], "nothing is played before there is anybody to hear it"
    it.media.connect("a", a.stream())
    await until(lambda: a.ears.played == [5], "the prompt ends")
    assert loudness(a.phone.audio()) > 500


@scenario()
async def a_prompt_in_a_conversation_is_heard_by_one_and_then_it_goes_on(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    await talk(a, b)
    it.media.play("a", [Clip("connecting")], 1, repeat=True)
    await done(it)

    async def one_hears_it() -> bool:
        a_heard, b_heard = await both_speak(a, b)
        assert power(a_heard, B_HZ) < 0.05
        return heard(b_heard, A_HZ, [B_HZ]) and loudness(a_heard) > 300

    await again(one_hears_it, "one hears the prompt, and the other one them")
    it.media.play("a", [Clip("5")], 2)
    await until(lambda: a.ears.played == [2], "the prompt ends")
    await talk(a, b)


@scenario()
async def a_prompt_to_one_who_holds_us_is_not_sent_and_ends_in_time(it: Room) -> None:
    a = await it.session("a", sending=False)
    it.media.play("a", [Clip("5")], 1)
    await until(lambda: a.ears.played == [1], "the prompt ends")
    assert a.phone.heard == []


def quiet(pcm: bytes) -> list[float]:
    """The seconds of the pauses between what is loud."""
    loud = [place for place in range(0, len(pcm), 320) if loudness(pcm[place : place + 320]) > 100]
    return [(after - before) / 16_000 - 0.02 for before, after in pairwise(loud) if after - before > 320 * 5]


@scenario()
async def repeated_prompt_goes_on_until_something_else_comes(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.play("a", [Clip("1")], 1, repeat=True)
    await asyncio.sleep(2.5)
    assert a.ears.played == []
    assert loudness(a.phone.audio()) > 300
    it.media.play("a", [Clip("2")], 2)
    await until(lambda: a.ears.played == [2], "the second prompt ends")
    it.media.play("a", [Clip("1")], 3, repeat=True, pause=0.2)
    since = len(a.phone.heard)
    await until(lambda: len(a.phone.heard) >= since + 100, "two seconds are heard")
    pauses = quiet(a.phone.audio(since))
    assert len(pauses) >= 2
    assert all(0.18 < pause < 0.3 for pause in pauses), "it is said again after the pause that was asked for"
    it.media.join("a", "b")
    await talk(a, b)
    assert a.ears.played == [2]


@scenario()
async def comfort_noise_where_the_other_end_sends_nothing(it: Room) -> None:
    a, b = await it.session("a"), await it.session("b")
    it.media.join("a", "b")
    await talk(a, b)
    since, began = len(a.phone.heard), time.monotonic()
    await until(lambda: len(a.phone.heard) >= since + 40, "noise")
    assert time.monotonic() - began > 0.7
    assert 1 < loudness(a.phone.audio(since)) < 60
    await talk(a, b)
    numbers = [p.sequence for p in a.phone.heard]
    assert {(y - x) & 0xFFFF for x, y in pairwise(numbers)} == {1}


async def silent_twice(watched: Session) -> None:
    """It is told again when it has lasted twice as long; a busy machine may be late with it, and never early."""
    await until(lambda: len(watched.ears.silent) >= 2, "silence is told again")
    first, second = watched.ears.silent[:2]
    assert 0.35 < first < second - 0.35


@scenario()
async def silence_is_told_again_as_it_lasts(it: Room) -> None:
    a = await it.session("a")
    it.media.watch_silence("a", 0.4)
    began = time.monotonic()
    await a.phone.speak(A_HZ, 0.6)
    await silent_twice(a)
    assert time.monotonic() - began > 1.3, "who speaks is not silent"
    it.media.watch_silence("a", 0)
    await done(it)
    told = len(a.ears.silent)
    await asyncio.sleep(0.6)
    assert len(a.ears.silent) == told


@scenario(["PCMA", "G722"])
async def packets_of_silence_are_silence(it: Room, codec: CodecName) -> None:
    a = await it.session("a", codec)
    a.phone.peak = 0
    it.media.watch_silence("a", 0.4)
    speaking = asyncio.create_task(a.phone.speak(0, PATIENCE))
    try:
        await silent_twice(a)
    finally:
        speaking.cancel()


@scenario()
async def who_holds_us_is_not_silent(it: Room) -> None:
    a = await it.session("a", receiving=False)
    it.media.watch_silence("a", 0.4)
    await asyncio.sleep(0.7)
    assert a.ears.silent == []


def test_ports_are_even_shared_and_given_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path, ports=6) as it:
            three = [await it.session(name) for name in "abc"]
            ports = [s.phone.target[1] for s in three]
            assert sorted(ports) == [it.first, it.first + 2, it.first + 4]
            late = Ears()
            it.media.open("d", late)
            await until(lambda: late.addresses, "an answer")
            assert late.addresses == [None]
            assert it.alarms[-1][0] == "media_ports"
            it.media.close("b")
            it.media.close("nobody")
            again = await it.session("e")
            assert again.phone.target[1] == ports[1]
            assert it.alarms[-1] == ("media_ports", None)

    run(scenario())


@scenario()
async def nothing_is_told_after_close_and_names_can_be_used_again(it: Room) -> None:
    a = await it.session("a")
    it.media.play("a", [Clip("1")], 1)
    it.media.close("a")
    a.phone.press("1")
    b = await it.session("a")
    b.phone.press("2")
    await until(lambda: b.ears.digits == "2", "the new session hears")
    assert (a.ears.digits, a.ears.played) == ("", [])


@pytest.mark.parametrize("name", SCENARIOS)
def test_conversation(played: dict[str, BaseException | None], name: str) -> None:
    failure = played[name]
    if failure is not None:
        raise failure
