"""The console's own file: whatever it is found as, the console starts."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from proxy.console import console_database
from proxy.console.console_database import ConsoleDatabase
from proxy.console.sessions import Sessions
from tests.kit.waiting import PATIENCE


def works(database: ConsoleDatabase) -> bool:
    sessions = Sessions(database, lambda: 1_000.0)
    return sessions.find(sessions.begin("anna", b"proof", "192.0.2.1", "a browser")) == ("anna", b"proof")


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    first = ConsoleDatabase(tmp_path / "console.db")
    token = Sessions(first, lambda: 1_000.0).begin("anna", b"proof", "192.0.2.1", "")
    first.close()
    second = ConsoleDatabase(tmp_path / "console.db")
    assert Sessions(second, lambda: 1_001.0).find(token) == ("anna", b"proof")
    second.close()


@pytest.mark.parametrize("content", [b"no database at all" * 1_000, b"\x00" * 5_000])
def test_a_file_that_is_none_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "console.db"
    path.write_bytes(content)
    database = ConsoleDatabase(path)
    assert works(database)
    database.close()
    aside = [one for one in tmp_path.iterdir() if ".broken-" in one.name]
    assert [one.read_bytes() for one in aside] == [content]


def test_a_file_that_was_torn_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    database = ConsoleDatabase(path)
    for number in range(200):
        Sessions(database, lambda: 1_000.0).begin(f"user {number}", b"proof", "192.0.2.1", "x" * 200)
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:3 * 4096] = b"\xff" * 8192
    path.write_bytes(content)
    database = ConsoleDatabase(path)
    assert works(database)
    database.close()


def test_a_database_of_somebody_else_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    first = ConsoleDatabase(path)
    first.write("DROP TABLE sessions")
    first.close()
    database = ConsoleDatabase(path)
    assert works(database)
    database.close()


def test_where_no_file_can_be_it_is_kept_in_memory(tmp_path: Path) -> None:
    database = ConsoleDatabase(tmp_path / "missing" / "console.db")
    assert works(database)
    database.close()
    assert [*tmp_path.iterdir()] == []


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process holds the file, such as a copy that is made of it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_an_event_loop_never_writes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be kept is refused there; a mark is made by another thread, and by none where many wait."""
    monkeypatch.setattr(console_database, "BUSY", 60.0)
    path = tmp_path / "console.db"

    async def run(database: ConsoleDatabase) -> dict[str, float]:
        sessions = Sessions(database, lambda: 1_000.0)
        with pytest.raises(RuntimeError, match="another thread"):
            sessions.begin("anna", b"proof", "192.0.2.1", "")
        token = await asyncio.to_thread(sessions.begin, "anna", b"proof", "192.0.2.1", "")
        assert await asyncio.to_thread(sessions.revoke_all, "anna") == 1
        assert sessions.find(token) is None
        with held(path):
            for number in range(1_000):
                sessions.mark_token(str(number))  # would wait here if it waited at all
        while "last" not in sessions.token_uses():
            sessions.mark_token("last")
            await asyncio.sleep(0.001)
        return sessions.token_uses()

    with closing(ConsoleDatabase(path)) as database:
        assert asyncio.run(asyncio.wait_for(run(database), PATIENCE))["last"] == 1_000.0
        database.mark("DELETE FROM token_uses")
        assert database.read("SELECT * FROM token_uses") == [], "elsewhere at once"


def test_while_the_file_is_held_nobody_who_asks_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_database, "BUSY", 60.0)
    path, now = tmp_path / "console.db", [1_000.0]
    with closing(ConsoleDatabase(path)) as database, ThreadPoolExecutor(1) as thread:
        sessions = Sessions(database, lambda: now[0])
        token = sessions.begin("anna", b"proof", "192.0.2.1", "")
        now[0] += 600.0
        with held(path):
            assert sessions.find(token) == ("anna", b"proof"), "its mark is left out"
            sessions.mark_token("1")
            writing = thread.submit(sessions.begin, "eva", b"proof", "192.0.2.1", "")
            for _ in range(200):
                assert sessions.find(token) == ("anna", b"proof")
                sessions.mark_token("1")
            assert not writing.done(), "what must be kept waits"
        assert sessions.find(writing.result(PATIENCE)) == ("eva", b"proof")
        sessions.mark_token("1")
        assert sessions.token_uses() == {"1": 1_600.0}
