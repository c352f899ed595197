"""Direct callback: when a record is made, refreshed and removed. Pure functions of (record, setting, what happened).

| type | made when | new attempt of the agent | customer calls and they talk | agent calls and they talk |
|---|---|---|---|---|
| 0 | never | - | - | - |
| 1 | the agent's call did not reach | expiry stays | removed | removed |
| 2 | as 1 | starts again | removed | removed |
| 3 | the agent's call ended | starts again | expiry stays | starts again |
| 4 | as 3 | starts again | starts again, as by every call of the customer | starts again |

The setting is always the one in force now, whatever the record was made under. `at` is when the call ended: expiry
counts from there, and a record that has expired by then is as none. At the very moment of expiry it has expired.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from config.policy import DirectCallback
from routing.rows import Record

ChangeKind = Literal["none", "created", "refreshed", "touched", "removed"]

NOT_TRIED: Final = frozenset({401, 407})
"""Endings that say nothing of the customer: the caller is asked to authenticate and tries again."""


class Change(NamedTuple):
    """What is to be done with a record. `touched` is written but is no event."""

    kind: ChangeKind
    record: Record | None = None
    """The record as it is to be; for `removed` the one that goes."""


NO_CHANGE: Final = Change("none")


def live(record: Record, now: float) -> bool:
    """Whether a record still holds."""
    return now < record.expires_at


def choose(records: Iterable[Record], now: float, usable: Callable[[Record], bool]) -> Record | None:
    """Return the record to follow: of those that live and are usable the one touched last."""
    best: Record | None = None
    for record in records:
        if live(record, now) and usable(record) and (
                best is None or (record.touched_at, record.made_at) > (best.touched_at, best.made_at)):
            best = record
    return best


def _create(customer: str, agent: str, setting: DirectCallback, at: float) -> Change:
    return Change("created", Record(customer, agent, setting.type, at, at, at + setting.expires_after))


def _refresh(record: Record, setting: DirectCallback, at: float, touch: bool = True) -> Change:
    return Change("refreshed", record._replace(type=setting.type, touched_at=at if touch else record.touched_at,
                                               expires_at=at + setting.expires_after))


def agent_called(record: Record | None, customer: str, agent: str, setting: DirectCallback, reached: bool | None,
                 at: float) -> Change:
    """An agent's call to the customer ended.

    `reached`: they talked for at least `min_talk`; None: nobody knows (lost in a crash), so only the types that do
    not ask change anything.
    """
    if setting.type == 0:
        return NO_CHANGE
    if record is not None and not live(record, at):
        record = None
    if setting.type in (1, 2):
        if reached is None:
            return NO_CHANGE
        if reached:
            return Change("removed", record) if record is not None else NO_CHANGE
        if record is not None and setting.type == 1:
            return Change("touched", record._replace(type=1, touched_at=at))
    if record is None:
        return _create(customer, agent, setting, at)
    return _refresh(record, setting, at)


class Called(NamedTuple):
    """What a customer's call was for one agent."""

    live_at_start: bool
    """The agent's record lived when the call began."""
    tried: bool
    """The agent's phone was tried because of the record."""
    answered: bool
    """Evidence says that this agent answered."""
    talked: bool
    """... and the call lasted at least `min_talk`."""


def customer_called(record: Record | None, customer: str, agent: str, setting: DirectCallback, called: Called,
                    at: float) -> Change:
    """A call of the customer ended; say what follows for this agent's record.

    `record` is the one stored now, expired or not; None where it was removed meanwhile, and then it stays removed.
    """
    holds = record is not None and live(record, at)
    if setting.type in (1, 2):
        return Change("removed", record) if called.talked and holds else NO_CHANGE
    if setting.type == 0:
        return NO_CHANGE
    if setting.type == 4 and record is not None and (called.live_at_start or (holds and called.talked)):
        return _refresh(record, setting, at, called.tried or called.answered)
    if holds:
        if setting.type == 3 and called.talked and record is not None:
            return Change("touched", record._replace(type=3, touched_at=at))
        return NO_CHANGE
    if called.answered and setting.inbound_creates:
        return _create(customer, agent, setting, at)
    return NO_CHANGE
