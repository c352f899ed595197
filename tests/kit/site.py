"""A whole site on loopback: a carrier and a PBX made of `SipSocket`s, and a real Boomerang between them."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kit.boomerang import Boomerang
from tests.kit.call import Incoming, Outgoing, incoming
from tests.kit.ports import LOOPBACK
from tests.kit.sip_socket import SipSocket

SHARED = "+3614445555"
"""The number that every test's customer dials; it needs no entry in the policy to be shared."""


def peer(port: int, *sources: int, transport: str = "udp") -> dict[str, Any]:
    """Table of a trunk or PBX at this port that may also call from the ports `sources`."""
    uri = f"sip:{LOOPBACK}:{port}" + ("" if transport == "udp" else f";transport={transport}")
    return {"peers": [uri], "sources": [f"{LOOPBACK}:{source}" for source in sources]}


class Site:
    """Carrier and PBX by hand, so that a test says when what is sent."""

    def __init__(self, folder: Path, *, policy: Mapping[str, Any] | None = None, mqtt: str = "off",
                 extra: Mapping[str, Any] | None = None, prefix: Path | None = None) -> None:
        """`prefix`: an environment that Boomerang was installed into, which runs in the place of the code here."""
        self.carrier, self.pbx = SipSocket(), SipSocket()
        self.boomerang = Boomerang(
            folder, trunks={"main": peer(self.carrier.port)}, pbxs={"office": peer(self.pbx.port)},
            policy=policy, mqtt=mqtt, extra=extra, prefix=prefix,
        )  # fmt: skip

    @property
    def hop(self) -> tuple[str, int]:
        return self.boomerang.hop

    def agent_dials(self, agent: str, customer: str) -> tuple[Outgoing, Incoming]:
        """An agent's call: the PBX's end, and the carrier's end where it has arrived."""
        identity = [f"P-Asserted-Identity: <sip:{agent}@pbx.example>"]
        call = Outgoing(self.pbx, self.hop, customer, SHARED, headers=identity)
        return call, incoming(self.carrier, call_id=call.call_id)

    def agent_misses(self, agent: str, customer: str, status: str = "486 Busy Here") -> None:
        """An agent's call that the customer does not answer."""
        call, there = self.agent_dials(agent, customer)
        there.ring()
        there.refuse(status)
        call.refused(int(status.split()[0]))

    def agent_talks(self, agent: str, customer: str, seconds: float) -> None:
        """An agent's call that the customer answers; the agent hangs up after `seconds`."""
        call, there = self.agent_dials(agent, customer)
        there.ring()
        there.pick_up_with(call)
        time.sleep(seconds)
        call.request("BYE")
        there.hung_up()
        call.bye_answered()

    def customer_dials(self, customer: str, dialled: str = SHARED) -> tuple[Outgoing, Incoming]:
        """A customer's call: the carrier's end, and the PBX's end where it arrived first."""
        call = Outgoing(self.carrier, self.hop, dialled, customer)
        return call, incoming(self.pbx, call_id=call.call_id)

    def customer_reaches(self, customer: str, dialled: str = SHARED) -> str:
        """Who rings when a customer calls: the user part the PBX got first. Nobody answers."""
        call, there = self.customer_dials(customer, dialled)
        there.ring()
        there.refuse()
        if there.invite.user != dialled:
            incoming(self.pbx, call_id=call.call_id, user=dialled).refuse()
        call.refused(486)
        return there.invite.user

    def customer_talks(self, customer: str, seconds: float, dialled: str = SHARED) -> str:
        """A customer's call that is answered where it first rings; gives who that was."""
        call, there = self.customer_dials(customer, dialled)
        there.ring()
        there.pick_up_with(call)
        time.sleep(seconds)
        call.request("BYE")
        there.hung_up()
        call.bye_answered()
        return there.invite.user

    def __enter__(self) -> Self:
        try:
            self.boomerang.start()
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        self.boomerang.__exit__(None, error, None)
        for socket in (self.carrier, self.pbx):
            socket.__exit__(None, error, None)
