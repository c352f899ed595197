"""Who is who in a call. Pure: facts in, a name and its evidence out. Where nothing proves it, nobody.

- The customer is the outside party: in the trusted P-Asserted-Identity, else in From; outbound: who was dialled. An
  asserted number that only somebody else's domain can read is not made good by what From says beside it.
- The calling agent stands in the first of the PBX's `agent_from` headers that holds an extension.
- The answering agent is proved by an identity in the 2xx, else by the extension that was dialled, else by the owner
  of the direct number. A PBX that answers before it queues proves nothing by answering; one of which nobody said
  (`auto`) only by an identity, and not within a second.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from config.policy import Number
from routing.facts import Identity, NewCall, Target, is_elsewhere, names_nobody
from routing.numbers import Numbers

Answers = Literal["on_agent", "before_queue", "auto"]
"""`auto`: an answer is an agent's where it says so and a person can have given it, else it may be a queue's."""

AT_ONCE: Final = 1.0
"""Seconds after the call in which no person answers: a queue, a menu, an announcement does."""

ASSERTED: Final = "p-asserted-identity"
ANSWERED_BY: Final = (ASSERTED, "remote-party-id")
"""Headers of a 2xx that may name who answered, the better one first."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.*+-]{1,64}")
"""What may stand unescaped in a Request-URI and in X-Boomerang; nothing else is ever an agent."""

_SHORT: Final = re.compile(r"[0-9*#]{1,6}")
"""A number inside a PBX: an extension, a feature code."""


@dataclass(frozen=True, slots=True)
class PbxFacts:
    """What the rules must know of a PBX."""

    extensions: re.Pattern[str]
    """The whole user part of an agent matches this."""
    agent_from: tuple[str, ...]
    """Headers that name the calling agent, in order of trust, lower case."""
    answers: Answers = "on_agent"

    @classmethod
    def of(cls, extensions: str, agent_from: Collection[str], answers: Answers = "on_agent") -> "PbxFacts":
        """Build it from configuration text; `re.error` where the pattern is none."""
        return cls(re.compile(extensions), tuple(name.lower() for name in agent_from), answers)


NO_PBX: Final = PbxFacts.of("(?!)", ())
"""A PBX that is not configured: nobody is its agent."""


class Proof(NamedTuple):
    """An agent, and what shows that it is that one."""

    agent: str
    evidence: str
    """Outbound: name of the header, lower case. Inbound: `identity`, `dialled` or `number`."""


def is_agent(user: str, pbx: PbxFacts, targets: Collection[str]) -> bool:
    """Whether a user part is an extension of the PBX and no group's queue."""
    return pbx.extensions.fullmatch(user) is not None and user not in targets and _PLAIN.fullmatch(user) is not None


def customer(call: NewCall, numbers: Numbers) -> str | None:
    """Return the E.164 of the outside party; None where it is withheld or unreadable."""
    if call.direction == "outbound":
        return numbers.e164(call.dialled)
    if call.withheld:
        return None
    for header in (ASSERTED, "from"):
        shown = [identity for identity in call.identities if identity.header == header]
        if any(map(names_nobody, shown)):
            return None
        for identity in shown:
            found = numbers.e164(identity.user)
            if found is not None:
                return found
        if any(map(is_elsewhere, shown)):
            return None
    return None


def calling_agent(call: NewCall, pbx: PbxFacts, targets: Collection[str]) -> Proof | None:
    """Return the agent who places an outbound call, and the header that says so."""
    for header in pbx.agent_from:
        for identity in call.identities:
            if identity.header == header and is_agent(identity.user, pbx, targets):
                return Proof(identity.user, header)
    return None


def expected_agent(dialled: str, target: Target, number: Number, pbx: PbxFacts,
                   targets: Collection[str]) -> Proof | None:
    """Return the agent whose phone a target of an inbound call rings, as far as that is known beforehand."""
    if target.user is not None:
        return Proof(target.user, "dialled")
    if pbx.answers != "on_agent":
        return None
    if is_agent(dialled, pbx, targets):
        return Proof(dialled, "dialled")
    if number.kind == "direct" and number.agent is not None:
        return Proof(number.agent, "number")
    return None


def answering_agent(identities: Collection[Identity], expected: Proof | None, target: Target, number: Number,
                    pbx: PbxFacts, targets: Collection[str], waited: float) -> Proof | None:
    """Return who answered an inbound call, `waited` seconds after it came.

    `expected`: what `expected_agent` said of that target. A 2xx from a PBX that answers before it queues names at best
    the queue, so its identities count only where one agent was rung; where nobody said what it does (`auto`), also
    where a person can have answered.
    """
    if _is_queue(target, number, pbx, waited):
        return None
    shown = shown_agent(identities, pbx, targets)
    return expected if shown is None else Proof(shown, "identity")


def names_no_agent(identities: Collection[Identity], dialled: str, target: Target, number: Number, pbx: PbxFacts,
                   targets: Collection[str], waited: float) -> bool:
    """Whether an answer, `waited` seconds after the call, names nothing but short numbers of the PBX that are nobody's
    phone, no group's queue and not what was dialled: a voicemail box. What a queue answers with says nothing."""
    named = [identity.user for identity in identities if identity.header in ANSWERED_BY and identity.user]
    return bool(named) and not _is_queue(target, number, pbx, waited) and all(
        _SHORT.fullmatch(user) and user != dialled and user not in targets and not is_agent(user, pbx, targets)
        for user in named)


def _is_queue(target: Target, number: Number, pbx: PbxFacts, waited: float) -> bool:
    """Whether an answer is a queue's, for nobody else can have given it."""
    return may_queue(target, number, pbx) and (pbx.answers == "before_queue" or waited < AT_ONCE)


def may_queue(target: Target, number: Number, pbx: PbxFacts) -> bool:
    """Whether what answers may be a queue, and no agent yet."""
    return pbx.answers != "on_agent" and target.user is None and number.kind == "shared"


def shown_agent(identities: Collection[Identity], pbx: PbxFacts, targets: Collection[str]) -> str | None:
    """Return the agent whom the callee's identities name, the better header first."""
    for header in ANSWERED_BY:
        for identity in identities:
            if identity.header == header and is_agent(identity.user, pbx, targets):
                return identity.user
    return None
