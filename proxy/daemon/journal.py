"""The journal: what the proxy path and the ledger say, as log lines with one call id each."""

from collections.abc import Sequence
from typing import Final

from proxy import log
from proxy.logger import Level, get_logger
from proxy.sip.hop import Flow
from routing.events import Event
from routing.hub import KINDS

QUIET: Final = frozenset({"call.started", "call.answered", "agent.state", "direct.expired", "callback.due"})
"""Kinds of event that are only logged at level debug: the line at the end of a call says it all."""
ALARMS: Final = frozenset({"alarm.raised", "alarm.cleared"})
"""Kinds that are logged before their commit, which may be what the alarm is about."""
_SHOWN: Final[dict[str, frozenset[str] | None]] = {"debug": None, "info": frozenset(KINDS) - QUIET - ALARMS}
"""Kinds of event that a log level shows, alarms apart; None: all; a level that is missing: none."""
SILENT: Final[tuple[object, ...]] = (None, "", [], ())
"""Values that say nothing in a line."""
PLACES_LIMIT: Final = 1_000
"""Places of caught bugs that are remembered, so that each trace is written once."""


def kinds_at(level: Level) -> frozenset[str] | None:
    """Return the kinds of event that have a line at a level of the log; None: all."""
    return _SHOWN.get(level, frozenset())


class LogJournal:
    """`contract.Journal` on the log."""

    def __init__(self) -> None:
        self._log = get_logger()
        self._seen: set[tuple[str, str, int]] = set()

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        if call:
            facts["call"] = call
        self._log.info(event, **facts)

    def refused(self, flow: Flow, reason: str) -> None:
        log.refused(flow.host, flow.port, flow.listener.transport, reason)

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (where, type(error).__name__, trace.tb_lineno if trace is not None else 0)
        known = place in self._seen
        if not known and len(self._seen) < PLACES_LIMIT:
            self._seen.add(place)
        self._log.error("internal_error", call=call, where=where, error=repr(error), exc_info=None if known else error)

    def alarm(self, event: Event) -> None:
        """Write an alarm that goes up or down, at once."""
        write = self._log.warning if event.kind == "alarm.raised" else self._log.info
        write(event.kind, **{key: value for key, value in event.data.items() if value is not None})

    def on_events(self, events: Sequence[Event]) -> None:
        """See Listener. Write committed facts; alarms were written already."""
        for event in events:
            if event.kind in ALARMS:
                continue
            write = self._log.debug if event.kind in QUIET else self._log.info
            write(event.kind, **{key: _plain(value) for key, value in event.data.items() if value not in SILENT})


def _plain(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
