"""The four transaction machines as tables: RFC 3261 section 17, figures 5 to 8, with RFC 6026's Accepted states.

Rules
- A machine is a table `TABLE[(state, input)] = (next state, actions)`. Every pair of a state and an input of the
  machine is a row; a row without actions that stays where it is says: ignored.
- A row runs to its end before the next input is looked at. What an action brings about (a send that fails at
  once, a timer of 0 s, a user that ends the transaction from inside a call) is a later input.
- Actions run in the order written: first send, then timers, then the user, so that whatever the user does the
  machine is in order. What is forgotten comes last: the user may still look at the request while it is being told.
- Timers have the RFC's letters. STOP stops every running timer. Entering a waiting state stops the timers of the
  state before it. On a reliable transport A, E and G are never started and D, I, J and K fire at once.
- Every row into TERMINATED from another state stops the timers and tells the user, once.

Where the figures are silent or we go beyond them, the row carries its reason.
"""

from enum import IntEnum
from typing import TypeAlias


class State(IntEnum):
    """States of all four machines; no machine has all of them."""

    CALLING = 1
    TRYING = 2
    PROCEEDING = 3
    COMPLETED = 4
    CONFIRMED = 5
    ACCEPTED = 6
    TERMINATED = 7


class Input(IntEnum):
    """What may happen to a transaction."""

    START = 1
    PROVISIONAL = 2
    """1xx: received by a client, passed down by the user of a server."""
    SUCCESS = 3
    """2xx, likewise."""
    FAILURE = 4
    """300-699, likewise."""
    REQUEST = 5
    """The request came again."""
    ACK = 6
    TIMER_A = 7
    TIMER_B = 8
    TIMER_D = 9
    TIMER_E = 10
    TIMER_F = 11
    TIMER_G = 12
    TIMER_H = 13
    TIMER_I = 14
    TIMER_J = 15
    TIMER_K = 16
    TIMER_L = 17
    TIMER_M = 18
    TRANSPORT_ERROR = 19
    TERMINATE = 20
    """The user wants no more of it (RFC 4320 section 4.2: a non-INVITE that is better left without an answer)."""


class Action(IntEnum):
    """What a machine does."""

    SEND = 1
    """Client: the request. Server: the response just passed down, which is kept for RESEND."""
    SEND_ONCE = 2
    """Server: the response just passed down, without keeping it."""
    RESEND = 3
    """Once more what SEND or ACK sent last; nothing where nothing was."""
    ACK = 4
    """Make the ACK of a non-2xx and send it (RFC 3261 section 17.1.1.3)."""
    START_A = 5
    START_B = 6
    START_D = 7
    START_E = 8
    START_F = 9
    START_G = 10
    START_H = 11
    START_I = 12
    START_J = 13
    START_K = 14
    START_L = 15
    START_M = 16
    DOUBLE = 17
    """Start A again with twice its last interval."""
    DOUBLE_TO_T2 = 18
    """Start E or G again with twice its last interval, at most T2."""
    AT_T2 = 19
    """Start E again with T2."""
    RESTORE_F = 28
    """F back to its full time where the owner had shortened the wait for a first response."""
    STOP = 20
    TELL_RESPONSE = 21
    TELL_ACK = 22
    TELL_TIMEOUT = 23
    TELL_TRANSPORT_ERROR = 24
    TELL_TERMINATED = 25
    FORGET_REQUEST = 26
    """Drop what only the way to the final response needed: a lingering transaction must be small."""
    FORGET_DATA = 27
    """Drop the message kept for RESEND as well."""


Row: TypeAlias = tuple[State, tuple[Action, ...]]
Table: TypeAlias = dict[tuple[State, Input], Row]

S, I, A = State, Input, Action  # noqa: E741 - the tables are read as tables


def _ignore(state: State, *inputs: Input) -> Table:
    return {(state, what): (state, ()) for what in inputs}


_END = (A.STOP, A.TELL_TERMINATED, A.FORGET_REQUEST, A.FORGET_DATA)
_TIMEOUT = (A.STOP, A.TELL_TIMEOUT, A.TELL_TERMINATED, A.FORGET_REQUEST, A.FORGET_DATA)
_TRANSPORT = (A.STOP, A.TELL_TRANSPORT_ERROR, A.TELL_TERMINATED, A.FORGET_REQUEST, A.FORGET_DATA)

