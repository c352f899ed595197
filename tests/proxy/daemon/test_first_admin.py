"""The first admin: made once, and its password shown where somebody sees it and nowhere else."""

import asyncio
from collections.abc import Mapping
from typing import Any

from proxy.control_client import ControlError
from proxy.daemon.first_admin import first_admin
from tests.kit.logged import capture_logs


class Daemon:
    def __init__(self, *users: str, broken: bool = False) -> None:
        self.users, self.broken = list(users), broken

    async def ask(self, verb: str, args: Mapping[str, Any]) -> Any:
        if self.broken:
            raise ControlError("the database cannot be read")
        if verb == "users.list":
            return self.users
        assert (verb, args) == ("users.add", {"name": "admin", "role": "admin"})
        self.users.append("admin")
        return {"name": "admin", "password": "s3cret"}


def begin(daemon: Daemon, terminal: list[str] | None) -> str:
    with capture_logs() as logs:
        asyncio.run(first_admin(daemon.ask, None if terminal is None else terminal.append))
    return " ".join(str(line) for line in logs)


def test_a_password_is_shown_in_a_terminal_and_never_in_the_log() -> None:
    daemon, terminal = Daemon(), list[str]()
    assert "s3cret" not in begin(daemon, terminal)
    assert terminal[0].splitlines()[1] == "s3cret", "alone on its line"
    begin(daemon, terminal)
    assert (daemon.users, len(terminal)) == (["admin"], 1)


def test_where_nobody_sits_the_log_says_what_to_do() -> None:
    daemon = Daemon()
    assert "boomerang users add admin --role admin" in begin(daemon, None)
    assert daemon.users == []
    assert begin(Daemon("anna"), None) == ""
    assert "cannot be read" in begin(Daemon(broken=True), [])
