"""Sessions end when they should, and not before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.console.console_database import ConsoleDatabase
from proxy.console.lockout import BY_ADDRESS, BY_NAME, FORGET, LONGEST, Lockout
from proxy.console.sessions import IDLE, Sessions
from proxy.console.sessions import LONGEST as LONGEST_SESSION


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[ConsoleDatabase]:
    one = ConsoleDatabase(tmp_path / "console.db")
    yield one
    one.close()


def test_only_the_hash_is_kept(database: ConsoleDatabase) -> None:
    token = Sessions(database, Clock()).begin("anna", b"proof", "192.0.2.1", "")
    kept = database.read("SELECT * FROM sessions")
    assert token not in str(kept)
    assert token.encode() not in b"".join(part for row in kept for part in row if isinstance(part, bytes))


@pytest.mark.parametrize(("uses", "there"), [
    ((IDLE - 1,), True), ((IDLE + 1,), False), ((IDLE - 1, IDLE - 1, IDLE - 1), True),
    (tuple([IDLE - 1] * (int(LONGEST_SESSION / IDLE) + 1)), False), ((-3600.0,), False),
])
def test_a_session_lasts(database: ConsoleDatabase, uses: tuple[float, ...], there: bool) -> None:
    clock = Clock()
    sessions = Sessions(database, clock)
    token = sessions.begin("anna", b"proof", "192.0.2.1", "")
    found = None
    for seconds in uses:
        clock.now += seconds
        found = sessions.find(token)
    assert (found is not None) is there


@pytest.mark.parametrize("how", ["log out", "one by one", "all"])
def test_a_full_disk_keeps_nobody_in(database: ConsoleDatabase, how: str) -> None:
    clock = Clock()
    sessions = Sessions(database, clock)
    token, other = (sessions.begin(name, b"proof", "192.0.2.1", "") for name in ("anna", "peter"))
    clock.now += 1
    (shown,) = sessions.of("anna")
    database.read("PRAGMA query_only = ON")
    match how:
        case "log out":
            sessions.end(token)
        case "one by one":
            assert sessions.revoke(shown.id)
        case _:
            assert sessions.revoke_all("anna") == 1
    assert sessions.find(token) is None
    assert sessions.of("anna") == []
    assert sessions.find(other) is not None
    database.read("PRAGMA query_only = OFF")
    clock.now += 1
    assert sessions.find(sessions.begin("anna", b"proof", "192.0.2.1", "")) is not None


def test_sessions_are_shown_and_ended_one_by_one(database: ConsoleDatabase) -> None:
    sessions = Sessions(database, Clock())
    first, second = (sessions.begin("anna", b"proof", "192.0.2.1", name) for name in ("first", "second"))
    other = sessions.begin("peter", b"proof", "192.0.2.1", "")
    shown = {one.browser: one.id for one in sessions.of("anna")}
    assert shown.keys() == {"first", "second"}
    assert sessions.revoke(shown["first"])
    assert [sessions.find(token) is not None for token in (first, second, other)] == [False, True, True]
    assert sessions.revoke_all("anna") == 1
    assert [sessions.find(token) is not None for token in (first, second, other)] == [False, False, True]
    assert not sessions.revoke("no hexadecimal")


def test_waits_grow_per_name_to_a_limit_and_are_forgotten(database: ConsoleDatabase) -> None:
    clock = Clock()
    lockout = Lockout(database, clock)
    waits = []
    for number in range(20):
        waits.append(lockout.failed("Anna", f"192.0.2.{number}"))
        clock.now += waits[-1]
    assert waits[:BY_NAME.free - 1] == [0.0] * (BY_NAME.free - 1)
    grown = waits[BY_NAME.free - 1:]
    assert grown[:3] == [5.0, 10.0, 20.0]
    assert grown[-1] == LONGEST
    assert grown == sorted(grown)
    clock.now -= 1
    assert lockout.wait("aNNa", "198.51.100.1") == 1.0, "the same name, however it is written, from anywhere"
    assert lockout.wait("peter", "198.51.100.1") == 0.0
    clock.now += FORGET
    assert lockout.failed("anna", "192.0.2.1") == 0.0


def test_an_address_waits_whatever_names_it_tries(database: ConsoleDatabase) -> None:
    lockout = Lockout(database, Clock())
    waits = [lockout.failed(f"name {number}", f"2001:db8::{number:x}") for number in range(BY_ADDRESS.free)]
    assert waits == [0.0] * (BY_ADDRESS.free - 1) + [BY_ADDRESS.first]
    assert lockout.wait("another", "2001:db8::ffff") == BY_ADDRESS.first, "a /64 is one address"
    assert lockout.wait("another", "2001:db8:1::1") == 0.0


def test_waits_outlive_the_process(database: ConsoleDatabase, tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(8):
        Lockout(database, clock).failed("anna", "192.0.2.1")
    again = ConsoleDatabase(tmp_path / "console.db")
    assert Lockout(again, clock).wait("anna", "198.51.100.1") == 40.0
    Lockout(again, clock).passed("anna")
    assert Lockout(again, clock).wait("anna", "198.51.100.1") == 0.0
    again.close()
