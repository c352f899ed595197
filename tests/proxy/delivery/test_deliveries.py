"""Tickets from the store to real receivers: in order, again until they are there, after a restart and a kill too."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.ticket_channels import TicketChannels
from proxy.delivery import failure, postman
from proxy.delivery.deliveries import ALARMS, Deliveries, channels_of
from proxy.delivery.parcel import pack
from routing.callbacks.tickets import TicketOffice
from routing.ids import Names
from routing.rows import Delivery
from routing.store.sqlite import sqlite_store
from routing.teller import Teller
from routing.writes import Unit
from tests.kit.ports import free_port
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE
from tests.proxy.delivery.receivers import GOOD, Hook, Post, mail_server, web_server
from tests.routing.store.rows import a_delivery, a_task, a_ticket
from tests.routing.world import BEGIN, Loop

ROOT = Path(__file__).parents[3]


class Office:
    """A store with tickets and what delivers them. The clock stands still but for `later`."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.now = BEGIN
        self.loop = Loop()
        self.alarms: list[tuple[str, str | None]] = []
        self.store = sqlite_store(folder / "boomerang.db", self.loop.post, lambda: self.now, "edge1", Told())
        channels = TicketChannels.model_validate(settings)
        self.deliveries = Deliveries(folder / "boomerang.db", "edge1", channels, self.store, self.loop.post,
                                     lambda name, text: self.alarms.append((name, text)), lambda: self.now)
        self.tickets = TicketOffice(Teller("edge1", os.urandom), Names(os.urandom).new, channels_of(channels))

    def put(self, unit: Unit) -> None:
        done: list[bool] = []
        self.store.put(unit, lambda: done.append(True))
        self.loop.until(lambda: done)
        self.deliveries.poke()

    def open(self, comments: int = 0) -> str:
        """Open a ticket and comment on it."""
        ticket, unit = self.tickets.open(a_task(), "unreached", "Callback %number%", "UTC", self.now)
        for number in range(1, comments + 1):
            unit = unit.joined(self.tickets.comment(ticket.id, f"comment {number}", self.now))
        self.put(unit)
        return ticket.id

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.deliveries.poke()

    def until(self, true: Callable[[], object]) -> None:
        """Run the proxy's thread until something holds, which other threads may bring about."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, "it did not come"
            self.loop.run()
            time.sleep(0.002)

    def rows(self, ticket: str) -> list[Delivery]:
        return self.store.tickets.deliveries_of(ticket)

    def until_tried(self, ticket: str, times: int) -> None:
        self.until(lambda: self.rows(ticket)[0].tries == times)

    def until_delivered(self, ticket: str) -> list[Delivery]:
        self.until(lambda: all(row.next_at is None for row in self.rows(ticket)))
        return self.rows(ticket)

    def close(self) -> None:
        self.deliveries.stop()
        self.store.close()
        self.loop.run()


@pytest.fixture
def offices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Office]]:
    monkeypatch.setattr(postman, "SHORTEST", 0.01)
    monkeypatch.setattr(postman, "LOOK", 0.05)
    made: list[Office] = []

    def make(**settings: Any) -> Office:
        made.append(Office(tmp_path, settings))
        return made[-1]

    yield make
    for office in made:
        office.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as made:
        yield made


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as made:
        yield made


def mail_settings(port: int) -> dict[str, Any]:
    return {"smtp": f"smtp://127.0.0.1:{port}", "mail_from": "b@example.com", "mail_to": ["d@example.com"]}


def test_by_both_channels_in_order(offices: Callable[..., Office], hook: Hook, post: Post) -> None:
    office = offices(webhook=hook.url, webhook_secret="env:HOME", **mail_settings(post.port))
    office.deliveries.start()
    ticket = office.open(comments=3)
    rows = office.until_delivered(ticket)
    assert [(row.channel, row.tries, row.delivered_at, row.error) for row in rows] == \
        [("webhook", 1, BEGIN, ""), ("smtp", 1, BEGIN, "")] * 4
    assert hook.texts()[1:] == ["comment 1", "comment 2", "comment 3"]
    assert [body["ticket"]["number"] for body in hook.bodies()] == [1] * 4
    assert all("x-boomerang-signature" in headers for headers, _ in hook.got)
    assert [mail.get_content().splitlines()[0] for mail in post.mails][1:] == \
        [f"boomerang (internal): comment {number}" for number in (1, 2, 3)]
    assert {mail["In-Reply-To"] for mail in post.mails[1:]} == {post.mails[0]["Message-ID"]}
    assert {text for _, text in office.alarms} == {None}


def test_what_waits_from_before_goes_out_at_the_start(offices: Callable[..., Office], hook: Hook) -> None:
    first = offices(webhook=hook.url)
    ticket = first.open(comments=1)
    first.close()
    second = offices(webhook=hook.url)
    second.deliveries.start()
    second.until_delivered(ticket)
    assert len(hook.got) == 2
    second.close()
    third = offices(webhook=hook.url)
    third.deliveries.start()
    other = third.open()
    third.until_delivered(other)
    assert len(hook.got) == 3, "what was delivered is not sent again"


def test_a_receiver_that_is_down_rests_and_gets_all_in_order(offices: Callable[..., Office]) -> None:
    port = free_port()
    office = offices(webhook=f"http://127.0.0.1:{port}/tickets")
    office.deliveries.start()
    ticket = office.open(comments=2)
    for tries in range(1, postman.PATIENCE + 1):
        office.until_tried(ticket, tries)
        rows = office.rows(ticket)
        assert [row.tries for row in rows[1:]] == [0, 0], "the next waits for the first"
        step = failure.PAUSES["down"][tries - 1]
        assert rows[0].next_at is not None
        assert 0.9 * step <= rows[0].next_at - office.now <= 1.1 * step
        assert "refused" in rows[0].error
        office.later(1.1 * step + 1)
    office.until(lambda: office.alarms)
    assert office.alarms[0][0] == ALARMS["webhook"] == "tickets_webhook"
    assert office.alarms[0][1] is not None
    with web_server(port) as hook:
        office.later(3600)
        office.until_delivered(ticket)
        assert hook.texts()[1:] == ["comment 1", "comment 2"]
    assert office.alarms[-1] == ("tickets_webhook", None)


def test_one_channel_that_is_down_holds_no_other(offices: Callable[..., Office], hook: Hook) -> None:
    office = offices(webhook=hook.url, **mail_settings(free_port()))
    office.deliveries.start()
    for _ in range(3):
        office.open()
    office.until(lambda: len(hook.got) == 3)


def test_one_ticket_that_is_refused_holds_no_other_and_is_never_lost(offices: Callable[..., Office],
                                                                    hook: Hook) -> None:
    office = offices(webhook=hook.url)
    hook.answers = [(422, {}, b"unknown group"), GOOD]
    refused, fine = office.open(comments=1), office.open()
    office.deliveries.start()
    office.until_delivered(fine)
    office.until_tried(refused, 1)
    row = office.rows(refused)[0]
    assert row.error == "answered 422 unknown group"
    assert row.next_at is not None
    assert row.next_at - BEGIN >= 0.9 * failure.PAUSES["refused"][0]
    assert office.rows(refused)[1].tries == 0
    office.until(lambda: len(office.alarms) == 2)
    assert office.alarms[-1] == ("tickets_webhook", "a ticket is refused: answered 422 unknown group"), \
        "the other one's success does not end it"
    office.later(400)
    office.until_delivered(refused)
    assert [row.tries for row in office.rows(refused)] == [2, 1]
    office.until(lambda: office.alarms[-1] == ("tickets_webhook", None))


def test_the_same_delivery_has_the_same_id(offices: Callable[..., Office], hook: Hook) -> None:
    office = offices(webhook=hook.url)
    hook.answers = [(503, {"Retry-After": "60"}, b"")]
    office.deliveries.start()
    ticket = office.open()
    office.until_tried(ticket, 1)
    assert office.rows(ticket)[0].next_at == BEGIN + 60
    office.later(61)
    office.until_delivered(ticket)
    assert [headers["x-boomerang-delivery"] for headers, _ in hook.got] == [office.rows(ticket)[0].id] * 2


def test_no_try_again_while_the_result_is_not_in_the_database(offices: Callable[..., Office], hook: Hook,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    office = offices(webhook=hook.url)
    put, withheld = office.store.put, list[Unit]()
    ticket = office.open(comments=1)
    monkeypatch.setattr(office.store, "put", lambda unit, done=None: withheld.append(unit))
    office.deliveries.start()
    office.until(lambda: withheld)
    for _ in range(5):
        office.later(1)
        threading.Event().wait(0.02)
        office.loop.run()
    assert (len(hook.got), len(withheld)) == (1, 1)
    office.later(postman.REPEAT + 1)
    office.until(lambda: len(withheld) == 2)
    assert (len(hook.got), withheld[0]) == (1, withheld[1]), "the result is told again, the ticket is not"
    monkeypatch.setattr(office.store, "put", put)
    office.later(postman.REPEAT + 1)
    office.until_delivered(ticket)
    assert len(hook.got) == 2


def test_a_database_that_is_gone_is_waited_for(offices: Callable[..., Office], hook: Hook, tmp_path: Path) -> None:
    office = offices(webhook=hook.url)
    ticket = office.open()
    os.rename(tmp_path / "boomerang.db", tmp_path / "away.db")
    office.deliveries.start()
    threading.Event().wait(0.1)
    assert hook.got == []
    os.rename(tmp_path / "away.db", tmp_path / "boomerang.db")
    office.until_delivered(ticket)


def test_a_fault_of_ours_in_one_stops_no_other(offices: Callable[..., Office], hook: Hook,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    office = offices(webhook=hook.url)
    bad, good = office.open(), office.open()

    def broken(*arguments: Any) -> Any:
        packed = pack(*arguments)
        assert packed is not None
        return "no parcel" if packed.ticket.id == bad else packed

    monkeypatch.setattr(postman, "pack", broken)
    office.deliveries.start()
    office.until_delivered(good)
    office.until_tried(bad, 1)
    assert "AttributeError" in office.rows(bad)[0].error


def test_a_delivery_without_its_ticket_ends(offices: Callable[..., Office], hook: Hook) -> None:
    office = offices(webhook=hook.url)
    orphan = a_delivery(a_ticket())
    office.put(Unit((orphan,)))
    office.deliveries.start()
    row = office.until_delivered(orphan.ticket)[0]
    assert (row.delivered_at, row.error) == (None, "its ticket is not there any more")
    assert hook.got == []


def test_a_clock_that_was_set_back_does_not_rest_for_years(offices: Callable[..., Office], hook: Hook) -> None:
    office = offices(webhook=hook.url)
    office.now = BEGIN + 10 * 365 * 86_400.0
    hook.answers = [(500, {}, b"")]
    office.deliveries.start()
    first = office.open()
    office.until(lambda: office.rows(first)[0].tries)
    office.now = BEGIN
    fine = office.open()
    office.until_delivered(fine)


def test_stop_does_not_wait_for_a_receiver_that_hangs(offices: Callable[..., Office], hook: Hook,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postman, "STOP_WAIT", 0.05)
    hook.hold = threading.Event()
    office = offices(webhook=hook.url)
    office.deliveries.start()
    ticket = office.open()
    assert hook.reached.wait(PATIENCE)
    office.deliveries.stop()
    assert office.rows(ticket)[0].tries == 0
    hook.hold.set()
    office.until(lambda: hook.got)
    office.until(lambda: not any(man._thread.is_alive() for man in office.deliveries._postmen.values()))


def test_no_channel_no_thread(offices: Callable[..., Office]) -> None:
    office = offices()
    office.deliveries.start()
    office.deliveries.poke()
    assert office.rows(office.open()) == []


PLAY = """
import sys, time
from pathlib import Path
from proxy.delivery import postman
from tests.proxy.delivery.test_deliveries import Office
postman.SHORTEST, postman.LOOK = 0.001, 0.01
office = Office(Path(sys.argv[1]), {"webhook": sys.argv[2]})
office.deliveries.start()
for _ in range(int(sys.argv[3])):
    office.open(comments=2)
    print("opened", flush=True)
deadline = time.monotonic() + 60
while office.store.tickets.next_delivery() is not None and time.monotonic() < deadline:
    office.loop.run()
    time.sleep(0.002)
office.close()
"""


def play(folder: Path, url: str, tickets: int) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", PLAY, str(folder), url, str(tickets)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE)


def test_killed_while_it_delivers_every_ticket_arrives_in_order(tmp_path: Path, hook: Hook) -> None:
    with play(tmp_path, hook.url, 20) as process:
        assert process.stdout is not None
        for _ in range(12):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with play(tmp_path, hook.url, 0) as process:
        pass
    assert process.returncode == 0
    texts: dict[str, list[str]] = {}
    ids: dict[str, list[str]] = {}
    for body in (json.loads(content) for _, content in hook.got):
        if body["delivery"] not in ids.setdefault(body["ticket"]["id"], []):
            ids[body["ticket"]["id"]].append(body["delivery"])
            texts.setdefault(body["ticket"]["id"], []).append(body["comment"]["text"])
    assert len(texts) >= 12
    assert all(found[1:] == ["comment 1", "comment 2"] for found in texts.values())
    assert len(hook.got) - sum(len(found) for found in ids.values()) <= 2, "at least once, hardly ever twice"
