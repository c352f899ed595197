"""A console as a test meets it: its application with people who are made up, or a real daemon with its process."""

import http.client
import json
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher

from proxy.verbs.shapes.verb import Role
from tests.kit.boomerang import Boomerang
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import eventually

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that are as good as none, so that tests are quick."""
PASSWORD = "correct horse"


@dataclass
class SomeUser:
    """A user's row."""

    name: str
    role: Role = "admin"
    groups: frozenset[str] | None = None
    agent: str | None = None
    password: str = field(default_factory=lambda: QUICK.hash(PASSWORD))
    disabled: bool = False


@dataclass
class SomeToken:
    """An API token's row."""

    id: str = "1"
    name: str = "reports"
    role: Role = "admin"
    groups: frozenset[str] | None = None
    agent: str | None = None
    expires: float | None = None
    revoked: bool = False


@dataclass
class SomePeople:
    """Users by name, tokens by hash."""

    users: dict[str, SomeUser] = field(default_factory=dict)
    tokens: dict[str, SomeToken] = field(default_factory=dict)

    def user(self, name: str) -> SomeUser | None:
        return self.users.get(name)

    def token(self, sha256: str) -> SomeToken | None:
        return self.tokens.get(sha256)


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Somebody with a browser that keeps cookies and shows nothing; `headers` go with every request."""

    def __init__(self, port: int, **headers: str) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection of one's own for each request."""
        return http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = self.connect()
        try:
            said = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
            if self.cookies:
                said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request(method, path, body, said)
            answer = connection.getresponse()
            content = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self._keep(value)
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, content, dict(self.cookies))
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form as a page of the console's own does."""
        said = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin", **headers}
        return self.ask("POST", path, urlencode(fields or {}).encode(), **said)

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        return self.post("/login", {"name": name, "password": password})


def with_console(folder: Path, *, console: dict[str, Any] | None = None, **more: Any) -> tuple[Boomerang, int]:
    """Return a daemon, not started yet, whose console has a port of its own; and that port."""
    port = free_port()
    peers = {"trunks": {"main": {"peers": [f"sip:{LOOPBACK}:{free_port()}"]}},
             "pbxs": {"office": {"peers": [f"sip:{LOOPBACK}:{free_port()}"]}}}
    extra = {"console": {"listen": f"{LOOPBACK}:{port}", **(console or {})}, **more.pop("extra", {})}
    return Boomerang(folder, extra=extra, **{**peers, **more}), port


def wait_for_console(port: int) -> None:
    """Wait until the console answers."""
    eventually(lambda: _answers(port), "a console that answers")


def _answers(port: int) -> bool:
    try:
        return Visitor(port).get("/login").status == 200
    except (OSError, http.client.HTTPException):
        return False
