"""For whom a new task is held before anyone else may take it."""

from collections.abc import Callable
from typing import NamedTuple

from config.callbacks import MissedCallback
from routing.rows import ResponsibleRule


class Responsible(NamedTuple):
    """Who is responsible for a task."""

    kind: ResponsibleRule
    name: str | None
    """Extension, or the name of a group where that is the kind; None: nobody is."""


NOBODY = Responsible("none", None)


def responsible(setting: MissedCallback, last_talk: Callable[[], str | None]) -> Responsible:
    """Return who is responsible where the setting says so and somebody fits.

    `last_talk`: who talked last to this customer, asked only where it is wanted. `current` fits nobody here: whoever
    makes the task names them, which wins over every setting.
    """
    match setting.responsible:
        case "last_talk":
            agent = last_talk()
            return NOBODY if agent is None else Responsible("last_talk", agent)
        case "fixed" if setting.responsible_agent is not None:
            return Responsible("fixed", setting.responsible_agent)
        case "group" if setting.responsible_group is not None:
            return Responsible("group", setting.responsible_group)
    return NOBODY
