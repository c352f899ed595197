"""A queue whose member is a mobile behind the same trunk: a real Asterisk calls it through us, for the customer."""

from pathlib import Path

import pytest

from tests.kit.call_center import CallCenter
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.usefixtures("pjsip")

CUSTOMER, MOBILE = "+36201234567", "+36301112233"
NUMBER = "+3614445555"
POLICY = {
    "region": "HU",
    "direct_callback": {"type": 3, "min_talk": "2s"},
    "number": {NUMBER: {"group": "sales"}},
    "group": {"sales": {"target": "600", "agents": ["201"], "missed_callback": {"enabled": True, "min_wait": "1s"}}},
}


@pytest.mark.parametrize("takes", [True, False])
def test_a_member_behind_the_trunk(asterisk: Path, tmp_path: Path, takes: bool) -> None:
    with CallCenter(
        asterisk, tmp_path, customers=[CUSTOMER, MOBILE], policy=POLICY, pbx={"answers": "before_queue"},
        phones=["201"], members=[f"Local/{MOBILE}@phones/n"],
    ) as site:  # fmt: skip
        site.agent_becomes("201", "free")
        mobile, customer = site.customer(MOBILE, answer="silent"), site.customer(CUSTOMER)
        customer.dial(NUMBER)
        mobile.rings()
        if takes:
            mobile.pick_up()
            mobile.talks()
        stays(lambda: customer.running, "they talk, or the customer waits", 4)
        customer.hang_up()
        mobile.ended()
        rows = site.boomerang.sql
        query = "SELECT * FROM calls WHERE direction = ? AND reason != 'callback' AND ended_at IS NOT NULL"
        (call,) = eventually(lambda: [dict(row) for row in rows(query, "inbound")], "the customer's call")
        legs = eventually(lambda: [dict(row) for row in rows(query, "outbound")], "the PBX's call to the mobile")
        assert {(leg["customer"], leg["agent"], leg["reason"]) for leg in legs} == {(MOBILE, None, "on_behalf")}
        assert rows("SELECT * FROM direct") == []
        if takes:
            assert (call["agent"], call["evidence"]) == (None, "outside_phone")
            assert call["talk_s"] > 2
            stays(lambda: site.tasks() == [], "nobody is called back", 1)
        else:
            task = site.task(lambda row: row["customer"] == CUSTOMER, "the customer is called back")
            assert task["kind"] == "missed"
