"""The deliveries of a node: one postman for each channel that the configuration names."""

import contextlib
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from config.ticket_channels import TicketChannels
from proxy.delivery.postman import Hooks, Postman, Sender
from proxy.delivery.template import read_template
from proxy.delivery.webhook import Webhook
from routing.callbacks.tickets import Channel
from routing.rows import Delivery
from routing.storage import Store
from routing.store.reader import Reader
from routing.writes import Unit

ALARMS: Final[dict[Channel, str]] = {"webhook": "tickets_webhook", "smtp": "tickets_smtp"}
"""Name of each channel's alarm."""


def channels_of(settings: TicketChannels) -> tuple[Channel, ...]:
    """Return the channels that tickets are sent on by."""
    return (*(("webhook",) if settings.webhook is not None else ()),
            *(("smtp",) if settings.mail_server is not None else ()))


def senders(settings: TicketChannels, wall: Callable[[], float]) -> dict[Channel, Sender]:
    """Return what delivers by each channel; OSError, ValueError where the template cannot be read."""
    found: dict[Channel, Sender] = {}
    if settings.webhook is not None:
        secret = settings.webhook_secret
        found["webhook"] = Webhook(settings.webhook, secret.get_secret_value() if secret is not None else None,
                                   read_template(settings.webhook_template), wall)
    server = settings.mail_server
    if server is not None and settings.mail_from is not None:
        from proxy.delivery.mail import Account, Mail  # only who sends mail has the library of it in memory

        user, password = settings.smtp_username, settings.smtp_password
        account = Account(user, password.get_secret_value()) if user is not None and password is not None else None
        found["smtp"] = Mail(server, settings.mail_from, settings.mail_to, account)
    return found


class Deliveries:
    """Starts, wakes and stops the postmen. Methods are called in the proxy's thread."""

    def __init__(self, database: Path, node: str, settings: TicketChannels, store: Store,
                 post: Callable[[Callable[[], None]], object], alarm: Callable[[str, str | None], None],
                 wall: Callable[[], float] = time.time) -> None:
        """`post` runs a function in the proxy's thread, from any; `alarm(name, text)` is called there, None clears."""
        self._store, self._post, self._alarm = store, post, alarm
        self._postmen = {channel: Postman(channel, sender, Reader(database, node, strict=True), node,
                                          self._hooks(channel, wall))
                         for channel, sender in senders(settings, wall).items()}

    def start(self) -> None:
        """Begin to deliver, first what is left from before."""
        for postman in self._postmen.values():
            postman.start()

    def poke(self) -> None:
        """Say that a ticket or a comment was committed; without it deliveries begin within seconds."""
        for postman in self._postmen.values():
            postman.poke()

    def stop(self) -> None:
        """Begin nothing more."""
        for postman in self._postmen.values():
            postman.stop()

    def _hooks(self, channel: Channel, wall: Callable[[], float]) -> Hooks:
        return Hooks(
            result=lambda row: self._tell(partial(self._keep, channel, row)),
            alarm=lambda text: self._tell(partial(self._alarm, ALARMS[channel], text)),
            wall=wall, chance=random.random,
        )

    def _keep(self, channel: Channel, row: Delivery) -> None:
        self._store.put(Unit((row,)), self._postmen[channel].poke)

    def _tell(self, notice: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the proxy's loop is closed: it is delivered again after the start
            self._post(notice)
