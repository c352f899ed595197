"""Figures of a stretch of time, over a real database: today is what the daemon says of it, and a day ends where the
next begins."""

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random

import pytest

from routing.facts import Ending
from routing.figures import Cell, Counts, Tally
from routing.rows import CallRow
from routing.storage import StoreError
from routing.store import figures_sql as sql
from routing.store.figures import FigureReads
from routing.store.reader import Reader
from routing.writes import CountOffer, Unit
from tests.routing.store.rows import a_line, a_task, a_ticket, an_attempt, name
from tests.routing.world import BEGIN, CUSTOMER, SHARED, World

DAY = 86_400.0
START = BEGIN // DAY * DAY
OTHER = "+3614446666"
SAME = ("offers_made", "offers_taken", "promised", "dialled", "kept", "called_meanwhile", "tickets", "failed",
        "expired", "cancelled")


def cells(world: World, since: float = START, before: float = START + DAY) -> list[Cell]:
    world.commit()
    reads = FigureReads(world.path)
    with contextlib.closing(reads):
        return reads.cells(since, before)


def of(found: list[Cell], agent: str | None = None, group: str | None = "sales", number: str | None = SHARED,
       campaign: str | None = None) -> Cell:
    (cell,) = [one for one in found if one[:4] == (group, number, campaign, agent)]
    return cell


def short(counts: Counts) -> dict[str, int]:
    return {key: value for key, value in counts._asdict().items() if value}


def fill(world: World, random: Random, days: float = 2.0) -> None:
    """Tasks, attempts and offers at any moments of these days."""
    tasks, attempts, offers = [], [], []
    for number in range(120):
        made = START + random.uniform(0, days * DAY)
        ended = random.choice([None, made + random.uniform(0, DAY)])
        state, reason = ("open", "") if ended is None else random.choice([
            ("done", "talked"), ("done", "talked"), ("done", "talk"), ("done", "ticket"), ("failed", "unreached"),
            ("expired", "window"), ("cancelled", "operator"), ("cancelled", "taken")])
        task = a_task(id=name(made), customer=f"+36201{number:06}", created_at=made, missed_at=made - 30, state=state,
                      reason=reason, ended_at=ended, group=random.choice(["sales", "vip"]),
                      number=random.choice([SHARED, OTHER, None]), campaign=random.choice([None, "10001"]),
                      kind=random.choice(["missed", "campaign", "manual", "queue"]), expires_at=made + DAY / 2)
        tasks.append(task)
        for serial in range(1, random.randint(1, 3)):
            at = made + random.uniform(0, DAY)
            talked = state == "done" and reason == "talked"
            attempts.append(an_attempt(
                task, id=name(at), serial=serial, agent=random.choice(["201", "202"]),
                customer_at=random.choice([None, at]), answered_at=ended if talked else None, ended_at=at + 9,
                step="ended", result="talked" if talked else "customer_busy"))
        offers.append(CountOffer(made, task.group, task.number))
    world.store.put(Unit((*tasks, *attempts, *offers)))
    world.commit()


@pytest.mark.parametrize("seed", range(6))
def test_today_is_what_the_daemon_counts_of_it(world: World, seed: int) -> None:
    """Of everything, each group, each number and each campaign, the average wait too."""
    fill(world, Random(seed), 1.0)
    now = START + DAY / 2
    day = Reader(world.path, "edge1", strict=True).day(now)
    found = cells(world, now, START + 9 * DAY)
    sides: list[tuple[str, Mapping[str, Tally], Callable[[Cell], str | None]]] = [
        ("total", {"": day.total}, lambda cell: ""), ("groups", day.groups, lambda cell: cell.group),
        ("numbers", day.numbers, lambda cell: cell.number), ("campaigns", day.campaigns, lambda cell: cell.campaign)]
    for side, told, owner in sides:
        names = {owner(cell) for cell in found} - {None}
        assert {one for one in names if any(tally(found, owner, one).values())} == set(told), side
        for one, expected in told.items():
            assert tally(found, owner, one) == {key: getattr(expected, key) for key in SAME}, (side, one)
            waits = [wait for cell in found if owner(cell) == one for wait in cell.waits]
            assert len(waits) == expected.kept
            assert sum(waits) == pytest.approx(expected.waited_s, abs=0.01)


def tally(found: list[Cell], owner: Callable[[Cell], str | None], one: str | None) -> dict[str, int]:
    return {key: sum(getattr(cell.counts, key) for cell in found if owner(cell) == one) for key in SAME}


def test_days_beside_each_other_are_the_stretch_of_both(world: World) -> None:
    fill(world, Random(7))
    borders = [START + DAY * part for part in (0, 0.25, 1, 1.75, 2, 5)]
    whole: dict[tuple[object, ...], Counts] = {}
    for since, before in pairwise(borders):
        for cell in cells(world, since, before):
            whole[cell[:4]] = whole.get(cell[:4], Counts()).plus(cell.counts)
    assert {cell[:4]: cell.counts for cell in cells(world, borders[0], borders[-1])} == whole


