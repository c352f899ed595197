"""Real receivers on loopback: a web server and a mail server that do as they are told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.kit.ports import free_port
from tests.kit.waiting import PATIENCE

Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (204, {}, b"")


@dataclass
class Hook:
    """A web server. It answers with `answers`, one after the other, then well."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers in lower case, and the body."""
    hold: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    """A request has come, answered or not."""

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    def texts(self) -> list[str]:
        return [body["comment"]["text"] for body in self.bodies()]


@contextmanager
def web_server(port: int = 0) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.reached.set()
            if hook.hold is not None:
                hook.hold.wait(PATIENCE)
            hook.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, answer = hook.answers.pop(0) if hook.answers else GOOD
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    hook.url = f"http://127.0.0.1:{server.server_port}/tickets"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Post:
    """A mail server. It answers RCPT of the addresses in `refused`, and DATA with `answers` one after the other."""

    port: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str,  # noqa: N802
                          options: list[str]) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(BytesParser(policy=default).parsebytes(content))
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str,
                     data: LoginPassword) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)


@contextmanager
def mail_server(starttls: SSLContext | None = None, smtps: SSLContext | None = None,
                login: bool = False) -> Iterator[Post]:
    post = Post(free_port())
    controller = Controller(
        post, hostname="127.0.0.1", port=post.port, ssl_context=smtps, tls_context=starttls,
        authenticator=post.authenticate if login else None, auth_required=login and starttls is not None,
        auth_require_tls=starttls is not None,
    )
    controller.start()
    try:
        yield post
    finally:
        controller.stop()
