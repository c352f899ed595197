"""A site whose Boomerang can be started with faults in it, and what the tests of this folder ask of it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.call import Incoming, Outgoing
from tests.kit.mosquitto import Subscriber
from tests.kit.process import Process
from tests.kit.sip_socket import SipSocket
from tests.kit.site import Site, peer
from tests.kit.waiting import eventually

CUSTOMER, AGENT = "+36201234567", "201"
NO_MIN_TALK = {"direct_callback": {"min_talk": "0s"}}

LATE = frozenset({"decide", "facts", "slow", "hang", "quick", "impatient", "die"})
"""Faults that work on a daemon that is imported already. The others change what modules take from each other."""


class Faulty(Boomerang):
    """The daemon, through `faulty`, with an environment and a program before it."""

    faults: Mapping[str, Any] = {}
    environment: Mapping[str, str] = {}
    before: tuple[str, ...] = ()

    def start(self, *, ready: bool = True) -> Self:
        module = ("tests.survival.faulty", json.dumps(dict(self.faults))) if self.faults else ("proxy",)
        argv = [*self.before, sys.executable, "-m", *module, "run", "-c", str(self.config)]
        env = {"PYTHONPATH": str(ROOT), **self.environment}
        fork = not self.before and not self.environment and self.faults.keys() <= LATE
        self.process = Process(argv, name="boomerang", cwd=self.folder, env=env, fork=fork)
        if ready:
            self.wait_ready()
        return self

    @property
    def running(self) -> Process:
        """Its process."""
        assert self.process is not None
        return self.process

    def alarms(self) -> dict[str, str]:
        """Alarms that stand, by name."""
        return {alarm["name"]: alarm["text"] for alarm in self.ask("status")["alarms"]}

    def figure(self, name: str) -> float:
        """One figure of /metrics, by name and labels as they stand there; 0 where there is none with these labels."""
        _, text = self.get("/metrics")
        assert name.partition("{")[0].removesuffix("_total") in text, f"no {name} in\n{text}"
        found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return next((float(value) for key, _, value in found if key == name), 0.0)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Lines of the log with this event."""
        lines = (json.loads(line) for line in self.log if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def logged_times(self, event: str, times: int) -> list[dict[str, Any]]:
        """Wait for as many lines with this event, and give all there are: the log is written beside the calls."""
        eventually(lambda: len(self.logged(event)) >= times, f"{times} times {event} in the log")
        return self.logged(event)

    def logs(self, event: str, **keys: object) -> dict[str, Any]:
        """Wait for a line with this event and these keys, and give the last such."""
        def found() -> dict[str, Any] | None:
            fitting = [one for one in self.logged(event) if all(one.get(key) == keys[key] for key in keys)]
            return fitting[-1] if fitting else None

        line = eventually(found, f"{event} {keys or ''} in the log")
        assert line is not None
        return line

    def rss(self) -> int:
        """Resident memory of the process, in KiB."""
        for line in Path(f"/proc/{self.running.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")


class Scene(Site):
    """A `Site` around a `Faulty` Boomerang; its trunk and PBX may be anything that boomerang.toml can say."""

    boomerang: Faulty

    def __init__(
        self,
        folder: Path,
        *,
        policy: Mapping[str, Any] | None = None,
        mqtt: str = "off",
        faults: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        before: tuple[str, ...] = (),
        pbx: Mapping[str, Any] | None = None,
        trunks: Mapping[str, Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        listen: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        self.carrier, self.pbx = SipSocket(), SipSocket()
        self.boomerang = Faulty(
            folder, trunks={"main": peer(self.carrier.port), **(trunks or {})},
            pbxs={"office": {**peer(self.pbx.port), **(pbx or {})}},
            policy=policy if policy is not None else NO_MIN_TALK, mqtt=mqtt, extra=extra, listen=listen,
        )  # fmt: skip
        self.boomerang.faults, self.boomerang.environment = faults or {}, environment or {}
        self.boomerang.before = before

    def both_ways(self) -> None:
        """A call in each direction, from INVITE to the 200 of its BYE."""
        for inbound in (True, False):
            call, there = self.customer_dials(CUSTOMER) if inbound else self.agent_dials(AGENT, CUSTOMER)
            there.ring()
            there.pick_up_with(call)
            hang_up(call, there)

    def cause(self, name: str) -> Path:
        """Let a fault of `faulty` begin; unlink what is returned to end it."""
        file = self.boomerang.folder / name
        file.touch()
        return file

    def talking(self) -> tuple[Outgoing, Incoming]:
        """A call of a customer that is in progress."""
        call, there = self.customer_dials(CUSTOMER)
        there.pick_up_with(call)
        return call, there


def hang_up(call: Outgoing, there: Incoming) -> None:
    """The caller ends a call, and all of it passes."""
    call.request("BYE")
    there.hung_up()
    call.bye_answered()


def passes(call: Outgoing, there: Incoming) -> None:
    """A request in each direction passes inside the call: it lives."""
    call.request("INFO")
    there.answer(there.expect("INFO"))
    call.expect(200)
    there.request("INFO")
    call.answer(call.expect("INFO"))
    there.expect(200)


def alarm_heard(subscriber: Subscriber, name: str, up: bool) -> None:
    """Wait until the retained topic of alarms names it, or names it no longer."""
    def looks_so() -> bool:
        text = subscriber.topics().get("boomerang/edge1/alarms", '{"alarms":[]}')
        return (name in [alarm["name"] for alarm in json.loads(text)["alarms"]]) == up

    eventually(looks_so, f"alarm {name} {'up' if up else 'down'} on MQTT")
