"""Whose phones are watched: agents of groups where it matters who took a call."""

from collections.abc import Mapping
from typing import cast

import pytest

from config.policy import parse_policy
from config.sections import Pbx
from proxy.core.peers import PeerTable
from proxy.presence.presence import Presence
from proxy.services.watching import Watching

GROUP = '[group.sales]\nagents = ["201", "202"]\n[group.other]\nagents = ["203"]\n'


class Watched:
    """Presence that writes down whom it is to watch."""

    def __init__(self) -> None:
        self.agents: Mapping[str, frozenset[str]] = {}

    def set_agents(self, agents: Mapping[str, frozenset[str]], now: float) -> None:
        self.agents = agents


@pytest.mark.parametrize(("says", "watched"), [
    ("", set()),
    ("[group.sales.missed_callback]\nenabled = true\n", {"201", "202"}),
    ('[group.sales]\non_missed = "ticket"\nagents = ["201", "202"]\n', {"201", "202"}),
    ("[group.sales.queue_callback]\nenabled = true\n", {"201", "202"}),
    ("[queue_callback]\nenabled = true\n", {"201", "202", "203"}),
    ("[queue_callback]\nenabled = true\n[group.sales.queue_callback]\nenabled = false\n", {"203"}),
    ('[number."+3614445555"]\ngroup = "sales"\n[number."+3614445555".queue_callback]\nenabled = true\n',
     {"201", "202"}),
])
def test_agents_of_groups_that_need_it(says: str, watched: set[str]) -> None:
    presence = Watched()
    watching = Watching(cast("Presence", presence), {"office": Pbx(peers=("sip:127.0.0.1:9",), dialog_event="always")},
                        PeerTable(()), lambda: 0.0)
    own = GROUP.replace('[group.sales]\nagents = ["201", "202"]\n', "") if "on_missed" in says else GROUP
    watching.set_policy(parse_policy('region = "HU"\ntimezone = "Europe/Budapest"\n' + own + says))
    assert presence.agents.get("office", frozenset()) == watched
