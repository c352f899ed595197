"""config/README.md names exactly the settings of the models, with their types, defaults and sentences."""

import re
from pathlib import Path

import pytest

from config.node import NodeConfig
from config.policy import TYPES, Policy
from config.section import Section
from config.settings import Setting, fields_at, settings

README = (Path(__file__).parents[2] / "config" / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def row(setting: Setting) -> str:
    key = ".".join(setting.key)
    return f"| `{key}` | {setting.kind} | `{setting.shown_default}` | {setting.field.description} |"


@pytest.mark.parametrize(("title", "model"), [("boomerang.toml", NodeConfig), ("policy.toml", Policy)])
def test_the_document_is_the_models(title: str, model: type[Section]) -> None:
    documented = re.findall(r"^\| `.*", section(title), re.MULTILINE)
    assert documented == [row(setting) for setting in settings(model)]


def test_every_setting_has_a_sentence() -> None:
    for setting in (*settings(NodeConfig), *settings(Policy)):
        assert re.fullmatch(r"\S.*\S\.", setting.field.description or ""), setting.key


def test_the_types_are_documented() -> None:
    for number, text in TYPES.items():
        assert f"| {number} | {text} |" in section("policy.toml")


def test_names_of_a_table() -> None:
    assert "peers" in fields_at(NodeConfig, ("trunk", "main"))
    assert "register" in fields_at(NodeConfig, ("trunk", "main"))
    assert "uri" in fields_at(NodeConfig, ("listen", 0))
    assert "type" in fields_at(Policy, ("group", "a", "direct_callback"))
    assert fields_at(NodeConfig, ("trunk",)) == []
    assert fields_at(NodeConfig, ("trunk", "main", "peers")) == []
    assert fields_at(NodeConfig, ("none",)) == []
    assert fields_at(NodeConfig, ("node", "name", "x")) == []


def test_kinds() -> None:
    kinds = {".".join(setting.key): setting.kind for setting in settings(Policy)}
    assert kinds["agent.*.direct_callback.type"] == "whole number"
    assert kinds["agent.*.direct_callback.ring_for"] == "duration"
    assert kinds["group.*.agents"] == "list of text"
    assert kinds["group.*.missed_callback.enabled"] == "true or false"
