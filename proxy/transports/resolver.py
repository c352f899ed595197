"""From a host to addresses: RFC 3263 over DNS.

The way through the records is a generator that yields questions and is sent their outcomes; one driver answers from
memory alone, the other asks. So a known host costs no task and no wait.
Where both families are known IPv4 comes first: a deviation from RFC 6724, because a SIP path over IPv6 that is
announced but broken costs Timer B, and that is what the first call of the day would meet.
/etc/hosts is read once, at the start, and its names are neither asked for nor looked up as services.
"""

import asyncio
import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from proxy.sip.choices import Choice, drawn
from proxy.sip.hop import Hop, Transport
from proxy.transports.addresses import canonical
from proxy.transports.dns_records import Naptr, Question, RecordType, Srv
from proxy.transports.questions import LIFETIME, Outcome, Questions

HOSTS_FILE = Path("/etc/hosts")
PORTS: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
NAPTR_SERVICES: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
"""RFC 3263 section 4.1."""
SRV_PREFIXES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
"""In the order in which they are preferred where NAPTR says nothing."""
TARGETS_MAX = 16
"""SRV targets looked up for one host."""
HOPS_MAX = 32
"""Addresses given for one host."""
NAME_MAX = 253
"""Characters of a host name."""

Walk = Generator[tuple[Question, ...], list[Outcome], list[Choice]]


