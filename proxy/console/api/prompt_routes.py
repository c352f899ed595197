"""`/api/v1/prompts/{name}`: a prompt as sound, and uploaded as sound; as JSON it is `POST /prompts`."""

import base64
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from proxy.console.api.answering import JSON, answer, described, parameters, problems, query_of
from proxy.console.api.recording_route import WAV
from proxy.console.api.verb_routes import say
from proxy.console.asking import asking
from proxy.verbs.shapes import prompts
from proxy.verbs.shapes.answers import Schemas

SOUND: Final[dict[str, Any]] = {WAV: {"schema": {"type": "string", "format": "binary"}}}


def mount(api: APIRouter, schemas: Schemas) -> None:
    """Add the paths."""
    fields = described(prompts.GET)
    name = parameters({"name": fields["name"]}, "path")
    api.add_api_route(
        "/prompts/{name}", get, methods=["GET"], name="GET /prompts/{name}", tags=["prompts"], response_class=Response,
        summary=prompts.GET.means, responses={200: {"description": "A WAV file", "content": SOUND}, **problems()},
        openapi_extra={"parameters": [*name, *parameters({key: fields[key] for key in ("language", "built_in")})]})
    api.add_api_route(
        "/prompts/{name}", put, methods=["PUT"], name="PUT /prompts/{name}", tags=["prompts"], response_class=Response,
        summary=prompts.ADD.means,
        responses={200: {"description": "It", "content": {JSON: {"schema": schemas.of(prompts.Prompt)}}},
                   **problems(408, 413)},
        openapi_extra={"parameters": [*name, *parameters({"language": fields["language"]})],
                       "requestBody": {"required": True, "content": SOUND}})


async def get(request: Request) -> Response:
    """Give a prompt, put together from its parts."""
    asks = asking(request)
    args = {**query_of(request, prompts.GET.takes), "name": request.path_params["name"]}
    sound = b""
    while True:
        part = await say(asks, prompts.GET, args)
        sound += base64.b64decode(part["data"])
        if part["next_offset"] is None:
            return Response(sound, media_type=WAV)
        args["offset"] = part["next_offset"]


async def put(request: Request) -> Response:
    """Take a prompt."""
    asks = asking(request)
    args = {**query_of(request, prompts.OnePrompt), "name": request.path_params["name"],
            "data": base64.b64encode(await request.body()).decode()}
    return answer(await say(asks, prompts.ADD, args))
