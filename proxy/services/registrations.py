"""The registrations of this node at its trunks: started and left by themselves, whatever becomes of callbacks."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from config.sections import Trunk
from proxy.sip.hop import PeerSide
from proxy.ua.contract import Stack
from proxy.ua.login import Accounts
from proxy.ua.registration import Registrar, RegistrationState, TrunkRegistration


class TrunkRegistrations:
    """`ua.registration.RegistrationWatch`: keeps the trunks registered that want it, and says how it goes."""

    def __init__(self, trunks: Mapping[str, Trunk], stack: Stack, accounts: Accounts,
                 alarm: Callable[[str, str | None], None]) -> None:
        """`accounts`: the user agent's, so that a realm is learned once. `alarm(name, text)`: None clears it."""
        self._stack, self._alarm = stack, alarm
        self._registrar = Registrar(stack, [TrunkRegistration(name, trunk.register_expires)
                                            for name, trunk in trunks.items() if trunk.register_], self, accounts)

    def start(self) -> None:
        """Register everywhere."""
        self._registrar.start(self._stack.clock())

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
