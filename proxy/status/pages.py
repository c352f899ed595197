"""What can be asked over HTTP: health and figures. Answers come from memory and touch no disk and no network."""

import asyncio
import json
from typing import Any, Final, NamedTuple

from proxy.logger import get_logger
from proxy.status import exposition
from proxy.status.metrics import DaemonCollector
from proxy.status.source import StatusSource

PATIENCE: Final = 2.0
"""Seconds in which the loop that carries the calls must answer; whoever probes waits three or more."""
JSON: Final = "application/json"

log = get_logger()


class Answer(NamedTuple):
    """An answer, whole."""

    status: int
    content_type: str
    body: bytes
    allow: str = ""
    """Methods that may be asked; empty: it is not about them."""


class Pages:
    """Answers by path."""

    def __init__(self, source: StatusSource, figures: DaemonCollector) -> None:
        self._source, self._figures = source, figures
        self._pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}

    async def answer(self, method: str, path: str) -> Answer:
        """Answer one request; HEAD is answered like GET. Never raises."""
        if path.startswith("/api/"):
            return _json(404, {"detail": "the API is the console's: see console.listen"})
        page = self._pages.get(path)
        if page is None:
            return _json(404, {"detail": "Not Found"})
        if method not in ("GET", "HEAD"):
            return _json(405, {"detail": "Method Not Allowed"})._replace(allow="GET, HEAD")
        try:
            return await page()
        except Exception as error:
            log.error("http_request_failed", path=path, reason=repr(error))
            return _json(500, {"detail": "internal error"})

    async def _healthz(self) -> Answer:
        """Calls are carried."""
        # `wait` and not `wait_for`: the question is one for all who ask, and must not be cancelled by one of them.
        answered, _ = await asyncio.wait({asyncio.wrap_future(self._source.ask_loop())}, timeout=PATIENCE)
        return _json(200, {"status": "ok"}) if answered else _json(503, {"status": "stuck"})

    async def _readyz(self) -> Answer:
        """New calls are welcome."""
        state = self._source.snapshot().state
        return _json(200, {"status": "ok"}) if state == "running" else _json(503, {"status": state})

    async def _metrics(self) -> Answer:
        return Answer(200, exposition.CONTENT_TYPE, exposition.text(self._figures.collect()))


def _json(status: int, data: Any) -> Answer:
    return Answer(status, JSON, json.dumps(data, separators=(",", ":")).encode())
