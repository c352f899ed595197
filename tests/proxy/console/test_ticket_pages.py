"""Tickets by their pages: whose are shown, what is said of them, and a callback from one by a click."""

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.ids import uuid7
from routing.rows import Ticket, TicketComment
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.console import PASSWORD, Company, wait_for_console, with_console
from tests.kit.told import Told
from tests.kit.waiting import eventually

POLICY = {"group": {"sales": {"target": "600", "agents": ["201"]}, "support": {"target": "601", "agents": ["301"]}}}
HOSTILE = "<img src=x onerror=alert(1)> \u202e'\""
NOW = time.time()


def named(number: int) -> str:
    return uuid7(NOW, lambda octets: (number << 12).to_bytes(octets, "big"))


def ticket(number: int, group: str | None, agent: str | None, subject: str) -> Ticket:
    return Ticket(named(number), 0, None, f"+3620123456{number}", group, agent, subject, "open", NOW, None)


TICKETS = (ticket(1, "sales", "201", HOSTILE), ticket(2, "support", "301", "Second"), ticket(3, "sales", None, "Third"))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder: Path = tmp_path_factory.mktemp("tickets")
    daemon, port = with_console(folder, policy=POLICY)
    daemon.data.mkdir(exist_ok=True)
    store = sqlite_store(daemon.data / "boomerang.db", lambda what: what(), time.time, daemon.name, Told())
    eventually(lambda: store.well, "the database is open")
    store.put(Unit((*TICKETS, TicketComment(named(9), TICKETS[0].id, NOW, "boomerang", "said\n<b>before</b>", False))))
    store.close()
    with daemon:
        made = Company(daemon, port)
        for name, more in (("boss", {"role": "admin"}), ("sue", {"role": "supervisor", "groups": ["sales"]}),
                           ("anna", {"role": "agent", "agent": "201"})):
            made.ask("users.add", name=name, password=PASSWORD, **more)
        wait_for_console(port)
        yield made


def test_everybody_sees_what_is_theirs(company: Company) -> None:
    for name, shown in (("boss", {0, 1, 2}), ("sue", {0, 2}), ("anna", {0, 2})):
        visitor = company.visitor(name)
        page = visitor.get("/tickets").text
        assert {at for at, one in enumerate(TICKETS) if f"/tickets/{one.id}" in page} == shown, name
        for at, one in enumerate(TICKETS):
            assert visitor.get(f"/tickets/{one.id}").status == (200 if at in shown else 403)
            assert visitor.post(f"/tickets/{one.id}", {"do": "comment", "text": f"by {name}"}).status == (
                303 if at in shown else 403)


def test_what_customers_wrote_is_text(company: Company) -> None:
    boss = company.visitor("boss")
    for path in ("/tickets", f"/tickets/{TICKETS[0].id}"):
        page = boss.get(path).text
        assert "<img src=x" not in page
        assert "onerror=alert(1)" in html.unescape(page)
    assert "<b>before" not in boss.get(f"/tickets/{TICKETS[0].id}").text


def test_the_list_is_filtered_sorted_and_its_columns_are_chosen(company: Company) -> None:
    boss = company.visitor("boss")
    assert TICKETS[1].id not in boss.get("/tickets?group=sales").text
    assert TICKETS[2].id not in boss.get("/tickets?text=second").text
    assert "No ticket fits." in boss.get("/tickets?state=closed&customer=%2B36201234569").text
    page = boss.get("/tickets?sort=subject&order=asc").text
    assert page.index(TICKETS[1].id) < page.index(TICKETS[2].id)
    assert boss.get("/tickets?customer=nobody").status == 422
    assert boss.post("/columns", {"table": "tickets", "column": "number", "back": "/tickets"}).status == 303
    assert "<td>sales</td>" not in boss.get("/tickets").text


def test_what_fits_comes_as_a_file(company: Company) -> None:
    boss = company.visitor("boss")
    for path in ("/tickets?state=open&text=x", "/tickets?state=closed", "/calls?result=answered"):
        found = re.search(r'href="(/api/v1/[a-z]+/export[^"]*)"', boss.get(path).text)
        assert found is not None
        file = boss.get(html.unescape(found[1]))
        assert (file.status, file.text[:3]) == (200, "id,")
        assert path.partition("?")[2].partition("&")[0] in html.unescape(found[1])


def test_one_click_makes_a_callback_and_another_closes_the_ticket(company: Company) -> None:
    anna = company.visitor("anna")
    answer = anna.post(f"/tickets/{TICKETS[2].id}", {"do": "call"})
    assert answer.status == 303
    task = answer.headers["location"].rpartition("/")[2]
    found = company.ask("callbacks.show", id=task)
    assert isinstance(found, dict)
    assert (found["customer"], found["group"]) == (TICKETS[2].customer, "sales")
    assert "Callback asked for from this ticket. By: anna. State: Open." in anna.get(f"/tickets/{TICKETS[2].id}").text
    assert anna.post(f"/tickets/{TICKETS[2].id}", {"do": "close"}).status == 303
    assert "badge-closed" in anna.get(f"/tickets/{TICKETS[2].id}").text
    answer = anna.post(f"/tickets/{TICKETS[2].id}", {"do": "call"})
    assert (answer.status, "is closed" in answer.text) == (409, True)


def test_a_comment_that_cannot_be_stands_where_it_was_typed(company: Company) -> None:
    boss = company.visitor("boss")
    answer = boss.post(f"/tickets/{TICKETS[0].id}", {"do": "comment", "text": "x" * 4001})
    assert (answer.status, "x" * 4001 in answer.text, "4000 at most" in answer.text) == (422, True, True)
    assert boss.get("/tickets/none").status == 404


@pytest.mark.parametrize("language", ["en", "hu", "sk", "pl", "de", "ru"])
def test_the_pages_are_there_in_every_language(company: Company, language: str) -> None:
    boss = company.visitor("boss")
    for path in ("/tickets", f"/tickets/{TICKETS[0].id}"):
        answer = boss.get(f"{path}?lang={language}")
        assert (answer.status, f'lang="{language}"' in answer.text) == (200, True)
