"""Health and metrics over a real socket on loopback."""

import re
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.core.counters import Counters
from proxy.status.service import StatusService
from proxy.status.source import QUEUE_EVENTS, GroupState, HttpSettings
from routing.figures import Tally
from tests.kit.ports import free_port
from tests.kit.waiting import PATIENCE, eventually, stays
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_source import FakeSource

LISTENING = "0A"
"""State of a socket in the kernel's table (Linux)."""


def serving(service: StatusService) -> str:
    port = eventually(lambda: service.http_port, "HTTP listens")
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def base(start: Start) -> str:
    return serving(start(http=HttpSettings(port=0)))


def test_alive_and_ready(base: str, source: FakeSource) -> None:
    for state, status, word in (("running", 200, "ok"), ("draining", 503, "draining"), ("starting", 503, "starting")):
        source.now = replace(source.now, state=state)  # type: ignore[arg-type]
        health = httpx.get(f"{base}/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        ready = httpx.get(f"{base}/readyz")
        assert (ready.status_code, ready.json()) == (status, {"status": word})


def test_alive_means_that_calls_are_carried(base: str, source: FakeSource) -> None:
    source.hung = True
    health = httpx.get(f"{base}/healthz")
    assert (health.status_code, health.json()) == (503, {"status": "stuck"})


def test_metrics(base: str, counters: Counters) -> None:
    counters.received_requests.add("INVITE", 3)
    counters.call_ended("inbound", "answered")
    counters.breakers["udp:10.0.0.10:5060"] = True
    for seconds in (0.00001, 0.00005, 0.003, 7.0):
        counters.decision_seconds.observe(seconds)
    answer = httpx.get(f"{base}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text) for sample in family.samples
    }
    assert samples["boomerang_sip_requests_received_total", (("method", "INVITE"),)] == 3
    assert samples["boomerang_calls_total", (("direction", "inbound"), ("outcome", "answered"))] == 1
    assert samples["boomerang_circuit_breaker_open", (("address", "udp:10.0.0.10:5060"),)] == 1
    assert samples["boomerang_decision_seconds_bucket", (("le", "5e-05"),)] == 2
    assert samples["boomerang_decision_seconds_bucket", (("le", "0.005"),)] == 3
    assert samples["boomerang_decision_seconds_bucket", (("le", "+Inf"),)] == 4
    assert samples["boomerang_decision_seconds_count", ()] == 4
    assert samples["boomerang_trunk_up", (("trunk", "main"),)] == 1
    assert samples["boomerang_pbx_up", (("pbx", "office"),)] == 0
    assert samples["boomerang_direct_callbacks_live", ()] == 3
    assert not re.search(r'"[^"]*[0-9]{6,}', "".join(
        line.partition("}")[0] for line in answer.text.splitlines() if "{" in line))


def test_metrics_of_callbacks(base: str, source: FakeSource) -> None:
    """The figures that dashboards draw for a group, here as on MQTT."""
    sales = GroupState(waiting=2, callbacks_in_queue=5, callbacks_due=3, callbacks_running=1, callbacks_total=9,
                       callbacks_dialled=7, callbacks_kept=4, average_callback_wait_s=61.5, longest_wait_s=35,
                       estimated_wait_s=240, places_held=3, offers_made=8, offers_taken=6)
    happened = {(kind, "sales"): count for count, kind in enumerate(QUEUE_EVENTS, 1)} | {("place.held", "gone"): 9}
    source.now = replace(source.now, groups={"sales": sales, "service": GroupState()}, callbacks_made={"sales": 6},
                         callbacks_kept={"sales": 3}, queue_events=happened,
                         campaigns={"10001": Tally(promised=5, dialled=4, kept=2)})
    samples = {
        (sample.name, sample.labels.get("group")): sample.value
        for family in text_string_to_metric_families(httpx.get(f"{base}/metrics").text) for sample in family.samples
    }
    shown = {name: value for (name, group), value in samples.items() if group == "sales" and "agents" not in name}
    assert shown == {
        "boomerang_group_calls": 0, "boomerang_group_waiting": 2, "boomerang_callbacks_in_queue": 5,
        "boomerang_callbacks_due": 3, "boomerang_callbacks_running": 1, "boomerang_callbacks_total": 6,
        "boomerang_callbacks_kept_total": 3, "boomerang_callback_wait_average_seconds": 61.5,
        "boomerang_group_longest_wait_seconds": 35, "boomerang_callbacks_today": 9,
        "boomerang_callbacks_dialled_today": 7, "boomerang_callbacks_kept_today": 4,
        "boomerang_group_estimated_wait_seconds": 240, "boomerang_places_held": 3, "boomerang_offers_made_today": 8,
        "boomerang_offers_taken_today": 6, "boomerang_queue_offered_total": 1, "boomerang_queue_requested_total": 2,
        "boomerang_place_held_total": 3, "boomerang_place_taken_total": 4, "boomerang_place_lost_total": 5,
        "boomerang_place_returned_total": 6,
    }
    assert samples["boomerang_place_held_total", "service"] == 0
    assert ("boomerang_group_estimated_wait_seconds", "service") not in samples, "nothing is known"
    assert samples["boomerang_callbacks_total", "service"] == 0
    campaigns = {name: value for (name, _), value in samples.items() if "_campaign_" in name}
    assert campaigns == {"boomerang_campaign_callbacks_today": 5, "boomerang_campaign_callbacks_dialled_today": 4,
                         "boomerang_campaign_callbacks_kept_today": 2}
    apart = {name: value for (name, _), value in samples.items() if name.startswith(("boomerang_callback_calls",
                                                                                     "boomerang_calls_"))}
    assert apart == {"boomerang_calls_active": 2, "boomerang_calls_today": 7, "boomerang_callback_calls_active": 1,
                     "boomerang_callback_calls_today": 6, "boomerang_callback_calls_answered_today": 4}
    assert ("boomerang_callback_wait_average_seconds", "service") not in samples, "none was kept yet"


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/api/v1/status"), ("GET", "/api/docs"), ("GET", "/api/v1/openapi.json"), ("PUT", "/api/v1/policy"),
    ("POST", "/api/v1/callbacks/t1/cancel"), ("PATCH", "/api/v1/policy"), ("DELETE", "/api/v1/dnc/1")])
