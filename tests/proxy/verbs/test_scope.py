"""All roles against all verbs, and against what is theirs and what is not: one table, which no verb may be missing in.

Of two groups `sales` is the callers' own and `support` is not. Each verb is asked with what is theirs, and with what
is not: who may, and what is left of the answer.
"""

import asyncio
import contextlib
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from config.policy import export_policy, parse_policy, plain_policy, read_part
from config.problem import ConfigError
from config.toml import to_toml
from proxy.console.node_client import MissingError, NodeClient
from proxy.control import ControlServer
from proxy.control_client import ControlClient, ControlError, ForbiddenError, UnknownError
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import Handlers, SocketDoor
from proxy.verbs.handlers.queues import NoTasks
from proxy.verbs.node_things import NodeThings
from proxy.verbs.scope import TABLE, Scope
from proxy.verbs.shapes.caller import OPERATOR, Caller
from proxy.verbs.shapes.catalogue import ALL, BY_NAME
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.theirs import policy_part
from routing.rows import AttemptRow, Record, TaskRow, Ticket
from routing.store.reader import Reader
from tests.kit.answering import Forgetful, NoThings, log_in
from tests.kit.waiting import PATIENCE
from tests.routing.memory_store import MemoryStore

POLICY: Final = parse_policy("""
region = "HU"
[group.sales]
agents = ["201"]
[group.support]
agents = ["301"]
[group.sales.queue_callback]
menu_prompt = "ours"
[group.support.queue_callback]
menu_prompt = "theirs"
[number."+3614445551"]
group = "sales"
[number."+3614445552"]
group = "support"
[agent.201]
[agent.301]
[campaign.10001]
group = "sales"
[campaign.10002]
group = "support"
""")
BOSS: Final = Caller("boss", "admin", "console")
SUE: Final = Caller("sue", "supervisor", "console", frozenset({"sales"}))
ALL_GROUPS: Final = Caller("max", "supervisor", "api", None)
ANNA: Final = Caller("anna", "agent", "console", agent="201")
NOBODY: Final = Caller("nobody", "agent", "console")

TASKS: Final = {"t-sales": ("sales", "201"), "t-free": ("sales", None), "t-support": ("support", "301")}
"""Tasks by id: group, and the agent who is their responsible."""


def _task(name: str) -> TaskRow:
    group, responsible = TASKS[name]
    return TaskRow(name, "+36201234567", group, None, "missed", None, "office", "main", "open", "", 1.0, 1.0, 1, 2.0,
                   1.0, 0, 4, "fixed" if responsible else "none", responsible, None, None, (), {}, None)


def _attempt(name: str) -> AttemptRow:
    values: dict[str, Any] = dict.fromkeys(AttemptRow._fields)
    return AttemptRow(**values)._replace(id=name, task=f"t-{name}", agent="201" if name == "sales" else "301")


class World(NoThings):
    """`scope.Things` of the two groups: names say whose a thing is."""

    policy = POLICY

    async def task(self, name: str) -> TaskRow | None:
        return _task(name) if name in TASKS else None

    async def tasks(self, names: Collection[str]) -> Mapping[str, TaskRow]:
        return {name: _task(name) for name in names if name in TASKS}

    def living(self, ends: Collection[str]) -> Mapping[str, TaskRow]:
        return {end: _task(name) for end in ends for name in TASKS if name.endswith(end)}

    async def tried(self, tasks: Collection[str]) -> Mapping[str, Collection[str | None]]:
        return {name: (TASKS[name][1],) for name in tasks}

    def call(self, name: str) -> tuple[str, str | None, tuple[str | None, ...]] | None:
        return {"sales": (name, "sales", ("201", None)), "support": (name, "support", (None, "301"))}.get(name)

    async def passed(self, name: str) -> Sequence[tuple[str, str | None, tuple[str | None, ...]]]:
        found = self.call(name)
        return () if found is None else (found,)

    async def ticket(self, name: str) -> Ticket | None:
        group, agent = {"1": ("sales", "201"), "2": ("support", "301"), "3": ("sales", None)}[name]
        return Ticket(f"id{name}", int(name), None, "+36201234567", group, agent, "s", "open", 1.0, None)

    async def attempt(self, recording: str) -> AttemptRow | None:
        return _attempt(recording) if recording in ("sales", "support") else None

    def records(self, customer: str) -> Sequence[Record]:
        agent = {"+36201111111": "201", "+36202222222": "301"}.get(customer)
        return () if agent is None else (Record(customer, agent, 1, 1.0, 1.0, 2.0),)


