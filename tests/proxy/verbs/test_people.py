"""Users and tokens by verbs: what is kept of them, what is shown of them, and what cannot be done."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from proxy.control_client import ControlError
from proxy.verbs.handlers.audit import AuditAnswers
from proxy.verbs.handlers.people import PeopleAnswers, digest
from proxy.verbs.node_things import NodeThings
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.catalogue import BY_NAME
from proxy.verbs.shapes.errors import ArgumentError, ForbiddenError, UnknownError
from routing.ids import uuid7
from routing.rows import TaskRow
from routing.store.people import People
from tests.kit.answering import settling
from tests.kit.waiting import eventually
from tests.proxy.verbs.on_disk import NOW, OnDisk

BOSS = Caller("boss", "admin", "console")
ANNA = Caller("anna", "agent", "console", agent="201")


class NoTasks:
    """`queues.OpenTasks` of a node without callbacks."""

    def open_tasks(self) -> tuple[TaskRow, ...]:
        return ()

    def open_task(self, name: str) -> TaskRow | None:
        return None

    def places_taken(self) -> dict[str, str]:
        return {}


class Node(OnDisk):
    """A node with users, and a clock."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, '[group.sales]\nagents = ["201"]\n')
        self.now, self.given = NOW, 0
        self.people, self.folder = People(path), path.parent
        self.begin()

    def begin(self) -> None:
        """As after a start of the daemon."""
        self.verbs = settling(self.store, *PeopleAnswers(
            self.store, self.reader, lambda: self.ledger.policy, self.name, lambda: self.now).bound(),
            *AuditAnswers(self.reader).bound(),
            things=NodeThings(lambda: self.ledger.policy, self.ledger.calls, NoTasks(), self.store, self.reader,
                              lambda agent: None, lambda number: False, self.folder))

    def name(self, now: float) -> str:
        self.given += 1
        return uuid7(now, lambda octets: (self.given << 8).to_bytes(octets, "big"))

    def ask(self, name: str, caller: Caller = BOSS, /, **args: Any) -> Any:
        async def run() -> Any:
            self.loop = asyncio.get_running_loop()
            try:
                return await self.verbs.one(name, args, caller)
            finally:
                self.loop = None

        return answers.write(BY_NAME[name], asyncio.run(run()))

    def close(self) -> None:
        self.people.close()
        super().close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "boomerang.db")
    yield made
    made.close()


def refused(act: Callable[[], Any], kind: type[ControlError], text: str) -> None:
    with pytest.raises(kind) as error:
        act()
    assert text in str(error.value)


def test_a_user_is_made_with_a_password_that_is_shown_once_and_kept_as_a_hash(node: Node) -> None:
    made = node.ask("users.add", name="sue", role="supervisor", groups=["sales"])
    assert {**made, "password": ""} == {
        "name": "sue", "role": "supervisor", "groups": ["sales"], "agent": None,
        "created": "2026-11-18T11:06:40.000Z", "disabled": None, "password": ""}
    row = node.people.user("sue")
    assert row is not None
    assert row.password.startswith("$argon2id$")
    assert PasswordHasher().verify(row.password, made["password"])
    assert made["password"] not in (node.path.read_bytes() + Path(f"{node.path}-wal").read_bytes()).decode("latin-1")
    assert "password" not in node.ask("users.list")[0]


def test_a_password_that_was_given_is_not_shown_again(node: Node) -> None:
    assert node.ask("users.add", name="boss", role="admin", password="correct horse")["password"] is None
    row = node.people.user("boss")
    assert row is not None
    assert PasswordHasher().verify(row.password, "correct horse")
    again = node.ask("users.passwd", name="boss")["password"]
    row = node.people.user("boss")
    assert row is not None
    assert PasswordHasher().verify(row.password, again)


def test_somebody_gives_themselves_another_password_which_the_audit_log_tells_but_for_the_password(node: Node) -> None:
    node.ask("users.add", name="anna", role="agent", agent="201", password="battery staple")
    assert node.ask("account.passwd", ANNA, name="anna", password="correct horse")["name"] == "anna"
    row = node.people.user("anna")
    assert row is not None
    assert PasswordHasher().verify(row.password, "correct horse")
    with pytest.raises(ArgumentError) as error:
        node.ask("account.passwd", ANNA, name="anna", password="short")
    assert error.value.key == "password"
    (line,) = node.ask("audit.list", verb="account.passwd")
    assert (line["who"], line["about"], "correct horse" in str(line)) == ("anna", "anna", False)


def test_the_audit_log_tells_what_somebody_was_before(node: Node) -> None:
    node.ask("users.add", name="boss", role="admin")
    node.ask("users.add", name="sue", role="supervisor", groups=["sales"])
    node.ask("users.change", name="sue", role="supervisor")
    node.ask("users.change", name="sue", role="agent", agent="201")
    for verb in ("users.disable", "users.disable", "users.enable"):
        node.ask(verb, name="sue")
    for _ in range(2):
        node.ask("tokens.add", name="crm", role="supervisor", groups=["sales"])
        node.ask("tokens.revoke", name="crm")
    lines = [(one["verb"], one["before"], one["after"]) for one in node.ask("audit.list")]
    everything: dict[str, Any] = {"role": "supervisor", "groups": [], "agent": None}
    some = {**everything, "groups": ["sales"]}
    assert sorted([one for one in lines if not one[0].endswith(".add")], key=str) == sorted([
        ("users.change", some, everything),
        ("users.change", everything, {"role": "agent", "groups": None, "agent": "201"}),
        ("users.disable", {"disabled": False}, {"disabled": True}),
        ("users.disable", {"disabled": True}, {"disabled": True}),
        ("users.enable", {"disabled": True}, {"disabled": False}),
        *[("tokens.revoke", {**some, "revoked": False}, {"revoked": True})] * 2], key=str)
    assert {one["about"] for one in node.ask("audit.list", verb="users.change")} == {"sue"}


