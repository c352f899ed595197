"""What every request passes before a page or the API sees it, and what every answer gets on its way out.

In: who really asks (behind a proxy that is named), by which name, from which page, and how much they send. Out: the
headers that keep a page to itself, on every answer, errors too. What is refused here is refused by its head, before a
byte of its body is read.
"""

import asyncio
import ipaddress
import re
import secrets
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.console.doorkeeper import SessionDoorkeeper, token_of
from proxy.console.settings import ConsoleSettings
from proxy.verbs.shapes.caller import Caller
from proxy.web import bodies
from proxy.web.connections import Connection, Connections

API: Final = "/api/"
STATIC: Final = "/static/"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HERE: Final = frozenset({"localhost", "localhost.localdomain"})
STRANGER_BODY: Final = 16_384
"""Bytes that somebody may send who has not said who they are: a name and a password."""
MOST_BODY: Final = 1 << 20
UPLOAD_BODY: Final = 32 << 20
UPLOADS: Final = ("/prompts", "/do-not-call", "/api/v1/prompts", "/api/v1/do-not-call", "/api/v1/policy")
"""Paths, with all below them, that take files."""
BODY_SECONDS: Final = 60.0
"""How long a body may take in all."""
LOOK_AGAIN: Final = 15.0
"""Seconds between two looks whether whoever follows a stream, or reads an export, is still who they were."""
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s/@]+)(?::[0-9]{1,5})?")
_SLASH: Final = re.compile(r"%2[Ff]")
_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_LONG: Final = "max-age=31536000"
"""How long a browser remembers to come by https alone."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Refusal(NamedTuple):
    """Why a request goes no further."""

    status: int
    text: str


Refuse = Callable[[Request, Refusal], Awaitable[Response]]
"""Makes the answer to who is refused: a page, or a problem below /api."""


class Entry:
    """An ASGI application around the one that answers."""

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, doorkeeper: SessionDoorkeeper, connections: Connections,
                 refuse: Refuse) -> None:
        self._app, self._doorkeeper, self._connections, self._refuse = app, doorkeeper, connections, refuse
        self._secure = settings.secure
        self._hosts = own_names(settings)
        self._proxies = tuple(ipaddress.ip_network(text, strict=False) for text in settings.proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        connection = self._connections.find(None if client is None else (client[0], client[1]))
        scope = {**scope, "nonce": secrets.token_urlsafe(16), "app": self._app}  # the server looks at its own again
        given = _Given(_headed(scope, send))
        try:
            await self._answer(self._seen(scope), receive, given, connection)
        except Exception:
            if not given.whole:
                raise
            # else it was answered with what went wrong and logged there; the server would log it once more
        finally:
            if connection is not None:
                connection.end_work()

    def _seen(self, scope: Scope) -> Scope:
        """Write into a request who asks, by which scheme and which name, where a proxy that is named says so."""
        headers, client = Headers(scope=scope), scope.get("client")
        address = client[0] if client is not None else ""
        scope["path"] = path_of(scope)
        host = headers.get("host", "")
        if _among(address, self._proxies):
            told = [one.strip() for one in ",".join(headers.getlist("x-forwarded-for")).split(",") if one.strip()]
            while told and _among(address, self._proxies):
                address = told.pop()
            scope["client"] = (address, 0)
            proto = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
            if proto in ("http", "https"):
                scope["scheme"] = proto
            host = headers.get("x-forwarded-host", "").rpartition(",")[2].strip() or host
        if self._secure:
            scope["scheme"] = "https"
        scope["boomerang.host"] = host.lower()
        return scope

    async def _answer(self, scope: Scope, receive: Receive, send: Send, connection: Connection | None) -> None:
        request, headers, method, path = Request(scope), Headers(scope=scope), scope["method"], scope["path"]
        if method == "HEAD":  # the server leaves out the body
            scope["method"] = "GET"
        length = bodies.length_of(headers)
        refused = _TWO_ENDS if bodies.is_ambiguous(headers) else self._stranger(scope)
        caller, body = None, b""
        if refused is None and not path.startswith(STATIC):
            try:
                caller = self._doorkeeper.who(request)
            except (sqlite3.Error, OSError):
                refused = Refusal(503, "the database cannot be read")
        if refused is None and length != 0:
            most = _most(path) if caller is not None else STRANGER_BODY
            body, refused = await _body(receive, most, length, connection)
        if refused is None and method not in SAFE:
            refused = self._foreign(request, headers, body)
        if connection is not None:
            connection.begin_work()
        if refused is not None:
            answer = await self._refuse(request, refused)
            await answer(scope, receive, bodies.closing(send, connection) if length != 0 else send)
            return
        if caller is not None:
            send = self._watched(request, caller, send, connection)
        if method == "HEAD":
            await _head(self._app, scope, bodies.once(body, receive), send)
        else:
            await self._app(scope, bodies.once(body, receive), send)

    def _stranger(self, scope: Scope) -> Refusal | None:
        """Refuse whoever asks by a name that is not ours: a page elsewhere had it bent to our address.

        An address is no name, so it cannot be bent.
        """
        host = _HOST.fullmatch(scope["boomerang.host"])
        if host is None:
            return Refusal(400, "the Host header names no host")
        name = host[1].strip("[]").rstrip(".")
        if name in self._hosts or _is_address(name):
            return None
        return Refusal(400, f"this console is not known as {name[:100]!r}: add it to console.hosts")

    def _foreign(self, request: Request, headers: Headers, body: bytes) -> Refusal | None:
        """Refuse what a page elsewhere has a browser send.

        A token is shown by programs alone, never by a browser. Names and passwords are: a browser sends those of a
        proxy before us to us too, with whatever any page has it send.
        """
        if token_of(request) is not None:
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return None if site in ("same-origin", "none") else _FOREIGN
        if origin is not None:
            return None if urlsplit(origin).netloc.lower() == request.scope["boomerang.host"] else _FOREIGN
        if self._doorkeeper.who(request) is None:  # nothing can be done in anybody's name
            return None
        token = self._doorkeeper.form_token(request)
        if headers.get("x-csrf-token") == token or token.encode() in body:
            return None
        return Refusal(403, "the form lacks its token: open its page again, and send it from there")

    def _watched(self, request: Request, caller: Caller, send: Send, connection: Connection | None) -> Send:
        """Give an answer; one that goes on and on ends when whoever follows it is not any more who they were.

        What they are shown was judged by what they were when they asked. A page asks again by itself.
        """
        loop = asyncio.get_running_loop()
        looked = loop.time()
        goes_on = False

        async def give(message: Message) -> None:
            nonlocal looked, goes_on
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                goes_on = "content-length" not in headers
                if connection is not None and goes_on:
                    connection.begin_stream((caller.door, caller.name))
            elif goes_on and loop.time() - looked > LOOK_AGAIN:
                looked = loop.time()
                if connection is not None and self._doorkeeper.look(request) != caller:
                    connection.cut()
                    return
            await send(message)

        return give


class _Given:
    """Gives an answer, and knows whether all of it was given."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.whole = False

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        self.whole = message["type"] == "http.response.body" and not message.get("more_body", False)


