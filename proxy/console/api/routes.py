"""Every path of the API, the document that describes them (OpenAPI 3.1), and a page of it for people."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from proxy.console.api import (
    event_route,
    figures_route,
    list_routes,
    policy_routes,
    prompt_routes,
    recording_route,
    setting_routes,
    verb_routes,
)
from proxy.console.api.answering import PROBLEM_NAME, PROBLEM_SCHEMA, answer
from proxy.console.api.docs_page import render
from proxy.console.api.paths import PREFIX
from proxy.console.asking import asking
from proxy.console.statics import static_url
from proxy.verbs.shapes.answers import Schemas

ABOUT: Final = """What the console does, for programs. Show an API token: `Authorization: Bearer TOKEN`
(`boomerang tokens add`), or log in. What somebody is shown and may do is what their role has: an admin everything, a
supervisor what is of their groups, an agent what is their own.
Moments are RFC 3339 in UTC. Lists come in pages: `next` is the cursor of the one after. What is refused is a problem
(RFC 9457) whose `errors` name argument and reason."""


def install(app: FastAPI) -> None:
    """Add the API to an application."""
    schemas = Schemas()
    api = APIRouter(prefix=PREFIX)
    policy_routes.mount(api, schemas)
    event_route.mount(api)
    list_routes.mount(api, schemas)
    setting_routes.mount(api, schemas)
    figures_route.mount(api, schemas)
    verb_routes.mount(api, schemas)
    recording_route.mount(api)
    prompt_routes.mount(api, schemas)
    describe = partial(_document, app, api, schemas)
    made: dict[str, Any] = {}

    async def document(request: Request) -> Response:
        asking(request)
        return answer(_once(made, describe))

    async def docs(request: Request) -> Response:
        asks = asking(request)
        return HTMLResponse(render(_once(made, describe), static_url("console.css"), asks.caller.role))

    app.include_router(api)
    app.add_api_route(f"{PREFIX}/openapi.json", document, methods=["GET"], include_in_schema=False)
    app.add_api_route("/api/docs", docs, methods=["GET"], include_in_schema=False)


def _once(made: dict[str, Any], describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not made:
        made.update(describe())
    return made


def _document(app: FastAPI, api: APIRouter, schemas: Schemas) -> dict[str, Any]:
    document = get_openapi(title="Boomerang", version=app.version, openapi_version="3.1.0", description=ABOUT,
                           routes=api.routes)
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update({**schemas.parts, PROBLEM_NAME: PROBLEM_SCHEMA})
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token"},
        "session": {"type": "apiKey", "in": "cookie", "name": "boomerang_session", "description": "Of who logged in"}}
    document["security"] = [{"token": []}, {"session": []}]
    return document
