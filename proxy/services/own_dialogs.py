"""The door between the proxy path and what has dialogs of our own. Nothing that a far end sends may end the process."""

from typing import Protocol

from proxy.core.contract import Journal
from proxy.core.local import LocalInvite
from proxy.presence.presence import Presence
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.ua.user_agent import UserAgent


class InviteTaker(Protocol):
    """Who answers calls that a decision sends to ourselves."""

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        """Take the INVITE of a local target called `name`; False: it must go on to its next target."""


class OwnDialogs:
    """`core.local.Local`: legs and subscriptions are always here, somebody who takes calls once callbacks are up."""

    def __init__(self, user_agent: UserAgent, presence: Presence, journal: Journal,
                 taker: InviteTaker | None = None) -> None:
        self._user_agent, self._presence, self._journal, self._taker = user_agent, presence, journal, taker

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        try:
            return self._user_agent.request(request, flow, now) or self._presence.request(request, flow, now)
        except Exception as error:
            self._journal.failure("user_agent", error)
            return False

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        try:
            return self._user_agent.unknown_dialog(request, flow, now)
        except Exception as error:
            self._journal.failure("user_agent", error)
            return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        try:
            return self._user_agent.response(response, flow, now)
        except Exception as error:
            self._journal.failure("user_agent", error)
            return False

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        if self._taker is None:
            return False
        try:
            return self._taker.take(name, invite, now)
        except Exception as error:
            self._journal.failure("callbacks", error)
            return False
