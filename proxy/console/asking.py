"""Who asks for a page, in which language, and whom the page may ask: what every page has in its hands."""

from dataclasses import dataclass
from typing import Annotated, Final, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from proxy.console.console_database import ConsoleDatabase
from proxy.console.doorkeeper import SessionDoorkeeper
from proxy.console.figures import Figures
from proxy.console.lists import Lists
from proxy.console.live import LiveHub
from proxy.console.node_client import NodeClient
from proxy.console.sessions import Sessions
from proxy.console.settings import ConsoleSettings
from proxy.console.snapshots import Snapshots
from proxy.console.words import Words, choose, words_of
from proxy.verbs.shapes.caller import Caller

LANGUAGE_COOKIE: Final = "boomerang_language"


class NobodyError(Exception):
    """Whoever asks has not said who they are: the log-in's page is shown instead."""


@dataclass(frozen=True)
class Console:
    """What the pages of one console share; `request.app.state.console`."""

    settings: ConsoleSettings
    node: NodeClient
    lists: Lists
    database: ConsoleDatabase
    """The console's own: what is lost without harm."""
    sessions: Sessions
    doorkeeper: SessionDoorkeeper
    live: LiveHub
    """Events as they happen."""
    snapshots: Snapshots
    """How the node stands."""
    figures: Figures
    """What happened on each day."""

    @property
    def zone(self) -> ZoneInfo:
        """In which people are shown times: the policy's."""
        return ZoneInfo(self.node.zone)


@dataclass(frozen=True)
class Asking:
    """One request of somebody who is known."""

    request: Request
    caller: Caller
    words: Words
    console: Console

    @property
    def node(self) -> NodeClient:
        """The daemon."""
        return self.console.node

    @property
    def zone(self) -> ZoneInfo:
        """In which people are shown times: the policy's."""
        return self.console.zone


def console_of(request: Request) -> Console:
    """Return what the pages share."""
    return cast(Console, request.app.state.console)


def language_of(request: Request) -> str:
    """Return the language of the page that is asked for."""
    return choose(request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE),
                  request.headers.get("accept-language", ""))


def asking(request: Request) -> Asking:
    """Return who asks. Raises NobodyError."""
    console = console_of(request)
    caller = console.doorkeeper.who(request)
    if caller is None:
        raise NobodyError
    return Asking(request, caller, words_of(language_of(request)), console)


Asked = Annotated[Asking, Depends(asking)]
"""What a page takes as its argument."""
