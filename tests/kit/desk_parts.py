"""A desk with what it is built of, for tests."""

from collections.abc import Callable

from config.policy import Policy
from routing.callbacks.desk import Desk
from routing.callbacks.facts import AttemptOrder, LiveState, Orders
from routing.callbacks.queue_facts import PlaceOrders
from routing.callbacks.rooms import DeskRooms
from routing.callbacks.tickets import Channel
from routing.duty import ALONE, Duty
from routing.ids import RandomBytes
from routing.rows import LegRow
from routing.storage import Store
from routing.teller import Teller


class Nobody:
    """`Orders` of a desk whose attempts nobody runs, `PlaceOrders` of a house without a room."""

    def begin(self, order: AttemptOrder, now: float) -> None:
        """Nobody does it."""

    def stop(self, attempt: str, reason: str, now: float) -> None:
        """Nobody did it."""

    def holds_place(self, task: str) -> bool:
        """They do not."""
        return False

    def leave_place(self, task: str, reason: str, now: float) -> None:
        """There is none."""

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        """Nobody is there."""


def new_desk(store: Store, policy: Policy, live: LiveState, random_bytes: RandomBytes, orders: Orders | None = None, *,
             room: PlaceOrders | None = None,
             teller: Teller | None = None, channels: tuple[Channel, ...] = (),
             peers: Callable[[str | None], tuple[str, str]] = lambda number: ("", ""),
             able: Callable[[], bool] = lambda: True,
             report_alarm: Callable[[str, str | None, float], None] = lambda name, text, now: None,
             node: str = "edge1", duty: Duty = ALONE) -> Desk:
    """Build one."""
    rooms = DeskRooms(store, policy, node, teller or Teller(node, random_bytes), live, random_bytes, duty, channels)
    return Desk(rooms, orders or Nobody(), room or Nobody(), peers, able, report_alarm)
