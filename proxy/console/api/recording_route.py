"""`GET /api/v1/recordings/{name}`: a recording as sound, whole or the part that a player asks for."""

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from config.places import RECORDINGS
from proxy.console.api.answering import parameters, problems
from proxy.console.api.verb_routes import say
from proxy.console.asking import asking
from proxy.verbs.shapes import recordings

WAV: Final = "audio/wav"
NAME: Final = re.compile(r"[0-9A-Za-z.-]+\.wav")
ONE_BYTE: Final = 1


def mount(api: APIRouter) -> None:
    """Add the path."""
    content: dict[str, Any] = {WAV: {"schema": {"type": "string", "format": "binary"}}}
    api.add_api_route(
        "/recordings/{name}", recording, methods=["GET"], summary=recordings.GET.means, tags=["recordings"],
        name="GET /recordings/{name}", response_class=Response,
        responses={200: {"description": "A WAV file", "content": content},
                   206: {"description": "The part that Range asks for", "content": content},
                   416: {"description": "There is no such part"}, **problems()},
        openapi_extra={"parameters": parameters({"name": {"type": "string", "maxLength": recordings.LONGEST_NAME}},
                                                "path")})


async def recording(request: Request) -> Response:
    """Give a recording. Whether whoever asks may hear it is the daemon's to say."""
    asks = asking(request)
    name = request.path_params["name"]
    await say(asks, recordings.GET, {"name": name, "offset": recordings.LARGEST})
    path = asks.console.settings.data / RECORDINGS / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise HTTPException(404, "there is no such recording")
    return FileResponse(path, media_type=WAV, filename=name, content_disposition_type="inline")
