"""A name server in a thread of its own, for a daemon in another process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit.waiting import PATIENCE
from tests.proxy.transports.dns_server import NameServer, name_server


@contextmanager
def serving(records: dict[str, str]) -> Iterator[NameServer]:
    """Answer for these names with these addresses (A), until the end."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()
    made: list[NameServer] = []

    async def serve() -> None:
        async with name_server() as server:
            for name, address in records.items():
                server.add(name, "A", address)
            server.ttl = 0
            made.append(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="name server", daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        loop.close()
