"""A key that comes again after the daemon's answer was lost: what may have been done is not done again."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.console.console_database import ConsoleDatabase
from tests.kit import console
from tests.kit.console import Answer, Served, SilentNode, SomePeople, SomeUser, Visitor, serve_console

WANTED = b'{"customer": "+36201112233", "group": "sales"}'


class LosingNode(SilentNode):
    """A daemon that does what it is asked, and whose answers come as `answers` says, one after the other."""

    asked: list[Any]
    answers: list[bytes | None]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            asked = json.loads(await reader.readline())
            if asked["verb"] == "callbacks.add":
                LosingNode.asked.append(asked["args"])
                said = LosingNode.answers.pop(0)
                if said is None:
                    await reader.read()
                else:
                    writer.write(said)
            elif asked["verb"] == "events":
                await reader.read()
        finally:
            self.writers.discard(writer)
            writer.close()


GOOD = b'{"ok": true, "data": {"id": "x"}}\n'
REFUSED = b'{"ok": false, "error": "this customer is on the do-not-call list"}\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "SilentNode", LosingNode)
        with serve_console(tmp_path_factory.mktemp("lost"), SomePeople({"admin": SomeUser("admin")})) as one:
            yield one


def add(served: Served, key: str, times: int) -> list[Answer]:
    visitor = Visitor(served.port)
    assert visitor.log_in("admin").status == 303
    return [visitor.ask("POST", "/api/v1/callbacks", WANTED, Content_Type="application/json",
                        Sec_Fetch_Site="same-origin", Idempotency_Key=key) for _ in range(times)]


@pytest.mark.parametrize(("name", "said"), [("nothing", b""), ("a part", b'{"ok": true, "da'), ("late", None)])
def test_what_may_have_been_done_is_not_done_again(served: Served, monkeypatch: pytest.MonkeyPatch, name: str,
                                                   said: bytes | None) -> None:
    monkeypatch.setattr("proxy.console.node_client.PATIENCE", 0.2 if said is None else 10.0)
    LosingNode.asked, LosingNode.answers = [], [said, GOOD]
    first, second = add(served, name, 2)
    assert (first.status, second.status) == (503, 409)
    assert "look whether it was done" in second.text
    assert len(LosingNode.asked) == 1


def test_what_was_refused_is_tried_again(served: Served) -> None:
    LosingNode.asked, LosingNode.answers = [], [REFUSED, GOOD]
    assert [one.status for one in add(served, "refused", 3)] == [409, 200, 200]
    assert len(LosingNode.asked) == 2


def test_what_was_done_and_cannot_be_written_down_is_answered(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    write = ConsoleDatabase.write

    def full(self: ConsoleDatabase, sql: str, arguments: Any = ()) -> int:
        if sql.startswith("UPDATE idempotency"):
            raise sqlite3.OperationalError("database or disk is full")
        return write(self, sql, arguments)

    monkeypatch.setattr(ConsoleDatabase, "write", full)
    LosingNode.asked, LosingNode.answers = [], [GOOD, GOOD]
    assert [one.status for one in add(served, "full", 2)] == [200, 409]
    assert len(LosingNode.asked) == 1