def test_kept_in_time_and_by_whom(world: World) -> None:
    """The attempt that was answered last kept it; what was over before was late."""
    at = START + 3600
    early = a_task(id=name(at), customer="+36201110001", created_at=at, missed_at=at, expires_at=at + 600, state="done",
                   reason="talked", ended_at=at + 700)
    late = early._replace(id=name(at), customer="+36201110002")
    world.store.put(Unit((early, late, *(
        an_attempt(task, id=name(at), serial=serial, agent=agent, customer_at=at + 1, answered_at=answered,
                   ended_at=at + 700, step="ended", result=result)
        for task, serial, agent, answered, result in (
            (early, 1, "201", at + 50, "short"), (early, 2, "202", at + 599, "talked"),
            (late, 1, "201", at + 601, "glare"))))))
    found = cells(world)
    assert (short(of(found, "202").counts), of(found, "202").waits) == (
        {"dialled": 1, "kept": 1, "kept_in_time": 1}, (599.0,))
    assert (short(of(found, "201").counts), of(found, "201").waits) == ({"dialled": 2, "kept": 1}, (601.0,))


def test_what_agents_declined_and_were_released_from_and_tickets(world: World) -> None:
    task = a_task(id=name(START + 5), created_at=START + 5, campaign="10001")
    world.store.put(Unit((
        task, a_line(task.id, "declined", "201", START + 9), a_line(task.id, "declined", None, START + 9),
        a_line(task.id, "released", "202", START + DAY - 0.1), a_line(task.id, "released", "202", START + DAY),
        a_line(task.id, "due", "202", START + 10))))
    world.store.put(Unit((a_ticket(id=name(START + 20), task=task.id, group=None), a_ticket(
        id=name(START + DAY + 1), task=task.id))))
    found = cells(world)
    assert short(of(found, "201", campaign="10001").counts) == {"declined": 1}
    assert short(of(found, "202", campaign="10001").counts) == {"released": 1}
    assert short(of(found, campaign="10001").counts) == {"promised": 1, "declined": 1, "tickets_opened": 1}


def test_missed_calls_are_those_that_were_judged_so(world: World) -> None:
    """A caller who hung up is missed, one whose call was ended by an operator is not, nor is a talk."""
    world.now = START + 3600
    world.connect()
    for by, cause in (("caller", 487), ("operator", 487)):
        call = world.calls_in()
        world.ledger.decide(call, world.now)
        world.ledger.ringing(call.id, 0, world.now)
        world.ledger.ended(call.id, Ending(cause, by), world.now)  # type: ignore[arg-type]
    world.customer_calls(talk=30.0)
    world.commit()
    assert sorted(str(row.judged) for row in world.store.calls.newest(9)) == ["missed", "neither", "talked"]
    assert short(of(cells(world)).counts) == {"missed": 1}


def test_calls_of_before_they_were_judged_count_by_how_they_ended(world: World) -> None:
    def call(at: float, cause: int, by: str, reason: str = "normal") -> CallRow:
        return CallRow(name(at), "x@y", "inbound", "main", "office", CUSTOMER, SHARED, SHARED, None, None, "sales",
                       reason, None, at, None, None, at + 9, cause, by, None)  # type: ignore[arg-type]

    at = START + 60
    world.store.put(Unit((call(at, 487, "caller"), call(at, 486, "callee"), call(at, 487, "proxy", "in_queue"),
                          call(at, 487, "caller", "on_behalf"), call(START - 1, 487, "caller"))))
    assert short(of(cells(world)).counts) == {"missed": 1}


def test_direct_callback_counts_for_the_agent_whom_it_tried(world: World) -> None:
    world.now = START + 3600
    world.dial("201")
    world.customer_calls(talk=20.0)
    assert short(of(cells(world), "201").counts) == {"direct_used": 1}


@pytest.mark.parametrize("answered", [False, True])
def test_a_call_that_is_under_way_was_not_missed(world: World, answered: bool) -> None:
    """Nobody knows yet who will end it, nor how."""
    world.now = START + 3600
    world.dial("201")
    call = world.calls_in()
    assert world.ledger.decide(call, world.now).reason == "direct"
    world.ledger.ringing(call.id, 0, world.now)
    if answered:
        world.ledger.answered(call.id, 0, (), None, world.now + 5)
    assert short(of(cells(world), "201").counts) == {"direct_used": 1}
    world.ledger.ended(call.id, Ending(487, "caller"), world.now + 9)
    assert short(of(cells(world), "201").counts)["direct_used"] == 1


def test_a_database_that_is_not_there_is_told(world: World) -> None:
    world.commit()
    other = world.path.with_name("other.db")
    reads = FigureReads(other)
    with pytest.raises(StoreError):
        reads.cells(START, START + DAY)
    other.write_bytes(b"no database at all, and long enough to be one" * 100)
    with pytest.raises(StoreError):
        reads.cells(START, START + DAY)
    other.unlink()
    world.close()
    world.path.rename(other)
    with contextlib.closing(reads):
        assert reads.cells(START, START + DAY) == []


@pytest.mark.parametrize("statement", [
    sql.PROMISED, sql.DIALLED, sql.ENDED, sql.KEPT, sql.DECLINED, sql.RELEASED, sql.TICKETS, sql.CALLS])
def test_no_statement_reads_more_than_its_stretch_of_time(world: World, statement: str) -> None:
    world.commit()
    with contextlib.closing(sqlite3.connect(world.path)) as db:
        plan = [str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + statement, {
            "since": 0.0, "before": 1.0, "first": "0", "last": "1"})]
    tables = [line for line in plan if line.startswith("SCAN") and line != "SCAN t"]
    assert tables == [], plan
    assert any("SEARCH" in line and ("at>" in line or "id>" in line) for line in plan), plan