SCOPE: Final = Scope(World())


class Case(NamedTuple):
    """One verb with what is sales' and with what is support's; `agent`: whether an agent of sales may."""

    verb: str
    mine: dict[str, Any]
    other: dict[str, Any] | None
    """None: there is nothing of anybody's in it."""
    agent: bool


def _add(group: str, **more: Any) -> dict[str, Any]:
    return {"customer": "+36201234567", "group": group, **more}


CASES: Final = (
    *(Case(name, {}, None, True) for name in (
        "status", "calls.list", "direct.list", "agents.list", "queues.list", "callbacks.list", "callbacks.running",
        "callbacks.figures", "campaigns.list", "tickets.list")),
    *(Case(name, {}, None, False) for name in (
        "alarms.list", "dnc.list", "recordings.list", "policy.show", "policy.export", "nodes.here", "nodes.list",
        "policy.history", "events")),
    Case("policy.at", {"version": "1"}, None, False),
    Case("alarms.clear", {"name": "x"}, None, False), Case("trace", {}, None, False),
    Case("log.level", {}, None, False), Case("policy.apply", {"toml": ""}, None, False),
    Case("calls.end", {"id": "sales"}, {"id": "support"}, False),
    Case("calls.show", {"id": "sales"}, {"id": "support"}, True),
    Case("calls.messages", {"id": "sales"}, {"id": "support"}, False),
    Case("direct.show", {"customer": "+36201111111"}, None, True),
    Case("direct.remove", {"customer": "+36201111111"}, {"customer": "+36202222222", "agent": "301"}, True),
    *(Case(f"agents.{act}", {"agent": "201"}, {"agent": "301"}, True) for act in ("desk", "done", "pause", "resume")),
    Case("queues.show", {"group": "sales"}, {"group": "support"}, True),
    *(Case(f"callbacks.{act}", {"id": "t-sales"}, {"id": "t-support"}, False)
      for act in ("cancel", "hold", "resume", "call-now", "reassign")),
    *(Case(f"callbacks.{act}", {"id": "t-sales"}, {"id": "t-support"}, True) for act in ("show", "plan")),
    *(Case(f"callbacks.{act}", {"id": "t-sales", "agent": "201"}, {"id": "t-sales", "agent": "301"}, True)
      for act in ("accept", "decline")),
    Case("callbacks.bulk", {"act": "cancel", "ids": ["t-sales", "t-free"]},
         {"act": "cancel", "ids": ["t-sales", "t-support"]}, False),
    Case("callbacks.example", {"group": "sales"}, {"group": "support"}, False),
    Case("callbacks.add", _add("sales", number="06 1 444 5551"), _add("support"), True),
    Case("dnc.import", {"text": "+36201234567"}, None, False),
    Case("dnc.add", {"customer": "+36201234567"}, None, False),
    Case("dnc.remove", {"customer": "+36201234567"}, None, False),
    Case("campaigns.show", {"id": "10001"}, {"id": "10002"}, True),
    Case("campaigns.preview", {"id": "10001"}, {"id": "10002"}, False),
    Case("campaigns.add", {"name": "n", "group": "sales"}, {"name": "n", "group": "support"}, False),
    Case("campaigns.remove", {"id": "10001"}, {"id": "10002"}, False),
    Case("campaigns.renumber", {"id": "10001", "to": "10009"}, {"id": "10002", "to": "10009"}, False),
    Case("tickets.show", {"id": "1"}, {"id": "2"}, True),
    Case("tickets.close", {"id": "3"}, {"id": "2"}, True),
    Case("tickets.comment", {"id": "1", "text": "x"}, {"id": "2", "text": "x"}, True),
    Case("tickets.call", {"id": "3"}, {"id": "1", "group": "support"}, True),
    Case("recordings.get", {"name": "sales"}, {"name": "support"}, False),
    *(Case(verb.name, {"name": "x", "role": "agent"} if "role" in verb.takes.fields else
           {"name": "x"} if "name" in verb.takes.fields else {}, None, False)
      for verb in ALL if verb.noun in ("users", "tokens", "audit")),
    Case("prompts.list", {}, None, False), Case("prompts.get", {"name": "theirs"}, None, False),
    Case("prompts.add", {"name": "ours", "data": "x"}, {"name": "theirs", "data": "x"}, False),
    Case("prompts.remove", {"name": "new"}, {"name": "confirmed"}, False),
    Case("policy.set", {"key": "group.sales.hours", "value": ["mon 8-9"]},
         {"key": "group.support.hours", "value": ["mon 8-9"]}, False),
    Case("policy.edit", {"changes": [{"key": "group.sales.hours", "value": ["mon 08:00-09:00"]}]},
         {"changes": [{"key": "group.sales.hours", "value": None}, {"key": "group.support.hours", "value": None}]},
         False),
    Case("policy.unset", {"key": "group.sales.hours"}, {"key": "group.support.hours"}, False),
)
ADMINS: Final = frozenset({"alarms.clear", "trace", "log.level", "policy.apply"}) | {
    verb.name for verb in ALL if verb.noun in ("users", "tokens", "audit")}


