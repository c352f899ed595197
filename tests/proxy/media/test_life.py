"""The life of the media process: it dies, hangs, is started again, ends with its parent and never before it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import wave
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from proxy.media import client, process
from proxy.media.client import MediaClient
from proxy.media.contract import Clip, CodecName
from proxy.media.rtp import codec
from proxy.media.settings import MediaSettings
from tests.kit.key_tones import key_tone
from tests.kit.logged import capture_logs
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import RtpPhone
from tests.kit.tones import heard, loudness, sine
from tests.kit.waiting import eventually
from tests.proxy.media.support import Ears, Studio, run, speak_until, studio, until

HERTZ = 700


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def talk_on(phone: RtpPhone, tone: bytes) -> None:
    """Say one thing again and again."""
    while True:
        await phone.stream(tone)


def anew(phone: RtpPhone, ssrc: int) -> list[int]:
    """Places of what the phone has heard since the stream with this SSRC has ended."""
    return [place for place, one in enumerate(phone.heard) if one.ssrc != ssrc]


async def kill_and_wait(it: Studio) -> None:
    """Kill the media process and wait for the next one."""
    assert it.media.pid is not None
    before = it.media.pid
    os.kill(before, signal.SIGKILL)
    await next_process(it, before)


async def next_process(it: Studio, before: int) -> None:
    """Wait until there is another, which has done what it was told first."""
    await until(lambda: it.media.pid not in (None, before), "a new process")
    assert await it.media.wait_ready()
    await until(lambda: it.media.figures, "its figures")


def test_killed_in_conversations(tmp_path: Path) -> None:
    """Ten pairs that talk: each hears the other again, on the same ports, and nobody is told anything."""

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path, ports=60) as it:
                legs = [await it.session(f"leg{number}", "PCMU" if number % 3 else "PCMA") for number in range(20)]
                for a, b in pairwise(legs):
                    if int(a.name[3:]) % 2 == 0:
                        it.media.join(a.name, b.name)
                names: tuple[CodecName, ...] = ("PCMA", "PCMU")
                tone: dict[str, bytes] = {name: codec(name).encode(sine(HERTZ, 0.5)) for name in names}
                talking = [asyncio.create_task(talk_on(leg.phone, tone[leg.phone.codec])) for leg in legs]
                try:
                    await until(lambda: all(leg.phone.heard for leg in legs), "all hear")
                    before = [leg.phone.heard[-1].ssrc for leg in legs]
                    await kill_and_wait(it)
                    await until(lambda: all(len(anew(leg.phone, ssrc)) > 30
                                            for leg, ssrc in zip(legs, before, strict=True)), "all hear again")
                finally:
                    for task in talking:
                        task.cancel()
                for leg, ssrc in zip(legs, before, strict=True):
                    assert heard(leg.phone.audio(anew(leg.phone, ssrc)[10]), HERTZ)
                    assert leg.phone.heard[-1].ssrc != ssrc, "a stream of its own, as RFC 3550 has it"
                    assert (leg.ears.failed, len(leg.ears.addresses), leg.ears.heard) == (0, 1, 1)
                assert [text is None for name, text in it.alarms if name == "media"] == [True, False, True]
                it.media.close("leg0")
                again = await it.session("leg0")
                assert (again.ears.failed, legs[0].ears.failed) == (0, 0)

    run(scenario())


def test_what_a_session_did_goes_on(tmp_path: Path) -> None:
    """What is played begins anew, once or again and again; what is watched is watched; keys count."""

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path, ports=30, inband_keys=True) as it:
                once, loop, rings, still, parted = [await it.session(name) for name in "abcde"]
                held = await it.session("f", sending=False)
                it.media.join("a", "e")
                it.media.play("a", [Clip("confirmed"), Clip("goodbye")], 7)
                it.media.play("b", [Clip("1")], 1, repeat=True, pause=0.2)
                it.media.tone("c", "ringback")
                it.media.watch_silence("d", 0.5)
                it.media.watch_tone("d", True)
                it.media.watch_keys("d", False)
                it.media.play("f", [Clip("menu_this")], 3)
                it.media.part("e")
                await until(lambda: loudness(once.phone.audio()) and loudness(loop.phone.audio()) and rings.phone.heard,
                            "prompts are heard")
                before = [one.phone.heard[-1].ssrc for one in (once, loop, rings)]
                await kill_and_wait(it)
                silences = len(still.ears.silent)
                await until(lambda: once.ears.played == [7] and held.ears.played == [3], "told once, after all of it")
                assert len(anew(once.phone, before[0])) > 200, "from its begin"
                assert loudness(loop.phone.audio(anew(loop.phone, before[1])[0])) > 300
                assert heard(rings.phone.audio(anew(rings.phone, before[2])[5])[:8_000], 425)
                await until(lambda: len(still.ears.silent) > silences, "silence is told")
                await still.phone.say(key_tone("4", 0.1))
                await speak_until(still.phone, 1_000, lambda: still.ears.tones, "the tone is told")
                assert still.ears.digits == ""
                once.phone.press("1")
                await until(lambda: once.ears.digits == "1", "keys count")
                await once.phone.speak(HERTZ, 0.3)
                assert not any(heard(parted.phone.audio(at), HERTZ) for at in (0, len(parted.phone.heard) - 10))

    run(scenario())


def test_what_is_opened_while_there_is_no_process_keeps_no_port(tmp_path: Path) -> None:
    """Whoever asks for a session until the very turn of the loop in which there is a process again gets none, and none
    is left there."""

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                assert it.media.pid is not None
                os.kill(it.media.pid, signal.SIGKILL)
                await until(lambda: not it.media.up, "its end is seen")
                asked: list[Ears] = []
                while not it.media.up:
                    asked.append(Ears())
                    it.media.open(f"leg{len(asked)}", asked[-1])
                    await asyncio.sleep(0)
                assert await it.media.wait_ready()
                await until(lambda: it.media.figures.get("sessions") == 0, "none is open")
                assert [one.addresses for one in asked] == [[None]] * len(asked)

    run(scenario())


def test_who_joins_while_there_is_no_process(tmp_path: Path) -> None:
    """What is asked for meanwhile is done as soon as there is one; what is closed stays closed."""

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a, b, c = await it.session("a", connect=False), await it.session("b"), await it.session("c")
                it.media.join("b", "c")
                assert it.media.pid is not None
                os.kill(it.media.pid, signal.SIGKILL)
                await until(lambda: not it.media.up, "its end is seen")
                it.media.connect("a", a.stream())
                it.media.join("a", "b")
                it.media.close("c")
                assert await it.media.wait_ready()
                await until(lambda: it.media.figures.get("sessions") == 2, "two are open")
                await a.phone.speak(HERTZ, 0.5)
                assert heard(b.phone.audio(5), HERTZ)
                assert (a.ears.failed, b.ears.failed, c.ears.failed) == (0, 0, 0)

    run(scenario())


def never(theirs: object) -> "subprocess.Popen[bytes]":
    raise OSError("no more processes")


def test_not_back_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACK_WITHIN", 0.4)

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a, b = await it.session("a"), await it.session("b")
                it.media.join("a", "b")
                monkeypatch.setattr(process, "spawn", never)
                assert it.media.pid is not None
                os.kill(it.media.pid, signal.SIGKILL)
                await until(lambda: a.ears.failed and b.ears.failed, "both are told")
                assert (a.ears.failed, b.ears.failed) == (1, 1)
                it.media.connect("a", a.stream())  # sessions that are gone: all of it is ignored
                it.media.join("a", "b")
                it.media.play("a", [Clip("1")], 1)
                it.media.close("a")
                assert a.ears.played == []

    run(scenario())


def test_a_port_that_somebody_else_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That session is over, and no other."""
    original = process.spawn

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a, b = await it.session("a"), await it.session("b")
                it.media.join("a", "b")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:

                    def spawn(theirs: socket.socket) -> "subprocess.Popen[bytes]":
                        thief.bind(a.phone.target)
                        return original(theirs)

                    monkeypatch.setattr(process, "spawn", spawn)
                    await kill_and_wait(it)
                    await until(lambda: a.ears.failed, "it is told")
                await b.phone.speak(HERTZ, 0.1)
                b.phone.press("1")
                await until(lambda: b.ears.digits == "1", "the other goes on")
                assert b.ears.failed == 0

    run(scenario())


