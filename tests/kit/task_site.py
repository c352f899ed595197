"""A daemon with its console whose callbacks stand still: nobody is registered, so that what is promised waits."""

import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from proxy.control_client import ControlClient
from tests.kit.boomerang import Boomerang
from tests.kit.console import PASSWORD, Visitor, wait_for_console
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket
from tests.kit.site import peer
from tests.kit.waiting import PATIENCE

MEDIA_PORTS: Final = 40
POLICY: Final[Mapping[str, Any]] = {
    "number": {"+3614445555": {"group": "sales"}},
    "agent": {"201": {"name": "Anna"}, "202": {"name": "Béla"}, "301": {"name": "Csilla"}},
    "group": {
        "sales": {"agents": ["201", "202"], "missed_callback": {"enabled": True, "window": "24h", "attempts": 4},
                  "callback": {"preview": "120s", "retry_agent": "1s", "wrap_up": "300s", "record": True}},
        "support": {"agents": ["301"]}},
    "campaign": {"10001": {"name": "Winter", "group": "sales", "from": "2020-01-01"}},
    "guard": {"number_per_hour": 1000, "number_per_day": 1000, "all_per_hour": 100000, "all_per_day": 100000,
              "tasks_per_hour": 100000, "open_tasks": 50000},
}
WHO: Final[Mapping[str, Mapping[str, Any]]] = {
    "olga": {"role": "admin"}, "sara": {"role": "supervisor", "groups": ["sales"]},
    "anna": {"role": "agent", "agent": "201"},
}


def follow(visitor: Visitor, path: str, hear: Callable[[str], None], enough: Callable[[], bool],
           seconds: float = PATIENCE) -> None:
    """Follow a stream of events: each event's data is heard, until it is enough. Fails after so many seconds."""
    end = time.monotonic() + seconds
    connection = http.client.HTTPConnection(LOOPBACK, visitor.port, timeout=seconds)
    try:
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        connection.request("GET", path, None, {**visitor.headers, "Cookie": cookie, "Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        lines: list[str] = []
        while not enough():
            assert time.monotonic() < end, "nothing more is heard"
            line = answer.readline().decode().rstrip("\r\n")
            if line.startswith("data:"):
                lines.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and lines:
                hear("\n".join(lines))
                lines.clear()
    finally:
        connection.close()


class TaskSite:
    """`with TaskSite(folder) as site:`; carrier and PBX are sockets that answer nothing by themselves."""

    def __init__(self, folder: Path, policy: Mapping[str, Any] = POLICY) -> None:
        self.carrier, self.pbx = SipSocket(), SipSocket()
        self.port, media = free_port(), free_port(MEDIA_PORTS)
        self.daemon = Boomerang(
            folder, trunks={"main": peer(self.carrier.port)},
            pbxs={"office": {**peer(self.pbx.port), "extensions": "^[23][0-9]{2}$"}}, policy=policy,
            extra={"console": {"listen": f"{LOOPBACK}:{self.port}"},
                   "media": {"ports": f"{media}-{media + MEDIA_PORTS - 1}"}})
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where the console is."""
        return f"http://{LOOPBACK}:{self.port}"

    def verb(self, verb: str, /, **args: Any) -> Any:
        """Say a verb as an operator; raises ControlError."""
        return ControlClient(self.daemon.data / "control.sock", PATIENCE).call(verb, **args)

    def visitor(self, name: str, language: str = "en") -> Visitor:
        """Log somebody in."""
        found = Visitor(self.port, Accept_Language=language)
        answer = found.log_in(name)
        assert answer.status == 303, answer.text
        return found

    def promise(self, customer: str, group: str = "sales", **more: Any) -> str:
        """Promise a callback; return its id."""
        return str(self.verb("callbacks.add", customer=customer, group=group, **more)["id"])

    def __enter__(self) -> Self:
        self._stack.enter_context(self.carrier)
        self._stack.enter_context(self.pbx)
        self.daemon.start()
        self._stack.callback(self.daemon.stop)
        for name, about in WHO.items():
            self.verb("users.add", name=name, password=PASSWORD, **about)
        wait_for_console(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
