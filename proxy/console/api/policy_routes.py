"""`/api/v1/policy`: the policy as one text of TOML, read and put whole; ETag and If-Match tell its version.

What is wrong with a policy comes back as 422 with every problem at once, each with its key and line; nothing has
changed then. An answer that says what changed is given once the new policy is in the database.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from proxy.console import cursors
from proxy.console.api.answering import JSON, answer, body_of, described, parameters, problems, query_of
from proxy.console.api.list_routes import OF_PAGE, limit_of, page_schema
from proxy.console.api.verb_routes import say
from proxy.console.asking import Asking, asking
from proxy.verbs.shapes import policy
from proxy.verbs.shapes.answers import Schemas
from proxy.verbs.shapes.errors import ArgumentError, ConflictError

TOML: Final = "application/toml"
TEXT: Final[dict[str, Any]] = {TOML: {"schema": {"type": "string"}}}
NAME: Final = "policy.toml"
"""What problems call the text that was put."""
ETAG: Final = re.compile(r'(?:W/)?"([0-9]{1,15})"')
IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 200},
    "description": "ETag of the policy that the change was made from: refused where another one is in force."}


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add the paths."""
    changed: dict[int | str, dict[str, Any]] = {200: {
        "description": "What changed", "content": {JSON: {"schema": schemas.of(policy.Changes)}}}}

    async def get(request: Request) -> Response:
        asks = asking(request)
        data = await say(asks, policy.EXPORT, {})
        tag = _tag(data)
        if _names(request.headers.getlist("if-none-match"), tag):
            return Response(status_code=304, headers={"ETag": tag})
        return Response(data["toml"], media_type=f"{TOML}; charset=utf-8", headers={"ETag": tag})

    async def history(request: Request) -> Response:
        asks = asking(request)
        most, after = min(limit_of(request), policy.MOST_STEPS - 1), request.query_params.get("cursor")
        args = query_of(request, policy.HISTORY.takes, ("limit", "cursor"))
        if after is not None:
            [args["before"]] = cursors.read(after, 1, policy.HISTORY.name)
        steps = await say(asks, policy.HISTORY, {**args, "limit": most + 1})
        more = cursors.write((steps[most - 1]["version"],), policy.HISTORY.name) if len(steps) > most else None
        return answer({"items": steps[:most], "next": more})

    async def put(request: Request) -> Response:
        asks = asking(request)
        read = await request.body()
        try:
            text = read.decode()
        except UnicodeDecodeError as error:
            line = read.count(b"\n", 0, error.start) + 1
            raise ArgumentError("", f"{NAME}:{line}: not UTF-8") from None
        return await _change(asks, policy.APPLY, {"toml": text, "name": NAME})

    async def patch(request: Request) -> Response:
        return await _change(asking(request), policy.SET, await body_of(request))

    setting = described(policy.SET)
    steps = {name: field for name, field in described(policy.HISTORY).items() if name != "limit"}
    api.add_api_route("/policy/history", history, methods=["GET"], summary=policy.HISTORY.means, tags=["policy"],
                      name="GET /policy/history", response_class=Response, responses={200: {
                          "description": "A page", "content": {JSON: {
                              "schema": page_schema(schemas.of(policy.PolicyStep))}}}, **problems()},
                      openapi_extra={"parameters": parameters({**steps, **OF_PAGE})})
    api.add_api_route("/policy", get, methods=["GET"], summary=policy.EXPORT.means, tags=["policy"], name="GET /policy",
                      response_class=Response, responses={
                          200: {"description": "policy.toml; its ETag says which version", "content": TEXT},
                          304: {"description": "It is the one that If-None-Match names"}, **problems()})
    api.add_api_route("/policy", put, methods=["PUT"], summary=policy.APPLY.means, tags=["policy"], name="PUT /policy",
                      response_class=Response, responses={**changed, **problems(408, 412, 413)},
                      openapi_extra={"parameters": [IF_MATCH], "requestBody": {"required": True, "content": TEXT}})
    api.add_api_route("/policy", patch, methods=["PATCH"], summary=policy.SET.means, tags=["policy"],
                      name="PATCH /policy", response_class=Response, responses={**changed, **problems(408, 412, 413)},
                      openapi_extra={"parameters": [IF_MATCH], "requestBody": {"required": True, "content": {
                          JSON: {"schema": {**policy.SET.takes.schema(), "properties": setting}}}}})


async def _change(asks: Asking, verb: Any, args: Mapping[str, Any]) -> Response:
    """Say a verb that changes the policy, where the version is the one that If-Match names."""
    wanted = asks.request.headers.get("if-match", "*").strip()
    said = dict(args)
    if wanted != "*":
        found = ETAG.fullmatch(wanted)
        if found is None:
            raise ArgumentError("If-Match", "If-Match: the ETag that GET /api/v1/policy gave")
        if verb is policy.SET:
            policy.SET.takes.read(said)
            changes = [{"key": said["key"], "value": said["value"]}]
            verb, said = policy.EDIT, {"changes": changes, "new": said.get("new", False)}
        said["version"] = int(found[1])
    try:
        data = await say(asks, verb, said)
    except ConflictError as error:
        raise HTTPException(412, str(error)) from None
    return answer(data, headers={"ETag": _tag(await say(asks, policy.EXPORT, {}))})


def _names(headers: Sequence[str], tag: str) -> bool:
    """Whether If-None-Match names a version, by weak comparison (RFC 9110 section 13.1.2)."""
    named = [one.strip().removeprefix("W/") for header in headers for one in header.split(",")]
    return tag in named or "*" in named


def _tag(data: Mapping[str, Any]) -> str:
    return f'"{data["version"]}"'
