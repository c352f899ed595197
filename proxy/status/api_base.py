"""What the paths of the API have in common."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from routing.events import write_answer


def answer(data: Any) -> Response:
    """Return a response of plain JSON values."""
    return Response(write_answer(data), media_type=JSONResponse.media_type)


class Do(Protocol):
    """Does a command, its arguments by name (None: not given), and makes a response of its answer."""

    async def __call__(self, verb: str, write: Callable[[Any], Response] = answer, **args: Any) -> Response:
        """`write`: makes the response of the answer's data."""


class Body(BaseModel):
    """The JSON body of a request: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)