class ResolveError(Exception):
    """A host that cannot be turned into an address; `host` and `reason` say which and why."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason


class Target(NamedTuple):
    """A name whose addresses are wanted, and when it is tried (see Choice)."""

    transport: Transport
    name: str
    port: int
    rank: int = 0
    weight: int = 0


class Resolver:
    """Resolves hosts, with a memory."""

    def __init__(
        self,
        *,
        nameservers: Sequence[tuple[str, int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        transports: Iterable[Transport] = ("udp", "tcp", "tls"),
        families: Iterable[RecordType] = ("A", "AAAA"),
        hosts: Path | None = HOSTS_FILE,
        lifetime: float = LIFETIME,
    ) -> None:
        """Prepare. `transports`, `families`: what our listeners speak; the rest of an answer is left out.

        `clock` times the memory, `draw` gives numbers in [0, 1) for the weights of RFC 2782, `lifetime` is the
        number of seconds one question may take.
        """
        self._questions = Questions(clock, nameservers, lifetime)
        self._draw = draw
        self._transports = frozenset(transports)
        self._families = tuple(families)
        self._hosts = _read_hosts(hosts)

    async def resolve(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Hop]:
        """Return where to send a message for a URI with this host, port, transport parameter and scheme (`sips:`).

        In the order to try it this time. Never empty. Raises ResolveError.
        """
        return self._drawn(await self.choices(host, port, transport, secure))

    async def choices(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Choice]:
        """Return the same before it is drawn, for whoever sends many messages. Raises ResolveError."""
        walk = self._walk(host, port, transport, secure)
        try:
            questions = next(walk)
            while True:
                outcomes = await asyncio.gather(*(self._questions.ask(question) for question in questions))
                questions = walk.send(list(outcomes))
        except StopIteration as end:
            return cast(list[Choice], end.value)

    def cached(self, host: str, port: int | None, transport: str | None, secure: bool) -> list[Hop] | None:
        """Return what `resolve` would, if that needs no question to a server; None if it does or would raise."""
        walk = self._walk(host, port, transport, secure)
        try:
            questions = next(walk)
            while True:
                outcomes = []
                for question in questions:
                    outcome = self._questions.known(question)
                    if outcome is None:
                        return None
                    outcomes.append(outcome)
                questions = walk.send(outcomes)
        except StopIteration as end:
            return self._drawn(cast(list[Choice], end.value))
        except ResolveError:
            return None

    async def close(self) -> None:
        """Give up what is under way."""
        await self._questions.close()

    # -- the way of RFC 3263 ----------------------------------------------------------------------------------------

    def _walk(self, host: str, port: int | None, transport: str | None, secure: bool) -> Walk:
        fixed = self._fixed_transport(host, transport, secure)
        default = fixed or self._default(secure)
        address = canonical(host)
        if address is not None:
            hop = Hop(default, address, port or PORTS[default], address if default == "tls" else None)
            return [Choice(0, 0, (hop,))]
        name = _checked(host)
        if port is not None or name in self._hosts:
            return (yield from self._addresses(host, name, [Target(default, name, port or PORTS[default])], []))
        services, failures = yield from self._services(name, fixed, secure)
        targets: list[Target] = []
        refused = False
        if services:
            answers = yield tuple(Question(service, "SRV") for _, service in services)
            for (speaks, _), answer in zip(services, answers, strict=True):
                failures.append(answer.failure)
                records = sorted((record for record in answer.records if isinstance(record, Srv)),
                                 key=lambda srv: (srv.priority, -srv.weight, srv))
                above = len(targets)  # where NAPTR or our preference puts a service first, all of it comes first
                targets += [Target(speaks, srv.target, srv.port, above + _rank(records, srv), srv.weight)
                            for srv in records if srv.target]
                refused = refused or any(not srv.target for srv in records)
        if not targets and refused:  # the target "." (RFC 2782): decidedly no such service
            raise ResolveError(host, "offers no SIP service")
        targets = targets[:TARGETS_MAX] or [Target(default, name, PORTS[default])]
        return (yield from self._addresses(host, name, targets, failures))

    def _services(
        self, name: str, fixed: Transport | None, secure: bool
    ) -> Generator[tuple[Question, ...], list[Outcome], tuple[list[tuple[Transport, str]], list[str]]]:
        """Find the SRV names to ask for, in order of preference (section 4.1), and note failures."""
        if fixed is not None:
            return [(fixed, SRV_PREFIXES[fixed] + name)], []
        usable = frozenset({"tls"}) & self._transports if secure else self._transports
        (answer,) = yield (Question(name, "NAPTR"),)
        services: list[tuple[Transport, str]] = []
        for record in sorted(record for record in answer.records if isinstance(record, Naptr)):
            speaks = NAPTR_SERVICES.get(record.service)
            if speaks in usable and record.flags == "s" and not record.regexp and record.replacement:
                services.append((speaks, record.replacement))
        if not services:
            services = [(speaks, prefix + name) for speaks, prefix in SRV_PREFIXES.items() if speaks in usable]
        return services[:TARGETS_MAX], [answer.failure]

    def _addresses(self, host: str, name: str, targets: list[Target], failures: list[str]) -> Walk:
        names = list(dict.fromkeys(target.name for target in targets))
        known = {each: self._spoken(self._hosts[each]) for each in names if each in self._hosts}
        questions = tuple(Question(each, family) for each in names if each not in known for family in self._families)
        answers = (yield questions) if questions else []
        for question, answer in zip(questions, answers, strict=True):
            failures.append(answer.failure)
            found = [record for record in answer.records if isinstance(record, str)]
            known[question.name] = known.get(question.name, []) + found
        choices = []
        for target in targets:
            # What the certificate must carry is the name that was asked for, not what DNS made of it.
            proved = name if target.transport == "tls" else None
            hops = tuple(Hop(target.transport, address, target.port, proved) for address in known[target.name])
            if hops:
                choices.append(Choice(target.rank, target.weight, hops[:HOPS_MAX]))
        if not choices:
            raise ResolveError(host, next(filter(None, failures), "no address"))
        return choices

    def _spoken(self, addresses: list[str]) -> list[str]:
        return [address for address in addresses if ("AAAA" if ":" in address else "A") in self._families]

    def _default(self, secure: bool) -> Transport:
        """Return the transport where nobody names one: UDP, TLS for sips (section 4.1), or what we have instead."""
        if secure:
            return "tls"
        return next((speaks for speaks in PORTS if speaks in self._transports), "udp")

    def _fixed_transport(self, host: str, transport: str | None, secure: bool) -> Transport | None:
        if transport is None:
            return None
        wanted = "tls" if secure and transport == "tcp" else transport
        for speaks in PORTS:
            if speaks == wanted and not (secure and speaks != "tls"):
                return speaks
        raise ResolveError(host, f"transport {transport} cannot be used{' with sips' if secure else ''}")

    def _drawn(self, choices: list[Choice]) -> list[Hop]:
        return drawn(choices, self._draw)[:HOPS_MAX]


def _rank(records: list[Srv], record: Srv) -> int:
    """Give the place of a record's priority among records that are sorted by it."""
    return next(place for place, each in enumerate(records) if each.priority == record.priority)


def _checked(host: str) -> str:
    """Return a host name as it is asked for. Raises ResolveError for what can be none."""
    name = host.lower().rstrip(".")
    if not 0 < len(name) <= NAME_MAX or not name.isascii() or not all(0 < len(part) < 64 for part in name.split(".")):
        raise ResolveError(host[:NAME_MAX], "no host name")
    return name


def _read_hosts(path: Path | None) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="ascii", errors="replace").split("\n") if path is not None else []
    except OSError:
        lines = []
    for line in lines:
        fields = line.partition("#")[0].split()
        address = canonical(fields[0]) if fields else None
        if address is None:
            continue
        for name in fields[1:]:
            known = hosts.setdefault(name.lower(), [])
            if address not in known:
                known.append(address)
    hosts.setdefault("localhost", ["127.0.0.1", "::1"])  # RFC 6761 section 6.3
    return hosts
