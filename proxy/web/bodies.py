"""A request's body: how long it is, read whole and bounded, given on; an answer after which the connection ends."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Send

from proxy.web.connections import SECONDS, Connection, Phase

BODY_SECONDS: Final = SECONDS[Phase.BODY] * 0.9
"""How long a body may take in all: its sender is told before the connection is cut."""
LENGTH_DIGITS: Final = 18
"""Digits of a Content-Length that is read; one of more is too long in any case."""
CLOSE: Final = (b"connection", b"close")


def length_of(headers: Headers) -> int | None:
    """Return how long a body is; None where only its end will tell."""
    if "transfer-encoding" in headers:
        return None
    text = headers.get("content-length", "0")
    return int(text) if len(text) <= LENGTH_DIGITS and text.isascii() and text.isdigit() else 10 ** LENGTH_DIGITS


def is_ambiguous(headers: Headers) -> bool:
    """Whether a body is said to end in two ways: who stands before us may see another end (RFC 9112 section 6.3)."""
    return "transfer-encoding" in headers and "content-length" in headers


async def read(receive: Receive, most: int) -> bytes | None:
    """Return a body; None where it is longer than `most`. Raises ConnectionError where its sender went away."""
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        read += message.get("body", b"")
        if len(read) > most:
            return None
        if not message.get("more_body", False):
            return bytes(read)


async def nothing() -> Message:
    """Receive for what reads no body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def once(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read, then what follows it."""
    bodies = [body]

    async def take() -> Message:
        return {"type": "http.request", "body": bodies.pop(), "more_body": False} if bodies else await receive()

    return take


def closing(send: Send, connection: Connection | None) -> Send:
    """Give an answer after which the connection ends, whatever of the request is still to come."""
    if connection is not None:
        connection.read_on()

    async def give(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await send(message)

    return give
