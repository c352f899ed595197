"""One real Boomerang and as many groups as tests want, each with a number, agents and customers of its own.

A test file declares its groups (`Floor.group`), starts the daemon once with all of them, and each
test plays with its own: nothing that one does is seen by another, so they may share a daemon and its start.
What Boomerang says is read where its users read it: the control socket, MQTT, the wire.
"""

import itertools
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tests.kit.boomerang import Boomerang
from tests.kit.far_call import FarCall, Plan
from tests.kit.far_end import FarEnd, Loop
from tests.kit.far_phones import FarPhones
from tests.kit.mosquitto import Subscriber, broker, listening
from tests.kit.ports import free_port
from tests.kit.site import peer
from tests.kit.waiting import PATIENCE, eventually

AGENT_TONE, CUSTOMER_TONE = 440.0, 1000.0
ACCEPTS = Plan(keys=((0.05, "1"), (1.0, "1"), (3.0, "1")), tone=AGENT_TONE)
"""An agent who takes every callback, and presses again in case the answer was not known yet when the key came."""
BRIEF = replace(ACCEPTS, hang_up=4.0)
"""One who takes it and hangs up soon, as when nobody answers: long after the customer was dialled and has refused."""
DECLINES = Plan(keys=((0.05, "2"), (1.0, "2"), (3.0, "2")))
LISTENS = Plan(tone=AGENT_TONE)
"""An agent who answers and presses nothing."""
NOBODY = Plan(answer=None)
TALK = 3.0
"""Seconds of a talk that counts, however late each end of it is heard of."""
TALKS = Plan(tone=CUSTOMER_TONE, hang_up=TALK)
"""A customer who answers, talks for longer than `MIN_TALK` and hangs up."""
STAYS = Plan(tone=CUSTOMER_TONE)
"""A customer who leaves it to the other side to hang up."""
MIN_TALK = "1s"
MEDIA_PORTS = 80

SHARED: Mapping[str, Any] = {
    "direct_callback": {"type": 0, "min_talk": MIN_TALK},
    "missed_callback": {"enabled": True, "window": "24h", "attempts": 4, "min_wait": "1s"},
    "callback": {"min_talk": MIN_TALK, "retry_agent": "2s", "retry_busy": "2s", "agent_ring_for": "5s",
                 "customer_ring_for": "10s"},
}
"""What is in force where a group says nothing else: short times, but for those in which a phone that answers at once
must have been heard."""


def refuses(status: int) -> Plan:
    """A phone that answers with this."""
    return Plan(answer=0.05, status=status)


@dataclass
class Group:
    """A group of the policy, and whom the test plays with."""

    name: str
    number: str
    agents: tuple[str, ...]
    customer: str
    """One who is called back in this test alone; `others` has more."""
    others: tuple[str, ...]
    table: dict[str, Any] = field(default_factory=dict)

    @property
    def agent(self) -> str:
        return self.agents[0]


class Floor:
    """The policy that a file's tests collect, and the daemon with it: `with floor.running(folder) as it:`."""

    def __init__(self, **tables: Mapping[str, Any]) -> None:
        """`tables`: further ones of policy.toml; they win over `SHARED` key by key."""
        self._tables = {name: {**SHARED.get(name, {}), **tables.get(name, {})} for name in {**SHARED, **tables}}
        self._groups: dict[str, Group] = {}
        self._numbers: dict[str, dict[str, Any]] = {}
        self._campaigns: dict[str, dict[str, Any]] = {}
        self._serial = itertools.count(1)

    def group(self, name: str, agents: int = 1, pbx: str = "office", **table: Any) -> Group:
        """Declare a group; `table`: its keys beside agents."""
        serial = next(self._serial)
        numbers = [f"+3620{serial:03d}{each:04d}" for each in range(1, 7)]
        found = Group(name, f"+3614{serial:03d}000", tuple(str(1000 + 10 * serial + each) for each in range(agents)),
                      numbers[0], tuple(numbers[1:]), table)
        self._groups[name] = found
        self._numbers[found.number] = {"group": name, "pbx": pbx}
        return found

    def direct(self, agent: str) -> str:
        """Declare a number that belongs to one agent."""
        number = f"+3614{next(self._serial):03d}999"
        self._numbers[number] = {"kind": "direct", "agent": agent}
        return number

    def campaign(self, ident: str, group: Group, **table: Any) -> str:
        """Declare a campaign of a group."""
        self._campaigns[ident] = {"group": group.name, **table}
        return ident

    @property
    def policy(self) -> dict[str, Any]:
        """Everything that was declared."""
        groups = {one.name: {"agents": list(one.agents), **one.table} for one in self._groups.values()}
        found = {**self._tables, "number": self._numbers, "group": groups}
        return {**found, "campaign": self._campaigns} if self._campaigns else found

    def running(self, folder: Path, extra: Mapping[str, Any] | None = None) -> "Running":
        """Return the daemon with all of it, to be entered."""
        return Running(folder, self, extra)


