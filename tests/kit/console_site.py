"""The console of a real daemon: its process, people of each role, a past to look at, and an HTTP client that logs in.

Carrier and PBX are `SipSocket`s, so that a test says when who calls; nobody plays by itself.
"""

import hashlib
import os
import random
import time
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self

import httpx

from proxy.control_client import ControlClient
from proxy.demo.company.house import LOG_INS, NODE, PBX, POLICY, TRUNK, LogIn
from proxy.demo.company.past import Past
from proxy.demo.company.writing import keep
from routing.ids import uuid7
from routing.rows import TokenRow, UserRow
from routing.writes import Unit
from tests.kit.boomerang import Boomerang
from tests.kit.console import QUICK
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket
from tests.kit.site import peer
from tests.kit.waiting import PATIENCE, eventually

PASSWORD: Final = "a long enough password"
TOKEN: Final = "a-token-that-nobody-guesses"
"""Bearer token of a program that may do everything."""


ADMIN, SUPERVISOR, AGENT = LOG_INS
"""One of each role: an admin; a supervisor of the sales; the agent with extension 201."""


def people() -> Unit:
    """Return the rows of all who may log in, and of the token."""
    kept, now = QUICK.hash(PASSWORD), time.time()
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return Unit((*(UserRow(one.name, one.role, one.groups, one.agent, kept, now, None) for one in LOG_INS),
                 TokenRow(uuid7(now, os.urandom), "tests", "admin", None, None, digest, now, None, None)))


class ConsoleSite:
    """`with ConsoleSite(folder) as site:` one daemon with its console.

    `past`: what is in the database before it starts; None: three days of the played company. `policy`: text of
    policy.toml, the played company's unless another is given. `extra`: further tables of boomerang.toml.
    """

    def __init__(self, folder: Path, *, past: Iterable[Unit] | None = None, policy: str = POLICY,
                 extra: Mapping[str, Any] | None = None, mqtt: str = "off",
                 daemon: type[Boomerang] = Boomerang) -> None:
        self.carrier, self.pbx = SipSocket(), SipSocket()
        self.port = free_port()
        self.boomerang = daemon(
            folder, trunks={TRUNK: peer(self.carrier.port)},
            pbxs={PBX: {**peer(self.pbx.port), "extensions": "^2[0-9]{2}$"}}, policy=tomllib.loads(policy), mqtt=mqtt,
            extra={"node": {"name": NODE, "data": folder / "data"},
                   "console": {"listen": f"{LOOPBACK}:{self.port}"}, **(extra or {})})
        self._past = Past(random.Random(7)).days(time.time(), 3, 60) if past is None else past
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where the console is, without a slash at its end."""
        return f"http://{LOOPBACK}:{self.port}"

    def verb(self, verb: str, /, **args: Any) -> Any:
        """Say a verb as an operator by the control socket; raises ControlError."""
        return ControlClient(self.boomerang.data / "control.sock", PATIENCE).call(verb, **args)

    def client(self, person: LogIn | None = None) -> httpx.Client:
        """An HTTP client, which has logged in as somebody where one is named; it is closed with the site."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE, headers={"Accept-Language": "en"})
        self._stack.enter_context(client)
        if person is not None:
            client.headers["Sec-Fetch-Site"] = "same-origin"
            answer = client.post("/login", data={"name": person.name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def answers(self) -> bool:
        """Whether its log-in can be had."""
        try:
            return httpx.get(f"{self.url}/login", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    def ready(self) -> None:
        """Wait until it answers."""
        eventually(self.answers, "a console that answers", every=0.1)

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.carrier)
            self._stack.enter_context(self.pbx)
            keep(self.boomerang.data, NODE, chain((people(),), self._past))
            self._stack.enter_context(self.boomerang)
            self.ready()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stack.__exit__(type(error) if error else None, error, None)
        if isinstance(error, AssertionError):
            error.add_note(self.boomerang.report())
