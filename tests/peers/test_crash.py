"""kill -9 at the worst moments: after the restart calls end as they should, and what was promised is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.call import Outgoing, incoming
from tests.kit.site import SHARED, Site
from tests.kit.waiting import PATIENCE, eventually
from tests.survival.scene import Scene

CUSTOMER, AGENT = "+36201234567", "201"
RETRANSMIT = 0.5
"""T1 (RFC 3261 section 17.1.1.1)."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, policy={"direct_callback": {"min_talk": "0s"}}) as made:
        yield made


def crash(site: Site, seen: str = "id") -> None:
    """kill -9 and start again, once this column of the call is in the database (rows are written in groups)."""
    eventually(lambda: site.boomerang.sql(f"SELECT 1 FROM calls WHERE {seen} IS NOT NULL"), f"{seen} in the row")
    site.boomerang.kill9()
    site.boomerang.restart()


def rows(site: Site) -> list[tuple[object, ...]]:
    """Direction, cause and who ended it, of every call in the database that is closed."""
    found = site.boomerang.sql("SELECT direction, cause, ended_by FROM calls WHERE ended_at IS NOT NULL ORDER BY id")
    return [tuple(row) for row in found]


def test_in_an_established_call_of_a_customer(site: Site) -> None:
    """Requests of both sides pass afterwards, and the BYE closes the row that was opened before."""
    call, there = site.customer_dials(CUSTOMER)
    there.ring()
    there.pick_up_with(call)
    crash(site, "answered_at")
    there.request("INFO")
    call.answer(call.expect("INFO"))
    there.expect(200)
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    eventually(lambda: rows(site) == [("inbound", 200, "caller")], "the row is closed")


def test_in_an_established_call_the_pbx_hangs_up(site: Site) -> None:
    call, there = site.customer_dials(CUSTOMER)
    there.pick_up_with(call)
    crash(site, "answered_at")
    there.request("BYE")
    call.hung_up()
    there.bye_answered()
    eventually(lambda: rows(site) == [("inbound", 200, "callee")], "the row is closed")


def test_in_an_established_call_of_an_agent(site: Site) -> None:
    call, there = site.agent_dials(AGENT, CUSTOMER)
    there.pick_up_with(call)
    crash(site, "answered_at")
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    eventually(lambda: rows(site) == [("outbound", 200, "caller")], "the row is closed")


def test_while_a_customers_call_rings(site: Site) -> None:
    """The 200 comes after the restart: the call is established, and its BYE closes it."""
    call, there = site.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    crash(site)
    there.pick_up_with(call)
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    eventually(lambda: rows(site) == [("inbound", 200, "caller")], "the row is closed")


def test_while_it_rings_and_the_caller_gives_up(site: Site) -> None:
    """The CANCEL after the restart finds its way, or the caller's INVITE is ended for it: nobody is left ringing."""
    call, there = site.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    crash(site)
    call.cancel()
    there.cancelled()
    call.refused(487)
    eventually(lambda: [row[1] for row in rows(site)] == [487], "the row is closed")


def test_while_an_agents_call_rings_and_the_customer_refuses(site: Site) -> None:
    """The customer's 486 after the restart still reaches the PBX, and the agent's call counts as failed."""
    call, there = site.agent_dials(AGENT, CUSTOMER)
    there.ring()
    call.expect(180)
    crash(site)
    there.reply("486 Busy Here")
    call.refused(486)
    eventually(lambda: rows(site) == [("outbound", 486, "callee")], "the row is closed")
    assert site.customer_reaches(CUSTOMER) == AGENT


def test_the_moment_after_a_failed_call_of_an_agent(tmp_path: Path) -> None:
    """What the PBX was told is written: whoever has the final answer may rely on the record.

    Here an answer waits for the disk however slow that is: what becomes of it where the disk is too slow is tested
    elsewhere.
    """
    with Scene(tmp_path, faults={"proxy.core:COMMIT_PATIENCE": PATIENCE}) as scene:
        for number in range(5):
            customer = f"{CUSTOMER[:-1]}{number}"
            scene.agent_misses(AGENT, customer)
            scene.boomerang.kill9()
            scene.boomerang.restart()
            assert scene.customer_reaches(customer) == AGENT


def test_between_the_request_and_its_retransmission(site: Site) -> None:
    """An INVITE that the dead one had forwarded is repeated by the caller: the PBX is not called twice."""
    call, there = site.customer_dials(CUSTOMER)
    site.boomerang.kill9()
    site.boomerang.restart()
    site.carrier.send(call.invite, site.hop)
    there.ring()
    there.pick_up_with(call)
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
    again = [m for m in site.pbx.heard if m.method == "INVITE" and m.status is None]
    assert len({m.call_id for m in again}) == 1
    assert len({m.from_tag for m in again}) == 1


def test_a_route_that_is_not_ours_opens_nothing_after_a_restart(site: Site) -> None:
    """The key of the tokens survives; a forged token stays forged."""
    call, there = site.customer_dials(CUSTOMER)
    there.pick_up_with(call)
    crash(site, "answered_at")
    stranger = Outgoing(site.carrier, site.hop, SHARED, CUSTOMER)
    incoming(site.pbx, call_id=stranger.call_id).refuse()
    stranger.refused(486)
    real = list(call.routes)
    call.routes = [route.replace(";", "x;", 1) for route in real]
    call.request("INFO")
    there.socket.expect_nothing("INFO", there.call_id, RETRANSMIT)
    call.routes = real
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