def ask(verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
    """Have an order checked; return its arguments as they are done then."""
    async def run() -> Any:
        shape = BY_NAME[verb]
        SCOPE.admit(shape, caller)
        wanted = shape.takes.read(args)
        await SCOPE.check(shape, wanted, caller)
        return wanted

    return asyncio.run(run())


def may(verb: str, args: Mapping[str, Any], caller: Caller) -> bool:
    try:
        ask(verb, args, caller)
    except ForbiddenError:
        return False
    return True


def test_every_verb_says_what_it_touches_and_is_in_the_table_of_this_test() -> None:
    names = {verb.name for verb in ALL}
    assert set(TABLE) == names, "each verb has its row in proxy/verbs/scope.py"
    assert {case.verb for case in CASES} | {case[0] for case in MORE} | {"account.passwd"} >= names


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_who_may_say_what_about_whose(case: Case) -> None:
    for caller in (BOSS, ALL_GROUPS, SUE, ANNA):
        for_role = {"admin": True, "supervisor": case.verb not in ADMINS, "agent": case.agent}[caller.role]
        assert may(case.verb, case.mine, caller) is for_role, (caller.name, "their own")
        if case.other is not None:
            everything = for_role and caller in (BOSS, ALL_GROUPS)
            assert may(case.verb, case.other, caller) is everything, (caller.name, "somebody else's")


MORE: Final[tuple[tuple[str, Mapping[str, Any], Caller, bool], ...]] = (
    ("callbacks.show", {"id": "t-free"}, SUE, True), ("callbacks.show", {"id": "t-free"}, ANNA, False),
    ("callbacks.show", {"id": "none"}, ANNA, True),  # and is told that there is none
    ("callbacks.show", {"id": "t-sales"}, NOBODY, False),
    *(("callbacks.reassign", {"id": "t-sales", "responsible": who}, SUE, good) for who, good in (
        (None, True), ("201", True), ("group:sales", True), ("301", False), ("group:support", False))),
    *(("callbacks.bulk", {"act": "reassign", "ids": ["t-sales"], "responsible": who}, SUE, good) for who, good in (
        ("201", True), ("301", False), ("group:support", False))),
    ("callbacks.bulk", {"act": "hold", "ids": ["nothing"]}, SUE, True),  # and is told that there is none
    ("callbacks.example", {}, SUE, True),
    ("callbacks.add", _add("sales", number="+3614445552"), SUE, False),
    ("callbacks.add", _add("sales", campaign="10002"), SUE, False),
    ("callbacks.add", _add("sales", responsible="301"), SUE, False),
    ("callbacks.add", _add("sales", responsible="201"), ANNA, True),
    ("callbacks.add", _add("sales", responsible="group:support"), SUE, False),
    *(("policy.edit", {"changes": [{"key": key, "value": value} for key, value in changes.items()], "new": True}, SUE,
       good) for changes, good in (
        ({"campaign.10005.delay": "5s", "campaign.10005.group": "sales"}, True),
        ({"campaign.10005.group": "support", "campaign.10005.delay": "5s"}, False),
        ({"campaign.10005.delay": "5s"}, False),
        ({"campaign.10001.group": "support"}, False), ({"campaign.10001.delay": "5s", "campaign.10001.rank": 2}, True),
        ({"campaign.10005.group": "sales", "campaign.10002.delay": "5s"}, False),
        ({"missed_callback.attempts": 5}, False), ({"group.sales": None}, False), ({"campaign.10001": None}, True),
        ({"campaign.10002": None}, False), ({"not a key": 1}, True))),  # the last one the policy refuses
    ("direct.remove", {"customer": "+36202222222"}, SUE, False),
    ("direct.remove", {"customer": "+36202222222", "agent": "201"}, SUE, True),
    *(("policy.set", {"key": key, "value": value, "new": True}, SUE, good) for key, value, good in (
        ("group.sales.missed_callback.enabled", True, True), ("group.sales.callback.record", True, True),
        ("group.sales.target", "600", False), ("group.sales.agents", ["201", "301"], False),
        ("group.sales.callback.show", "+3612345678", False), ("group.other.hours", [], False),
        ('number."+3614445551".queue_callback.enabled', True, True), ('number."+3614445551".group', "support", False),
        ('number."+3614445551".kind', "direct", False), ('number."+3614445552".queue_callback.enabled', True, False),
        ('number."+3614445559".queue_callback.enabled', True, False),
        ("agent.201.name", "Anna", True), ("agent.201.direct_callback.type", 3, True), ("agent.301.name", "x", False),
        ("campaign.10001.enabled", False, True), ("campaign.10001.group", "support", False),
        ("campaign.10001.group", "'support'", False), ("campaign.10002.enabled", False, False),
        ("campaign.10002.group", "sales", False), ("campaign.10003.group", "sales", True),
        ("campaign.10003.group", "support", False), ("campaign.10003.enabled", True, False),
        ("region", "SK", False), ("timezone", "UTC", False), ("guard.stop", True, False),
        ("direct_callback.type", 1, False), ("missed_callback.enabled", True, False), ("callback.record", True, False),
        ("group.sales", "x", False), ("number", "x", False))),
    *(("policy.unset", {"key": key}, SUE, good) for key, good in (
        ("group.sales", False), ("agent.201", False), ("campaign.10001", True), ("campaign.10002", False),
        ("campaign.10009", True), ("group.sales.hours", True), ("timezone", False))),
)


@pytest.mark.parametrize(("verb", "args", "caller", "good"), MORE)
def test_what_is_near_the_edge(verb: str, args: Mapping[str, Any], caller: Caller, good: bool) -> None:
    assert may(verb, args, caller) is good
    assert may(verb, args, BOSS)


@pytest.mark.parametrize("caller", [BOSS, SUE, ANNA, NOBODY, ALL_GROUPS, OPERATOR], ids=lambda caller: caller.name)
def test_a_password_of_ones_own_is_changed_on_the_pages_and_nobody_elses_is(caller: Caller) -> None:
    for name in ("boss", "sue", "anna", "nobody", "max", "operator"):
        mine = name == caller.name and caller.door == "console"
        assert may("account.passwd", {"name": name, "password": "correct horse"}, caller) is mine, name


def test_a_verb_that_nobody_gave_a_row_is_an_admins() -> None:
    scope = Scope(World(), {})
    scope.admit(BY_NAME["status"], BOSS)
    with pytest.raises(ForbiddenError):
        scope.admit(BY_NAME["status"], ANNA)


def test_what_is_done_is_done_with_what_was_checked_and_in_the_name_of_who_asks() -> None:
    assert ask("tickets.comment", {"id": "1", "text": "x", "author": "boss"}, ANNA).author == "anna"
    assert ask("tickets.show", {"id": "1"}, ANNA).id == "id1"
    assert ask("callbacks.cancel", {"id": "t-sales", "by": "boss"}, SUE).by == "sue"
    assert ask("callbacks.add", {"customer": "+36201234567", "by": "boss"}, ANNA).by == "anna"
    assert ask("callbacks.add", {"customer": "+36201234567"}, ANNA).group == "sales"
    assert ask("callbacks.add", {"customer": "+36201234567"}, BOSS).by == "boss"
    assert ask("callbacks.add", {"customer": "+36201234567", "by": "crm"}, BOSS).by == "crm"
    assert ask("callbacks.cancel", {"id": "t-sales", "by": "boss"}, SUE).by == "sue"
    assert ask("callbacks.bulk", {"act": "hold", "ids": ["t-sales"], "by": "boss"}, SUE).by == "sue"
    assert ask("direct.remove", {"customer": "+36201111111"}, ANNA).agent == "201"
    with pytest.raises(ArgumentError, match="group is missing"):
        ask("callbacks.add", {"customer": "+36201234567"}, NOBODY)


def test_many_ends_of_ids_are_looked_for_in_what_is_open_and_never_one_by_one_in_all_there_was() -> None:
    class Counting(World):
        looks = 0

        async def task(self, name: str) -> TaskRow | None:
            self.looks += 1
            return await super().task(name)

    world = Counting()
    verb = BY_NAME["callbacks.bulk"]

    def check(*ids: str) -> tuple[str, ...]:
        args = verb.takes.read({"act": "hold", "ids": list(ids)})
        asyncio.run(Scope(world).check(verb, args, SUE))
        return tuple(args.ids)

    assert check("zz1", "zz2", "sales", "t-free") == ("zz1", "zz2", "t-sales", "t-free")
    with pytest.raises(ForbiddenError):
        check("zz1", "upport")
    assert world.looks == 0


class Opened(NoTasks):
    """Two tasks that live."""

    def open_tasks(self) -> tuple[TaskRow, ...]:
        return tuple(_task("t-sales")._replace(id=f"0199aaaa-0000-7000-8000-00000000{end}") for end in ("01ab", "02ab"))


def test_what_lives_is_found_by_the_end_of_its_id_where_only_one_ends_so(tmp_path: Path) -> None:
    with contextlib.closing(Reader(tmp_path / "none.db", "edge1", strict=True)) as reader:
        things = NodeThings(lambda: POLICY, lambda: (), Opened(), MemoryStore(), reader, lambda agent: None,
                            lambda number: False, tmp_path)
        one, two = (row.id for row in Opened().open_tasks())
        found = things.living(["1ab", "02ab", "ab", two, "zz", one + "x", ""])
    assert {end: row.id for end, row in found.items()} == {"1ab": one, "02ab": two, two: two}


def narrowed(verb: str, answer: Any, caller: Caller, **args: Any) -> Any:
    async def run() -> Any:
        wanted = BY_NAME[verb].takes.read(args)
        narrowing = await SCOPE.check(BY_NAME[verb], wanted, caller)
        return await narrowing.narrow(answer)

    return asyncio.run(run())


def _tally(kept: int, wait: float | None) -> dict[str, Any]:
    return {"in_queue": 1, "offers_made": 1, "offers_taken": 1, "promised": kept, "dialled": 1, "kept": kept,
            "called_meanwhile": 0, "tickets": 0, "failed": 0, "expired": 0, "cancelled": 0, "average_wait_s": wait}


def _two(**keys: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{key: pair[side] for key, pair in keys.items()} for side in (0, 1)]


GROUPS: Final = ("sales", "support")
AGENTS: Final = ("201", "301")
LISTS: Final = {
    "callbacks.list": _two(id=("t-sales", "t-support"), group=GROUPS, responsible=AGENTS,
                           responsible_kind=("fixed", "fixed")),
    "callbacks.running": _two(group=GROUPS, agent=AGENTS),
    "calls.list": _two(group=GROUPS, agent=AGENTS),
    "direct.list": _two(agent=AGENTS), "direct.show": _two(agent=AGENTS),
    "agents.list": _two(extension=AGENTS), "queues.list": _two(group=GROUPS), "campaigns.list": _two(group=GROUPS),
    "tickets.list": _two(group=GROUPS, agent=AGENTS),
    "recordings.list": _two(task=("t-sales", "t-support"), agent=AGENTS),
}


@pytest.mark.parametrize("verb", LISTS)
def test_a_list_shows_what_is_theirs(verb: str) -> None:
    args = {"customer": "+36201111111"} if verb == "direct.show" else {}
    for caller in (SUE, ANNA):
        assert narrowed(verb, LISTS[verb], caller, **args) == LISTS[verb][:1], caller.name
    for caller in (BOSS, ALL_GROUPS):
        assert narrowed(verb, LISTS[verb], caller, **args) == LISTS[verb]
    assert narrowed(verb, LISTS[verb], NOBODY, **args) == []


PART: Final = {
    "region": "HU", "timezone": "UTC", "group": {"sales": {}},
    "number": {"+3614445551": {}}, "agent": {"201": {}}, "campaign": {"10001": {}}}
OF_SUPPORT: Final = frozenset({"support", "301", "+3614445552", "10002", "theirs"})


def _names(value: Any) -> set[str]:
    """Every key and text within."""
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in _names(one)}
    if isinstance(value, list):
        return {name for one in value for name in _names(one)}
    return {value} if isinstance(value, str) else set()


