"""The registrations of this node at its trunks: started and left by themselves, whatever becomes of callbacks."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from config.sections import Trunk
from proxy.sip.hop import PeerSide
from proxy.ua.contract import Stack
from proxy.ua.login import Accounts
from proxy.ua.registration import Registrar, RegistrationState, TrunkRegistration
from routing.duty import Duty, registration


class TrunkRegistrations:
    """`ua.registration.RegistrationWatch`: keeps the trunks registered that want it, and says how it goes."""

    def __init__(self, trunks: Mapping[str, Trunk], stack: Stack, accounts: Accounts,
                 alarm: Callable[[str, str | None], None], duty: Duty) -> None:
        """`accounts`: the user agent's, so that a realm is learned once. `alarm(name, text)`: None clears it. `duty`:
        at which trunks this node is to register."""
        self._stack, self._alarm, self._duty = stack, alarm, duty
        self._ours: set[str] = set()
        """Trunks at which we register."""
        self._registrar = Registrar(stack, [TrunkRegistration(name, trunk.register_expires)
                                            for name, trunk in trunks.items() if trunk.register_], self, accounts)

    def turn(self) -> None:
        """Register where it is this node's to do so, and leave to others what is theirs. For a timer, a few times a
        second."""
        for trunk in self._registrar.trunks:
            ours = self._duty.goes_on(registration(trunk))
            if ours and trunk not in self._ours:
                self._ours.add(trunk)
                self._registrar.begin(trunk, self._stack.clock())
            elif not ours and trunk in self._ours:
                self._ours.discard(trunk)
                self._registrar.leave_to_others(trunk, self._stack.clock())

    def peer_state(self, side: PeerSide, name: str, up: bool) -> None:
        """Take note that a peer went up or down: one that is back is asked at once."""
        self._registrar.peer_state(side, name, up, self._stack.clock())

    async def leave(self, patience: float) -> None:
        """Tell the carriers that we are not there any more, and wait for their answers; `patience` in seconds."""
        if self._registrar.states():
            left = asyncio.Event()
            self._registrar.stop(self._stack.clock(), left.set)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), patience)

    def registration(self, trunk: str, state: RegistrationState, reason: str, now: float) -> None:
        self._stack.note(f"trunk_{state}", trunk=trunk, reason=reason)
        text = f"trunk {trunk} does not know us: {reason}" if state == "failed" else None
        self._alarm(f"registration_{trunk}", text)
