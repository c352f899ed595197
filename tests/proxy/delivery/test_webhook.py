"""What a receiver of the webhook sees, and how its answers are read."""

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.ticket_channels import TicketChannels
from proxy.delivery.failure import LONGEST, PAUSES, SPREAD, DeliveryError, Kind, pause
from proxy.delivery.parcel import Parcel, pack
from proxy.delivery.template import BUILT_IN, PLACEHOLDERS, fill, read_template
from proxy.delivery.webhook import Webhook, sign
from routing.writes import Unit
from tests.kit.ports import free_port
from tests.proxy.delivery.receivers import Hook, web_server
from tests.routing.memory_store import MemoryStore
from tests.routing.store.rows import a_comment, a_delivery, a_task, a_ticket
from tests.routing.world import BEGIN, CUSTOMER


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as made:
        yield made


def a_parcel(**changes: Any) -> Parcel:
    ticket = a_ticket(number=12, agent="201", task="task")
    parcel = Parcel("delivery", "ticket", ticket, a_comment(ticket, "Zoë rang"), "attempts", "edge1", None)
    return parcel._replace(**changes)


def webhook(hook: Hook, secret: str | None = None, template: Any = BUILT_IN) -> Webhook:
    return Webhook(hook.url, secret, template, lambda: BEGIN + 0.9)


def test_the_built_in_form(hook: Hook) -> None:
    parcel = a_parcel()
    sender = webhook(hook)
    assert sender.send(parcel) == ""
    sender.close()
    headers, _ = hook.got[0]
    assert headers["content-type"] == "application/json"
    assert headers["x-boomerang-delivery"] == "delivery"
    assert headers["user-agent"] == "Boomerang"
    assert "x-boomerang-signature" not in headers
    assert hook.bodies() == [{
        "schema": 1, "delivery": "delivery", "kind": "ticket", "time": "2026-09-21T14:13:20.000Z", "node": "edge1",
        "ticket": {"id": parcel.ticket.id, "number": 12, "subject": f"Callback {CUSTOMER}", "state": "open",
                   "customer": CUSTOMER, "group": "sales", "agent": "201", "task": "task", "reason": "attempts"},
        "comment": {"id": parcel.comment.id if parcel.comment else "", "author": "boomerang", "internal": True,
                    "text": "Zoë rang"},
    }]


def test_signature_over_the_time_and_the_very_bytes(hook: Hook) -> None:
    sender = webhook(hook, "hush")
    sender.send(a_parcel())
    sender.close()
    headers, body = hook.got[0]
    stamp, signature = (part.partition("=")[2] for part in headers["x-boomerang-signature"].split(","))
    assert stamp == "1790000000"
    assert hmac.compare_digest(hmac.new(b"hush", stamp.encode() + b"." + body, hashlib.sha256).hexdigest(), signature)


def test_signature_as_openssl_computes_it() -> None:
    """printf '1.{}' | openssl dgst -sha256 -hmac key"""
    assert sign(b"key", b"{}", 1) == "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"