def test_of_the_policy_they_see_the_companys_values_and_what_is_of_their_groups() -> None:
    raw = plain_policy(POLICY)
    assert narrowed("policy.show", raw, BOSS) == raw == narrowed("policy.show", raw, ALL_GROUPS)
    assert _names(raw) >= OF_SUPPORT
    part = narrowed("policy.show", raw, SUE)
    assert not OF_SUPPORT & _names(part)
    for kind in ("group", "number", "agent", "campaign"):
        assert [*part[kind]] == [*PART[kind]]
        for name in PART[kind]:
            assert part[kind][name] == raw[kind][name]
    assert {key: one for key, one in part.items() if key not in PART} == {
        key: one for key, one in raw.items() if key not in PART}
    nothing = narrowed("policy.show", raw, Caller("new", "supervisor", "console", frozenset()))
    assert not nothing.keys() & {"group", "number", "agent", "campaign"}
    assert nothing["region"] == "HU"


@pytest.mark.parametrize("verb", ["policy.export", "policy.at"])
def test_a_policy_as_text_is_the_same_part(verb: str) -> None:
    text, args = export_policy(POLICY), {"version": "1"} if verb == "policy.at" else {}
    assert narrowed(verb, {"toml": text, "version": 1}, BOSS, **args)["toml"] == text
    part = narrowed(verb, {"toml": text, "version": 1}, SUE, **args)
    assert part["version"] == 1
    assert tomllib.loads(part["toml"]) == narrowed("policy.show", plain_policy(POLICY), SUE)
    assert read_part(part["toml"]).group.keys() == {"sales"}


