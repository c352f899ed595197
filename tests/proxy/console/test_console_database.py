"""The console's own file: whatever it is found as, the console starts."""

from pathlib import Path

import pytest

from proxy.console.console_database import ConsoleDatabase
from proxy.console.sessions import Sessions


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
