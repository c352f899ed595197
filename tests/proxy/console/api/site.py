"""A real daemon and its console, asked by programs: a token for each role."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.control_client import ControlClient
from routing.events import write_json
from routing.rows import AttemptRow, CallRow, TaskRow
from tests.kit.boomerang import Boomerang
from tests.kit.console import Answer, Visitor, wait_for_console, with_console
from tests.kit.waiting import PATIENCE, eventually

POLICY: Mapping[str, Any] = {
    "group": {"sales": {"agents": ["201", "202"]}, "support": {"agents": ["301"]}},
    "number": {"+3614445551": {"kind": "shared", "group": "sales"},
               "+3614445552": {"kind": "shared", "group": "support"}},
    "campaign": {"10001": {"name": "Winter", "group": "sales", "from": "2026-01-01"}},
}
ROLES: Mapping[str, dict[str, Any]] = {
    "admin": {"role": "admin"}, "sue": {"role": "supervisor", "groups": ["sales"]},
    "all": {"role": "supervisor"}, "anna": {"role": "agent", "agent": "201"},
}
"""Who shows a token, by its name."""


@dataclass
class Site:
    """A console and who asks it."""

    daemon: Boomerang
    port: int
    tokens: dict[str, str]

    def ask(self, who: str | None, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask the API as somebody. `body`: text or bytes as they are, else JSON."""
        said = dict(headers)
        if who is not None:
            said["Authorization"] = f"Bearer {self.tokens[who]}"
        raw = body if isinstance(body, bytes | None) else body.encode() if isinstance(body, str) else \
            json.dumps(body).encode()
        if raw is not None and not isinstance(body, bytes | str):
            said["Content_Type"] = "application/json"
        return Visitor(self.port).ask(method, f"/api/v1{path}", raw, **said)

    def get(self, path: str, who: str = "admin", **headers: str) -> Answer:
        return self.ask(who, "GET", path, **headers)

    def post(self, path: str, body: Any = None, who: str = "admin", **headers: str) -> Answer:
        return self.ask(who, "POST", path, {} if body is None else body, **headers)

    def put(self, table: str, rows: Iterator[CallRow] | list[CallRow] | list[TaskRow] | list[AttemptRow]) -> None:
        """Put rows into the daemon's database, as if it had written them."""
        with contextlib.closing(sqlite3.connect(self.daemon.data / "boomerang.db", timeout=PATIENCE)) as db, db:
            for row in rows:
                values = [write_json(one) if isinstance(one, tuple | dict) else one for one in row]
                names = ",".join(f'"{name}"' for name in row._fields)
                db.execute(f"INSERT INTO {table} ({names}) VALUES ({','.join('?' * len(values))})", values)


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Start a daemon with its console, and make a token for each role."""
    daemon, port = with_console(folder, policy=POLICY)
    with daemon:
        wait_for_console(port)
        client = ControlClient(daemon.data / "control.sock")
        tokens = {name: client.call("tokens.add", name=name, **what)["token"] for name, what in ROLES.items()}
        made = Site(daemon, port, tokens)
        eventually(lambda: made.get("/status").status == 200, "the API answers")
        yield made
