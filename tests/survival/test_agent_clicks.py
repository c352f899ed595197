"""An agent works with the desk on the screen and never presses a key of the phone: the real daemon, on real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.control_client import ControlClient, ControlError
from tests.kit.callback_scene import AGENT, CUSTOMER, GROUP, CallbackScene, policy
from tests.kit.far_call import Plan
from tests.kit.mosquitto import MISSING, Subscriber, broker, listening
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
NO_KEYS = Plan()
"""A phone that is picked up, and whose keys nobody presses."""
LONG = 120
"""Seconds of a preview that no test waits for."""


class Site:
    """A daemon, its broker, and whoever clicks."""

    def __init__(self, scene: CallbackScene, mqtt: Subscriber) -> None:
        self.scene, self.mqtt = scene, mqtt

    def ask(self, verb: str, **args: Any) -> Any:
        return ControlClient(self.scene.boomerang.data / "control.sock").call(verb, **args)

    def desk(self) -> Any:
        return self.ask("agents.desk", agent=AGENT)

    def card(self, phase: str) -> Any:
        """Wait for the one card of this phase."""
        def found() -> Any:
            return next((card for card in self.desk()["cards"] if card["phase"] == phase), None)

        return eventually(found, f"a card in phase {phase}")

    def topic(self, fits: Callable[[Any], bool], what: str) -> None:
        """Wait until the agent's topic says so."""
        def said() -> bool:
            found = self.mqtt.of(f"boomerang/edge1/agent/{AGENT}")
            return bool(found) and fits(found[-1].json())

        eventually(said, what)

    def rings(self) -> int:
        return sum(call.user == AGENT for call in self.scene.pbx.calls)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("clicks")
    rules = policy(callback={"preview": f"{LONG}s", "wrap_up": f"{LONG}s", "retry_agent": "1s"})
    with broker(folder) as server, \
            CallbackScene(folder / "node", policy=rules, mqtt=f"mqtt://127.0.0.1:{server.port}") as scene, \
            listening(server.port) as mqtt:
        mqtt.wait_for("boomerang/edge1/status", "online")
        scene.pbx.plans[AGENT] = NO_KEYS
        yield Site(scene, mqtt)


def test_accept_talk_wrap_up_and_done_without_a_key(site: Site) -> None:
    """The phone rings at once, the customer is called when it is picked up, the card stays until done is clicked."""
    scene, before = site.scene, site.rings()
    task = site.ask("callbacks.add", customer=CUSTOMER, group=GROUP, note="asked by mail")["id"]
    card = site.card("preview")
    assert (card["task"], card["customer"], card["note"]) == (task, CUSTOMER, "asked by mail")
    assert card["preview_until"] is not None
    assert site.rings() == before, "the phone is still while the card is looked at"
    assert site.ask("callbacks.accept", id=card["attempt"], agent=AGENT)["already"] is False
    customer = scene.customer_call(len([call for call in scene.carrier.calls if call.user == CUSTOMER]) or 1)
    assert site.rings() == before + 1
    site.card("talking")
    with pytest.raises(ControlError, match="they talk already"):
        site.ask("callbacks.decline", id=card["attempt"], agent=AGENT)
    with pytest.raises(ControlError, match=f"too late: {AGENT} has it"):
        site.ask("callbacks.decline", id=card["attempt"], agent="202")
    eventually(lambda: "accepted" in scene.journal(task), "it is in the journal")
    eventually(lambda: site.ask("callbacks.show", id=task)["state"] == "done", "the promise is kept")
    scene.hang_up(customer)
    card = site.card("wrap_up")
    assert card["task"] == task
    site.topic(lambda said: said["state"] == "wrap_up", "the agent finishes")
    assert site.ask("agents.done", agent=AGENT)["state"] in ("free", "unknown")
    assert site.desk()["cards"] == []
    site.topic(lambda said: said["state"] in ("free", "unknown"), "the agent may be rung")
    scene.all_quiet()


def test_a_pause_outlives_a_kill_and_nobody_is_rung_meanwhile(site: Site) -> None:
    scene = site.scene
    customer = "+36201110002"
    assert site.ask("agents.pause", agent=AGENT, reason="lunch")["state"] == "paused"
    site.topic(lambda said: (said["state"], said.get("reason")) == ("paused", "lunch"), "the pause is told")
    before = site.rings()
    task = site.ask("callbacks.add", customer=customer, group=GROUP)["id"]
    eventually(lambda: site.ask("callbacks.show", id=task)["due"] is not None, "it is due")
    scene.kill9()
    scene.restart()
    eventually(lambda: site.desk()["agent"]["state"] == "paused", "the pause is read back")
    assert site.desk()["agent"]["reason"] == "lunch"
    assert site.ask("callbacks.running") == []
    assert site.rings() == before
    assert site.ask("agents.resume", agent=AGENT)["reason"] is None
    card = site.card("preview")
    assert card["task"] == task
    assert site.ask("callbacks.decline", id=card["task"], agent=AGENT, reason="no time")["already"] is False
    assert site.ask("callbacks.decline", id=card["attempt"], agent=AGENT)["already"] is True
    assert site.rings() == before, "a callback that is declined by a click never rings"
    told = site.ask("callbacks.show", id=task)
    assert [line["data"]["reason"] for line in told["journal"] if line["kind"] == "declined"] == ["no time"]
    assert (told["state"], told["attempts"]) == ("open", 0)
    site.ask("callbacks.cancel", id=task)