@pytest.mark.parametrize(("status", "headers", "body", "kind", "wait", "text"), [
    (500, {}, b"", "down", None, "answered 500"),
    (503, {"Retry-After": "120"}, b"busy", "down", 120.0, "answered 503 busy"),
    (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", "down", None, "answered 429"),
    (408, {}, b"", "down", None, "answered 408"),
    (400, {}, b"no\r\nsuch field", "refused", None, "answered 400 no  such field"),
    (404, {}, b"x" * 5000, "refused", None, "answered 404 " + "x" * 200),
    (302, {"Location": "http://127.0.0.1:1/"}, b"", "refused", None, "answered 302"),
])
def test_answers(hook: Hook, status: int, headers: dict[str, str], body: bytes, kind: Kind, wait: float | None,
                 text: str) -> None:
    hook.answers.append((status, headers, body))
    sender = webhook(hook)
    with pytest.raises(DeliveryError) as found:
        sender.send(a_parcel())
    assert (found.value.kind, found.value.retry_after, str(found.value)) == (kind, wait, text)
    assert sender.send(a_parcel()) == "", "the next one goes on"
    sender.close()


def test_nobody_there() -> None:
    sender = Webhook(f"http://127.0.0.1:{free_port()}/", None, BUILT_IN, lambda: BEGIN)
    with pytest.raises(DeliveryError) as found:
        sender.send(a_parcel())
    assert found.value.kind == "down"
    sender.close()


def test_a_receiver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.delivery.webhook.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/", None, BUILT_IN, lambda: BEGIN)
        with pytest.raises(DeliveryError) as found:
            sender.send(a_parcel())
        sender.close()
    assert found.value.kind == "down"


# Templates


def test_every_placeholder_has_a_value() -> None:
    assert set(a_parcel().values()) == set(PLACEHOLDERS)


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "form.json"
    path.write_text(json.dumps({
        "title": "%subject% (#%ticket_number%)", "nr": "%ticket_number%", "private": "%internal%", "who": "%agent%",
        "list": ["%number%", 7, None, True, {"%number%": "%unknown% 100%"}], "note": "by '%agent%'",
    }), "utf-8")
    ticket = a_ticket(number=3)
    filled = fill(read_template(path), a_parcel(ticket=ticket).values())
    assert filled == {
        "title": f"Callback {CUSTOMER} (#3)", "nr": 3, "private": True, "who": None,
        "list": [CUSTOMER, 7, None, True, {"%number%": "%unknown% 100%"}], "note": "by ''",
    }


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)), st.text())
def test_filling_keeps_the_form_and_values_are_not_templates(template: Any, text: str) -> None:
    values: dict[str, Any] = {**dict.fromkeys(PLACEHOLDERS, "%node%"), "text": text}
    json.dumps(fill(template, values))
    assert fill(["%text%", "a%text%"], values) == [text, f"a{text}"]
    assert fill("%kind%", values) == "%node%"


def test_settings_refuse_what_would_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "form.json"
    path.write_text("{}")
    settings = TicketChannels.model_validate({"webhook": "https://example.com/x", "webhook_template": path})
    assert read_template(settings.webhook_template) == {}


# What is packed


def test_a_ticket_goes_with_its_first_comment_and_a_comment_knows_its_parent() -> None:
    store = MemoryStore()
    task = a_task(state="failed", reason="attempts")
    ticket = a_ticket(task=task.id)
    first, second = a_comment(ticket, "first"), a_comment(ticket, "second", internal=False)
    whole = a_delivery(ticket)
    store.put(Unit((task, ticket, first, second, a_delivery(ticket, channel="smtp"), whole)))
    later = a_delivery(ticket, comment=second.id)
    parcel = pack(store.tickets, store.callbacks, whole, "edge1")
    assert parcel is not None
    assert (parcel.kind, parcel.text, parcel.reason, parcel.parent) == ("ticket", "first", "attempts", None)
    assert parcel.ticket.number == 1
    parcel = pack(store.tickets, store.callbacks, later, "edge1")
    assert parcel is not None
    assert (parcel.kind, parcel.text, parcel.parent) == ("comment", "second", whole.id)
    assert pack(store.tickets, store.callbacks, a_delivery(ticket, comment="gone"), "edge1") is None
    assert pack(store.tickets, store.callbacks, a_delivery(a_ticket()), "edge1") is None


# Pauses


@given(st.sampled_from(("down", "refused")), st.integers(1, 1000), st.floats(0, 1), st.none() | st.floats(0, 1e12))
def test_pauses_grow_to_the_last_and_spread(kind: Kind, tries: int, chance: float, asked: float | None) -> None:
    steps = PAUSES[kind]
    assert list(steps) == sorted(steps)
    wait = pause(DeliveryError(kind, "", asked), tries, chance)
    step = steps[min(tries, len(steps)) - 1]
    if asked is None or asked <= step * (1 - SPREAD):
        assert step * (1 - SPREAD) <= wait <= step * (1 + SPREAD) + 1e-6
    else:
        assert wait == max(min(asked, LONGEST), pause(DeliveryError(kind, ""), tries, chance))
