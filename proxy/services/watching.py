"""Whose phones are watched: the agents whose state matters for callbacks, at the PBXs that tell it."""

from collections.abc import Callable, Mapping
from typing import Final

from config.policy import Policy, heeds_missed
from config.sections import Pbx
from proxy.core.peers import PeerTable
from proxy.presence.presence import Presence
from proxy.sip.hop import PeerSide

SUBSCRIBES: Final = b"SUBSCRIBE"


class Watching:
    """Tells presence whom to watch, as the policy and the PBXs say."""

    def __init__(self, presence: Presence, pbxs: Mapping[str, Pbx], peers: PeerTable,
                 clock: Callable[[], float]) -> None:
        """`peers`: what each PBX was found to offer. `clock`: monotonic seconds."""
        self._presence, self._pbxs, self._peers, self._clock = presence, pbxs, peers, clock
        self._wanted: frozenset[str] = frozenset()
        self._watched: dict[str, frozenset[str]] = {}

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force."""
        self._wanted = frozenset(agent for name in policy.group if heeds_missed(policy, name) or policy.offers_to(name)
                                 for agent in policy.group[name].agents)
        self._look()

    def peer_state(self, side: PeerSide, name: str, up: bool) -> None:
        """Take note that a peer went up or down; what it offers may be known only now."""
        self._look()
        self._presence.peer_state(side, name, up, self._clock())

    def stop(self) -> None:
        """End what is watched, as far as there is time for it."""
        self._presence.stop(self._clock())

    def _look(self) -> None:
        found: dict[str, frozenset[str]] = {}
        for name, pbx in self._pbxs.items():
            peer = self._peers.pbxs.get(name)
            offered = peer is not None and SUBSCRIBES in peer.allows
            if pbx.dialog_event == "always" or (pbx.dialog_event == "auto" and offered):
                found[name] = frozenset(agent for agent in self._wanted if pbx.is_extension(agent))
        if found != self._watched:
            self._watched = found
            self._presence.set_agents(found, self._clock())
