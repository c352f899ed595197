"""What comes next in an attempt: the table is complete, and says what its rules say."""

from itertools import product

import pytest

from proxy.callbacks.next_move import AGENT_FIRST, CUSTOMER_FIRST, AgentSide, CustomerSide, Move, next_move

EVERY = list(product(AgentSide, CustomerSide))


@pytest.mark.parametrize("table", [AGENT_FIRST, CUSTOMER_FIRST])
def test_every_pair_is_a_row(table: dict[tuple[AgentSide, CustomerSide], Move]) -> None:
    assert list(table) == EVERY


@pytest.mark.parametrize("customer_first", [False, True])
def test_nobody_is_called_twice_and_both_are_joined(customer_first: bool) -> None:
    for agent, customer in EVERY:
        move = next_move(agent, customer, customer_first=customer_first)
        if move is Move.CALL_AGENT:
            assert agent is AgentSide.NOBODY
        if move is Move.CALL_CUSTOMER:
            assert customer is CustomerSide.NOBODY
        assert (move is Move.JOIN) == (agent is AgentSide.READY and customer is CustomerSide.READY)


@pytest.mark.parametrize("agent", AgentSide)
def test_who_rings_in_is_answered_once_the_agent_is_ready(agent: AgentSide) -> None:
    for customer_first in (False, True):
        move = next_move(agent, CustomerSide.RINGS_IN, customer_first=customer_first)
        assert (move is Move.ANSWER_CUSTOMER) == (agent is AgentSide.READY)


def test_who_is_called_first() -> None:
    nobody = (AgentSide.NOBODY, CustomerSide.NOBODY)
    assert next_move(*nobody, customer_first=False) is Move.CALL_AGENT
    assert next_move(*nobody, customer_first=True) is Move.CALL_CUSTOMER
    assert next_move(AgentSide.NOBODY, CustomerSide.COMING, customer_first=True) is Move.WAIT
