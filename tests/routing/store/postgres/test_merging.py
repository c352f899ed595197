"""What several nodes write of one thing, and what is kept of a node."""

from collections.abc import Iterator

import pytest

from routing.rows import ADOPTED, CallRow
from routing.store.engine import Queued, UnitError
from routing.store.postgres.engine import PostgresEngine
from routing.store.queries import CallQuery, DirectQuery, TicketQuery
from routing.writes import RemoveRecord, Shared, TakenUpto, Unit, Write
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.rows import a_line, a_ticket, name
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN, CUSTOMER, SHARED


@pytest.fixture
def engines(database: str) -> Iterator[tuple[PostgresEngine, PostgresEngine]]:
    """Of the nodes a and b."""
    a, b = postgres_engine(database, "a"), postgres_engine(database, "b")
    a.open()
    b.open()
    yield a, b
    a.close()
    b.close()


Engines = tuple[PostgresEngine, PostgresEngine]


def unit(*writes: Write) -> Queued:
    return Queued(1, Unit(writes))


# A call of which two nodes tell

BEGUN = CallRow(
    id=name(), sip_call_id="x", direction="inbound", trunk="main", pbx="office", customer=CUSTOMER, number=SHARED,
    dialled=SHARED, agent=None, evidence=None, group="sales", reason="number", tried=None, started_at=BEGIN,
    answered_at=None, session_s=None, ended_at=None, cause=None, ended_by=None, talk_s=None, node="a", epoch=1,
    grounds="{}")
ANSWERED = BEGUN._replace(answered_at=BEGIN + 5, agent="201", evidence="identity", session_s=1800.0)
ENDED = ANSWERED._replace(ended_at=BEGIN + 65, cause=200, ended_by="caller", talk_s=60.0, judged="talk")
FOUND = BEGUN._replace(customer=None, number=None, group=None, reason=ADOPTED, answered_at=BEGIN + 30, node="b",
                       epoch=7, grounds=None)
"""What the other node makes of it: it has come in the middle."""
FOUND_ENDED = FOUND._replace(ended_at=BEGIN + 65, cause=200, ended_by="callee", talk_s=35.0)
WHOLE = ENDED._replace(ended_by="callee", judged=None)
LOST = ANSWERED._replace(ended_at=BEGIN + 99, cause=200, ended_by="lost", talk_s=94.0)


@pytest.mark.parametrize(("told", "comes_to"), [
    ([("a", BEGUN), ("a", ANSWERED), ("a", ENDED)], ENDED),
    ([("a", ANSWERED), ("a", BEGUN._replace(reason="other"))], BEGUN._replace(reason="other")),
    ([("a", ENDED), ("a", ANSWERED)], ENDED),
    ([("a", ANSWERED), ("b", FOUND), ("b", FOUND_ENDED)], WHOLE),
    ([("b", FOUND), ("a", ANSWERED), ("b", FOUND_ENDED)], WHOLE),
    ([("b", FOUND), ("b", FOUND_ENDED), ("a", ANSWERED)], WHOLE),
    ([("a", ANSWERED), ("b", FOUND_ENDED), ("a", ANSWERED)], WHOLE),
    ([("a", LOST), ("b", FOUND_ENDED)], WHOLE),
    ([("b", FOUND_ENDED), ("a", LOST)], WHOLE),
    ([("a", ENDED), ("b", FOUND_ENDED)], ENDED),
    ([("a", BEGUN), ("b", FOUND._replace(answered_at=None, ended_at=BEGIN + 9, cause=487, ended_by="caller"))],
     BEGUN._replace(ended_at=BEGIN + 9, cause=487, ended_by="caller")),
    ([("b", FOUND), ("b", FOUND_ENDED)], FOUND_ENDED),
])
def test_a_call_of_which_two_nodes_tell_is_one_row(engines: Engines, told: list[tuple[str, CallRow]],
                                                   comes_to: CallRow) -> None:
    """Whoever is the first to tell: what only one of them knows is kept, and the first end counts unless it is only
    that somebody saw no more signs of life."""
    by_node = dict(zip("ab", engines, strict=True))
    for node, row in told:
        by_node[node].apply([unit(row)])
    assert engines[0].read(CallQuery.CALL, (BEGUN.id,)) == [comes_to]


# Direct callbacks

def test_of_two_states_of_a_record_the_one_touched_last_stays(engines: Engines) -> None:
    a, b = engines
    newer, older = record("201", touched=BEGIN + 60), record("201")
    b.apply([unit(newer)])
    a.apply([unit(older)])
    assert a.read(DirectQuery.RECORDS, (CUSTOMER,)) == [newer]
    a.apply([unit(RemoveRecord(older))])
    assert a.read(DirectQuery.RECORDS, (CUSTOMER,)) == [newer]


# Of a node

def test_how_far_a_node_has_shared_is_kept_with_what_it_shared(engines: Engines, postgres: Postgres) -> None:
    a, b = engines
    a.apply([unit(a_line("t1")), Queued(2, Unit((Shared(7),)))])
    assert (a.shared_upto(), b.shared_upto()) == (7, 0)
    with pytest.raises(UnitError):
        a.apply([unit(a_line("t1")), unit(Shared(8)), unit(record("201", expires="never"))])  # type: ignore[arg-type]
    assert a.shared_upto() == 7


def test_each_node_has_a_slot_and_keeps_it(database: str, engines: Engines) -> None:
    assert [each.slot for each in engines] == [0, 1]
    again = postgres_engine(database, "b")
    again.open()
    assert again.slot == 1
    again.close()
    more = [postgres_engine(database, f"node{number}") for number in range(2, 17)]
    for each in more:
        each.open()
        each.close()
    assert [each.slot for each in more] == [*range(2, 16), None], "so many may number tickets by themselves"


def test_a_ticket_that_has_its_number_keeps_it(engines: Engines) -> None:
    a, b = engines
    given, counted = a_ticket(number=32), a_ticket()
    a.apply([unit(given, counted)])
    b.apply([unit(given._replace(number=33, state="closed"))])
    assert b.read(TicketQuery.TICKET, (given.id,)) == [given._replace(state="closed")]
    assert b.read(TicketQuery.TICKET, (counted.id,)) == [counted._replace(number=1)]


def test_what_was_taken_is_not_shared_again(engines: Engines) -> None:
    with pytest.raises(UnitError, match="shared again"):
        engines[0].apply([unit(TakenUpto("there", None))])
