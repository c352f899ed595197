"""Users, tokens and the audit log: what is put is read, what is old goes, and what a backup must not bring back."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from routing.ids import floor7
from routing.rows import AuditRow, TokenRow, UserRow
from routing.storage import Store
from routing.store import backup
from routing.store.people import People
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.kit.waiting import eventually

NOW = 1_795_000_000.0
ANNA = UserRow("anna", "agent", None, "201", "$argon2id$x", NOW, None)
SUE = UserRow("sue", "supervisor", frozenset({"sales", "support"}), None, "$argon2id$y", NOW, None)
CRM = TokenRow("01a", "crm", "admin", None, None, "ab" * 32, NOW, NOW + 60, None)


def line(at: float, verb: str = "dnc.add", **more: Any) -> AuditRow:
    row = AuditRow(floor7(at)[:-1] + "1", at, "boss", "admin", "api", verb, "+36", None, {"reason": "x"}, "")
    return row._replace(**more)


def opened(path: Path) -> Store:
    store = sqlite_store(path, lambda what: what(), lambda: NOW, "edge1", Told())
    eventually(lambda: store.well, "the database is open")
    return store


def test_what_is_put_is_read_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    people = People(path)
    assert (people.user("anna"), people.any()) == (None, False), "there is no database"
    store, reader = opened(path), Reader(path, "edge1", strict=True)
    assert people.token("ab" * 32) is None
    store.put(Unit((ANNA, SUE, CRM, line(NOW, before={"a": 1}))))
    eventually(lambda: people.user("sue") == SUE, "it is committed")
    assert (people.user("anna"), people.token(CRM.hash), people.any()) == (ANNA, CRM, True)
    assert (reader.people.users(), reader.people.tokens()) == ([ANNA, SUE], [CRM])
    gone = ANNA._replace(disabled_at=NOW + 1, role="supervisor", password="other", created_at=0.0)
    store.put(Unit((gone, CRM._replace(revoked_at=NOW + 2, hash="no"))))
    eventually(lambda: people.user("anna") == gone._replace(created_at=NOW), "all but when they came may change")
    assert people.token(CRM.hash) == CRM._replace(revoked_at=NOW + 2)
    store.put(Unit((line(NOW + 5, "policy.set", who="sue", after=None, refused="no"),)))
    eventually(lambda: len(reader.people.audit(9)) == 2, "both lines are there")
    assert [one.verb for one in reader.people.audit(9)] == ["policy.set", "dnc.add"]
    assert reader.people.audit(9, who="boss") == [line(NOW, before={"a": 1})]
    assert reader.people.audit(9, verb="policy.set", door="api")[0].refused == "no"
    assert reader.people.audit(9, door="mqtt") == []
    for one in (people, reader, store):
        one.close()


def test_a_database_of_a_version_before_has_nobody_and_a_broken_one_says_so(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE TABLE calls (id)")
    assert People(old).user("anna") is None
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        People(broken).user("anna")


def test_lines_of_the_audit_log_go_with_the_history_and_people_stay(tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    store, reader = opened(path), Reader(path, "edge1", strict=True)
    store.put(Unit((ANNA, CRM, line(NOW - 9000), line(NOW - 10))))

    def look() -> bool:
        store.forget(NOW - 3600, 50, lambda gone: None)
        return len(reader.people.audit(9)) == 1

    eventually(look, "the old one is gone")
    assert reader.people.audit(9)[0].at == NOW - 10
    assert (reader.people.users(), reader.people.tokens()) == ([ANNA], [CRM])
    reader.close()
    store.close()


def test_nobody_who_was_locked_out_gets_in_by_a_backup(tmp_path: Path) -> None:
    path, kept = tmp_path / "boomerang.db", tmp_path / "kept"
    store = opened(path)
    store.put(Unit((ANNA, CRM)))
    store.close()
    backup.make(path, kept, False)
    store = opened(path)
    store.put(Unit((ANNA._replace(disabled_at=NOW), CRM._replace(revoked_at=NOW), SUE)))
    store.close()
    backup.restore(kept, path, time.time())
    people = People(path)
    anna, crm = people.user("anna"), people.token(CRM.hash)
    assert anna is not None
    assert crm is not None
    assert (anna.disabled, crm.revoked, people.user("sue")) == (True, True, SUE)
    people.close()
