"""What a dialog tells the leg that it belongs to."""

from dataclasses import dataclass

from proxy.sip.message import Request
from proxy.sip.server import ServerTransaction
from proxy.ua.leg_events import Answering, Asked, Ended
from proxy.ua.offer import Agreement


@dataclass(frozen=True, slots=True)
class SessionAgreed:
    """Audio flows as this says from now on."""

    agreement: Agreement


@dataclass(frozen=True, slots=True)
class SessionPressed:
    """A key came in an INFO request."""

    key: str


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A re-INVITE or UPDATE of the far end was accepted."""

    request: Request


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The far end hung up (`far`) or is gone (`lost`; its BYE is on the way). Told once."""

    by: Ended
    reason: str
    fields: tuple[bytes, ...] = ()
    """Reason headers of their BYE."""


@dataclass(frozen=True, slots=True)
class SessionPrack:
    """A PRACK came: it is to be answered."""

    request: Request
    tx: ServerTransaction


@dataclass(frozen=True, slots=True)
class SessionAck:
    """An ACK came that belongs to no re-INVITE."""

    request: Request


@dataclass(frozen=True, slots=True)
class SessionAsked:
    """As `LegAsked`."""

    asked: Asked
    answering: Answering


SessionEvent = SessionAsked | SessionAgreed | SessionPressed | SessionChanged | SessionEnded | SessionPrack | SessionAck
