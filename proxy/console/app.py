"""The application: pages and API of one console."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from proxy.console.asking import Console, Doorkeeper
from proxy.console.lists import Lists
from proxy.console.live import LiveHub, sees
from proxy.console.node_client import NodeClient
from proxy.console.pages import board
from proxy.console.settings import ConsoleSettings

PAGES: Final[tuple[APIRouter, ...]] = (board.router,)
STATIC: Final = files("proxy.console") / "static"


def build(settings: ConsoleSettings, doorkeeper: Doorkeeper, lists: Lists) -> FastAPI:
    """Build the application."""
    node = NodeClient(settings.socket)
    live = LiveHub(node, sees)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.ensure_future(live.run())
        try:
            yield
        finally:
            following.cancel()

    app = FastAPI(title="Boomerang", version=settings.version, docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=lifespan)
    app.state.console = Console(settings, node, lists, doorkeeper, live)
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    for router in PAGES:
        app.include_router(router)
    return app
