"""When the prompts that came with the program are heard, a sentence for each."""

from collections.abc import Mapping
from typing import Final

from proxy.console.words import mark as _

WHEN: Final[Mapping[str, str]] = {
    "callback_for": _("The agent has answered a callback; the customer's number follows."),
    "press_1_or_2": _("The agent has answered a callback, after the number."),
    "press_to_call": _("An agent has taken the place of a caller who asked for a callback, after the number."),
    "passed_on": _("The agent passes such a callback on, or presses nothing."),
    "connecting": _("The agent has accepted; then the customer's phone rings."),
    "customer_not_reached": _("The agent waits, and the customer does not answer."),
    "press_key_to_talk": _("The customer has answered, where a key proves that it is no voicemail; the key follows."),
    "this_is_callback": _("The customer has answered, before the question for that key."),
    "goodbye": _("The last word before Boomerang hangs up."),
    "not_understood": _("Somebody has pressed a key that means nothing here."),
    "please_wait": _("Somebody waits for the other side, or while something is written down."),
    "declined": _("The agent has declined a callback."),
    "offer_callback": _("The caller waits in the queue and may ask for a callback; the key follows."),
    "wait_in_minutes": _("The caller waits in the queue, where the wait is said; the minutes follow."),
    "menu_this": _("The caller has pressed the key of the offer: the menu."),
    "menu_other": _("The menu, where another number may be typed."),
    "menu_wait": _("The end of the menu."),
    "type_number": _("The caller wants to be called at another number."),
    "number_is": _("The caller has typed a number; it follows."),
    "confirm": _("The caller has typed a number, after it was read."),
    "invalid_number": _("The caller has typed what is no number."),
    "not_called": _("The number may not be called: the guard or the do-not-call list forbids it."),
    "too_many_numbers": _("The caller has typed more numbers than are allowed."),
    "no_callback_now": _("Nobody can be called back now."),
    "will_call_back": _("The caller has pressed the key of a campaign: the confirmation."),
    "confirmed": _("The caller has asked for a callback: the confirmation."),
    "back_in_queue": _("The caller leaves the menu and waits on."),
    "back_in_place": _("The caller rings in again while their place is kept."),
}
"""Msgids, by the name of the prompt."""
