"""The reader of MQTT: what anybody with a dashboard would see, as it comes."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiomqtt

from proxy.demo.endpoint import LOOPBACK
from proxy.demo.waiting import News

PREFIX: Final = "boomerang"
PAUSE: Final = 0.1
"""Seconds between two tries to connect."""
TIMEOUT: Final = 2.0
"""Seconds for the broker to answer."""
SHOWN: Final = ("call.", "direct.", "callback.", "queue.", "place.", "alarm.")
"""Kinds of event that are printed begin with one of these."""

_quiet = logging.getLogger("boomerang.demo.mqtt")
_quiet.setLevel(logging.CRITICAL)
_quiet.propagate = False


class Listener:
    """Keeps a subscription alive, over restarts of the broker too."""

    def __init__(self, port: int, news: News, show: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._port = port
        self._news = news
        self._show = show
        self._seen: set[str] = set()
        self.online = False
        """The broker is there, and the node's status is `online`."""
        self.events: list[dict[str, Any]] = []
        """Every event once, however often it came (`event/KIND` is at least once)."""

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                await self._listen()
            except aiomqtt.MqttError:
                self.online = False
                self._news.happened()
                await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        async with aiomqtt.Client(LOOPBACK, self._port, protocol=aiomqtt.ProtocolVersion.V311, timeout=TIMEOUT,
                                  logger=_quiet) as client:
            await client.subscribe(f"{PREFIX}/#", qos=1)
            async for message in client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                self._take(str(message.topic).split("/")[2:], payload)

    def _take(self, topic: list[str], payload: bytes) -> None:
        if topic == ["status"]:
            self.online = payload == b"online"
        elif topic[:1] == ["event"]:
            event = json.loads(payload)
            if event["id"] in self._seen:
                return
            self._seen.add(event["id"])
            self.events.append(event)
            if event["kind"].startswith(SHOWN):
                self._show(event["kind"], event["data"])
        self._news.happened()

    async def event(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Wait for an event with these facts, also one that came already; it is handed out once."""
        def found() -> dict[str, Any] | None:
            for number, event in enumerate(self.events):
                data = event["data"]
                if event["kind"] == kind and all(data.get(key) == value for key, value in facts.items()):
                    return self.events.pop(number)
            return None

        told = " ".join(f"{key}={value}" for key, value in facts.items())
        return await self._news.until(found, f"the event {kind} ({told})")
