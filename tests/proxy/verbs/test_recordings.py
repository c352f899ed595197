"""Recordings listed and fetched: whose they are stands in the database, what they are in the folder."""

import asyncio
import base64
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from proxy.callbacks.conversation import recording_name
from proxy.control_client import ControlError
from proxy.verbs.handlers.recordings import CHUNK, RecordingAnswers
from proxy.verbs.shapes.errors import UnknownError
from routing.store.reader import Reader
from routing.writes import Unit
from tests.kit.answering import settling
from tests.routing.store.rows import a_task, an_attempt
from tests.routing.world import BEGIN, CUSTOMER, World


class Archive(World):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder / "recordings"
        reader = Reader(self.path, "edge1", strict=True)
        self.verbs = settling(self.store, *RecordingAnswers(self.folder, reader, lambda: "HU").bound())

    def ask(self, verb: str, **args: Any) -> Any:
        async def run() -> Any:
            answer = self.verbs.call("socket", verb, args)
            assert isinstance(answer, Coroutine)
            return await answer

        return asyncio.run(run())

    def add(self, customer: str, after: float, content: bytes = b"RIFF") -> str:
        task = a_task(customer=customer)
        attempt = an_attempt(task, claimed_at=BEGIN + after, talk_s=12.5, ended_at=BEGIN + after)
        self.store.put(Unit((task._replace(state="done", ended_at=BEGIN), attempt)))
        self.commit()
        name = recording_name(BEGIN + after, attempt.id, "leg-aaaaaa", "leg-bbbbbb")
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(content)
        return name


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    made = Archive(tmp_path)
    yield made
    made.close()


def test_none_yet(archive: Archive) -> None:
    assert archive.ask("recordings.list") == []
    with pytest.raises(UnknownError, match="there is no recording 'x'"):
        archive.ask("recordings.get", name="x")


def test_the_newest_first_with_whose_they_are(archive: Archive) -> None:
    first, second = archive.add(CUSTOMER, 0.0), archive.add("+36207654321", 60.0)
    (archive.folder / f"{second}.part").write_bytes(b"not whole")
    (archive.folder / "zz_by_hand.wav").write_bytes(b"abc")
    by_hand, newest, oldest = archive.ask("recordings.list")
    assert [one["name"] for one in (by_hand, newest, oldest)] == ["zz_by_hand.wav", second, first]
    assert (oldest["customer"], oldest["agent"], oldest["time"], oldest["talk"], oldest["bytes"]) == \
        (CUSTOMER, "201", BEGIN, 12.5, 4)
    assert (by_hand["customer"], by_hand["bytes"]) == (None, 3)
    assert [one["name"] for one in archive.ask("recordings.list", customer="06 20 123 4567")] == [first]
    assert len(archive.ask("recordings.list", limit=1)) == 1


def test_one_is_fetched_part_by_part(archive: Archive) -> None:
    sound = os.urandom(2 * CHUNK + 7)
    name = archive.add(CUSTOMER, 0.0, sound)
    parts = [archive.ask("recordings.get", name=name)]
    while (offset := parts[-1]["next_offset"]) is not None:
        parts.append(archive.ask("recordings.get", name=name, offset=offset))
    assert b"".join(base64.b64decode(part["data"]) for part in parts) == sound
    assert [part["bytes"] for part in parts] == [len(sound)] * 3
    assert archive.ask("recordings.get", name=name, offset=10**12)["next_offset"] is None


@pytest.mark.parametrize("name", [
    "../boomerang.db", "/etc/hostname", "", ".", "..", "sub/one.wav", "link.wav", "x\0.wav"])
def test_nothing_else_can_be_fetched(archive: Archive, name: str) -> None:
    archive.add(CUSTOMER, 0.0)
    (archive.folder / "sub").mkdir()
    (archive.folder / "sub" / "one.wav").write_bytes(b"x")
    (archive.folder / "link.wav").symlink_to("/etc/hostname")
    with pytest.raises(ControlError, match=r"no recording|name"):
        archive.ask("recordings.get", name=name)


@pytest.mark.parametrize("offset", [-1, "1", True, 1.5])
def test_a_wrong_offset(archive: Archive, offset: Any) -> None:
    with pytest.raises(ControlError, match="offset"):
        archive.ask("recordings.get", name=archive.add(CUSTOMER, 0.0), offset=offset)