def next_or_none(it: Studio, pid: int | None, ears: Ears) -> bool:
    return it.media.pid not in (None, pid) or bool(ears.failed)


def test_a_session_that_ends_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while, so that the next process lives."""
    monkeypatch.setattr(client, "LOSSES_MAX", 2)
    monkeypatch.setattr(process, "PAUSE_FIRST", 0.01)

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a = await it.session("a")
                while not a.ears.failed:
                    pid = it.media.pid
                    if pid is not None:
                        os.kill(pid, signal.SIGKILL)
                    await until(partial(next_or_none, it, pid, a.ears), "the next")
                await until(lambda: it.media.up, "another process")
                assert a.ears.failed == 1

    run(scenario())


def test_killed_before_a_session_is_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                waiting, late, pid = Ears(), Ears(), it.media.pid
                assert pid is not None
                os.kill(pid, signal.SIGSTOP)  # it reads nothing more
                it.media.open("waiting", waiting)
                os.kill(pid, signal.SIGKILL)
                await until(lambda: not it.media.up, "its end is seen")
                it.media.open("late", late)
                assert late.addresses == [], "nothing calls back before it returns"
                await until(lambda: late.addresses, "an answer")
                assert (waiting.addresses, late.addresses, waiting.failed) == ([None], [None], 0)

    run(scenario())


def test_a_bug_of_an_owner_harms_no_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with studio(tmp_path) as it:
                a, b = await it.session("a"), await it.session("b")
                a.ears.digits = None  # type: ignore[assignment]
                a.phone.press("1")
                b.phone.press("2")
                await until(lambda: b.ears.digits == "2", "the other is told")
                assert it.media.up
            assert [line["event"] for line in logs] == ["media event failed"]

    run(scenario())


def test_a_recording_survives_the_kill(tmp_path: Path) -> None:
    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a = await it.session("a")
                await it.session("b", "PCMU")
                it.media.join("a", "b")
                it.media.record("a", "b", "day/one.wav")
                part = it.recordings / "day" / "one.wav.part"
                speaking = asyncio.create_task(a.phone.speak(HERTZ, 4.0))
                await until(lambda: part.exists() and int.from_bytes(part.read_bytes()[40:44], "little") >= 4 * 8000,
                            "a second is written, and the header says so")
                await kill_and_wait(it)
                speaking.cancel()
                whole = it.recordings / "day" / "one.wav"
                await until(whole.exists, "the next process gives it its name")
                with wave.open(str(whole)) as file:
                    frames = file.readframes(file.getnframes())
                    assert file.getnframes() >= 8000
                assert heard(b"".join(frames[i : i + 2] for i in range(4000, 20_000, 4)), HERTZ)
                await a.phone.speak(1100, 1.0)
                it.media.stop_recording("a")
                await until((it.recordings / "day" / "one-2.wav").exists, "what came after it has a file of its own")
                with wave.open(str(it.recordings / "day" / "one-2.wav")) as file:
                    frames = file.readframes(file.getnframes())
                left = b"".join(frames[i : i + 2] for i in range(0, len(frames) - 3, 4))
                assert any(heard(left[place : place + 3_200], 1100) for place in range(0, len(left), 1_600))

    run(scenario())


def test_a_recording_has_each_leg_on_its_side(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a, b = await it.session("a", "G722"), await it.session("b", "PCMU")
            it.media.join("a", "b")
            it.media.record("a", "b", "two")
            await asyncio.gather(a.phone.speak(HERTZ, 1.5), b.phone.speak(1100, 1.5))
            it.media.stop_recording("a")
            await until((it.recordings / "two.wav").exists, "the file")
            with wave.open(str(it.recordings / "two.wav")) as file:
                frames = file.readframes(file.getnframes())
                assert 1.4 < file.getnframes() / 8000 < 5, "a busy machine stops it late"
            left = b"".join(frames[i : i + 2] for i in range(3200, len(frames) - 1600, 4))
            right = b"".join(frames[i : i + 2] for i in range(3202, len(frames) - 1600, 4))
            assert heard(left, HERTZ, [1100])
            assert heard(right, 1100, [HERTZ])
            it.media.record("a", "b", "../outside")
            it.media.record("a", "b", "closed")
            await until((it.recordings / "closed.wav.part").exists, "the file")
            it.media.close("b")
            await until((it.recordings / "closed.wav").exists, "a leg that ends ends the recording")
            assert not (tmp_path / "outside.wav").exists()

    run(scenario())


def test_old_recordings_are_removed(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, new = tmp_path / "recordings" / "old.wav", tmp_path / "recordings" / "new.wav"
        old.parent.mkdir()
        for path in (old, new):
            path.write_bytes(b"")
        os.utime(old, (0, 0))
        async with studio(tmp_path, keep=3600.0):
            await until(lambda: not old.exists(), "it is removed")
            assert new.exists()

    run(scenario())


def test_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PING_PAUSE", 0.1)
    monkeypatch.setattr(process, "STUCK", 0.5)

    async def scenario() -> None:
        with capture_logs():
            async with studio(tmp_path) as it:
                a = await it.session("a")
                await until(lambda: it.media.figures.get("sessions") == 1, "figures")
                before = it.media.pid
                assert before is not None
                os.kill(before, signal.SIGSTOP)
                await next_process(it, before)
                a.phone.press("1")
                await until(lambda: a.ears.digits == "1", "its sessions go on")
                assert a.ears.failed == 0

    run(scenario())


def test_who_was_held_up_takes_nobody_for_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's own process stood still: the answers of the media process wait to be read."""
    monkeypatch.setattr(process, "PING_PAUSE", 0.1)
    monkeypatch.setattr(process, "STUCK", 0.5)

    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a, pid = await it.session("a"), it.media.pid
            await until(lambda: it.media.figures.get("sessions") == 1, "figures")
            subprocess.run(["sleep", "1"], check=True)
            a.phone.press("1")
            await until(lambda: a.ears.digits == "1", "it goes on")
            assert it.media.pid == pid

    run(scenario())


