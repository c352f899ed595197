"""The `embedded` broker: amqtt in the status thread's loop, for a first look without installing one.

It speaks MQTT 3.1.1 and keeps nothing on disk. It lets in who shows the user name and password of the configuration;
where that has none its address is loopback, and whoever reaches it comes in. It dies with the process, so its readers
see the connection end rather than a last will.
"""

import asyncio
import contextlib
import hmac
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

from config.broker import is_loopback

LISTENER: Final = "default"
MAX_CONNECTIONS: Final = 64
"""Connections at a time; more are closed at once."""
SHUTDOWN_TIME: Final = 0.5

QUIET: Final = logging.getLogger("amqtt")

for _noisy in ("amqtt", "transitions"):
    # A reader that goes away is an error in their eyes.
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


class LetIn(BaseAuthPlugin):  # type: ignore[misc]
    """Who may come in: whoever shows the password, or everybody where there is none."""

    @dataclass
    class Config:
        """What a client must show; an empty password: nothing."""

        username: str = ""
        password: str = field(default="", repr=False)

    async def authenticate(self, *, session: Session) -> bool:
        """Say whether a client may come in."""
        if not self.config.password:
            session.is_anonymous = True
            return True
        shown = f"{session.username}\0{session.password}".encode(errors="replace")
        return hmac.compare_digest(shown, f"{self.config.username}\0{self.config.password}".encode())


class EmbeddedBroker:
    """One broker on one address."""

    def __init__(self, host: str, port: int, username: str | None = None, password: str | None = None) -> None:
        """`username`, `password`: what clients must show. Raises ValueError where anybody outside could come in."""
        if not is_loopback(host) and not (username and password):
            raise ValueError(f"a broker at {host} needs a user name and a password")
        self._address = (host, port)
        self._wanted = {"username": username or "", "password": password or ""}
        self._broker: Broker | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self.port = port
        """The port it listens on, once it was started."""

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        self._broker = Broker(
            BrokerConfig(
                listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
                plugins={f"{__name__}.{LetIn.__name__}": self._wanted},
            )
        )
        await self._broker.start()
        try:
            # The address is ours, not amqtt's: it can be any free port, and connections can be counted.
            self._server = await asyncio.start_server(self._serve, *self._address)
        except OSError:
            await self.stop()
            raise
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the address and every connection; what was retained is gone."""
        if self._server is not None:
            self._server.close()
        if self._broker is not None:
            # It waits for ever for a reader task that was cancelled before it ran for the first time.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_TIME):
                    await self._broker.shutdown()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open, timeout=SHUTDOWN_TIME)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if self._broker is None or task is None or len(self._open) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._open[task] = writer
        try:
            await self._broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), LISTENER)
        except asyncio.CancelledError:
            # The loop is ending. A task that ends as cancelled would make asyncio 3.11 print a trace.
            QUIET.debug("connection cut")
        except Exception:
            # Whatever a client sends, or does not send, is that client's matter alone.
            QUIET.debug("connection failed", exc_info=True)
        finally:
            del self._open[task]
            writer.close()


def silence(loop: asyncio.AbstractEventLoop) -> None:
    """Keep asyncio from reporting tasks that amqtt leaves behind when a client goes away in the middle of a packet."""
    usual = loop.get_exception_handler()

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        task = context.get("future") or context.get("task")
        if task is not None and "amqtt" in repr(task):
            return
        if usual is None:
            loop.default_exception_handler(context)
        else:
            usual(loop, context)

    loop.set_exception_handler(handler)