def test_a_part_is_read_though_it_names_what_it_does_not_have() -> None:
    whole = parse_policy('[missed_callback]\nresponsible = "group"\nresponsible_group = "support"\n[group.sales]\n'
                         'agents = ["201"]\n[group.support]\nagents = ["301"]\n')
    part = policy_part(SUE, plain_policy(whole))
    with pytest.raises(ConfigError):
        parse_policy(to_toml(part), kept=True)
    assert read_part(to_toml(part)).missed_callback.responsible_group == "support"
    with pytest.raises(ConfigError):
        read_part("[group.sales]\nwrong = 1\n")


def test_of_what_changed_and_of_what_names_a_recording_they_see_theirs() -> None:
    keys = ["group.sales.hours", "group.support.hours", 'number."+3614445551".kind', 'number."+3614445552".kind',
            "agent.201.name", "agent.301.name", "campaign.10001.rank", "campaign.10002.rank", "region", "guard.stop"]
    theirs = [key for at, key in enumerate(keys) if at > 7 or not at % 2]
    step = {"version": 2, "changes": [{"key": key, "old": None, "new": "x"} for key in keys]}
    assert [one["key"] for one in narrowed("policy.history", [step], SUE)[0]["changes"]] == theirs
    assert narrowed("policy.history", [step], BOSS) == [step]
    assert narrowed("prompts.list", [{"name": "ours", "used": keys}], SUE) == [{"name": "ours", "used": theirs}]


