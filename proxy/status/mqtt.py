"""What goes out over MQTT, as the contract names it: state retained on change, events in order from the outbox.

Rules
- One connection at a time. It is tried for ever, with a back-off of `FIRST_DELAY` to `LONGEST_DELAY` and jitter.
- MQTT 5 is tried first; a broker that does not complete that handshake is asked again for 3.1.1.
- `status` is `online` before anything else is said and `offline` after everything else; the last will says it for us.
- After every connect the whole retained set is sent again: the broker may be a new one.
- A retained topic is sent when its value changed, at most once in `STATE_INTERVAL`, and its last value always gets out.
- Commands are taken while the connection stands; see `commands`.
- An event leaves the outbox when the broker has acknowledged it and all before it, not sooner: at least once, in order.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any, Final

from proxy.logger import get_logger
from proxy.status import commands, payload
from proxy.status.commands import Commands
from proxy.status.link import OFFLINE, ONLINE, Link, LinkError, RefusedError
from proxy.status.packets import Outgoing, Version
from proxy.status.source import MqttSettings, StatusSource
from routing.events import EventText

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 30.0
JITTER: Final = 0.3
"""Share of the delay that chance may add or take, so that many nodes do not come back in one moment."""
STATE_INTERVAL: Final = 0.25
EVENTS_INTERVAL: Final = 0.2
"""Seconds between two looks into the outbox while events come all the time: what each look costs is shared by many."""
BATCH: Final = 500
"""Messages handed over together. The last acknowledgement of a batch may come 40 ms late (TCP delays), so not few."""
FLUSH_TIME: Final = 2.0
"""Seconds that a clean stop gives to events and state that are still to be sent."""

GOODBYE_TIME: Final = 1.0
"""Seconds that a clean stop then gives to `offline`; after that the last will must say it."""
OUTBOX_INTERVAL: Final = 10.0
"""Seconds after which the outbox is looked into although nobody said that it holds something."""

ALARM: Final = "mqtt"
"""Name of the alarm that stands while there is no connection."""

V5: Final = Version.V5
V311: Final = Version.V311

log = get_logger()


class Publisher:
    """Keeps the connection and feeds it; lives in the status thread's loop."""

    def __init__(self, settings: MqttSettings, source: StatusSource, doer: Commands | None = None) -> None:
        """`doer`: who does what `cmd/VERB` asks; None: nobody listens there."""
        self._settings = settings
        self._source = source
        self._commands = doer
        self._base = f"{settings.prefix}/{payload.level(settings.node)}"
        self._status_topic = f"{self._base}/status"
        self._protocols = (V311,) if settings.embedded else (V5, V311)
        self._stopping = asyncio.Event()
        self._events = asyncio.Event()
        self._state = asyncio.Event()
        self.waits_for_events = False
        """Whether nobody will look into the outbox before `committed` is called; read in any thread. It says so before
        the look that finds nothing, so what is committed at the same moment is found by that look or told."""
        self._cursor = 0
        self._known: set[str] = set()
        self._complaint: str | None = None
        self._outbox_failed = False
        self.connected = False
        self.protocol: Version | None = None
        """The version that the present or last connection speaks."""

    def committed(self) -> None:
        """Look into the outbox."""
        self._events.set()

    def changed(self) -> None:
        """Look at the snapshot."""
        self._state.set()

    def stop(self) -> None:
        """End `run` after what is ready to go has gone and `offline` was said."""
        self._stopping.set()
        self._events.set()
        self._state.set()

    async def run(self) -> None:
        """Connect, publish, connect again; returns after `stop`."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            began = loop.time()
            try:
                await self._connect_and_publish()
            except (LinkError, OSError) as error:
                self._complain(str(error))
            finally:
                self.connected = False
            if loop.time() - began > LONGEST_DELAY:
                delay = FIRST_DELAY
            await self._pause(delay * random.uniform(1 - JITTER, 1 + JITTER))
            delay = min(delay * 2, LONGEST_DELAY)

    async def _pause(self, seconds: float) -> None:
        await asyncio.wait({stop := asyncio.ensure_future(self._stopping.wait())}, timeout=seconds)
        stop.cancel()

    def _complain(self, reason: str) -> None:
        """One line and one alarm for each new reason, not for each try."""
        if reason != self._complaint:
            self._complaint = reason
            log.warning("mqtt_down", host=self._settings.host, port=self._settings.port, reason=reason)
            self._source.raise_alarm(ALARM, f"no MQTT connection: {reason}")

    async def _connect_and_publish(self) -> None:
        link = await self._connect()
        if link is None:
            return
        clean = False
        try:
            clean = await self._publish(link)
        finally:
            # Shielded: the last words are said even if this task is cancelled.
            await asyncio.shield(link.close() if clean else link.abandon())

    async def _connect(self) -> Link | None:
        """A connection, or None when it was stopped meanwhile. Raises `LinkError`."""
        for protocol in self._protocols:
            link = Link(self._settings, self._status_topic, protocol)
            opening = asyncio.ensure_future(link.open())
            stop = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({opening, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            try:
                if not opening.done():
                    opening.cancel()
                await opening
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
                return None
            except LinkError as error:
                if protocol is self._protocols[-1] or self._stopping.is_set() or not _may_be_version(link, error):
                    raise
            else:
                self.protocol = protocol
                return link
        return None

    async def _publish(self, link: Link) -> bool:
        """Publish until stopped (True) or the connection fails (raises `LinkError`)."""
        await self._deliver(link, [Outgoing(self._status_topic, ONLINE, retain=True)])
        self.connected = True
        self._complaint = None
        self._source.clear_alarm(ALARM)
        log.info("mqtt_up", host=self._settings.host, port=self._settings.port, version=_version_name(self.protocol))
        work = {asyncio.ensure_future(self._send_state(link)), asyncio.ensure_future(self._send_events(link))}
        lost = asyncio.ensure_future(link.lost())
        stop = asyncio.ensure_future(self._stopping.wait())
        endless = {lost}
        if self._commands is not None:
            endless.add(asyncio.ensure_future(self._take_commands(link, self._commands)))
        everything: set[asyncio.Future[Any]] = {*work, *endless, stop}
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await asyncio.wait(work, timeout=FLUSH_TIME)
            for task in (*work, *endless):
                if task.done():
                    await task
            async with asyncio.timeout(GOODBYE_TIME):
                await self._deliver(link, [Outgoing(self._status_topic, OFFLINE, retain=True)])
            return True
        finally:
            for each in everything:
                each.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _take_commands(self, link: Link, doer: Commands) -> None:
        async for reply in commands.serve(link.commands(self._base), doer, self._base, link.room):
            link.reply(reply)

    async def _send_events(self, link: Link) -> None:
        while True:
            self._events.clear()
            self.waits_for_events = True
            events = self._next_events()
            if not events:
                if self._stopping.is_set():
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._events.wait(), OUTBOX_INTERVAL)
                continue
            self.waits_for_events = False
            messages = [payload.event_message(self._base, event, self._settings.mask_numbers) for event in events]
            sent = await link.deliver(messages)
            if sent:
                self._cursor = events[sent - 1].seq
                self._source.delete_events_upto(self._cursor)
            if sent < len(events):
                raise LinkError(link.reason())
            if len(events) < BATCH and not self._stopping.is_set():
                await asyncio.sleep(EVENTS_INTERVAL)

    def _next_events(self) -> Sequence[EventText]:
        """What the outbox holds; nothing while it cannot be read, because state and alarms must still get out."""
        try:
            events = self._source.texts_after(self._cursor, BATCH)
        except Exception as error:
            if not self._outbox_failed:
                log.error("outbox_unreadable", reason=str(error), exc_info=True)
            self._outbox_failed = True
            return ()
        self._outbox_failed = False
        return events

    async def _send_state(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        published: dict[str, payload.State] = {}
        while True:
            self._state.clear()
            looked_at = loop.time()
            values = payload.retained_values(self._source.snapshot())
            changed = [topic for topic, value in values.items() if published.get(topic) != value]
            mask = self._settings.mask_numbers
            messages = [Outgoing(f"{self._base}/{topic}", payload.encode_state(values[topic], mask), retain=True)
                        for topic in changed]
            # An empty retained message takes a topic away (MQTT 3.1.1 section 3.3.1.3).
            gone = self._known.difference(values)
            messages += [Outgoing(f"{self._base}/{topic}", b"", retain=True) for topic in sorted(gone)]
            self._known.update(values)
            for start in range(0, len(messages), BATCH):
                await self._deliver(link, messages[start : start + BATCH])
            published = values
            self._known = set(values)
            if self._stopping.is_set() and not self._state.is_set():
                return
            await self._state.wait()
            early = looked_at + STATE_INTERVAL - loop.time()
            if early > 0:
                await self._pause(early)

    @staticmethod
    async def _deliver(link: Link, messages: list[Outgoing]) -> None:
        if await link.deliver(messages) < len(messages):
            raise LinkError(link.reason())


def _version_name(protocol: Version | None) -> str:
    return "5" if protocol is V5 else "3.1.1"


def _may_be_version(link: Link, error: LinkError) -> bool:
    """Whether an older protocol version might help: not where the broker said no to who we are."""
    if isinstance(error, RefusedError):
        return error.code in UNSUPPORTED_VERSION
    return link.reached


UNSUPPORTED_VERSION: Final = (1, 0x84)
"""CONNACK "unacceptable protocol version" of MQTT 3.1.1 and of 5."""