def test_pauses_between_starts_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends at once is started again less and less often."""
    started: list[float] = []
    original = process.spawn

    def spawn(theirs: object) -> subprocess.Popen[bytes]:
        started.append(asyncio.get_running_loop().time())
        if len(started) == 3:
            raise OSError("no more processes")
        return subprocess.Popen([sys.executable, "-c", ""])

    monkeypatch.setattr(process, "spawn", spawn)

    async def scenario() -> None:
        with capture_logs():
            it = Studio(tmp_path)
            try:
                await it.media.start()
                await until(lambda: len(started) >= 4, "four starts")
            finally:
                monkeypatch.setattr(process, "spawn", original)
                await it.media.stop()
            gaps = [b - a for a, b in pairwise(started)]
            assert gaps[0] >= 0.2
            assert gaps[1] >= 0.4
            assert gaps[2] >= 0.8
            assert len(it.alarms) >= 3

    run(scenario())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_of_the_group_are_its_parents_business(tmp_path: Path, number: signal.Signals) -> None:
    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a, pid = await it.session("a"), it.media.pid
            assert pid is not None
            os.kill(pid, number)
            await asyncio.sleep(0.1)
            a.phone.press("1")
            await until(lambda: a.ears.digits == "1", "it goes on")
            assert it.media.pid == pid

    run(scenario())


PARENT = """
import asyncio, sys
from proxy.media.client import MediaClient
from proxy.media.settings import MediaSettings

async def main():
    media = MediaClient(MediaSettings("127.0.0.1", "127.0.0.1", {first}, {first} + 9), lambda *_: None)
    await media.start()
    await media.wait_ready()
    print(media.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_it_ends_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(first=free_port(room=10))], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert lives(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not lives(pid), "its end")


def test_an_address_that_is_not_ours_is_an_alarm_and_no_leg(tmp_path: Path) -> None:
    async def scenario() -> None:
        alarms: list[tuple[str, str | None]] = []
        first = free_port(room=4)
        media = MediaClient(MediaSettings("192.0.2.1", LOOPBACK, first, first + 3), lambda *words: alarms.append(words))
        await media.start()
        ears = Ears()
        media.open("a", ears)
        await until(lambda: ears.addresses, "an answer")
        assert ears.addresses == [None]
        assert ("media_ports", f"no free port in {first}-{first + 3} of 192.0.2.1") in alarms
        await media.stop()

    run(scenario())


def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a, pid = await it.session("a"), it.media.pid
            assert pid is not None
            it.media.record("a", "a", "x")
            await it.media.stop()
            assert not lives(pid)
            assert (it.media.up, it.media.pid, a.ears.failed) == (False, None, 0)
            it.media.close("a")

    run(scenario())