_FOREIGN: Final = Refusal(403, "this was sent from another site's page")


_TWO_ENDS: Final = Refusal(400, "a body has a Content-Length or a Transfer-Encoding, not both")


def own_names(settings: ConsoleSettings) -> frozenset[str]:
    """Return the names by which browsers may ask: this machine's, the address that is listened on, those configured."""
    machine = socket.gethostname().lower()
    names = {settings.listen.lower(), machine, machine.partition(".")[0], *(name.lower() for name in settings.hosts)}
    return frozenset(name.strip("[]").rstrip(".") for name in names if name) | HERE


def path_of(scope: Scope) -> str:
    """Return the path of a request, decoded but for a slash that was written as `%2F`: that one is a sign of a name,
    and ends none (RFC 3986 section 2.2).
    """
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return str(scope["path"])
    return "%2F".join(unquote(part) for part in _SLASH.split(raw.decode("ascii", "replace").partition("?")[0]))


def _most(path: str) -> int:
    return UPLOAD_BODY if any(path == one or path.startswith(one + "/") for one in UPLOADS) else MOST_BODY


async def _body(receive: Receive, most: int, length: int | None,
                connection: Connection | None) -> tuple[bytes, Refusal | None]:
    """Return a body, or why it is not taken."""
    if length is not None and length > most:
        return b"", Refusal(413, f"a body has at most {most} bytes here")
    if connection is not None:
        connection.begin_body(BODY_SECONDS)
    try:
        async with asyncio.timeout(BODY_SECONDS * 0.9):
            body = await bodies.read(receive, most)
    except ConnectionError:
        return b"", Refusal(400, "the body did not come")
    except TimeoutError:
        return b"", Refusal(408, f"a body has {BODY_SECONDS * 0.9:g} s to come")
    return (b"", Refusal(413, f"a body has at most {most} bytes here")) if body is None else (body, None)


async def _head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as GET is answered, but end what comes in pieces after its head: there may be no end to them."""
    over = asyncio.Event()

    async def give(message: Message) -> None:
        if over.is_set():
            return
        await send(message)
        if message["type"] == "http.response.start" and "content-length" not in Headers(raw=message["headers"]):
            over.set()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    answering, ending = asyncio.ensure_future(app(scope, receive, give)), asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait((answering, ending), return_when=asyncio.FIRST_COMPLETED)
        if not over.is_set():
            await answering
    finally:
        answering.cancel()
        ending.cancel()
        await asyncio.wait((answering, ending))


def _headed(scope: Scope, send: Send) -> Send:
    """Give an answer with the headers that all have."""

    async def give(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("content-security-policy", _POLICY.format(nonce=scope["nonce"]))
            headers.setdefault("cache-control", "no-store")
            if scope["scheme"] == "https":
                headers.setdefault("strict-transport-security", _LONG)
            message = {**message, "headers": headers.raw}
        await send(message)

    return give


def _among(address: str, networks: Iterable[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
