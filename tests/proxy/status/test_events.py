"""What the rules really tell is what the models say, and what the committed description says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pydantic
import pytest

from config.policy import parse_policy
from proxy.status import asyncapi, callback_models, payload, queue_models
from proxy.status.event_models import DATA, check_event
from proxy.status.source import PeerState
from routing.events import Kind
from routing.facts import Ending, Identity, NewCall
from routing.identity import PbxFacts
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store
from tests.kit.ledger_parts import new_ledger
from tests.kit.told import Told
from tests.kit.waiting import eventually

POLICY = parse_policy("""
region = "HU"
timezone = "Europe/Budapest"
[direct_callback]
type = 2
expires_after = "8h"
[agent.201]
name = "Anna"
[number."+3614445555"]
kind = "shared"
group = "sales"
[group.sales]
target = "600"
agents = ["201", "202"]
""")
CUSTOMER = "+36301234567"
NUMBER = "+3614445555"
DAY = 1_700_000_000.0


class Office:
    """A ledger over a real database, and the calls of a morning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        told = Told()
        self.told = told.events
        self.store = sqlite_store(path, lambda function: function(), lambda: DAY, "edge1", told)
        pbx = {"office": PbxFacts.of("[2-7][0-9]{2}", ("From",))}
        self.ledger = new_ledger(self.store, POLICY, pbx)
        self._calls = 0

    def call(self, agent: str | None, answered_after: float | None, at: float, ending: Ending) -> None:
        """One call; `agent` None: the customer calls."""
        self._calls += 1
        name = f"0190a0b0-0000-7000-8000-{self._calls:012d}"
        user, dialled = (CUSTOMER, NUMBER) if agent is None else (agent, CUSTOMER)
        call = NewCall(name, "inbound" if agent is None else "outbound", "main", "office", dialled,
                       (Identity("from", user, "example.org", ""),), False, f"{name}@example.org")
        self.ledger.decide(call, at)
        self.ledger.ringing(name, 0, at + 1)
        if answered_after is not None:
            self.ledger.answered(name, 0, (), None, at + answered_after)
        self.ledger.ended(name, ending, at + 60)

    def one_call(self) -> None:
        """A call that fails, committed."""
        self.call("201", None, DAY, Ending(480, "callee"))
        eventually(lambda: any(event.kind == "call.ended" for event in self.told), "it is committed")

    def everything(self) -> None:
        """Cause every kind of event."""
        self.call("201", None, DAY, Ending(480, "callee"))
        self.call("201", None, DAY + 100, Ending(486, "callee"))
        self.call(None, 5, DAY + 200, Ending(200, "caller"))
        self.call("202", None, DAY + 300, Ending(487, "caller"))
        self.ledger.sweep(DAY + 10 * 3600)
        eventually(lambda: any(event.kind == "direct.created" for event in self.told), "records are committed")
        self.ledger.sweep(DAY + 11 * 3600)
        for kind, peer in (("trunk.state", PeerState("up", DAY, 12.0)), ("pbx.state", PeerState("down", DAY))):
            self.ledger.tell(kind, payload.peer_event_data("main", peer), DAY)
        self.ledger.attendance.pause("202", "lunch", DAY)
        self.ledger.alarms.report("mqtt", "no MQTT connection", DAY)
        self.ledger.alarms.report("mqtt", None, DAY + 5)
        eventually(lambda: any(event.kind == "alarm.cleared" for event in self.told), "all is committed")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "boomerang.db")
    yield office
    office.store.close()


def test_every_kind_has_a_model() -> None:
    assert set(DATA) == set(get_args(Kind))


def test_real_events_are_as_the_models_say(office: Office) -> None:
    office.everything()
    of_callbacks = {*callback_models.DATA, *queue_models.DATA}
    assert {event.kind for event in office.told} == set(DATA) - of_callbacks, "every kind was caused"
    for event in office.told:
        check_event(event)


@pytest.mark.parametrize("change", [{"extra": 1}, {"direction": "sideways"}, {"cause": "486"}])
def test_a_model_refuses_what_it_does_not_know(office: Office, change: dict[str, object]) -> None:
    office.one_call()
    event = next(event for event in office.told if event.kind == "call.ended")
    check_event(event)
    with pytest.raises(pydantic.ValidationError):
        check_event(event._replace(data={**event.data, **change}))


def test_the_reader_sees_what_was_committed_in_order(office: Office) -> None:
    office.everything()
    reader = Reader(office.path, "edge1")
    first = reader.events_after(0, 5)
    rest = reader.events_after(first[-1].seq, 1000)
    assert [*first, *rest] == office.told
    office.store.delete_events_upto(rest[-1].seq)
    eventually(lambda: not reader.events_after(0, 1000), "the outbox is empty")
    reader.close()


def test_the_committed_description_is_the_generated_one() -> None:
    committed = Path(asyncapi.__file__).with_suffix(".json").read_text()
    assert committed == asyncapi.text(), "run: python -m proxy.status.asyncapi > proxy/status/asyncapi.json"


def test_the_description_names_every_topic_and_its_references_lead_somewhere() -> None:
    document = asyncapi.document()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses >= {f"{{prefix}}/{{node}}/event/{kind}" for kind in DATA}
    assert "{prefix}/{node}/status" in addresses
    text = json.dumps(document)
    for part in text.split('"$ref": "#/')[1:]:
        place = document
        for key in part.partition('"')[0].split("/"):
            place = place[key]