_CLIENT_REFUSED = (A.STOP, A.ACK, A.START_D, A.TELL_RESPONSE, A.FORGET_REQUEST)
_CLIENT_ACCEPTED = (A.STOP, A.START_M, A.TELL_RESPONSE, A.FORGET_REQUEST, A.FORGET_DATA)

INVITE_CLIENT_INPUTS = (I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.TIMER_A, I.TIMER_B, I.TIMER_D, I.TIMER_M,
                        I.TRANSPORT_ERROR, I.TERMINATE)
INVITE_CLIENT: Table = {
    (S.CALLING, I.START): (S.CALLING, (A.SEND, A.START_A, A.START_B)),
    (S.CALLING, I.PROVISIONAL): (S.PROCEEDING, (A.STOP, A.TELL_RESPONSE)),
    (S.CALLING, I.SUCCESS): (S.ACCEPTED, _CLIENT_ACCEPTED),
    (S.CALLING, I.FAILURE): (S.COMPLETED, _CLIENT_REFUSED),
    (S.CALLING, I.TIMER_A): (S.CALLING, (A.RESEND, A.DOUBLE)),
    (S.CALLING, I.TIMER_B): (S.TERMINATED, _TIMEOUT),
    (S.CALLING, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.CALLING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.CALLING, I.TIMER_D, I.TIMER_M),

    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.TELL_RESPONSE,)),
    (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, _CLIENT_ACCEPTED),
    (S.PROCEEDING, I.FAILURE): (S.COMPLETED, _CLIENT_REFUSED),
    # Figure 5 has no such arrow, as nothing is sent here. An owner who knows that the far end's connection is gone
    # for good would otherwise wait for Timer C.
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.PROCEEDING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.PROCEEDING, I.START, I.TIMER_A, I.TIMER_B, I.TIMER_D, I.TIMER_M),

    (S.COMPLETED, I.FAILURE): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.TIMER_D): (S.TERMINATED, _END),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.COMPLETED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.COMPLETED, I.START, I.PROVISIONAL, I.SUCCESS, I.TIMER_A, I.TIMER_B, I.TIMER_M),

    (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, (A.TELL_RESPONSE,)),
    (S.ACCEPTED, I.TIMER_M): (S.TERMINATED, _END),
    (S.ACCEPTED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.ACCEPTED, I.START, I.PROVISIONAL, I.FAILURE, I.TIMER_A, I.TIMER_B, I.TIMER_D, I.TRANSPORT_ERROR),

    **_ignore(S.TERMINATED, *INVITE_CLIENT_INPUTS),
}

_CLIENT_FINAL = (A.STOP, A.START_K, A.TELL_RESPONSE, A.FORGET_REQUEST, A.FORGET_DATA)

CLIENT_INPUTS = (I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.TIMER_E, I.TIMER_F, I.TIMER_K,
                 I.TRANSPORT_ERROR, I.TERMINATE)
CLIENT: Table = {
    (S.TRYING, I.START): (S.TRYING, (A.SEND, A.START_E, A.START_F)),
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, (A.RESTORE_F, A.TELL_RESPONSE)),
    (S.TRYING, I.SUCCESS): (S.COMPLETED, _CLIENT_FINAL),
    (S.TRYING, I.FAILURE): (S.COMPLETED, _CLIENT_FINAL),
    (S.TRYING, I.TIMER_E): (S.TRYING, (A.RESEND, A.DOUBLE_TO_T2)),
    (S.TRYING, I.TIMER_F): (S.TERMINATED, _TIMEOUT),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.TRYING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.TRYING, I.TIMER_K),

    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.TELL_RESPONSE,)),
    (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, _CLIENT_FINAL),
    (S.PROCEEDING, I.FAILURE): (S.COMPLETED, _CLIENT_FINAL),
    (S.PROCEEDING, I.TIMER_E): (S.PROCEEDING, (A.RESEND, A.AT_T2)),
    (S.PROCEEDING, I.TIMER_F): (S.TERMINATED, _TIMEOUT),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.PROCEEDING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.PROCEEDING, I.START, I.TIMER_K),

    (S.COMPLETED, I.TIMER_K): (S.TERMINATED, _END),
    (S.COMPLETED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.COMPLETED, I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.TIMER_E, I.TIMER_F, I.TRANSPORT_ERROR),

    **_ignore(S.TERMINATED, *CLIENT_INPUTS),
}

