"""Every kind of write that nodes share, as hypothesis draws it."""

from typing import Any, Final

from hypothesis import strategies as st

from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.writes import (
    ChangeTask,
    CloseAttempt,
    CountOffer,
    DropPause,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    Unit,
)

TEXT: Final = st.text(max_size=9)
"""U+0000 is among it; half a surrogate is not: no engine takes it."""
TIME: Final = st.floats(0, 4e9) | st.just(float("inf"))
NUMBER: Final = st.integers(0, 2**53)
MAYBE_TEXT: Final = st.none() | TEXT
MAYBE_TIME: Final = st.none() | TIME
DETAILS: Final = st.dictionaries(TEXT, st.recursive(
    st.none() | st.booleans() | NUMBER | TIME | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=5), max_size=3)
GROUPS: Final = st.none() | st.frozensets(TEXT, max_size=3)


def _row(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A row of a kind; each field that is not named is text."""
    return st.builds(kind, **{name: fields.get(name, TEXT) for name in kind._fields})


CALLS: Final = _row(
    CallRow, customer=MAYBE_TEXT, number=MAYBE_TEXT, agent=MAYBE_TEXT, evidence=MAYBE_TEXT, group=MAYBE_TEXT,
    tried=MAYBE_TEXT, started_at=TIME, answered_at=MAYBE_TIME, session_s=MAYBE_TIME, ended_at=MAYBE_TIME,
    cause=st.none() | NUMBER, ended_by=MAYBE_TEXT, talk_s=MAYBE_TIME, epoch=NUMBER, attempt=MAYBE_TEXT,
    task=MAYBE_TEXT, grounds=MAYBE_TEXT, judged=MAYBE_TEXT)
RECORDS: Final = _row(Record, type=st.integers(0, 4), made_at=TIME, touched_at=TIME, expires_at=TIME)
TASKS: Final = _row(
    TaskRow, campaign=MAYBE_TEXT, number=MAYBE_TEXT, created_at=TIME, missed_at=TIME, missed=NUMBER, expires_at=TIME,
    due_at=MAYBE_TIME, attempts=NUMBER, attempts_max=NUMBER, responsible=MAYBE_TEXT, responsible_since=MAYBE_TIME,
    released_at=MAYBE_TIME, declined=st.lists(TEXT, max_size=3).map(tuple), options=DETAILS, ended_at=MAYBE_TIME,
    version=NUMBER)
ATTEMPTS: Final = _row(
    AttemptRow, serial=NUMBER, agent=MAYBE_TEXT, claimed_at=TIME, customer_at=MAYBE_TIME, answered_at=MAYBE_TIME,
    ended_at=MAYBE_TIME, result=MAYBE_TEXT, cause=st.none() | NUMBER, talk_s=MAYBE_TIME, engages=MAYBE_TEXT,
    epoch=NUMBER)

WRITES: Final[dict[type, st.SearchStrategy[Any]]] = {
    CallRow: CALLS, Record: RECORDS, TaskRow: TASKS, AttemptRow: ATTEMPTS,
    RemoveRecord: _row(RemoveRecord, record=RECORDS), ChangeTask: _row(ChangeTask, task=TASKS, base=NUMBER),
    CloseAttempt: _row(CloseAttempt, attempt=ATTEMPTS), RemoveDoNotCall: _row(RemoveDoNotCall),
    JournalRow: _row(JournalRow, at=TIME, agent=MAYBE_TEXT, data=DETAILS),
    Ticket: _row(Ticket, number=NUMBER, task=MAYBE_TEXT, group=MAYBE_TEXT, agent=MAYBE_TEXT, created_at=TIME,
                 closed_at=MAYBE_TIME),
    TicketComment: _row(TicketComment, at=TIME, internal=st.booleans()),
    Delivery: _row(Delivery, comment=MAYBE_TEXT, tries=NUMBER, next_at=MAYBE_TIME, delivered_at=MAYBE_TIME),
    DoNotCallRow: _row(DoNotCallRow, added_at=TIME), CountOffer: _row(CountOffer, at=TIME, number=MAYBE_TEXT),
    PauseRow: _row(PauseRow, since=TIME), DropPause: _row(DropPause), SavePolicy: _row(SavePolicy, saved_at=TIME),
    UserRow: _row(UserRow, groups=GROUPS, agent=MAYBE_TEXT, created_at=TIME, disabled_at=MAYBE_TIME),
    TokenRow: _row(TokenRow, groups=GROUPS, agent=MAYBE_TEXT, created_at=TIME, expires_at=MAYBE_TIME,
                   revoked_at=MAYBE_TIME),
    AuditRow: _row(AuditRow, at=TIME, before=st.none() | DETAILS, after=st.none() | DETAILS),
}
"""By kind."""

UNITS: Final = st.builds(Unit, st.lists(st.one_of(*WRITES.values()), max_size=6).map(tuple), st.booleans())