def test_what_is_cut_to_a_limit_is_cut_after_it_was_narrowed() -> None:
    rows = [{"agent": "301"}] * 5 + [{"agent": "201", "at": at} for at in range(5)]
    assert narrowed("direct.list", rows, SUE, limit=2) == rows[5:7]


def test_figures_of_their_groups_add_up() -> None:
    answer = {"total": _tally(9, 9.0), "groups": {"sales": _tally(2, 10.0), "support": _tally(7, 20.0)},
              "numbers": {"+3614445551": _tally(1, 1.0), "+3614445552": _tally(1, 1.0)},
              "campaigns": {"10001": _tally(1, 1.0), "10002": _tally(1, 1.0)}, "kinds": {"missed": _tally(9, 9.0)}}
    found = narrowed("callbacks.figures", answer, SUE)
    assert found["total"] == _tally(2, 10.0)
    assert ([*found["groups"]], [*found["numbers"]], [*found["campaigns"]], found["kinds"]) == (
        ["sales"], ["+3614445551"], ["10001"], {})
    assert narrowed("callbacks.figures", answer, BOSS) is answer


def test_of_a_group_an_agent_sees_themselves_and_what_is_theirs() -> None:
    answer = {"callers": [{"call": "1"}], "agents": _two(extension=AGENTS), "callbacks": LISTS["callbacks.list"]}
    assert narrowed("queues.show", answer, ANNA, group="sales") == {
        "callers": [], "agents": answer["agents"][:1], "callbacks": answer["callbacks"][:1]}
    assert narrowed("queues.show", answer, SUE, group="sales") == answer


