"""Who follows messages, whatever they are: the one that cannot be read is shown as such, and goes its way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proxy.daemon.tracing import MessageTracer
from proxy.sip.hop import Flow, Listener
from tests.kit.waiting import PATIENCE

FLOW = Flow(Listener(0, "udp", "127.0.0.1", 5060, "127.0.0.1", 5060), "127.0.0.1", 5070)
HEAD = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
WHOLE = HEAD + b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\n\r\n"
ODD = {
    "no Call-ID": HEAD + b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\n\r\n",
    "two": WHOLE[:-2] + b"Call-ID: two\r\n\r\n",
    "an empty one": WHOLE.replace(b"Call-ID: one", b"Call-ID:"),
    "no text": WHOLE.replace(b"Call-ID: one", b"Call-ID: \xff\xfe"),
    "a method that is no text": WHOLE.replace(b"OPTIONS sip", b"\xff\xfe sip"),
    "no CSeq": b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\nCall-ID: one\r\n\r\n",
    "no headers": b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
    "a status that is none": b"SIP/2.0 9999 X\r\nCall-ID: one\r\n\r\n",
    "nothing": b"", "bytes": bytes(range(256)), "keep-alive": b"\r\n\r\n", "half": WHOLE[:40],
    "long": b"OPTIONS sip:" + b"x" * 60_000,
}


def followed(data: bytes, digits: str = "", call_ids: set[bytes] | None = None,
             named: Callable[[bytes], str] = lambda name: name.decode("utf-8", "replace")) -> list[dict[str, Any]]:
    """Rows that a follower gets of a message, and of a whole one after it, in both directions."""
    async def run() -> list[dict[str, Any]]:
        tracer = MessageTracer("edge1", lambda transport, host, port: f"{host}:{port}", lambda: 1.0, named)
        rows = tracer.watch(digits, call_ids or set())
        coming = asyncio.ensure_future(anext(rows))
        await asyncio.sleep(0)
        assert tracer.active
        tracer.received(data, FLOW)
        tracer.sent(data, "udp", "127.0.0.1", 5080)
        tracer.received(WHOLE, FLOW)
        found = [await asyncio.wait_for(coming, PATIENCE)]
        while found[-1]["line"] != "OPTIONS" or found[-1]["call"] != "one":
            found.append(await asyncio.wait_for(anext(rows), PATIENCE))
        await rows.aclose()  # type: ignore[attr-defined]
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("what", ODD)
def test_everything_is_followed_past_what_cannot_be_read(what: str) -> None:
    rows = followed(ODD[what])
    assert rows[-1]["line"] == "OPTIONS"
    assert rows[0]["line"]
    assert rows[0]["from"] == "127.0.0.1:5070"


@pytest.mark.parametrize("what", ODD)
def test_one_call_is_followed_past_what_cannot_be_read(what: str) -> None:
    assert followed(ODD[what], "", {b"one"})[-1]["call"] == "one"


def test_a_bug_of_ours_costs_no_message() -> None:
    def named(call_id: bytes) -> str:
        if not named_well:
            raise ZeroDivisionError
        return call_id.decode()

    async def run() -> None:
        tracer = MessageTracer("edge1", lambda transport, host, port: "", lambda: 1.0, named)
        rows = tracer.watch("", set())
        coming = asyncio.ensure_future(anext(rows))
        await asyncio.sleep(0)
        tracer.received(WHOLE, FLOW)
        assert (await asyncio.wait_for(coming, PATIENCE))["line"] == "unreadable: ZeroDivisionError"
        await rows.aclose()  # type: ignore[attr-defined]

    named_well = False
    asyncio.run(run())
