"""What goes wrong is a page in one's language, and a problem below /api, whatever it was."""

import asyncio
import http.client
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from proxy.console import entry
from proxy.console.node_client import ForbiddenError, MissingError
from proxy.console.said import said_in
from proxy.control_client import ControlError, NotRunningError
from tests.kit.console import Served, SomePeople, SomeUser, Visitor, serve_console
from tests.kit.logged import capture_logs

ERRORS = {
    "forbidden": (ForbiddenError("not yours"), 403, "Ezt nem teheti meg"),
    "missing": (MissingError("no such task"), 404, "Nincs ilyen oldal"),
    "away": (NotRunningError("no daemon is running"), 503, "A csomópont nem válaszol"),
    "refused": (ControlError("an agent has it"), 409, "A csomópont elutasítja"),
    "disk": (sqlite3.OperationalError("disk I/O error"), 503, "A csomópont nem válaszol"),
    "bug": (RuntimeError("secret of the inside"), 500, "Valami nem sikerült"),
}
router = APIRouter()


@router.get("/wrong/{how}")
@router.get("/api/v1/wrong/{how}")
async def wrong(how: str) -> Response:
    raise ERRORS[how][0]


@router.get("/counted")
async def counted(number: int) -> Response:
    return Response(str(number))


@router.get("/going-on")
async def going_on(kind: str, lines: int) -> Response:
    async def told() -> AsyncIterator[str]:
        for number in range(lines):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(told(), media_type=kind)


class Unreadable(SomePeople):
    """A database that cannot be read now and then."""

    broken = False

    def user(self, name: str) -> SomeUser | None:
        if self.broken:
            raise sqlite3.OperationalError("unable to open database file")
        return super().user(name)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    people = Unreadable({"admin": SomeUser("admin")})
    with serve_console(tmp_path_factory.mktemp("trouble"), people, router) as console:
        yield console


def visitor(served: Served) -> Visitor:
    one = Visitor(served.port, Accept_Language="hu")
    assert one.log_in("admin").status == 303
    return one


def test_an_error_of_ours_is_one_line_of_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    one = visitor(served)
    with capture_logs() as lines:
        assert one.get("/wrong/bug").status == 500
        assert one.get("/alive").status == 200, "what the server has to say of the one before is said by now"
    assert [line["event"] for line in lines] == ["console_request_failed"]
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == []


@pytest.mark.parametrize("how", [*ERRORS])
def test_a_page_says_it_in_ones_language(served: Served, how: str) -> None:
    error, status, heading = ERRORS[how]
    answer = visitor(served).get(f"/wrong/{how}")
    assert answer.status == status
    assert heading in answer.text
    assert ("secret of the inside" in answer.text) is False
    assert '<nav class="pages"' in answer.text, "with the navigation around it"
    if isinstance(error, ControlError):
        told = said_in("hu").tell(str(error))
        tongue = ' lang="en"' if told is None else ""
        assert f'<p><span class="said"{tongue}>{told or error}</span></p>' in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("how", [*ERRORS])
def test_below_api_it_is_a_problem(served: Served, how: str) -> None:
    answer = visitor(served).get(f"/api/v1/wrong/{how}")
    assert (answer.status, answer.headers["content-type"]) == (ERRORS[how][1], "application/problem+json")
    assert answer.json["status"] == ERRORS[how][1]
    assert "secret" not in answer.text


def test_an_argument_that_is_none_is_named(served: Served) -> None:
    answer = visitor(served).get("/counted?number=many")
    assert answer.status == 422
    assert "number" in answer.text


def test_users_that_cannot_be_read_lock_nobody_out(served: Served) -> None:
    one = visitor(served)
    assert isinstance(served.people, Unreadable)
    served.people.broken = True
    try:
        assert one.get("/counted?number=1").status == 503
        answer = Visitor(served.port).log_in("admin")
        assert (answer.status, "cannot be read" in answer.text) == (503, True)
    finally:
        served.people.broken = False
    assert one.get("/counted?number=1").status == 200
    assert Visitor(served.port).log_in("admin").status == 303


def lines_of(answer: http.client.HTTPResponse) -> int:
    """How many lines come until it ends, or is cut."""
    count = 0
    try:
        while answer.readline():
            count += 1
    except (OSError, http.client.HTTPException):
        pass
    return count


@pytest.mark.parametrize(("change", "ends"), [
    ({"disabled": True}, True), ({"role": "agent"}, True), ({"groups": frozenset({"sales"})}, True),
    ({"agent": "202"}, True), ({}, False)])
@pytest.mark.parametrize("kind", ["text/event-stream", "text/csv"])
def test_a_stream_ends_with_what_was_shown_who_asked(served: Served, monkeypatch: pytest.MonkeyPatch, kind: str,
                                                     change: dict[str, Any], ends: bool) -> None:
    """Whoever follows events is no guest for ever: what ends a session, or takes something away, ends what it follows.
    """
    monkeypatch.setattr(entry, "LOOK_AGAIN", 0.1)
    served.people.users["eva"] = SomeUser("eva", "supervisor", frozenset({"sales", "vip"}))
    one = Visitor(served.port)
    assert one.log_in("eva").status == 303
    connection = one.connect()
    connection.request("GET", f"/going-on?kind={kind}&lines={3_000 if ends else 30}", None,
                       {"Cookie": f"boomerang_session={one.cookies['boomerang_session']}"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline() == b"data: 0\n"
    for key, value in change.items():
        setattr(served.people.users["eva"], key, value)
    assert (lines_of(answer) < (6_000 if ends else 59)) is ends, "whether it goes on to its end"
    connection.close()


def test_many_who_guess_at_once_guess_no_more_than_one_by_one(tmp_path: Path) -> None:
    now = time.time()  # it stands still: all of them come at once, however long they are looked at
    with serve_console(tmp_path, SomePeople({}), wall=lambda: now) as served, ThreadPoolExecutor(24) as pool:
        def guess(number: int) -> int:
            return Visitor(served.port).log_in("victim", f"guess {number}").status

        found = [*pool.map(guess, range(24))]
        assert 5 <= found.count(401) <= 6, "two are looked at at a time"
        assert found.count(429) == 24 - found.count(401)
        assert int(Visitor(served.port).log_in("victim", "once more").headers["retry-after"]) >= 1


def test_who_logs_in_again_has_one_session(served: Served) -> None:
    one = visitor(served)
    before = one.cookies["boomerang_session"]
    assert one.log_in("admin").status == 303
    assert one.cookies["boomerang_session"] != before
    one.cookies["boomerang_session"] = before
    assert one.get("/logout").status == 303

