"""Every verb there is."""

from typing import Any, Final

from proxy.verbs.shapes import (
    agents,
    audit,
    callbacks,
    calls,
    campaigns,
    direct,
    do_not_call,
    events,
    nodes,
    people,
    policy,
    prompts,
    queues,
    recordings,
    status,
    tickets,
)
from proxy.verbs.shapes.verb import Door, Verb

ALL: Final[tuple[Verb[Any, Any], ...]] = (
    *status.VERBS, *calls.VERBS, *direct.VERBS, *queues.VERBS, *agents.VERBS, *callbacks.VERBS,
    *do_not_call.VERBS, *campaigns.VERBS, *tickets.VERBS, *recordings.VERBS, *prompts.VERBS, *policy.VERBS,
    *people.VERBS, *audit.VERBS, *events.VERBS, *nodes.VERBS,
)
"""In the order in which pages show them."""

BY_NAME: Final = {verb.name: verb for verb in ALL}


def at(door: Door) -> dict[str, Verb[Any, Any]]:
    """Return the verbs that may be said at a door, by name."""
    return {verb.name: verb for verb in ALL if door in verb.doors}
