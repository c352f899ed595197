"""The application: pages and API of one console."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

import proxy.console.pages.tasks.routers as task_pages
from proxy.console import statics, trouble
from proxy.console.api import routes
from proxy.console.api.paths import PREFIX
from proxy.console.asking import Console
from proxy.console.console_database import FILE, ConsoleDatabase
from proxy.console.doorkeeper import SessionDoorkeeper
from proxy.console.entry import Entry
from proxy.console.figures import Figures
from proxy.console.lists import Lists
from proxy.console.live import LiveHub
from proxy.console.node_client import NodeClient
from proxy.console.pages import (
    account,
    agents,
    audit,
    board,
    calls,
    campaigns,
    direct,
    do_not_call,
    groups,
    hours,
    login,
    numbers,
    prompts,
    reports,
    setup,
    shell,
    system,
    tickets,
    tokens,
    users,
)
from proxy.console.people import People
from proxy.console.reaches import Reaches
from proxy.console.sessions import Sessions
from proxy.console.settings import ConsoleSettings
from proxy.console.snapshots import Snapshots
from proxy.web.connections import Connections
from routing.store.figures import FigureReads

PAGES: Final[tuple[APIRouter, ...]] = (
    board.router,
    tickets.router,
    users.router,
    account.router,
    tokens.router,
    audit.router,
    calls.router,
    reports.router,
    do_not_call.router,
    system.router,
    prompts.router,
    setup.router,
    direct.router,
    numbers.router,
    groups.router,
    agents.router,
    hours.router,
    campaigns.router,
)
PACKED_FROM: Final = 1_000
"""Bytes of an answer from which it is packed."""


class Application(NamedTuple):
    """The application, and what must be closed with it."""

    entry: ASGIApp
    """What is served."""
    pages: FastAPI
    console: Console


def build(settings: ConsoleSettings, people: People, lists: Lists, connections: Connections,
          wall: Callable[[], float]) -> Application:
    """Build the application. `connections`: those of the server that serves it; `wall`: seconds since the epoch."""
    node = NodeClient(settings.socket, settings.zone)
    reaches = Reaches(node)
    live = LiveHub(node, reaches)
    snapshots = Snapshots(node, live, reaches)
    database = ConsoleDatabase(settings.data / FILE)
    sessions = Sessions(database, wall)
    doorkeeper = SessionDoorkeeper(database, people, sessions, wall)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        going_on = [asyncio.ensure_future(work) for work in (live.run(), live.renew(), snapshots.run())]
        try:
            yield
        finally:
            for one in going_on:
                one.cancel()

    app = FastAPI(title="Boomerang", version=settings.version, docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=lifespan)
    figures = Figures(FigureReads(settings.database), database, lambda: ZoneInfo(node.zone), wall,
                      time.monotonic)
    app.state.console = Console(settings, node, lists, database, sessions, doorkeeper, live, snapshots, figures)
    trouble.install(app)
    for router in (statics.router, login.router, shell.router, *PAGES, *task_pages.ROUTERS):
        app.include_router(router)
    routes.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=PACKED_FROM, compresslevel=5)
    prepare_routes(app)
    return Application(Entry(app, settings, doorkeeper, connections, trouble.refuse), app, app.state.console)


def prepare_routes(app: FastAPI) -> None:
    """Look among all routes for a path that there is not: FastAPI reads what a route takes when a path is first looked
    for there (0.1 s of CPU for all), and whoever comes first would wait for that.
    """
    nowhere = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": [], "app": app}
    for route in app.routes:
        for path in ("/-", f"{PREFIX}/-/-/-/-/-"):
            route.matches({**nowhere, "path": path})
