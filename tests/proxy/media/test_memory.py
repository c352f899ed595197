"""A session that was closed is gone at once: nothing of it waits for the collector of cycles."""

import asyncio
import gc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proxy.media.contract import StreamTerms
from proxy.media.settings import MediaSettings
from proxy.media.switchboard import Switchboard
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import KEYS, PAYLOAD_TYPES, RtpPhone
from tests.proxy.media.support import run, until

ROUNDS = 6


async def conversation(board: Switchboard, told: list[tuple[Any, ...]], number: int) -> None:
    """Two sessions: prompts, keys, tones, joined, recorded, parted and closed in the middle of all that."""
    phones = []
    for leg in (number, number + 1):
        board.open(leg, f"leg{leg}")
        port = next(words[2] for words in told if words[:2] == ("opened", leg))
        phone = RtpPhone("PCMA", LOOPBACK)
        phone.target = (LOOPBACK, port)
        phones.append(phone)
        board.connect(leg, StreamTerms(LOOPBACK, phone.port, "PCMA", PAYLOAD_TYPES["PCMA"], KEYS)._asdict())
        board.play(leg, [["press_1_or_2", "en", ""]], 1, 1.0)
        board.watch(leg, 5.0)
    phones[0].press("1")
    await until(lambda: ("digit", number, "1") in told, "the key is told")
    board.join(number, number + 1)
    board.record(number, number + 1, f"{number}.wav")
    await phones[0].speak(700, 0.1)
    phones[0].press("5")
    board.press(number + 1, "12")
    board.play(number, [["goodbye", "en", ""]], 2, None)
    board.stop_recording(number)
    for leg in (number, number + 1):
        board.close_stream(leg)
    for phone in phones:
        phone.close()


@pytest.mark.usefixtures("no_collector")
def test_a_closed_session_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = free_port(room=20)
        told: list[tuple[Any, ...]] = []
        settings = MediaSettings(LOOPBACK, LOOPBACK, first, first + 19, str(tmp_path), str(tmp_path), 0.0)
        board = Switchboard(settings, lambda *words: told.append(words), asyncio.get_running_loop())
        board.start()
        try:
            await conversation(board, told, 1)
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)
            for number in range(1, ROUNDS):
                await conversation(board, told, 10 * number)
            # What a thread has read may still be on its way to a stream that is closed: it comes, and lets go.
            await until(lambda: collected() or not kept(), "nothing is kept")
            assert collected() == {}, "in cycles"
        finally:
            board.close()

    run(scenario())


def collected() -> Counter[str]:
    gc.collect()
    return count(gc.garbage)


def kept() -> set[str]:
    return {name for name in count(gc.get_objects()) if name.endswith(("media.stream.Stream", "Recording"))}


def count(objects: list[object]) -> Counter[str]:
    """Objects of the media process by type."""
    kinds = (type(each) for each in objects)
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds
                   if str(kind.__module__).startswith("proxy.media"))