def test_whoever_looks_for_the_api_is_told_where_it_is(base: str, method: str, path: str) -> None:
    answer = httpx.request(method, f"{base}{path}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "the API is the console's: see console.listen"})


def test_nothing_else_is_there(base: str) -> None:
    assert httpx.get(f"{base}/docs").status_code == 404
    assert httpx.post(f"{base}/healthz").status_code == 405


def test_a_bug_in_a_page_is_an_answer_and_the_next_page_works(base: str, source: FakeSource) -> None:
    good = source.now
    source.now = None  # type: ignore[assignment]
    assert httpx.get(f"{base}/readyz").status_code == 500
    assert httpx.get(f"{base}/metrics").status_code == 500
    assert httpx.get(f"{base}/healthz").status_code == 200
    source.now = good
    assert httpx.get(f"{base}/readyz").status_code == 200


def test_a_taken_port_is_an_alarm_and_heals(
    start: Start, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.status.service.RETRY", 0.2)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        service = start(http=HttpSettings(port=port))
        eventually(lambda: "http" in source.alarms, "the alarm is up")
        assert f"cannot listen on 127.0.0.1 port {port}" in source.alarms["http"]
        stays(lambda: len(source.alarm_log) == 1, "it is told once", 0.6)
    assert httpx.get(f"{serving(service)}/healthz").status_code == 200
    assert source.alarms == {}


def test_only_the_configured_address(start: Start) -> None:
    base = serving(start(http=HttpSettings(host="127.0.0.1", port=0)))
    port = int(base.rpartition(":")[2])
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    bound = [local.split(":") for _, local, _, state, *_ in sockets if state == LISTENING]
    own = int.from_bytes(socket.inet_aton("127.0.0.1"), sys.byteorder)
    assert [int(address, 16) for address, number in bound if int(number, 16) == port] == [own]


def test_stop_ends_the_thread_while_a_client_hangs_on(start: Start) -> None:
    service = start(http=HttpSettings(port=0))
    base = serving(service)
    with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as lazy:
        lazy.sendall(b"GET /healthz HTT")
        assert service.stop(PATIENCE)
    assert not [thread for thread in threading.enumerate() if thread.name == "status"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base}/healthz")
