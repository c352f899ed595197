"""The tables against a second transcription of the figures, made from the RFCs' drawings arrow by arrow."""

import itertools
from typing import NamedTuple

import pytest

from proxy.sip import client, server
from proxy.sip.transaction_tables import (
    CLIENT,
    CLIENT_INPUTS,
    INVITE_CLIENT,
    INVITE_CLIENT_INPUTS,
    INVITE_SERVER,
    INVITE_SERVER_INPUTS,
    SERVER,
    SERVER_INPUTS,
    Action,
    Input,
    State,
    Table,
)

# One arrow a line: state, input, next state, what is sent, what the user is told. `again` is a retransmission.
FIGURE_5_AND_RFC_6026 = """
CALLING     START            CALLING     INVITE -
CALLING     TIMER_A          CALLING     again  -
CALLING     TIMER_B          TERMINATED  -      timeout
CALLING     TRANSPORT_ERROR  TERMINATED  -      transport_error
CALLING     PROVISIONAL      PROCEEDING  -      response
CALLING     SUCCESS          ACCEPTED    -      response
CALLING     FAILURE          COMPLETED   ACK    response
PROCEEDING  PROVISIONAL      PROCEEDING  -      response
PROCEEDING  SUCCESS          ACCEPTED    -      response
PROCEEDING  FAILURE          COMPLETED   ACK    response
COMPLETED   FAILURE          COMPLETED   again  -
COMPLETED   TRANSPORT_ERROR  TERMINATED  -      transport_error
COMPLETED   TIMER_D          TERMINATED  -      -
ACCEPTED    SUCCESS          ACCEPTED    -      response
ACCEPTED    TIMER_M          TERMINATED  -      -
"""
FIGURE_6 = """
TRYING      START            TRYING      request -
TRYING      TIMER_E          TRYING      again   -
TRYING      TIMER_F          TERMINATED  -       timeout
TRYING      TRANSPORT_ERROR  TERMINATED  -       transport_error
TRYING      PROVISIONAL      PROCEEDING  -       response
TRYING      SUCCESS          COMPLETED   -       response
TRYING      FAILURE          COMPLETED   -       response
PROCEEDING  TIMER_E          PROCEEDING  again   -
PROCEEDING  TIMER_F          TERMINATED  -       timeout
PROCEEDING  TRANSPORT_ERROR  TERMINATED  -       transport_error
PROCEEDING  PROVISIONAL      PROCEEDING  -       response
PROCEEDING  SUCCESS          COMPLETED   -       response
PROCEEDING  FAILURE          COMPLETED   -       response
COMPLETED   TIMER_K          TERMINATED  -       -
"""
FIGURE_7_AND_RFC_6026 = """
PROCEEDING  REQUEST          PROCEEDING  again    -
PROCEEDING  PROVISIONAL      PROCEEDING  response -
PROCEEDING  SUCCESS          ACCEPTED    once     -
PROCEEDING  FAILURE          COMPLETED   response -
PROCEEDING  TRANSPORT_ERROR  PROCEEDING  -        transport_error
COMPLETED   REQUEST          COMPLETED   again    -
COMPLETED   TIMER_G          COMPLETED   again    -
COMPLETED   TIMER_H          TERMINATED  -        timeout
COMPLETED   TRANSPORT_ERROR  TERMINATED  -        transport_error
COMPLETED   ACK              CONFIRMED   -        -
CONFIRMED   TIMER_I          TERMINATED  -        -
ACCEPTED    SUCCESS          ACCEPTED    once     -
ACCEPTED    ACK              ACCEPTED    -        ack
ACCEPTED    TRANSPORT_ERROR  ACCEPTED    -        transport_error
ACCEPTED    TIMER_L          TERMINATED  -        -
"""
FIGURE_8 = """
TRYING      PROVISIONAL      PROCEEDING  response -
TRYING      SUCCESS          COMPLETED   response -
TRYING      FAILURE          COMPLETED   response -
PROCEEDING  REQUEST          PROCEEDING  again    -
PROCEEDING  PROVISIONAL      PROCEEDING  response -
PROCEEDING  SUCCESS          COMPLETED   response -
PROCEEDING  FAILURE          COMPLETED   response -
PROCEEDING  TRANSPORT_ERROR  TERMINATED  -        transport_error
COMPLETED   REQUEST          COMPLETED   again    -
COMPLETED   TRANSPORT_ERROR  TERMINATED  -        transport_error
COMPLETED   TIMER_J          TERMINATED  -        -
"""
OURS = {"invite client": "PROCEEDING  TRANSPORT_ERROR  TERMINATED  -  transport_error"}
"""Beyond the figures; the reasons stand at the rows."""

SENDS = {Action.SEND: ("INVITE", "request", "response"), Action.SEND_ONCE: ("once",), Action.RESEND: ("again",),
         Action.ACK: ("ACK",)}


class Machine(NamedTuple):
    name: str
    table: Table
    inputs: tuple[Input, ...]
    states: tuple[State, ...]
    figure: str
    acts: object
    running: dict[State, set[Input]]
    """Timers that may be running in a state."""


