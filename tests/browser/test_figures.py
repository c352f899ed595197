"""Three figures of callbacks, by group: what the board shows is what MQTT says."""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from paho.mqtt import subscribe

from proxy.console.rendering import duration
from proxy.demo.company.house import NODE, SALES, SERVICE
from proxy.demo.company.past import Past
from tests.kit.browser import Browser
from tests.kit.console_site import ADMIN, PASSWORD, ConsoleSite
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import eventually

BROKER = free_port()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    """Sixty callbacks of the last fifty minutes, and ten that still stand."""
    now = time.time()
    past = Past(random.Random(7)).callbacks(now - 3000, now - 60, 70, 10)
    with ConsoleSite(tmp_path_factory.mktemp("c"), past=past, mqtt=f"embedded://{LOOPBACK}:{BROKER}") as made:
        yield made


def told(group: str) -> dict[str, Any]:
    """What MQTT says of a group: its retained topic."""
    topic = f"boomerang/{NODE}/group/{group}"
    message: Any = subscribe.simple(topic, hostname=LOOPBACK, port=BROKER)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = json.loads(message.payload)
    return found


@pytest.mark.parametrize("group", [SALES, SERVICE])
def test_the_figures_of_a_group_are_those_of_mqtt(browser: Browser, site: ConsoleSite, group: str) -> None:
    with browser.visit(site.url) as visitor:
        visitor.log_in(ADMIN.name, PASSWORD)
        page = visitor.open("/")
        cells = page.locator(f"[data-figures='group:{group}'] td")
        cells.first.wait_for()

        def equal() -> bool:
            said = told(group)
            wanted = [str(said["callbacks_in_queue"]), str(said["callbacks_total"]),
                      duration(said["average_callback_wait_s"])]
            return cells.all_inner_texts() == wanted and said["callbacks_in_queue"] > 0

        eventually(equal, "the board shows what MQTT says", every=0.5)
