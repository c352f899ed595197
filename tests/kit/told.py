"""What a store tells of its commits, written down."""

from collections.abc import Sequence

from routing.events import Event, Outbox


class Told:
    """`routing.hub.Committed` with a list."""

    def __init__(self, outbox: Outbox = Outbox.PLAIN) -> None:
        self.outbox = outbox
        self.events: list[Event] = []

    def on_committed(self, events: Sequence[Event]) -> None:
        self.events.extend(events)

    def on_events(self, events: Sequence[Event]) -> None:
        """`routing.hub.Listener` too."""
        self.events.extend(events)
