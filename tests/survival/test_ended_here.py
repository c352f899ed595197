"""`boomerang calls end` on calls between trunk and PBX, with the real daemon and phones by hand."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.waiting import eventually
from tests.survival.scene import AGENT, CUSTOMER, Scene

POLICY = {
    "number": {"+3614445555": {"group": "sales"}},
    "group": {"sales": {"agents": [AGENT], "target": "600", "missed_callback": {"enabled": True}}},
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("ended"), policy=POLICY) as made:
        yield made


def end_the_call(scene: Scene) -> str:
    [active] = scene.boomerang.cli("calls", "--active")
    assert scene.boomerang.cli("calls", "end", active["id"][-8:]) == {"id": active["id"]}
    return str(active["id"])


def row(scene: Scene, call: str) -> tuple[Any, Any]:
    query = "SELECT cause, ended_by FROM calls WHERE id=? AND ended_at NOTNULL"
    [found] = eventually(lambda: scene.boomerang.sql(query, call), "a closed row")
    return found["cause"], found["ended_by"]


def test_an_agents_talk_is_hung_up_on_both_sides(scene: Scene) -> None:
    call, there = scene.agent_dials(AGENT, CUSTOMER)
    there.pick_up_with(call)
    name = end_the_call(scene)
    to_caller, to_callee = call.hung_up(), there.hung_up()
    assert (to_caller.cseq, to_callee.cseq) == ((1, "BYE"), (2, "BYE"))
    assert (to_caller.header("From"), to_callee.header("From")) == (call.far, call.own)
    assert row(scene, name) == (200, "operator")
    assert scene.boomerang.cli("calls", "--active") == []


def test_a_customer_whose_call_rings_is_let_go_and_not_called_back(scene: Scene) -> None:
    call, there = scene.customer_dials(CUSTOMER)
    there.ring()
    call.expect(180)
    name = end_the_call(scene)
    there.cancelled()
    refusal = call.refused(480)
    assert refusal.header("Reason") == 'Q.850;cause=31;text="ended by an operator"'
    assert row(scene, name) == (480, "operator")
    assert scene.boomerang.cli("callbacks", "list") == []


def test_a_call_from_before_a_restart(scene: Scene) -> None:
    call, there = scene.agent_dials(AGENT, CUSTOMER)
    there.pick_up_with(call)
    eventually(lambda: scene.boomerang.sql("SELECT id FROM calls WHERE answered_at NOTNULL AND ended_at ISNULL"),
               "the call is on disk")
    scene.boomerang.kill9()
    scene.boomerang.restart()
    with pytest.raises(AssertionError, match="before a restart"):
        end_the_call(scene)
    call.request("BYE")
    there.hung_up()
    call.bye_answered()