def test_of_events_those_of_their_groups_come() -> None:
    def shown(data: dict[str, Any]) -> bool:
        return narrowed("events", {"kind": "x", "data": data}, SUE) is not None

    assert shown({"group": "sales"})
    assert shown({"agent": "201", "group": None})
    assert not shown({"group": "support", "agent": "301"})
    assert not shown({"trunk": "main"})
    assert narrowed("events", {"following": ["x"]}, SUE) is not None


@pytest.mark.parametrize(("said", "key"), [
    ([], "as"), ({"name": "x", "role": "admin", "door": "api", "more": 1}, "as"),
    ({"name": "", "role": "admin", "door": "api"}, "as.name"), ({"name": "x" * 65, "role": "admin"}, "as.name"),
    ({"name": "x", "role": "root", "door": "api"}, "as.role"), ({"name": "x", "role": ["admin"]}, "as.role"),
    ({"name": "x", "role": "admin", "door": "x"}, "as.door"),
    ({"name": "x", "role": "agent", "door": "api", "agent": 201}, "as.agent"),
    ({"name": "x", "role": "supervisor", "door": "api", "groups": "sales"}, "as.groups"),
])
def test_who_asks_is_said_whole_or_refused(said: Any, key: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Caller.from_json(said)
    assert error.value.key == key


def test_who_asks_comes_through_as_it_was_sent() -> None:
    for caller in (BOSS, SUE, ALL_GROUPS, ANNA, NOBODY):
        assert Caller.from_json(caller.as_json()) == caller


def test_over_the_socket_it_is_said_for_whom_it_is_asked_and_a_refusal_is_told_from_other_errors(
        tmp_path: Path) -> None:
    """The way of every page: a request that says who asks, a refusal that says that it is one."""
    heard: list[Any] = []

    class Store:
        def settled(self, done: Callable[[], None]) -> None:
            done()

    def answer(args: Any) -> Any:
        heard.append(args.by)
        raise UnknownError("there is no such group")

    async def run() -> None:
        handlers = Handlers(Barrier(Store(), lambda: None), SCOPE, log_in(Forgetful()),
                            [BY_NAME["callbacks.add"].by(answer)])
        server = ControlServer(tmp_path / "s", SocketDoor(handlers), lambda: "UTC")
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                node = NodeClient(tmp_path / "s")
                with pytest.raises(ForbiddenError, match="group 'support' is not anna's"):
                    await node.call("callbacks.add", _add("support"), ANNA)
                with pytest.raises(MissingError):
                    await node.call("callbacks.add", _add("sales"), ANNA)
                with pytest.raises(ControlError, match=r"as\.role: 'root' is none of"):
                    await node.call("callbacks.add", _add("sales"), Caller("x", "root", "api"))  # type: ignore[arg-type]
                with pytest.raises(UnknownError):  # a command says nothing of who it is
                    await asyncio.to_thread(ControlClient(tmp_path / "s").call, "callbacks.add", **_add("support"))
        finally:
            await server.close()

    asyncio.run(run())
    assert heard == ["anna", None]
