"""DNS questions with a memory: each asked once at a time, answers kept for their TTL, and served stale in need.

Stale serving follows RFC 8767: an answer past its TTL is still given for up to `STALE_MAX` seconds when the servers
fail or dawdle, and a server that failed is left alone for `RETRY_PAUSE`. A denial (NXDOMAIN) is an answer, no failure.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.transports.dns_records import Question, Record

if TYPE_CHECKING:
    from proxy.transports.dns_servers import DnsServers

TTL_MIN = 5.0
"""Seconds that an answer is kept at least, also one with a TTL of 0."""
TTL_MAX = 86_400.0
"""Seconds that an answer is kept at most."""
STALE_MAX = 86_400.0
"""Seconds past its TTL for which an answer still serves in need."""
STALE_AFTER = 1.8
"""Seconds to wait for the servers when a stale answer is at hand (RFC 8767 section 5)."""
RETRY_PAUSE = 30.0
"""Seconds without another try after a failure that a stale answer has bridged (RFC 8767 section 5)."""
FAILURE_PAUSE = 5.0
"""Seconds for which a failure without any answer at hand is remembered, doubled with each one in a row."""
FAILURE_PAUSE_MAX = 300.0
"""Where that ends (RFC 2308 section 7). A server that is silent about one type, often AAAA, delays few calls so."""
LIFETIME = 5.0
"""Seconds for one question, all servers and tries together."""
TRY = 2.0
"""Seconds for one server to answer."""
ENTRIES_MAX = 2_048
"""Answers kept; the oldest gives way."""
OPEN_MAX = 128
"""Questions under way at a time: hosts come from messages too, not only from the configuration."""

class Outcome(NamedTuple):
    """What became of a question: records (none where the name or type does not exist), or why it failed."""

    records: tuple[Record, ...] = ()
    failure: str = ""


@dataclass(slots=True)
class Entry:
    """One remembered outcome; times are those of the injected clock."""

    outcome: Outcome
    fresh_until: float = 0.0
    stale_until: float = 0.0
    retry_at: float = 0.0
    pause: float = 0.0


class Questions:
    """Asks and remembers."""

    def __init__(
        self,
        clock: Callable[[], float],
        nameservers: Sequence[tuple[str, int]] | None = None,
        lifetime: float = LIFETIME,
    ) -> None:
        """Use these servers (address, port), or those of /etc/resolv.conf."""
        self._clock = clock
        self._entries: dict[Question, Entry] = {}
        self._open: dict[Question, asyncio.Task[Outcome]] = {}
        self._nameservers, self._lifetime = nameservers, lifetime
        self._servers: DnsServers | None = None
        """Made with the first question: a node whose peers are addresses asks none."""

    def known(self, question: Question) -> Outcome | None:
        """Return what is known without asking: a fresh answer, or during the pause after a failure what bridges it."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        now = self._clock()
        if now < entry.fresh_until or (now < entry.retry_at and (now < entry.stale_until or entry.outcome.failure)):
            return entry.outcome
        return None

    async def ask(self, question: Question) -> Outcome:
        """Return what is known, else ask. Never raises but for being cancelled, which leaves the question to others."""
        known = self.known(question)
        if known is not None:
            return known
        task = self._open.get(question)
        if task is None:
            if len(self._open) >= OPEN_MAX:
                return Outcome(failure="too many DNS questions at a time")
            task = asyncio.create_task(self._fetch(question), name=f"dns {question.type} {question.name}")
            self._open[question] = task
            task.add_done_callback(lambda _: self._open.pop(question, None))
        entry = self._entries.get(question)
        stale = entry is not None and self._clock() < entry.stale_until
        done, _ = await asyncio.wait({task}, timeout=STALE_AFTER if stale else None)
        if done and not task.cancelled():
            return task.result()
        return entry.outcome if entry is not None and stale else Outcome(failure="closing")

    async def close(self) -> None:
        """Give up all questions under way."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, question: Question) -> Outcome:
        try:
            records, ttl = await self._query(question)
        except Exception as error:  # dns.exception.*, OSError, and whatever an absurd answer makes dnspython raise
            return self._failed(question, str(error) or type(error).__name__)
        now = self._clock()
        fresh_until = now + min(max(ttl, TTL_MIN), TTL_MAX)
        entry = Entry(Outcome(records), fresh_until, fresh_until + STALE_MAX)
        self._keep(question, entry)
        return entry.outcome

    async def _query(self, question: Question) -> tuple[tuple[Record, ...], float]:
        if self._servers is None:
            self._servers = await asyncio.to_thread(_find_servers, self._nameservers, self._lifetime)
        return await self._servers.query(question)

    def _failed(self, question: Question, reason: str) -> Outcome:
        now = self._clock()
        entry = self._entries.get(question)
        if entry is not None and now < entry.stale_until:
            entry.retry_at = now + RETRY_PAUSE
            return entry.outcome
        last = entry.pause if entry is not None and entry.outcome.failure else 0.0
        pause = min(max(FAILURE_PAUSE, 2 * last), FAILURE_PAUSE_MAX)
        self._keep(question, Entry(Outcome(failure=reason), retry_at=now + pause, pause=pause))
        return Outcome(failure=reason)

    def _keep(self, question: Question, entry: Entry) -> None:
        self._entries.pop(question, None)  # a renewed answer is the youngest again
        if len(self._entries) >= ENTRIES_MAX:
            del self._entries[next(iter(self._entries))]
        self._entries[question] = entry


def _find_servers(nameservers: Sequence[tuple[str, int]] | None, lifetime: float) -> "DnsServers":
    """Load the library and read the machine's settings: 0.15 s and more, for which no call is to wait."""
    from proxy.transports.dns_servers import DnsServers

    return DnsServers(nameservers, lifetime, TRY)
