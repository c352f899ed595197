"""Asks DNS servers one question: the only module that knows dnspython."""

from collections.abc import Sequence

import dns.asyncresolver
import dns.message
import dns.nameserver
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver

from proxy.transports.dns_records import Naptr, Question, Record, Srv


class DnsServers:
    """The servers that are asked, in their order."""

    def __init__(self, nameservers: Sequence[tuple[str, int]] | None, lifetime: float, patience: float) -> None:
        """Use these servers (address, port), or those of /etc/resolv.conf.

        `lifetime`: seconds for one question, all servers and tries together. `patience`: for one server to answer.
        """
        self._resolver: dns.asyncresolver.Resolver | None = None
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=nameservers is None)
        except dns.resolver.NoResolverConfiguration:
            return
        if nameservers is not None:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in nameservers]
        self._resolver.lifetime = lifetime
        self._resolver.timeout = min(patience, lifetime)

    async def query(self, question: Question) -> tuple[tuple[Record, ...], float]:
        """Return the records, none where the name or type does not exist, and for how many seconds they hold.

        Raises OSError, what dnspython raises, and whatever an absurd answer makes it raise.
        """
        if self._resolver is None:
            raise OSError("no DNS server is configured")
        try:
            answer = await self._resolver.resolve(
                question.name + ".", question.type, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN as denied:
            return (), _denial_ttl(denied)
        records = tuple(_record(rdata) for rdata in answer.rrset or ())
        return records, answer.chaining_result.minimum_ttl


def _denial_ttl(denied: dns.resolver.NXDOMAIN) -> float:
    """Return the TTL of a denial: what the SOA beside it says (RFC 2308 section 5), else 0."""
    for response in denied.kwargs.get("responses", {}).values():
        if isinstance(response, dns.message.QueryMessage):
            return float(response.resolve_chaining().minimum_ttl)
    return 0.0


def _record(rdata: object) -> Record:
    if isinstance(rdata, dns.rdtypes.IN.SRV.SRV):
        return Srv(rdata.priority, rdata.weight, rdata.port, _name(rdata.target))
    if isinstance(rdata, dns.rdtypes.IN.NAPTR.NAPTR):
        flags, service = rdata.flags.decode("ascii", "replace"), rdata.service.decode("ascii", "replace")
        replacement = _name(rdata.replacement)
        return Naptr(rdata.order, rdata.preference, flags.lower(), service.upper(), bool(rdata.regexp), replacement)
    return str(rdata)


def _name(name: object) -> str:
    return str(name).lower().rstrip(".")
