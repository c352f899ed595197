"""Names to addresses, for requests inside a dialog and for the peers themselves."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from config.address import SipPeer, is_address
from proxy.core.peers import Address, Peer, PeerTable
from proxy.daemon.building import address_of
from proxy.logger import get_logger
from proxy.sip.choices import Choice, rivals
from proxy.sip.hop import Hop
from proxy.transports.resolver import ResolveError, Resolver

REFRESH: Final = 60.0
"""Seconds between two looks at the names of peers; the resolver's memory keeps to the records' own times."""
NUMERIC_LIMIT: Final = 4_096
"""Answers for plain addresses that are kept."""
RETRY: Final = 5.0
"""Seconds until a peer that has no address yet is looked up again."""


class LoopLocator:
    """`contract.Locator` on the resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._numeric: dict[tuple[str, int | None, str | None, bool], tuple[Hop, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def locate(self, host: str, port: int | None, transport: str | None, secure: bool,
               done: Callable[[tuple[Hop, ...]], None]) -> None:
        question = (host, port, transport, secure)
        hops = self._numeric.get(question)
        if hops is not None:
            done(hops)
            return
        known = self._resolver.cached(*question)
        if known is not None:
            if is_address(host):  # the answer never changes
                if len(self._numeric) >= NUMERIC_LIMIT:
                    self._numeric.clear()
                self._numeric[question] = tuple(known)
            done(tuple(known))
            return
        task = asyncio.get_running_loop().create_task(self._ask(host, port, transport, secure, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, host: str, port: int | None, transport: str | None, secure: bool,
                   done: Callable[[tuple[Hop, ...]], None]) -> None:
        try:
            hops = tuple(await self._resolver.resolve(host, port, transport, secure))
        except ResolveError as error:
            get_logger().info("no_address", host=host, reason=str(error))
            hops = ()
        done(hops)


class PeerAddresses:
    """Keeps the addresses of the peers true."""

    def __init__(self, resolver: Resolver, table: PeerTable, peers: Iterable[tuple[Peer, tuple[SipPeer, ...]]]) -> None:
        self._resolver = resolver
        self._table = table
        self._peers = tuple(peers)
        self._last: dict[tuple[str, str, SipPeer], list[Choice]] = {}
        """What each URI of each peer was resolved to when that last worked."""
        self._log = get_logger()

    async def refresh(self) -> bool:
        """Look every peer up; whether each has an address now. What cannot be resolved keeps its old addresses."""
        await asyncio.gather(*(self._refresh(peer, uris) for peer, uris in self._peers))
        return all(peer.addresses for peer, _ in self._peers)

    async def _refresh(self, peer: Peer, uris: tuple[SipPeer, ...]) -> None:
        addresses: dict[Hop, Address] = {}
        choices: list[Choice] = []
        for uri in uris:
            found = await self._choices(peer, uri)
            above = choices[-1].rank + 1 if choices else 0
            choices += [choice._replace(rank=above + choice.rank) for choice in found]
            addresses = {hop: address_of(uri, hop) for choice in found for hop in choice.hops} | addresses
        ordered = tuple(addresses[hop] for choice in choices for hop in choice.hops)
        known = (tuple(dict.fromkeys(ordered)), rivals(choices))
        if addresses and known != (peer.addresses, peer.choices):
            self._table.set_addresses(peer, *known)

    async def _choices(self, peer: Peer, uri: SipPeer) -> list[Choice]:
        try:
            found = await self._resolver.choices(uri.host, uri.port, uri.transport, uri.secure)
        except ResolveError as error:
            self._log.warning("peer_not_resolved", peer=peer.name, reason=str(error))
            return self._last.get((peer.side, peer.name, uri), [])
        self._last[peer.side, peer.name, uri] = found
        return found

    async def look(self) -> None:
        """Look every peer up, for as long as that takes."""
        await self.refresh()

    async def run(self) -> None:
        """Refresh for ever."""
        complete = all(peer.addresses for peer, _ in self._peers)
        while True:
            await asyncio.sleep(REFRESH if complete else RETRY)
            complete = await self.refresh()
