"""The line between proxy and media process: whole lines however they arrive, and tables that are complete."""

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.line_protocol import LINE_MAX, LineProtocol, line
from proxy.media import client, process, switchboard, wire
from proxy.media.contract import Clip, Media, MediaEars
from proxy.media.settings import MediaSettings
from proxy.media.wire import COMMANDS, EVENTS
from proxy.media.worker import Worker
from tests.kit.logged import capture_logs
from tests.kit.ports import LOOPBACK, free_port
from tests.proxy.media.support import run, studio, until

WORDS = st.lists(st.one_of(st.text(), st.integers(), st.none(), st.booleans()), min_size=1, max_size=4)


@given(st.lists(WORDS, max_size=6), st.data())
def test_lines_arrive_whole_however_they_are_cut(lines: list[list[Any]], data: st.DataObject) -> None:
    heard: list[list[Any]] = []
    protocol = LineProtocol(heard.append, lambda: None)
    stream = b"".join(line(*words) for words in lines)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        protocol.data_received(stream[:size])
        stream = stream[size:]
    assert heard == lines


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True


def test_a_line_without_end_closes_the_connection() -> None:
    protocol, transport = LineProtocol(lambda _: None, lambda: None), Wire()
    protocol.connection_made(transport)
    protocol.data_received(b"x" * (LINE_MAX + 1))
    assert transport.closed


def test_every_command_has_somebody_who_does_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = free_port(room=4)
        worker, transport = Worker(asyncio.get_running_loop()), Wire()
        worker.link.connection_made(transport)
        worker.link.data_received(line("setup", MediaSettings(LOOPBACK, LOOPBACK, first, first + 3).as_json()))
        assert set(worker._commands) == set(COMMANDS) - {"setup"}
        commands: dict[str, list[Any]] = {  # nobody has the numbers 8 and 9
            "ping": [1], "open": [1, "a"], "connect": [9, {}], "play": [9, [], 0, False], "tone": [9, "busy"],
            "press": [9, "1"], "join": [9, 8], "part": [9], "record": [9, 8, "x"], "stop_recording": [9],
            "watch": [9, 1], "close": [9],
        }  # fmt: skip
        for command, words in commands.items():
            worker.link.data_received(line(command, *words))
        worker.link.data_received(line("tone", 1, "no such tone") + line("join", 1, 1) + line("nonsense", 1))
        said = [json.loads(words) for words in transport.written.splitlines()]
        assert [words[0] for words in said] == ["ready", "pong", "opened", "log"]
        assert said[-1][3]["command"] == "nonsense"
        worker.link.data_received(line("close", 1))
        worker.link.connection_lost(None)
        await worker.ended

    run(scenario())


def test_every_event_has_somebody_who_hears_it() -> None:
    source = inspect.getsource(client) + inspect.getsource(process)
    assert all(f'"{event}"' in source for event in EVENTS)
    assert wire.__doc__
    assert switchboard.__doc__


def test_the_client_is_what_the_user_agent_asks_for() -> None:
    media = cast("Media", client.MediaClient(MediaSettings(LOOPBACK, LOOPBACK), lambda *_: None))
    for name in (name for name in vars(Media) if not name.startswith("_")):
        asked, there = inspect.signature(getattr(Media, name)), inspect.signature(getattr(type(media), name))
        assert asked == there, name
    assert {name for name in vars(MediaEars) if name.startswith("media_")} == {
        "media_opened", "media_digit", "media_heard", "media_played", "media_silent", "media_tone", "media_failed"}


@pytest.mark.parametrize(("first", "last", "share", "most"), [
    (16384, 17383, 75, 375), (16384, 17383, 100, 500), (16385, 16388, 100, 1), (16384, 16393, 50, 2), (9, 9, 100, 0),
])  # fmt: skip
def test_callers_in_queues_get_their_share_of_the_ports(first: int, last: int, share: int, most: int) -> None:
    media = client.MediaClient(MediaSettings(LOOPBACK, LOOPBACK, first, last, queue_share=share), lambda *_: None)
    assert media.room_for_queue(most)
    assert not media.room_for_queue(most + 1)


def test_log_lines_and_alarms_of_the_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with studio(tmp_path) as it:
                (it.prompts / "en").mkdir(parents=True)
                (it.prompts / "en" / "confirm.wav").write_bytes(b"no audio")
                a = await it.session("a")
                it.media.play("a", [Clip("confirm")], 1)
                await until(lambda: logs, "a line")
                assert logs[0]["event"] == "prompt cannot be read"
                assert logs[0]["file"].endswith("confirm.wav")
                it.recordings.mkdir()
                (it.recordings / "x").write_text("in the way")
                it.media.record("a", "a", "x/y")
                await until(lambda: it.alarms[-1][0] == "recordings", "the alarm")
                assert (it.alarms[-1][1] or "").startswith("y.wav cannot be written")
                it.media.record("a", "a", "z")
                it.media.stop_recording("a")
                await until(lambda: it.alarms[-1] == ("recordings", None), "it is well again")
                assert a.ears.failed == 0

    run(scenario())
