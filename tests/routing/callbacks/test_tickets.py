"""Tickets: subject, first comment, deliveries, and that a ticket and what opened it are one unit."""

import os
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.callbacks import Ending
from config.fields import PLACEHOLDERS
from routing.callbacks.tickets import (
    REASONS,
    SUBJECT_MAX,
    TicketOffice,
    Why,
    attempt_note,
    clock_text,
    fill_subject,
    story,
)
from routing.events import Event
from routing.ids import Names
from routing.rows import Delivery, Result, Ticket, TicketComment
from routing.teller import Teller
from routing.writes import TICKET_NUMBER, Unit
from tests.routing.memory_store import MemoryStore
from tests.routing.store.rows import a_task
from tests.routing.world import BEGIN, CUSTOMER, SHARED, Wanted

VALUES = {"number": "+36201234567", "group": "sales", "agent": "201", "time": "2026-09-21 15:33",
          "reason": "not reached"}
ZONE = "Europe/Budapest"


def office(*channels: str) -> TicketOffice:
    names = Names(os.urandom)
    return TicketOffice(Teller("edge1", os.urandom), names.new, channels)  # type: ignore[arg-type]


@pytest.mark.parametrize(("template", "subject"), [
    ("Callback %number%", "Callback +36201234567"),
    ("%number%%group%", "+36201234567sales"),
    ("100% of %group%: %reason% (%agent%), %time%", "100% of sales: not reached (201), 2026-09-21 15:33"),
    ("%", "%"), ("%%", "%%"), ("%number", "%number"), ("%Number%", "%Number%"), ("no placeholder", "no placeholder"),
    ("%x%number%", "%x+36201234567"),
])
def test_subject(template: str, subject: str) -> None:
    assert fill_subject(template, VALUES) == subject


def test_every_placeholder_that_the_configuration_allows_is_filled_in() -> None:
    for name in PLACEHOLDERS:
        assert fill_subject(f"<%{name}%>", VALUES) == f"<{VALUES[name]}>"


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_subject_is_one_short_line_and_values_are_not_templates(template: str, value: str) -> None:
    subject = fill_subject(template + "%agent%", {**VALUES, "agent": value})
    assert subject.isprintable()
    assert len(subject) <= SUBJECT_MAX
    assert fill_subject("%agent%", {**VALUES, "agent": "%group%"}) == "%group%"


def test_times_are_those_of_the_zone() -> None:
    assert clock_text(BEGIN, "UTC") == "2026-09-21 14:13"
    assert clock_text(BEGIN, ZONE) == "2026-09-21 16:13"


@pytest.mark.parametrize("why", get_args(Why))
def test_every_reason_has_words(why: Why) -> None:
    assert REASONS[why] in story(a_task(), why, ZONE)


def test_every_end_that_may_open_one_is_a_reason() -> None:
    assert set(get_args(Ending)) <= set(REASONS)


@pytest.mark.parametrize(("changes", "why", "said"), [
    ({"attempts": 4, "reason": "attempts"}, "unreached",
     f"{CUSTOMER}, 2026-09-21 16:13: a missed call to {SHARED}.\nGroup sales: not reached (attempts).\n"
     "Attempts: 4 of 4."),
    ({"missed": 3, "number": None}, "closed",
     f"{CUSTOMER}, 2026-09-21 16:13: 3 missed calls.\nGroup sales: closed all through the window."),
    ({"kind": "campaign", "campaign": "10001"}, "campaign",
     f"{CUSTOMER}, 2026-09-21 16:13: a missed call to {SHARED}, campaign 10001.\nGroup sales: to be called by hand."),
    ({"kind": "queue"}, "expired",
     f"{CUSTOMER}, 2026-09-21 16:13: asked for a callback in the queue.\nGroup sales: not called in time.\n"
     "Attempts: 0 of 4."),
    ({"kind": "manual"}, "guard",
     f"{CUSTOMER}, 2026-09-21 16:13: callback asked for by an operator.\nGroup sales: must not be called.\n"
     "Attempts: 0 of 4."),
])
def test_the_first_comment_tells_the_story(changes: dict[str, object], why: Why, said: str) -> None:
    assert story(a_task(**changes), why, ZONE) == said


def test_open_is_one_unit_with_a_delivery_for_each_channel() -> None:
    row = a_task()
    ticket, unit = office("webhook", "smtp").open(row, "unreached", "%number% %agent%", ZONE, BEGIN, "201")
    assert unit.durable
    assert unit.of(Ticket) == (ticket,)
    assert (ticket.subject, ticket.task, ticket.agent, ticket.state) == (f"{CUSTOMER} 201", row.id, "201", "open")
    assert [(each.ticket, each.comment, each.channel, each.next_at) for each in unit.of(Delivery)] == [
        (ticket.id, None, "webhook", BEGIN), (ticket.id, None, "smtp", BEGIN)]
    assert [comment.ticket for comment in unit.of(TicketComment)] == [ticket.id]
    assert unit.of(TicketComment)[0].internal
    names = [ticket.id, unit.of(TicketComment)[0].id, *(each.id for each in unit.of(Delivery))]
    assert len(set(names)) == 4


def test_the_event_gets_its_number_when_it_is_stored() -> None:
    store = MemoryStore()
    for count in (1, 2):
        ticket, unit = office().open(a_task(), "guard", "x", ZONE, BEGIN)
        assert unit.of(Delivery) == ()
        store.put(unit)
        data = store.events[-1].data
        assert (store.events[-1].kind, data["ticket"], data["reason"], data[TICKET_NUMBER]) == \
            ("ticket.opened", ticket.id, "guard", count)


def test_no_event_where_nobody_listens() -> None:
    interest = Wanted()
    interest.wanted = frozenset({"call.ended"})
    teller = Teller("edge1", os.urandom, interest)
    _, unit = TicketOffice(teller, Names(os.urandom).new).open(a_task(), "guard", "x", ZONE, BEGIN)
    assert unit.of(Event) == ()


def test_comment_and_close() -> None:
    desk = office("smtp")
    ticket, _ = desk.open(a_task(), "started", "x", ZONE, BEGIN)
    unit = desk.comment(ticket.id, "rang back", BEGIN + 1, "eva", internal=False)
    assert unit.of(TicketComment)[0][1:] == (ticket.id, BEGIN + 1, "eva", "rang back", False)
    assert [(each.comment, each.channel) for each in unit.of(Delivery)] == [(unit.of(TicketComment)[0].id, "smtp")]
    closed = desk.close(ticket, BEGIN + 2).of(Ticket)[0]
    assert (closed.state, closed.closed_at) == ("closed", BEGIN + 2)
    assert desk.close(closed, BEGIN + 3) == Unit()


@pytest.mark.parametrize("result", get_args(Result))
def test_the_note_of_a_try_says_how_it_ended(result: str) -> None:
    assert attempt_note(result, "201", BEGIN, ZONE) == \
        f"Callback tried by 201, 2026-09-21 16:13: {result.replace('_', ' ')}."
    assert attempt_note(result, None, BEGIN, "UTC").startswith("Callback tried, 2026-09-21 14:13: ")
