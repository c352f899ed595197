"""The callback from the queue as README.md shows it, on its Asterisk: with a place, and by the PBX's own key."""

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.asterisk import PASSWORD
from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import Loop
from tests.kit.far_phones import FarCustomers
from tests.kit.phones import PjsipPhone
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.rtp_phone import PAYLOAD_TYPES
from tests.kit.site import SHARED, peer
from tests.kit.spoken import told
from tests.kit.tones import heard
from tests.kit.waiting import eventually
from tests.peers.test_readme_asterisk import ShownAsterisk, shown

pytestmark = pytest.mark.usefixtures("pjsip")

AGENT_TONE, CUSTOMER_TONE = 440, 1000
MEDIA_PORTS = 40


class KeyAsterisk(ShownAsterisk):
    """README's Asterisk, with the key of its queue."""

    def _generated(self) -> dict[str, str]:
        files = super()._generated()
        keys = shown("ini", "[queue-keys]")
        return {**files, "extensions.conf": files["extensions.conf"] + keys,
                "queues.conf": files["queues.conf"] + "context=queue-keys\njoinempty=yes\n"}


class Office(FarCustomers):
    """README's Boomerang and Asterisk; a customer whom the test moves."""

    def __init__(self, root: Path, folder: Path, *, key: str) -> None:
        """`key`: whose key callers press, `ours` or that of the PBX."""
        self._stack = ExitStack()
        self.loop = self._stack.enter_context(Loop())
        self.carrier = self.loop.open()
        self.carrier.default = Plan(tone=CUSTOMER_TONE)
        hop, media = free_port(), free_port(MEDIA_PORTS)
        self.pbx = KeyAsterisk(root, hop=f"{LOOPBACK}:{hop}")
        policy: dict[str, Any] = tomllib.loads(shown("toml", "region"))
        assert policy["guard"].pop("quiet_hours")
        own = tomllib.loads(shown("toml", "[group.sales.queue_callback]"))["group"]["sales"]["queue_callback"]
        assert own["offer_after"] == "20s"
        policy["group"]["sales"]["queue_callback"] = {**own, "offer_after": "1s"}
        if key != "ours":
            policy["number"][SHARED]["queue_callback"] = {"offer_after": "1h"}
        self.boomerang = Boomerang(
            folder / "boomerang", port=hop, trunks={"main": peer(self.carrier.port)},
            pbxs={"office": {**peer(self.pbx.port), "answers": "before_queue", "extensions": "^2[0-9]{2}$"}},
            policy=policy, extra={"media": {"ports": f"{media}-{media + MEDIA_PORTS - 1}"}})

    def phone(self, extension: str) -> PjsipPhone:
        return self._stack.enter_context(
            PjsipPhone(extension, PASSWORD, self.pbx.port, answer="silent", tone=AGENT_TONE))

    def waits(self, caller: str) -> FarCall:
        """A customer calls, and is in the queue."""
        def dial() -> FarCall:
            return self.loop.do(lambda: self.carrier.dial(
                SHARED, caller, self.boomerang.hop, Plan(tone=CUSTOMER_TONE)))

        return self.in_the_room(self.boomerang, dial)

    def hears(self, call: FarCall, prompt: str, language: str = "hu") -> None:
        def said() -> bool:
            assert call.rtp is not None
            audio = [one.payload for one in call.rtp.heard if one.payload_type == PAYLOAD_TYPES["PCMA"]]
            return prompt in told(b"".join(audio), language)

        eventually(said, f"{call.shown} hears {prompt}", every=0.2)

    def talk(self, agent: PjsipPhone, caller: str) -> None:
        """The agent presses 1, the customer is rung, and hears the agent."""
        agent.press("1")
        there = self.reaches(caller)
        self.until(there, "up")
        eventually(lambda: heard(self.heard(there), AGENT_TONE, [CUSTOMER_TONE]), "the customer hears the agent")
        self.hang_up(there)
        agent.ended()
        assert len(self.carrier.to(caller)) == 1

    def __enter__(self) -> "Office":
        with self._stack:
            self._stack.enter_context(self.pbx)
            self._stack.enter_context(self.boomerang)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stack.__exit__(type(error) if error else None, error, None)


@pytest.fixture
def office(asterisk: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    with Office(asterisk, tmp_path, key=request.param) as made:
        yield made


@pytest.mark.parametrize("office", ["ours"], indirect=True)
def test_a_caller_keeps_the_place(office: Office) -> None:
    caller = "+36201234001"
    call = office.waits(caller)
    office.hears(call, "offer_callback")
    office.press(call, "1")
    office.hears(call, "menu_this")
    office.press(call, "1")
    office.until(call, "over")
    agent = office.phone("201")
    assert caller in agent.rings()
    agent.pick_up()
    agent.talks()
    office.talk(agent, caller)
    agent.leave()


@pytest.mark.parametrize("office", ["the PBX's"], indirect=True)
def test_the_key_of_the_pbx_leads_to_the_menu(office: Office) -> None:
    caller = "+36201234002"
    call = office.waits(caller)
    eventually(lambda: " (wait:" in office.pbx.cli("queue show 600"), "they are in the queue")
    office.press(call, "9")
    office.hears(call, "menu_this")
    office.press(call, "1")
    office.hears(call, "goodbye")
    agent = office.phone("202")
    assert caller in agent.rings()
    agent.pick_up()
    agent.talks()
    office.talk(agent, caller)
    agent.leave()
