"""A name server of our own on loopback: answers from a dictionary, counts questions, can fall silent or die."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """Zone data: `(name, type) -> records in text form`. A name without any record does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.ttl = 60
        self.asked: Counter[tuple[str, str]] = Counter()
        self.mute = False
        self.rcode: dns.rcode.Rcode | None = None
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._held: list[tuple[bytes, tuple[str, int]]] = []

    def add(self, name: str, type_: str, *records: str) -> None:
        self.records[name, type_] = list(records)

    def die(self) -> None:
        """Close the port: questions are met by ICMP port unreachable."""
        assert self._transport is not None
        self._transport.close()

    def speak(self) -> None:
        """End the silence, and answer what was asked during it."""
        self.mute = False
        for data, address in self._held:
            self.datagram_received(data, address)
        self._held.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, type_ = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        if self.mute:
            self._held.append((data, addr))
        else:
            response = self._respond(query, question.name, name, type_)
            assert self._transport is not None
            self._transport.sendto(response.to_wire(), addr)
        self.asked[name, type_] += 1

    def _respond(self, query: dns.message.Message, qname: dns.name.Name, name: str, type_: str) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.rcode is not None:
            response.set_rcode(self.rcode)
        elif records := self.records.get((name, type_)):
            response.answer.append(dns.rrset.from_text_list(qname, self.ttl, "IN", type_, records))
        elif alias := self.records.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text_list(qname, self.ttl, "IN", "CNAME", alias))
            target = alias[0].rstrip(".")
            if found := self.records.get((target, type_)):
                response.answer.append(dns.rrset.from_text_list(alias[0], self.ttl, "IN", type_, found))
        else:
            soa = f"ns.test. admin.test. 1 60 60 60 {self.ttl}"
            response.authority.append(dns.rrset.from_text_list("test.", self.ttl, "IN", "SOA", [soa]))
            if not any(known == name for known, _ in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
        return response


@asynccontextmanager
async def name_server(host: str = "127.0.0.1") -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=(host, 0))
    try:
        yield server
    finally:
        transport.close()
        await asyncio.sleep(0)
