"""The policy: levels, checks, writing, differences, single changes."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.duration import format_duration
from config.fields import LONGEST_EXPIRY
from config.policy import (
    SHARED,
    TYPES,
    Agent,
    Change,
    DirectCallback,
    DirectCallbackOverride,
    Group,
    MissedCallbackOverride,
    Number,
    Peers,
    Policy,
    check_policy,
    diff_policies,
    diff_texts,
    export_policy,
    parse_policy,
    plain_policy,
    set_key,
)
from config.problem import ConfigError, Problem
from config.syntax import QUOTES

TEXT = """
region = "HU"
timezone = "Europe/Budapest"

[direct_callback]
type = 1
expires_after = "8h"
ring_for = "20s"
min_talk = "5s"

[agent.201]
name = "Anna"
direct_callback = { type = 3 }

[number."+3614445555"]
kind = "shared"
group = "sales"

[number."+3614445599"]
kind = "direct"
agent = "201"

[group.sales]
target = "600"
agents = ["201", "202"]
hours = ["mon-fri 08:00-17:00"]
missed_callback = { enabled = true, window = "24h", attempts = 4 }
"""


def problems(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text)
    return [(problem.key, problem.line, problem.text) for problem in caught.value.problems]


def test_the_contract_s_example() -> None:
    policy = parse_policy(TEXT)
    assert policy == Policy(
        region="HU",
        timezone="Europe/Budapest",
        direct_callback=DirectCallback(
            type=1, expires_after=28800.0, ring_for=20.0, min_talk=5.0, inbound_creates=False
        ),
        agent={"201": Agent(name="Anna", direct_callback=DirectCallbackOverride(type=3))},
        number={
            "+3614445555": Number(kind="shared", group="sales"),
            "+3614445599": Number(kind="direct", agent="201"),
        },
        group={
            "sales": Group(
                target="600",
                agents=("201", "202"),
                hours=("mon-fri 08:00-17:00",),
                missed_callback=MissedCallbackOverride(enabled=True, window="24h", attempts=4),
            )
        },
    )
    assert len(policy.group["sales"].open_hours) == 5


def test_an_empty_policy_has_the_defaults() -> None:
    policy = parse_policy("")
    assert policy == Policy()
    assert policy.direct_for("201") == DirectCallback(
        type=1, expires_after=28800.0, ring_for=20.0, min_talk=5.0, inbound_creates=False
    )
    assert policy.group_of("201") is None
    assert policy.number_for("+3614445555") == SHARED == Number(kind="shared")


OVERRIDES = st.builds(
    DirectCallbackOverride,
    type=st.none() | st.integers(0, 4),
    expires_after=st.none() | st.integers(1, 90).map(float),
    ring_for=st.none() | st.integers(1, 90).map(float),
    min_talk=st.none() | st.integers(0, 90).map(float),
    inbound_creates=st.none() | st.booleans(),
)


@given(OVERRIDES, OVERRIDES, OVERRIDES, st.booleans(), st.booleans(), st.booleans())
def test_each_key_comes_from_the_nearest_level(
    agent: DirectCallbackOverride,
    first: DirectCallbackOverride,
    second: DirectCallbackOverride,
    listed: bool,
    in_first: bool,
    in_second: bool,
) -> None:
    policy = Policy(
        agent={"201": Agent(direct_callback=agent)} if listed else {},
        group={
            "b": Group(agents=("201", "202") if in_first else ("202",), direct_callback=first),
            "a": Group(agents=("201",) if in_second else (), direct_callback=second),
        },
    )
    groups = [first] * in_first + [second] * in_second
    levels = [*([agent] if listed else []), *groups[:1], policy.direct_callback]
    found = policy.direct_for("201")
    for key in DirectCallback.model_fields:
        values = (getattr(level, key) for level in levels)
        assert getattr(found, key) == next(value for value in values if value is not None)
    assert policy.group_of("201") == ("b" if in_first else "a" if in_second else None)
    assert policy.direct_for("999") is policy.direct_callback
    assert policy.direct_for("201") is policy.direct_for("201") or not (listed or groups)


def test_looking_settings_up_changes_no_policy() -> None:
    asked, other = parse_policy(TEXT), parse_policy(TEXT)
    asked.direct_for("201")
    assert asked == other
    with pytest.raises(ValueError, match="frozen"):
        setattr(asked, "region", "DE")  # noqa: B010


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("type = 1", "typ = 1", ("direct_callback.typ", 6, "unknown key; did you mean type?")),
        ("type = 1", "type = 5", ("direct_callback.type", 6, "must be 4 at most")),
        ("type = 1", "type = true", ("direct_callback.type", 6, "must be a whole number")),
        ("type = 1", "type = 1.0", ("direct_callback.type", 6, "must be a whole number")),
        ("type = 1", 'type = "1"', ("direct_callback.type", 6, "must be a whole number")),
        (
            '"8h"',
            "8",
            ("direct_callback.expires_after", 7, 'write a duration as text with its unit, such as "20s" or "8h"'),
        ),
        ('"8h"', '"0s"', ("direct_callback.expires_after", 7, "must be more than 0s")),
        (
            '"8h"',
            '"400d"',
            ("direct_callback.expires_after", 7, f"must be {format_duration(LONGEST_EXPIRY)} at most"),
        ),
        (
            "20s",
            "20",
            (
                "direct_callback.ring_for",
                8,
                "'20' is not a duration: write a whole number and ms, s, m, h or d, such as 20s or 8h",
            ),
        ),
        (
            "{ type = 3 }",
            "{ type = 3, x = 1 }",
            (
                "agent.201.direct_callback.x",
                13,
                "unknown key; here stand type, expires_after, ring_for, min_talk, inbound_creates",
            ),
        ),
        ('"Anna"', "5", ("agent.201.name", 12, "must be text, in quotes")),
        (
            "agent.201",
            'agent."2 1"',
            ('agent."2 1"', 11, "'2 1' is not an extension: up to 64 letters, digits and . _ * + -"),
        ),
        ('"HU"', '"XX"', ("region", 2, "'XX' is not a country: write its two letters (ISO 3166), such as HU")),
        ('"HU"', '"hu"', ("region", 2, "'hu' is not a country: write its two letters (ISO 3166), such as HU")),
        ('group = "sales"', 'group = "help"', ('number."+3614445555".group', 17, "there is no group 'help'")),
        (
            '"direct"',
            '"shared"',
            ('number."+3614445599".agent', 21, 'only a number of kind "direct" belongs to an agent'),
        ),
        ('"direct"', '"private"', ('number."+3614445599".kind', 20, "must be 'shared' or 'direct'")),
        ("+3614445599", "+36 1 444 5599", ('number."+36 1 444 5599"', 19, "write this number as +3614445599")),
        (
            "+3614445599",
            "+36144455990000",
            ('number."+36144455990000"', 19, "'+36144455990000' is too short or too long for its country"),
        ),
        (
            "+3614445599",
            "0614445599",
            ("number.0614445599", 19, "'0614445599' is not a number in the form +COUNTRY NUMBER, such as +3614445555"),
        ),
        ('"201", "202"', '"201", "201"', ("group.sales.agents", 25, "201 stands here twice")),
        ('"201", "202"', '"201", 202', ("group.sales.agents[1]", 25, "must be text, in quotes")),
        (
            '["201", "202"]',
            '"201"',
            (
                "group.sales.agents",
                25,
                'must be a list, such as ["a", "b"]: put what stands here into square brackets',
            ),
        ),
        (
            "mon-fri",
            "mon-fry",
            (
                "group.sales.hours[0]",
                26,
                "'mon-fry 08:00-17:00' is not opening hours: write them as 'mon-fri 08:00-17:00'",
            ),
        ),
        (
            "attempts = 4",
            "attempts = 11",
            ("group.sales.missed_callback.attempts", 27, "must be 10 at most"),
        ),
        ("group.sales", 'group."a/b"', ('group."a/b"', 23, "'a/b' is not a name: up to 64 letters, digits and . _ -")),
    ],
)
def test_each_fault_has_its_key_and_line(old: str, new: str, problem: tuple[str, int, str]) -> None:
    assert problem in problems(TEXT.replace(old, new))


@pytest.mark.parametrize("name", ["", "Mars/Phobos", "../etc/passwd", "/etc/passwd", "Europe/Buda\0", "Europe"])
def test_time_zones_are_known(name: str) -> None:
    found = problems(f"timezone = {name!r}".replace("'", '"').replace("\\x00", "\\u0000"))
    assert [(key, line) for key, line, _ in found] == [("timezone", 1)]


def test_all_faults_at_once() -> None:
    text = TEXT.replace("type = 1", "type = 9").replace('group = "sales"', 'group = "x"').replace("Anna", "A" * 129)
    assert [key for key, _, _ in problems(text)] == [
        "direct_callback.type",
        "agent.201.name",
        'number."+3614445555".group',
    ]


@pytest.mark.parametrize("text", ["group = 5", "number = 5", 'number = { "+3614445555" = 5 }', "agent = []"])
def test_a_table_that_is_none(text: str) -> None:
    said = "write [agent.NAME] with a name in place of double brackets" if "[]" in text else "must be a table"
    assert [reason for _, _, reason in problems(text)] == [said]


def test_syntax_errors_have_their_line() -> None:
    assert problems("a = 1\nb = = 2\n") == [("", 2, QUOTES)]
    assert [line for _, line, _ in problems("a = 1\nb = '")] == [2]
    assert [line for _, line, _ in problems("a = 1\nb = '\n")] == [2]
    assert problems("a = " + "[" * 100_000) == [("", 0, "nested too deep")]
    assert [line for _, line, _ in problems(f"a = {'9' * 5000}")] == [0]


def test_names_of_the_other_file() -> None:
    text = '[number."+3614445555"]\ntrunk = "a"\npbx = "b"\n[number."+3614445556"]\nkind = "?"\n'
    good = parse_policy(text.replace("?", "shared"), peers=Peers({"a"}, {"b"}))
    with pytest.raises(ConfigError) as caught:
        parse_policy(text, "p", Peers((), ()))
    assert [(problem.key, problem.line, problem.text) for problem in caught.value.problems] == [
        ('number."+3614445555".trunk', 2, "there is no trunk 'a'"),
        ('number."+3614445555".pbx', 3, "there is no PBX 'b'"),
        ('number."+3614445556".kind', 5, "must be 'shared' or 'direct'"),
    ]
    with pytest.raises(ConfigError, match=r'number\."\+3614445556"\.trunk: there is no trunk'):
        set_key(good, 'number."+3614445556".trunk', "other", Peers({"a"}, {"b"}))


def test_durations_in_python_are_seconds() -> None:
    assert DirectCallback(ring_for=3).ring_for == 3.0
    for bad in (True, 0.0001, -1.0, float("nan"), None, [1]):
        with pytest.raises(ValueError, match="ring_for"):
            DirectCallback(ring_for=bad)  # type: ignore[arg-type]


SECONDS = st.integers(1, 599_999).map(lambda milliseconds: milliseconds / 1000)
EXTENSIONS = st.from_regex(r"[2-7][0-9]{2}", fullmatch=True)
NAMES = st.from_regex(r"[a-zé.]{1,8}", fullmatch=True)
E164S = st.integers(3610000000, 3619999999).map("+{}".format)
POLICIES = st.builds(
    Policy,
    region=st.sampled_from(["", "HU", "US"]),
    timezone=st.sampled_from(["UTC", "Europe/Budapest"]),
    direct_callback=st.builds(DirectCallback, type=st.integers(0, 4), expires_after=SECONDS, ring_for=SECONDS),
    agent=st.dictionaries(
        EXTENSIONS,
        st.builds(Agent, name=st.text(st.characters(codec="utf-8"), max_size=9), direct_callback=OVERRIDES),
        max_size=3,
    ),
    number=st.dictionaries(E164S, st.builds(Number, kind=st.just("direct"), agent=st.none() | EXTENSIONS), max_size=3),
    group=st.dictionaries(
        NAMES,
        st.builds(
            Group,
            target=st.none() | EXTENSIONS,
            agents=st.lists(EXTENSIONS, unique=True, max_size=3).map(tuple),
            hours=st.sampled_from([(), ("mon-fri 08:00-17:00", "sat 09:00-10:00")]),
            missed_callback=st.builds(
                MissedCallbackOverride, enabled=st.none() | st.just(False), attempts=st.none() | st.integers(1, 10)
            ),
            direct_callback=OVERRIDES,
        ),
        max_size=3,
    ),
)


@given(POLICIES)
def test_an_exported_policy_is_read_back_equal(policy: Policy) -> None:
    assert parse_policy(export_policy(policy)) == policy
    checked, found = check_policy(plain_policy(policy))
    assert (checked, found) == (policy, [])


@given(POLICIES, POLICIES)
def test_differences_are_none_between_equals_and_turn_round(one: Policy, other: Policy) -> None:
    changes = diff_policies(one, other)
    assert (not changes) == (one == other)
    assert [Change(key, new, old) for key, old, new in changes] == diff_policies(other, one)


@given(POLICIES, POLICIES)
def test_the_tables_that_differ_say_the_same_as_whole_policies_or_nothing(one: Policy, other: Policy) -> None:
    assert diff_texts(export_policy(one), export_policy(other)) in (None, diff_policies(one, other))
    assert diff_texts(export_policy(one), export_policy(one)) in (None, [])


def test_of_what_people_change_the_tables_that_differ_say_enough() -> None:
    old = parse_policy(TEXT)
    for before, after in (('"8h"', '"2d"'), ('name = "Anna"', 'name = "Berta"'), ('"201", "202"', '"201"'),
                          ("[group.sales]", '[agent.299]\nname = "Zoe"\n[group.sales]')):
        new = parse_policy(TEXT.replace(before, after))
        for one, other in ((old, new), (new, old)):
            changes = diff_texts(export_policy(one), export_policy(other))
            assert changes, after
            assert changes == diff_policies(one, other)


@pytest.mark.parametrize(("old", "new"), [
    ('[agent.201]\nname = "a"\n', '[agent.201]\nname = "a"\ndirect_callback = 1\n'),  # what it was meanwhile?
    ('region = "HU"\n', 'region = "HU"\n\n[guard]\nstop = false\n'),
    ("[agent.201]\n\nname = 'a'\n", "[agent.201]\n\nname = 'b'\n"),
    ('[agent.201]\nname = """a\n\n[b"""\n', '[agent.201]\nname = "b"\n'), ("a = ", "b = 1"),
])
def test_where_tables_that_differ_do_not_say_it_nothing_is_said(old: str, new: str) -> None:
    assert diff_texts(old, new) is None


def test_durations_are_exported_as_they_are_written() -> None:
    assert 'expires_after = "8h"\nring_for = "20s"\n' in export_policy(Policy())


def test_what_a_difference_says() -> None:
    old = parse_policy(TEXT)
    new = parse_policy(TEXT.replace('"8h"', '"2d"').replace('name = "Anna"\n', "").replace('"201", "202"', '"201"'))
    assert diff_policies(old, new) == [
        Change("agent.201.name", "Anna", ""),
        Change("direct_callback.expires_after", "8h", "2d"),
        Change("group.sales.agents", ["201", "202"], ["201"]),
    ]
    assert diff_policies(Policy(), Policy(agent={"201": Agent()})) == [Change("agent.201.name", None, "")]


@pytest.mark.parametrize(
    ("key", "value", "new"),
    [
        ("direct_callback.type", "3", 3),
        ("direct_callback.ring_for", "3s", "3s"),
        ("direct_callback.ring_for", '"3s"', "3s"),
        ("direct_callback.inbound_creates", "true", True),
        ("agent.201.name", "true", "true"),
        ("agent.201.name", "Anna Kovács", "Anna Kovács"),
        ("agent.201.name", '"2"', "2"),
        ("agent.201.name", "1\nx = 2", "1\nx = 2"),
        ('number."+36301234567".kind', "direct", "direct"),
        ('number."+3614445599".agent', "205", "205"),
        ("group.sales.agents", '["205"]', ["205"]),
        ("agent.777.direct_callback.type", "0", 0),
        ("region", "DE", "DE"),
    ],
)
def test_one_setting_is_changed(key: str, value: str, new: Any) -> None:
    policy = parse_policy(TEXT)
    changed = set_key(policy, key, value, new=True)
    assert (key, new) in [(change.key, change.new) for change in diff_policies(policy, changed)]
    assert diff_policies(changed, set_key(changed, key, value)) == []


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("", "3", Problem("policy", "", 0, "'' is not a key")),
        ("direct_callback.typ", "3", Problem("policy", "direct_callback.typ", 0,
                                              "there is no such setting; did you mean type?")),
        ("direct_callback", "3", Problem("policy", "direct_callback", 0, "is a section: name one of its settings, "
                                         "such as direct_callback.type")),
        ("region.x", "3", Problem("policy", "region.x", 0, "there is no such setting")),
        (
            "direct_callback.type",
            "9",
            Problem("policy", "direct_callback.type", 0, "must be 4 at most"),
        ),
        ("direct_callback.type", "x", Problem("policy", "direct_callback.type", 0, "must be a whole number")),
        ("direct_callback.type", "1\ny = 2", Problem("policy", "direct_callback.type", 0, "must be a whole number")),
        ("direct_callback.type", "[" * 100_000, Problem("policy", "direct_callback.type", 0, "must be a whole number")),
        (
            'number."+3614445555".group',
            "x",
            Problem("policy", 'number."+3614445555".group', 0, "there is no group 'x'"),
        ),
    ],
)
def test_one_setting_is_not_changed(key: str, value: str, problem: Problem) -> None:
    with pytest.raises(ConfigError) as caught:
        set_key(parse_policy(TEXT), key, value)
    assert problem in caught.value.problems


def test_every_type_is_explained() -> None:
    assert list(TYPES) == list(range(5))
    for type_, other in itertools.combinations(TYPES, 2):
        assert TYPES[type_] != TYPES[other]


def test_a_problem_says_where() -> None:
    assert str(Problem("a.toml", "x.y", 3, "is wrong")) == "a.toml:3: x.y: is wrong"
    assert str(Problem("a.toml", "", 0, "is wrong")) == "a.toml: is wrong"
