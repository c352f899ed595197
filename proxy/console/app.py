"""The application: pages and API of one console."""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from proxy.console.asking import Console, Doorkeeper
from proxy.console.lists import Lists
from proxy.console.node_client import NodeClient
from proxy.console.pages import board
from proxy.console.settings import ConsoleSettings

PAGES: Final[tuple[APIRouter, ...]] = (board.router,)
STATIC: Final = files("proxy.console") / "static"


def build(settings: ConsoleSettings, doorkeeper: Doorkeeper, lists: Lists) -> FastAPI:
    """Build the application."""
    app = FastAPI(title="Boomerang", version=settings.version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = Console(settings, NodeClient(settings.socket), lists, doorkeeper)
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    for router in PAGES:
        app.include_router(router)
    return app
