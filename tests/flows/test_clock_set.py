"""The wall clock of a whole node is set: a wrong time server lifts no cap, whoever has the desk look first."""

import pytest

from routing.callbacks.admin import DeskError
from tests.kit.callback_site import CUSTOMER, POLICY, Site

GUARDED = POLICY + """
[guard]
tasks_per_hour = 2
"""


class SetClock(Site):
    """A site whose wall clock can be set."""

    set_by = 0.0

    def wall(self) -> float:
        return super().wall() + self.set_by


@pytest.mark.parametrize("by", [-7200.0, 7200.0, 400 * 86_400.0])
@pytest.mark.parametrize("first", ["poke", "turn"])
def test_a_clock_that_is_set_lifts_no_cap(first: str, by: float) -> None:
    site = SetClock(GUARDED)
    site.run(2.0)
    admin = site.alive.desk.admin
    for number in range(2):
        admin.add(f"+3620111111{number}", "sales", site.wall())
    site.set_by = by
    if first == "poke":
        site.alive.callbacks.poke()  # an agent's state has changed, before the next round of chores
        site.now += 0.06
        site.alive.proxy.timers.run(site.now)
    site.now += 0.2
    site.alive.node.turn()
    with pytest.raises(DeskError, match="within an hour"):
        admin.add(CUSTOMER, "sales", site.wall())
