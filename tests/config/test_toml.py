"""What is written as TOML is read back equal."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.toml import to_toml, to_value

KEYS = st.text(st.characters(codec="utf-8"), max_size=6)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8"), max_size=10)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=4),
    lambda inner: st.dictionaries(KEYS, st.one_of(VALUES, inner), max_size=4),
    max_leaves=5,
)


@given(TABLES)
def test_round_trip(table: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(table)) == table


def test_values_come_before_tables() -> None:
    table = {"a": {"b": {"c": 1}, "d": [True]}, "e": "x"}
    assert to_toml(table) == 'e = "x"\n\n[a]\nd = [true]\n\n[a.b]\nc = 1\n'


def test_what_settings_never_hold() -> None:
    with pytest.raises(TypeError, match="no TOML form for bytes"):
        to_value(b"x")
