"""The board: trunks and PBXs, queues, agents, today's figures."""

from fastapi import APIRouter, Response

from proxy.console.asking import Asked
from proxy.console.rendering import page

router = APIRouter()


@router.get("/")
async def board(asking: Asked) -> Response:
    """Show how everything stands."""
    status = await asking.node.call("status", {}, asking.caller)
    return page(asking, "board.html", peers=[*status["trunks"].items(), *status["pbxs"].items()])
