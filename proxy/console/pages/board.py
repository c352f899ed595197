"""The board: alarms, trunks and PBXs, queues, agents, today's figures; again with each change while it is open."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import APIRouter, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from proxy.console.asking import Asked, Asking
from proxy.console.rendering import fragment, page
from proxy.console.snapshots import Standing

router = APIRouter()

PING: Final = 10
"""Seconds after which something is sent though nothing changed."""
KEPT: Final = ("kept", "called_meanwhile", "tickets")
BROKEN: Final = ("failed", "expired")


@router.get("/")
async def board(asking: Asked) -> Response:
    """Show how everything stands."""
    return page(asking, "board.html", **facts_of(await asking.console.snapshots.of(asking.caller)))


@router.get("/live/board")
async def stream(asking: Asked) -> Response:
    """Send the inside of the board whenever it changes."""
    return EventSourceResponse(_boards(asking), ping=PING, headers={"Cache-Control": "no-store"})


async def _boards(asking: Asking) -> AsyncIterator[ServerSentEvent]:
    def show(standing: Standing) -> str:
        return fragment(asking, "board_inside.html", **facts_of(standing))

    snapshots = asking.console.snapshots
    async for standing in snapshots.watch():
        text = await snapshots.shown(standing, asking.caller, asking.words.language, show)
        yield ServerSentEvent(text, event="board")


def facts_of(standing: Standing) -> dict[str, Any]:
    """Return what the templates of the board write."""
    figures = standing.figures
    total: Mapping[str, Any] = figures.get("total", {})
    return {
        "standing": standing, "figures": figures, "in_time": in_time(total),
        "groups": figures.get("groups", {}), "numbers": figures.get("numbers", {}),
        "agents": sorted(standing.agents, key=lambda one: one["extension"]),
        "failing": [peer for peer in standing.peers if peer.state != "up"],
    }


def in_time(tally: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return how many promises that ended today were kept, and how many ended; None: none did.

    Kept is a promise whose customer talked to the house, by the callback or otherwise, or for whom a ticket was wanted.
    Those that somebody took back are left out.
    """
    kept = sum(tally.get(key, 0) for key in KEPT)
    ended = kept + sum(tally.get(key, 0) for key in BROKEN)
    return (kept, ended) if ended else None
