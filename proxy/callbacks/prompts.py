"""What an attempt says to whom: prompts by name, in the language of the order."""

from proxy.media.contract import Clip
from routing.callbacks.facts import AttemptOrder
from routing.callbacks.queue_facts import PlaceTerms
from routing.rows import Result
from routing.typed_numbers import grouped

ACCEPT = "1"
DECLINE = "2"


def ask(order: AttemptOrder) -> tuple[Clip, ...]:
    """To the agent: who it is about, and what to press. Played again and again until they press."""
    return (Clip("callback_for", order.language), Clip("digits", order.language, order.customer),
            Clip("press_1_or_2", order.language))


def ask_again(order: AttemptOrder) -> tuple[Clip, ...]:
    """To the agent who pressed something else."""
    return (Clip("not_understood", order.language), Clip("press_1_or_2", order.language))


def connecting(order: AttemptOrder) -> tuple[Clip, ...]:
    """To the agent who accepted; ringback follows."""
    return (Clip("connecting", order.language),)


def wait(order: AttemptOrder) -> tuple[Clip, ...]:
    """To the customer who answered before an agent did; ringback follows."""
    return (Clip("please_wait", order.language),)


def press_key(order: AttemptOrder) -> tuple[Clip, ...]:
    """To whoever answered at the customer's number: why it rang, and the key that proves a person."""
    return (Clip("this_is_callback", order.language), Clip("press_key_to_talk", order.language),
            Clip("digits", order.language, order.confirm_key))


def farewell(order: AttemptOrder, result: Result) -> tuple[Clip, ...]:
    """To the agent, as the last thing they hear; empty where nothing is left to say."""
    if result == "declined":
        return (Clip("declined", order.language), Clip("goodbye", order.language))
    if result in UNREACHED:
        return (Clip("customer_not_reached", order.language), Clip("goodbye", order.language))
    if result in ("stopped", "agent_silent"):
        return (Clip("goodbye", order.language),)
    return ()


def apology(order: AttemptOrder) -> tuple[Clip, ...]:
    """To the customer who waited for an agent that never came."""
    return (Clip("goodbye", order.language),)


def place_ask(terms: PlaceTerms) -> tuple[Clip, ...]:
    """To whoever takes a place in the queue: who it is about, and what to press. Played again and again."""
    return (Clip("callback_for", terms.language), Clip("digits", terms.language, grouped(terms.customer)),
            Clip("press_to_call", terms.language))


def place_ask_again(terms: PlaceTerms) -> tuple[Clip, ...]:
    """To whoever has a place and pressed something else; the question follows."""
    return (Clip("not_understood", terms.language), Clip("press_to_call", terms.language))


def place_accepted(language: str) -> tuple[Clip, ...]:
    """To the agent who pressed 1 while their attempt is written down; ringback follows."""
    return (Clip("please_wait", language),)


def place_refused(language: str) -> tuple[Clip, ...]:
    """To the agent who pressed 1 where the customer may not be called now."""
    return (Clip("no_callback_now", language), Clip("goodbye", language))


def place_passed_on(language: str) -> tuple[Clip, ...]:
    """To the agent who declined, or said nothing."""
    return (Clip("passed_on", language), Clip("goodbye", language))


def place_over(language: str) -> tuple[Clip, ...]:
    """To the agent who has a place that the desk gives up."""
    return (Clip("goodbye", language),)


UNREACHED: frozenset[Result] = frozenset({
    "customer_no_answer", "customer_busy", "customer_failed", "customer_left", "no_key", "refused",
})
"""Results after which the agent must be told that nobody is coming."""