_SERVER_REFUSED = (A.SEND, A.START_G, A.START_H, A.FORGET_REQUEST)
_SERVER_ACCEPTED = (A.SEND_ONCE, A.START_L, A.FORGET_REQUEST, A.FORGET_DATA)

INVITE_SERVER_INPUTS = (I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.REQUEST, I.ACK, I.TIMER_G, I.TIMER_H,
                        I.TIMER_I, I.TIMER_L, I.TRANSPORT_ERROR, I.TERMINATE)
INVITE_SERVER: Table = {
    # The user is who made the transaction, and sends the 100 itself at once: nothing to do at the start.
    (S.PROCEEDING, I.START): (S.PROCEEDING, ()),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, I.SUCCESS): (S.ACCEPTED, _SERVER_ACCEPTED),
    (S.PROCEEDING, I.FAILURE): (S.COMPLETED, _SERVER_REFUSED),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, (A.TELL_TRANSPORT_ERROR,)),
    (S.PROCEEDING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.PROCEEDING, I.ACK, I.TIMER_G, I.TIMER_H, I.TIMER_I, I.TIMER_L),

    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.ACK): (S.CONFIRMED, (A.STOP, A.START_I, A.FORGET_DATA)),
    (S.COMPLETED, I.TIMER_G): (S.COMPLETED, (A.RESEND, A.DOUBLE_TO_T2)),
    (S.COMPLETED, I.TIMER_H): (S.TERMINATED, _TIMEOUT),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.COMPLETED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.COMPLETED, I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.TIMER_I, I.TIMER_L),

    (S.CONFIRMED, I.TIMER_I): (S.TERMINATED, _END),
    (S.CONFIRMED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.CONFIRMED, I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.REQUEST, I.ACK, I.TIMER_G, I.TIMER_H,
              I.TIMER_L, I.TRANSPORT_ERROR),

    (S.ACCEPTED, I.SUCCESS): (S.ACCEPTED, (A.SEND_ONCE,)),
    (S.ACCEPTED, I.ACK): (S.ACCEPTED, (A.TELL_ACK,)),
    (S.ACCEPTED, I.TIMER_L): (S.TERMINATED, _END),
    (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, (A.TELL_TRANSPORT_ERROR,)),
    (S.ACCEPTED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.ACCEPTED, I.START, I.PROVISIONAL, I.FAILURE, I.REQUEST, I.TIMER_G, I.TIMER_H, I.TIMER_I),

    **_ignore(S.TERMINATED, *INVITE_SERVER_INPUTS),
}

_SERVER_FINAL = (A.SEND, A.START_J, A.FORGET_REQUEST)

SERVER_INPUTS = (I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.REQUEST, I.TIMER_J, I.TRANSPORT_ERROR, I.TERMINATE)
SERVER: Table = {
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.TRYING, I.SUCCESS): (S.COMPLETED, _SERVER_FINAL),
    (S.TRYING, I.FAILURE): (S.COMPLETED, _SERVER_FINAL),
    (S.TRYING, I.TERMINATE): (S.TERMINATED, _END),
    # Nothing was sent yet, so nothing of ours can have failed; the answer may find another way (section 18.2.2).
    **_ignore(S.TRYING, I.START, I.REQUEST, I.TIMER_J, I.TRANSPORT_ERROR),

    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, I.SUCCESS): (S.COMPLETED, _SERVER_FINAL),
    (S.PROCEEDING, I.FAILURE): (S.COMPLETED, _SERVER_FINAL),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.PROCEEDING, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.PROCEEDING, I.START, I.TIMER_J),

    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.TIMER_J): (S.TERMINATED, _END),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, _TRANSPORT),
    (S.COMPLETED, I.TERMINATE): (S.TERMINATED, _END),
    **_ignore(S.COMPLETED, I.START, I.PROVISIONAL, I.SUCCESS, I.FAILURE),

    **_ignore(S.TERMINATED, *SERVER_INPUTS),
}
