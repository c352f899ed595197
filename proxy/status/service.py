"""The status thread: one loop of its own for MQTT, HTTP and the embedded broker.

A page, a slow broker or a scrape can hold up this thread and nothing else. Whatever fails in here is logged, becomes
an alarm, and is tried again; it never reaches the daemon.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from proxy.core.counters import Counters
from proxy.logger import get_logger
from proxy.status.commands import Commands
from proxy.status.source import HttpSettings, MqttSettings, StatusSource
from routing.events import Event
from routing.nodes_seen import Sight

if TYPE_CHECKING:
    from proxy.status.broker import EmbeddedBroker
    from proxy.status.http import HttpServer
    from proxy.status.mqtt import Publisher

RETRY: Final = 5.0
"""Seconds until a part that failed is started again."""
STOP_TIMEOUT: Final = 5.0

log = get_logger()


class StatusService:
    """Everything that tells the outside about the daemon. `start`, then poke it; `stop` says `offline`."""

    def __init__(
        self,
        source: StatusSource,
        counters: Counters,
        mqtt: MqttSettings | None,
        http: HttpSettings | None,
        version: str,
        commands: Commands | None = None,
        sight: Sight | None = None,
    ) -> None:
        """Take what to show and where; None switches a part off, and its libraries are then not even loaded.

        `commands`: who does what is asked over MQTT; None: it only shows. `sight`: of the nodes that this one
        shares with; None: there are none.
        """
        self._sight = sight
        self._commands = commands
        self._source = source
        self._counters = counters
        self._mqtt = mqtt
        self._http = http
        self._version = version
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stop_asked = threading.Event()
        self._events_poked = False
        self._state_poked = False
        self._publisher: Publisher | None = None
        self._broker: EmbeddedBroker | None = None
        self._server: HttpServer | None = None

    # From the daemon's thread.

    def start(self) -> None:
        """Start the thread and return at once; nothing that fails in it is told here."""
        self._thread.start()

    def stop(self, timeout: float = STOP_TIMEOUT) -> bool:
        """Say `offline`, close everything, and wait up to `timeout` seconds; whether it ended in that time."""
        self._stop_asked.set()
        if self._thread.ident is None:
            return True
        self._call(self._set_stopping)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def on_events(self, events: Sequence[Event]) -> None:
        """See Listener. What is published is read from the outbox."""
        self.committed()

    def committed(self) -> None:
        """New events stand in the outbox. Cheap; any thread. Who is about to look there anyway is not woken."""
        publisher = self._publisher
        if publisher is not None and publisher.waits_for_events and not self._events_poked:
            self._events_poked = True
            self._call(self._wake_events)

    def changed(self) -> None:
        """The snapshot is another one: MQTT is to look; HTTP looks when somebody asks. Cheap; any thread."""
        if self._mqtt is not None and not self._state_poked:
            self._state_poked = True
            self._call(self._wake_state)

    @property
    def mqtt_connected(self) -> bool | None:
        """Whether MQTT is connected; None where it is switched off."""
        if self._mqtt is None:
            return None
        return self._publisher is not None and self._publisher.connected

    @property
    def http_port(self) -> int | None:
        """The port HTTP listens on, None while it does not."""
        return self._server.port if self._server is not None else None

    @property
    def broker_port(self) -> int | None:
        """The port of the embedded broker, None while there is none."""
        return self._broker.port if self._broker is not None else None

    # In the status thread.

    def _call(self, function: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                loop.call_soon_threadsafe(function)

    def _wake_events(self) -> None:
        self._events_poked = False
        if self._publisher is not None:
            self._publisher.committed()

    def _wake_state(self) -> None:
        self._state_poked = False
        if self._publisher is not None:
            self._publisher.changed()

    def _set_stopping(self) -> None:
        if self._stopping is not None:
            self._stopping.set()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:
            log.exception("status_thread_ended")

    async def _main(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # What was poked before there was a loop went nowhere; the parts look for themselves when they start.
        self._events_poked = self._state_poked = False
        if self._stop_asked.is_set():
            return
        parts: list[asyncio.Task[None]] = []
        if self._http is not None:
            parts.append(asyncio.create_task(self._keep("http", self._serve_http)))
        if self._mqtt is not None:
            parts.append(asyncio.create_task(self._keep("mqtt", self._publish)))
        await self._stopping.wait()
        if self._publisher is not None:
            self._publisher.stop()
        if self._server is not None:
            self._server.stop()
        await asyncio.gather(*parts)
        await asyncio.sleep(0)  # what was closed ends in the loop's next turn

    async def _keep(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part until the service stops; start it again when it fails."""
        assert self._stopping is not None
        complaint = None
        while not self._stopping.is_set():
            try:
                await part()
                return
            except Exception as error:
                if str(error) != complaint:
                    complaint = str(error)
                    # A taken address is the operator's matter; anything else is a bug and needs its trace.
                    log.error(f"{name}_failed", reason=complaint, exc_info=not isinstance(error, OSError))
                    self._source.raise_alarm(name, f"{name} failed: {complaint}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY)

    async def _serve_http(self) -> None:
        from proxy.status.http import HttpServer

        assert self._http is not None
        self._server = HttpServer(self._http, self._source, self._counters, self, self._version, self._sight)
        try:
            await self._server.run(lambda: self._source.clear_alarm("http"))
        finally:
            self._server = None

    async def _publish(self) -> None:
        from proxy.status.mqtt import Publisher

        assert self._mqtt is not None
        settings = self._mqtt
        if settings.embedded:
            settings = settings._replace(port=await self._start_broker(settings))
        self._publisher = Publisher(settings, self._source, self._commands)
        if self._stopping is not None and self._stopping.is_set():
            self._publisher.stop()
        try:
            await self._publisher.run()
        finally:
            self._publisher = None
            if self._broker is not None:
                broker, self._broker = self._broker, None
                await broker.stop()

    async def _start_broker(self, settings: MqttSettings) -> int:
        from proxy.status.broker import EmbeddedBroker, silence

        silence(asyncio.get_running_loop())
        self._broker = EmbeddedBroker(settings.host, settings.port, settings.username, settings.password)
        try:
            await self._broker.start()
        except BaseException:
            self._broker = None
            raise
        return self._broker.port