def test_what_does_not_go_together_is_named(node: Node) -> None:
    node.ask("users.add", name="anna", role="agent", agent="201")
    for args, key, text in (
            ({"name": "x", "role": "agent", "groups": ["sales"]}, "groups", "a supervisor has groups"),
            ({"name": "x", "role": "admin", "agent": "201"}, "agent", "an agent has an extension"),
            ({"name": "x", "role": "supervisor", "groups": ["salse"]}, "groups", "no group 'salse': sales"),
            ({"name": " x", "role": "admin"}, "name", "blank"), ({"name": "x"}, "role", "role is missing"),
            ({"name": "x", "role": "root"}, "role", "none of agent, supervisor, admin"),
            ({"name": "x", "role": "admin", "password": "short"}, "password", "5 characters, 8 at least")):
        with pytest.raises(ArgumentError) as error:
            node.ask("users.add", **args)
        assert (error.value.key, text in str(error.value)) == (key, True), str(error.value)
    refused(lambda: node.ask("users.add", name="anna", role="admin"), ControlError, "there is a user 'anna' already")
    for verb in ("users.passwd", "users.disable", "users.enable"):
        refused(partial(node.ask, verb, name="nobody"), UnknownError, "there is no user 'nobody'")
    assert [one["name"] for one in node.ask("users.list")] == ["anna"]


def test_the_last_admin_stays(node: Node) -> None:
    node.ask("users.add", name="boss", role="admin")
    refused(lambda: node.ask("users.disable", name="boss"), ControlError, "the only admin")
    refused(lambda: node.ask("users.change", name="boss", role="agent"), ControlError, "the only admin")
    node.ask("users.add", name="second", role="admin")
    assert node.ask("users.disable", name="boss")["disabled"] is not None
    refused(lambda: node.ask("users.disable", name="second"), ControlError, "the only admin")
    assert node.ask("users.enable", name="boss")["disabled"] is None
    changed = node.ask("users.change", name="second", role="supervisor", groups=["sales"])
    assert (changed["role"], changed["groups"]) == ("supervisor", ["sales"])
    node.begin()
    assert [(one["name"], one["role"]) for one in node.ask("users.list")] == [
        ("boss", "admin"), ("second", "supervisor")], "a start later too"


def test_of_a_token_its_digest_is_kept_and_it_is_found_by_it(node: Node) -> None:
    made = node.ask("tokens.add", name="crm", role="supervisor", groups=["sales"], expires="90d")
    assert made["token"].startswith("bmr_")
    assert len(made["token"]) > 40
    row = node.people.token(digest(made["token"]))
    assert row is not None
    assert (row.name, row.role, row.groups, row.expires, row.revoked) == (
        "crm", "supervisor", frozenset({"sales"}), NOW + 90 * 86_400, False)
    assert "token" not in node.ask("tokens.list")[0]
    refused(lambda: node.ask("tokens.add", name="crm", role="admin"), ControlError, "already: revoke it first")
    assert node.ask("tokens.revoke", name="crm")["revoked"] is not None
    row = node.people.token(digest(made["token"]))
    assert row is not None
    assert row.revoked
    other = node.ask("tokens.add", name="crm", role="admin")
    assert other["expires"] is None
    node.ask("tokens.revoke", name="crm")
    assert [one["revoked"] is not None for one in node.ask("tokens.list")] == [True, True]
    assert node.ask("tokens.revoke", name=other["id"])["id"] == other["id"]
    refused(lambda: node.ask("tokens.revoke", name="none"), UnknownError, "there is no token 'none'")
    for span in ("90", "soon", "0s", "9999d"):
        refused(partial(node.ask, "tokens.add", name="x", role="admin", expires=span), ArgumentError, "expires")


def test_a_token_that_has_expired_makes_room_for_another_of_its_name(node: Node) -> None:
    node.ask("tokens.add", name="crm", role="admin", expires="1h")
    node.now += 3600.0
    node.ask("tokens.add", name="crm", role="admin")
    assert len(node.ask("tokens.list")) == 2


def test_what_is_done_to_people_is_in_the_audit_log_without_what_is_secret(node: Node) -> None:
    password = node.ask("users.add", name="boss", role="admin")["password"]
    token = node.ask("tokens.add", name="crm", role="admin")["token"]
    node.ask("users.passwd", name="boss", password="correct horse")
    with pytest.raises(ForbiddenError):
        node.ask("users.passwd", ANNA, name="boss", password="correct horse")
    eventually(lambda: len(node.ask("audit.list")) == 4, "what was refused is written down a moment later")
    lines = node.ask("audit.list")
    assert sorted((one["who"], one["verb"], one["about"], bool(one["refused"])) for one in lines) == [
        ("anna", "users.passwd", "boss", True), ("boss", "tokens.add", "crm", False),
        ("boss", "users.add", "boss", False), ("boss", "users.passwd", "boss", False)]
    assert not [secret for secret in (password, token, "correct horse", digest(token)) if secret in str(lines)]
    assert [one["verb"] for one in node.ask("audit.list", who="anna")] == ["users.passwd"]
    assert [one["verb"] for one in node.ask("audit.list", verb="tokens.add", limit=1)] == ["tokens.add"]