I, S = Input, State  # noqa: E741
MACHINES = [
    Machine("invite client", INVITE_CLIENT, INVITE_CLIENT_INPUTS,
            (S.CALLING, S.PROCEEDING, S.COMPLETED, S.ACCEPTED, S.TERMINATED), FIGURE_5_AND_RFC_6026, client._ACTS,
            {S.CALLING: {I.TIMER_A, I.TIMER_B}, S.COMPLETED: {I.TIMER_D}, S.ACCEPTED: {I.TIMER_M}}),
    Machine("client", CLIENT, CLIENT_INPUTS, (S.TRYING, S.PROCEEDING, S.COMPLETED, S.TERMINATED), FIGURE_6,
            client._ACTS, {S.TRYING: {I.TIMER_E, I.TIMER_F}, S.PROCEEDING: {I.TIMER_E, I.TIMER_F},
                           S.COMPLETED: {I.TIMER_K}}),
    Machine("invite server", INVITE_SERVER, INVITE_SERVER_INPUTS,
            (S.PROCEEDING, S.COMPLETED, S.CONFIRMED, S.ACCEPTED, S.TERMINATED), FIGURE_7_AND_RFC_6026, server._ACTS,
            {S.COMPLETED: {I.TIMER_G, I.TIMER_H}, S.CONFIRMED: {I.TIMER_I}, S.ACCEPTED: {I.TIMER_L}}),
    Machine("server", SERVER, SERVER_INPUTS, (S.TRYING, S.PROCEEDING, S.COMPLETED, S.TERMINATED), FIGURE_8,
            server._ACTS, {S.COMPLETED: {I.TIMER_J}}),
]
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)

STARTS = {action: Input[action.name.replace("START", "TIMER")] for action in Action if action.name.startswith("START_")}


@each_machine
def test_every_pair_of_state_and_input_is_a_row(machine: Machine) -> None:
    assert set(machine.table) == set(itertools.product(machine.states, machine.inputs))
    assert {state for state, _ in machine.table.values()} <= set(machine.states)


@each_machine
def test_each_row_is_an_arrow_of_the_figure_and_each_arrow_a_row(machine: Machine) -> None:
    arrows = {}
    for line in (machine.figure + OURS.get(machine.name, "")).strip().splitlines():
        origin, happens, goal, sends, tells = line.split()
        arrows[State[origin], Input[happens]] = (State[goal], sends, tells)
    for key, (then, actions) in machine.table.items():
        state, what = key
        if what is Input.TERMINATE:
            continue
        expected = arrows.get(key, (state, "-", "-"))
        told = [action.name.removeprefix("TELL_").lower() for action in actions if action.name.startswith("TELL_")
                and action is not Action.TELL_TERMINATED]
        sent = [SENDS[action] for action in actions if action in SENDS]
        assert then is expected[0], key
        assert told == ([] if expected[2] == "-" else [expected[2]]), key
        assert len(sent) == (expected[1] != "-"), key
        assert not sent or expected[1] in sent[0], key


@each_machine
def test_the_user_can_end_it_in_every_state_but_the_last(machine: Machine) -> None:
    for state in machine.states:
        then, actions = machine.table[state, Input.TERMINATE]
        assert then is State.TERMINATED
        assert (Action.TELL_TERMINATED in actions) == (state is not State.TERMINATED)


@each_machine
def test_an_end_is_told_once_and_leaves_no_timer(machine: Machine) -> None:
    for (state, _), (then, actions) in machine.table.items():
        ends = then is State.TERMINATED and state is not State.TERMINATED
        assert actions.count(Action.TELL_TERMINATED) == ends
        if ends:
            assert actions[0] is Action.STOP
            assert not set(actions) & set(STARTS)
        if state is State.TERMINATED:
            assert actions == ()


@each_machine
def test_timers_run_where_the_figure_has_them_and_only_there(machine: Machine) -> None:
    for (state, _), (then, actions) in machine.table.items():
        before, after = machine.running.get(state, set()), machine.running.get(then, set())
        started = {STARTS[action] for action in actions if action in STARTS}
        assert started <= after
        if then is not state and before - after:
            assert Action.STOP in actions
            assert actions.index(Action.STOP) < min((actions.index(a) for a in actions if a in STARTS), default=99)
        if then is not state:
            assert after - before == started, (state, then)


@each_machine
def test_timers_are_set_before_the_user_is_told_and_forgetting_is_last(machine: Machine) -> None:
    for _, actions in machine.table.values():
        tells = [n for n, action in enumerate(actions) if action.name.startswith("TELL_")]
        works = [n for n, action in enumerate(actions) if action in STARTS or action in SENDS]
        forgets = [n for n, action in enumerate(actions) if action.name.startswith("FORGET")]
        assert max(works, default=-1) < min(tells, default=99)
        assert max(tells, default=-1) < min(forgets, default=99)


@each_machine
def test_each_action_can_be_done(machine: Machine) -> None:
    assert isinstance(machine.acts, dict)
    assert {action for _, actions in machine.table.values() for action in actions} <= machine.acts.keys()
