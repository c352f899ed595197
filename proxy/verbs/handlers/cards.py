"""The card of a callback as its agent sees it: an attempt under way, a place that they picked up, the wrap-up."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from proxy.verbs.shapes.callbacks import Card, CardHistory
from routing.callbacks.facts import Going
from routing.callbacks.task import Attempt, Task
from routing.callbacks.wrap_ups import WrapUp
from routing.storage import StoreError
from routing.store.reader import Reader

NO_HISTORY: Final[CardHistory] = {"last_talk": None, "tries": []}


def card_of(attempt: Attempt, going: Mapping[str, Going]) -> Card:
    """Return the card of an attempt under way."""
    order, row = attempt.order, attempt.task.row
    phase, agent = going.get(order.attempt, Going("claimed", order.agent))
    previewed = phase in ("claimed", "preview") and order.preview > 0
    return {
        "attempt": order.attempt, "task": order.task, "customer": order.customer, "number": order.number,
        "group": order.group, "campaign": order.campaign, "kind": row.kind, "agent": agent or order.agent,
        "phase": phase, "serial": order.serial, "preview": order.preview,
        "preview_until": attempt.row.claimed_at + order.preview if previewed else None, "wrap_up_until": None,
        "claimed": attempt.row.claimed_at, "missed_at": order.missed_at, "missed": row.missed,
        "declined": [*row.declined], "history": NO_HISTORY, "note": order.note}


def card_of_wrap_up(wrap_up: WrapUp, agent: str) -> Card:
    """Return the card that stays when a callback is over, until the agent's time with it is."""
    return {**card_of(wrap_up.attempt, {}), "agent": agent, "phase": "wrap_up", "preview_until": None,
            "wrap_up_until": wrap_up.until}


def card_of_place(task: Task, now: float) -> Card:
    """Return the card of a request whose place an agent has picked up in the PBX's queue."""
    row, place = task.row, task.place
    taken_at = None if place is None else place.taken_at
    return {
        "attempt": None, "task": row.id, "customer": row.customer, "number": row.number, "group": row.group,
        "campaign": row.campaign, "kind": row.kind, "agent": None if place is None else place.taken_by,
        "phase": "place", "serial": 0, "preview": 0.0, "preview_until": None, "wrap_up_until": None,
        "claimed": now if taken_at is None else taken_at, "missed_at": row.missed_at, "missed": row.missed,
        "declined": [*row.declined], "history": NO_HISTORY, "note": str(row.options.get("note", ""))}


async def with_history(cards: Sequence[Card], reader: Reader, min_talk: float) -> list[Card]:
    """Add what was before, read in another thread; while the database cannot be read nothing was."""
    def read() -> list[CardHistory]:
        return [_history(card, reader, min_talk) for card in cards]

    with contextlib.suppress(StoreError):
        found = await asyncio.to_thread(read)
        return [{**card, "history": history} for card, history in zip(cards, found, strict=True)]
    return [*cards]


def _history(card: Card, reader: Reader, min_talk: float) -> CardHistory:
    talk = reader.calls.last_talk(card["customer"], min_talk)
    return {
        "last_talk": None if talk is None else {"agent": talk[0], "time": talk[1]},
        "tries": [{"serial": row.serial, "time": row.claimed_at, "agent": row.agent, "result": row.result,
                   "talk": row.talk_s} for row in reader.callbacks.attempts_of(card["task"])
                  if row.ended_at is not None and row.id != card["attempt"]]}
