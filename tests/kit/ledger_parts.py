"""A ledger with what it is built of, for tests."""

import os
from collections.abc import Callable, Mapping

from config.policy import Policy
from routing.alarms import Alarms
from routing.callbacks.happenings import Happenings
from routing.desk_listener import DeskListener
from routing.events import Event
from routing.hub import EVERYTHING, Interest
from routing.identity import PbxFacts
from routing.ids import RandomBytes
from routing.ledger import Ledger
from routing.route import Rules
from routing.storage import Store
from routing.teller import Teller


class LedgerParts:
    """A ledger over a store, whose alarms and bugs are written down, and to which a desk may be connected."""

    def __init__(self, store: Store, policy: Policy, pbxs: Mapping[str, PbxFacts], node: str = "edge1",
                 random_bytes: RandomBytes = os.urandom, interest: Interest = EVERYTHING) -> None:
        self.alarms: list[Event] = []
        self.bugs: list[Exception] = []
        self.teller = Teller(node, random_bytes, interest)
        alarms = Alarms(store, self.teller, self.alarms.append)
        self.listener = DeskListener(alarms, self.bugs.append)
        self.ledger = Ledger(store, Rules(policy, pbxs), self.teller, alarms, self.listener)

    def connect(self, desk: Happenings, poke: Callable[[], None] = lambda: None) -> None:
        self.listener.connect(desk, poke)


def new_ledger(store: Store, policy: Policy, pbxs: Mapping[str, PbxFacts], random_bytes: RandomBytes = os.urandom,
               desk: Happenings | None = None) -> Ledger:
    """Build one whose alarms nobody reads."""
    parts = LedgerParts(store, policy, pbxs, random_bytes=random_bytes)
    if desk is not None:
        parts.connect(desk)
    return parts.ledger