class Running(FarPhones):
    """The daemon, its broker, and everybody around it."""

    def __init__(self, folder: Path, floor: Floor, extra: Mapping[str, Any] | None) -> None:
        self._folder, self._floor, self._extra, self._stack = folder, floor, extra or {}, ExitStack()
        self.queue: FarEnd
        """Answers before it queues: `queue`; `pbx` when an agent does: `office`."""
        self.boomerang: Boomerang
        self.mqtt: Subscriber
        self.broker_port = 0

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start(self) -> None:
        self.loop = self._stack.enter_context(Loop())
        self.carrier, self.pbx, self.queue = self.loop.open(), self.loop.open(), self.loop.open()
        server = self._stack.enter_context(broker(self._folder))
        self.broker_port = server.port
        self.mqtt = self._stack.enter_context(listening(server.port))
        first = free_port(MEDIA_PORTS)
        pbxs = {"office": peer(self.pbx.port), "queue": {**peer(self.queue.port), "answers": "before_queue"},
                "dead": peer(free_port())}
        self.boomerang = self._stack.enter_context(Boomerang(
            self._folder / "node", trunks={"main": peer(self.carrier.port)}, pbxs=pbxs, policy=self._floor.policy,
            mqtt=f"mqtt://127.0.0.1:{server.port}",
            extra={"media": {"ports": f"{first}-{first + MEDIA_PORTS - 1}"}, **self._extra}))
        self.mqtt.wait_for("boomerang/edge1/status", "online")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for end in (self.carrier, self.pbx, self.queue):
            for call in end.open_calls():
                self.hang_up(call)  # nothing is left to wait for
        self._stack.__exit__(type(error) if error else None, error, None)

    # What happens

    def dial(self, customer: str, number: str, *, plan: Plan | None = None) -> FarCall:
        """A customer calls one of our numbers."""
        return self.loop.do(lambda: self.carrier.dial(number, customer, self.boomerang.hop, plan or Plan(media=False)))

    def agent_dials(self, agent: str, customer: str) -> FarCall:
        """An agent calls a customer."""
        return self.loop.do(lambda: self.pbx.dial(customer, agent, self.boomerang.hop, Plan(media=False)))

    def miss(self, group: Group, customer: str | None = None, number: str | None = None) -> FarCall:
        """A customer calls the group's number, nobody answers, they hang up."""
        call = self.dial(customer or group.customer, number or group.number)
        eventually(lambda: 180 in call.statuses, f"the call of {call.shown} rings")
        self.hang_up(call)
        return self.over(call)

    # What is waited for

    def over(self, call: FarCall, timeout: float = PATIENCE) -> FarCall:
        return self.until(call, "over", timeout)

    def up(self, call: FarCall, timeout: float = PATIENCE) -> FarCall:
        return self.until(call, "up", timeout)

    # What Boomerang says

    def ask(self, verb: str, /, **args: Any) -> Any:
        """Say a verb at the control socket."""
        return self.boomerang.ask(verb, **args)

    def tasks(self, customer: str) -> list[dict[str, Any]]:
        """Tasks of a customer, the oldest first."""
        return list(reversed(self.ask("callbacks.list", customer=customer)))

    def task(self, customer: str, timeout: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """Wait until the newest task of a customer has these values, and give all that is known of it."""
        def found() -> dict[str, Any] | None:
            rows = self.tasks(customer)
            return rows[-1] if rows and all(rows[-1][key] == value for key, value in wanted.items()) else None

        try:
            row = eventually(found, f"a callback of {customer} with {wanted}", timeout)
        except AssertionError as error:
            told = [self.ask("callbacks.show", id=one["id"]) for one in self.tasks(customer)]
            error.add_note(json.dumps(told, indent=1))
            raise
        assert row is not None
        return dict(self.ask("callbacks.show", id=row["id"]))

    def events(self, kind: str, customer: str) -> list[dict[str, Any]]:
        """Data of the events of a kind about a customer so far."""
        told = (one.json()["data"] for one in self.mqtt.of(f"boomerang/edge1/event/{kind}"))
        return [data for data in told if data.get("customer") == customer]

    def event(self, kind: str, customer: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for the first such event."""
        return eventually(lambda: self.events(kind, customer), f"{kind} about {customer}", timeout)[0]

    def state(self, agent: str) -> dict[str, Any]:
        """One line of the agents' list."""
        return next(one for one in self.ask("agents.list") if one["extension"] == agent)


def kinds(detail: Mapping[str, Any]) -> list[str]:
    """Kinds of the lines of a task's journal."""
    return [line["kind"] for line in detail["journal"]]
