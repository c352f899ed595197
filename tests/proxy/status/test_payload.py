"""Topics, masking, and the retained values against their models."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.status import asyncapi, packets, payload
from proxy.status.source import AgentState, Alarm
from routing.events import Event, EventText, masked
from tests.proxy.status.fake_source import SNAPSHOT

CALL = "01931f5a-1234-7567-8901-123456789012"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+36301234567", "+36*******67"),
        ("06301234567", "06*******67"),
        ("1234567", "12***67"),
        ("201", "201"),
        ("123456", "123456"),
        (CALL, CALL),
        ("2026-11-21T22:17:18.000Z", "2026-11-21T22:17:18.000Z"),
        ("call to +36301234567, from 0630999888.", "call to +36*******67, from 06******88."),
        ("sip:+36301234567@10.0.0.10", "sip:+36*******67@10.0.0.10"),
    ],
)
def test_masking(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_masking_goes_deep_and_changes_nothing_else() -> None:
    data = {"call": CALL, "list": ["+36301234567", 1, None, True, 2.5], "in": {"customer": "+36301234567"}}
    assert masked(data) == {
        "call": CALL, "list": ["+36*******67", 1, None, True, 2.5], "in": {"customer": "+36*******67"}}


@given(st.text())
def test_no_name_breaks_out_of_its_level_of_the_topic(name: str) -> None:
    level = payload.level(name)
    assert not set(level) & set("/+#\0")
    assert packets.is_topic_name(f"b/{level}")


@given(st.text(), st.text())
def test_two_names_never_share_a_topic(one: str, other: str) -> None:
    assert (payload.level(one) == payload.level(other)) == (one == other)


def test_every_retained_value_is_as_its_model_says() -> None:
    snapshot = replace(
        SNAPSHOT,
        agents={**SNAPSHOT.agents, "202": AgentState("unknown", None)},
        alarms=(Alarm("database", "disk is full", 1.0),),
    )
    values = payload.retained_values(snapshot)
    by_word = {address.partition("/")[0]: model for address, (_, model) in asyncapi.TOPICS.items()}
    assert {topic.partition("/")[0] for topic in values} == set(by_word)
    for topic, value in values.items():
        by_word[topic.partition("/")[0]].model_validate_json(payload.encode_state(value))


def test_the_topic_of_an_agent_is_as_the_contract_has_it() -> None:
    topic = json.loads(payload.encode_state(SNAPSHOT.agents["201"], True))
    assert topic == {"state": "busy", "since": "2023-11-14T22:13:23.500Z", "name": "Anna",
                     "groups": ["sales", "service"], "with": "+36*******67", "released_today": 2}


def test_an_event_goes_to_its_kind_and_masks_only_where_asked() -> None:
    event = Event("call.started", 1.5, CALL, {"customer": "+36301234567", "name": "Kovács"}, "edge1", 7)
    text = EventText(7, event.kind, event.to_json())
    plain = payload.event_message("b/edge1", text, False)
    assert plain.topic == "b/edge1/event/call.started"
    assert not plain.retain
    assert json.loads(plain.payload)["data"] == {"customer": "+36301234567", "name": "Kovács"}
    assert "Kovács".encode() in plain.payload
    assert json.loads(payload.event_message("b", text, True).payload)["data"]["customer"] == "+36*******67"
