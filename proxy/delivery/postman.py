"""One channel's thread: takes what is due out of the database, tries it, and says what became of it.

- The database is the queue: what is not delivered is there after a restart, and whatever fails is due again later.
- Of one ticket the next thing is tried only when the one before is known to be delivered.
- A receiver that is down rests as a whole; one that refuses a ticket gets the others.
- At least once: a crash between an answer and its commit delivers again, under the same id.
"""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from proxy.delivery.failure import LONGEST, DeliveryError, pause
from proxy.delivery.parcel import Parcel, pack
from routing.rows import Delivery
from routing.storage import StoreError
from routing.store.reader import Reader

LOOK: Final = 5.0
"""Seconds between two looks into the database where nobody says that something is new."""

SHORTEST: Final = 0.25
"""Seconds between two looks while results are on their way into it."""

AT_ONCE: Final = 50
"""Deliveries taken out at a time."""

REPEAT: Final = 60.0
"""Seconds after which a result that is not in the database yet is told again."""

PATIENCE: Final = 3
"""Failures in a row of a receiver that is down, until an alarm says so; a refusal is said at once."""

STOP_WAIT: Final = 2.0
"""Seconds that `stop` waits for a try that is going on."""


class Sender(Protocol):
    """What knows how to deliver by one channel."""

    def send(self, parcel: Parcel) -> str:
        """Deliver; return what is to be known of it all the same. `DeliveryError` where it did not arrive."""

    def close(self) -> None:
        """Give back what is open."""


class Hooks(NamedTuple):
    """What a postman needs of its surroundings; all are called in its own thread."""

    result: Callable[[Delivery], None]
    """Keep what became of a delivery; `Postman.poke` is to be called once that is committed."""
    alarm: Callable[[str | None], None]
    """Raise (text) or clear (None) the channel's alarm."""
    wall: Callable[[], float]
    """Seconds since the epoch."""
    chance: Callable[[], float]
    """A number from 0 to 1."""


class Postman:
    """Delivers by one channel. `start`, `poke` and `stop` may be called by any thread."""

    def __init__(self, channel: str, sender: Sender, reader: Reader, node: str, hooks: Hooks) -> None:
        """`reader`: a strict one, of this postman alone."""
        self._channel, self._sender, self._reader, self._node, self._hooks = channel, sender, reader, node, hooks
        self._wake = threading.Condition()
        self._poked = self._stopping = False
        self._rests_until = 0.0
        self._failures = 0
        self._told: dict[str, tuple[Delivery, float]] = {}
        """Results that may not be in the database yet, and when they were told."""
        self._refused: dict[str, str] = {}
        """Deliveries that the receiver does not want, and what it said."""
        self._thread = threading.Thread(target=self._run, name=f"tickets-{channel}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def poke(self) -> None:
        """Say that something may be due."""
        with self._wake:
            self._poked = True
            self._wake.notify()

    def stop(self) -> None:
        """Begin nothing more; what is not delivered waits in the database."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT)

    def _run(self) -> None:
        try:
            while not self._stopping:
                wait = self._round()
                with self._wake:
                    self._wake.wait_for(lambda: self._stopping or self._poked, wait)
                    self._poked = False
        finally:
            self._sender.close()
            self._reader.close()

    def _round(self) -> float:
        """Try what is due; return the seconds until something may be due again."""
        now = self._hooks.wall()
        if 0 < self._rests_until - now <= 2 * LONGEST:  # more: the clock was set back
            return min(LOOK, self._rests_until - now)
        try:
            due = self._reader.tickets.deliveries_due(now, AT_ONCE, self._channel)
            self._forget(due)
            for delivery in due:
                if self._stopping:
                    return 0.0
                if not self._is_told(delivery, now) and not self._handle(delivery):
                    return SHORTEST
            upcoming = self._reader.tickets.next_delivery(self._channel)
        except StoreError:
            return LOOK
        return LOOK if upcoming is None else min(LOOK, max(SHORTEST, upcoming - self._hooks.wall()))

    def _is_told(self, delivery: Delivery, now: float) -> bool:
        """Whether this try was made already, and only the database does not know."""
        row, at = self._told.get(delivery.id, (delivery, now))
        if row.tries <= delivery.tries:
            return False
        if now - at > REPEAT:
            self._keep(row)
        return True

    def _forget(self, due: list[Delivery]) -> None:
        """Forget results that the database knows."""
        if len(due) < AT_ONCE:
            waiting = {delivery.id: delivery.tries for delivery in due}
            self._told = {name: told for name, told in self._told.items()
                          if waiting.get(name, told[0].tries) < told[0].tries}

    def _handle(self, delivery: Delivery) -> bool:
        """Try one; whether the receiver is up."""
        parcel = pack(self._reader.tickets, self._reader.callbacks, delivery, self._node)
        tried = delivery._replace(tries=delivery.tries + 1)
        if parcel is None:
            self._keep(tried._replace(next_at=None, error="its ticket is not there any more"))
            return True
        try:
            note = self._sender.send(parcel)
        except DeliveryError as failure:
            return self._failed(tried, failure)
        except Exception as error:  # a fault of ours in one must not stop the others
            return self._failed(tried, DeliveryError("refused", f"{type(error).__name__}: {error}"))
        self._keep(tried._replace(next_at=None, delivered_at=self._hooks.wall(), error=note))
        self._arrived(delivery.id)
        return True

    def _failed(self, tried: Delivery, failure: DeliveryError) -> bool:
        now, text = self._hooks.wall(), str(failure)
        if failure.kind == "refused":
            self._keep(tried._replace(next_at=now + pause(failure, tried.tries, self._hooks.chance()), error=text))
            self._failures = 0
            self._refused[tried.id] = text
            self._hooks.alarm(f"a ticket is refused: {text}")
            return True
        self._failures += 1
        self._rests_until = now + pause(failure, self._failures, self._hooks.chance())
        self._keep(tried._replace(next_at=self._rests_until, error=text))
        if self._failures >= PATIENCE:
            self._hooks.alarm(f"tickets wait: {text}")
        return False

    def _arrived(self, name: str) -> None:
        self._failures = 0
        self._refused.pop(name, None)
        self._hooks.alarm(next((f"a ticket is refused: {text}" for text in self._refused.values()), None))

    def _keep(self, row: Delivery) -> None:
        self._told[row.id] = row, self._hooks.wall()
        self._hooks.result(row)
