"""What a caller who waits hears and may press: a table of (where they are, what happens) -> (where then, what to do).

Rules
- While they wait they are told of the offer key. From then on it leads to the menu: 1 this number, 2 another one, 3
  back to the queue; what does not hold for them is not in it, and is a wrong key. Where the next offer was due and
  could not be made, it leads to hearing that.
- Any prompt can be interrupted by a key. Silence brings the menu once more, then the queue. So many wrong entries in
  one visit (`tries`) bring the queue too.
- A typed number ends with `#`, or with silence: it is read back either way, and only 1 asks for a callback.
- Nothing is promised before it is kept. Whoever is refused waits on, and hears that.
- An agent who takes the place ends the menu, and what was typed is forgotten. A place that is lost while its caller is
  in the menu leaves them in it: they may still ask, and are called back without one.

Pure: no clock and no media in here. The runner does the effects in their order and tells what comes of them.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from routing.callbacks.queue_facts import CampaignKeys, MenuTerms, PlaceTerms, QueueOffer
from routing.typed_numbers import LONGEST, grouped

SILENCE: Final = 8.0
"""Seconds without a key, after a prompt has ended, that are silence."""

WRITTEN: Final = 2.0
"""Seconds until whoever waits for what they asked to be on disk is asked for a moment again."""

LATER: Final = 10.0
"""Seconds after which it is looked at again whether anything can be offered by now."""

THIS, OTHER, BACK = "1", "2", "3"
"""Keys of the menu."""
NEVER: Final = frozenset({"own_number", "do_not_call", "country", "number_type"})
"""Refusals that hold for the number, whatever the hour."""

YES, ANEW = "1", "2"
"""Keys after a number was read back."""
END: Final = "#"
PLUS: Final = "*"


class At(Enum):
    """Where a caller is."""

    WAITING = auto()
    """In the queue, and hears it."""
    TOLD = auto()
    """There too, and something is said to them: the offer, that they are back, ..."""
    MENU = auto()
    TYPING = auto()
    CONFIRMING = auto()
    """Their number was read back."""
    KEEPING = auto()
    """They asked, and it is on its way to the disk."""
    LEFT = auto()
    """They hung up in that moment; their place waits for the answer."""
    LEAVING = auto()
    """They hear the last words."""
    TALKING = auto()
    """An agent has them: no key means anything any more."""
    OVER = auto()


class Queue(Enum):
    """What they come back to."""

    HELD = auto()
    """Their place in it."""
    LOST = auto()
    """Nothing: the PBX has ended it."""
    ELSEWHERE = auto()
    """The PBX that handed them over (service number)."""


class Menu(NamedTuple):
    """Everything that is known of where a caller is."""

    at: At
    queue: Queue
    terms: MenuTerms | None = None
    """What they may ask for, as of the last time that was asked."""
    campaign: CampaignKeys | None = None
    joined: bool = True
    """They hear their place, and who is there hears them."""
    typed: str = ""
    number: str | None = None
    """The one that was read back."""
    wrong: int = 0
    """Wrong entries of this visit to the menu."""
    silent: bool = False
    """They said nothing once in this visit."""
    offered: bool = False
    """They were told of the key at least once."""
    stands: bool = False
    """The last offer that was due was made: its key is heeded until the next one is due."""
    unasked: bool = False
    """The menu has come unasked, or need not any more."""
    no_other: bool = False
    """They have typed too many numbers."""
    key: str = ""
    """The campaign's key that they pressed; empty: they asked by the menu."""
    speaks: bool = False
    """Something is being said to them."""
    anew: bool = False
    """Should their place be lost there is no other one: they had one, or it was kept for them by a request."""


# Inputs


class OfferDue(NamedTuple):
    """It is time to tell them of the key. `offer`: what the ledger says at this moment."""

    offer: QueueOffer | None


class WaitedLong(NamedTuple):
    """They have waited for `max_wait`."""

    offer: QueueOffer | None


class Key(NamedTuple):
    """They pressed a key. `offer`: what the ledger says at this moment, asked while they are WAITING or TOLD; else
    None."""

    key: str
    offer: QueueOffer | None = None


class Silence(NamedTuple):
    """So long after the last prompt no key has come."""


class PromptEnded(NamedTuple):
    """What was said last has been played to its end."""


class Named(NamedTuple):
    """What they typed is a number that may be called, E.164."""

    number: str


class NotNamed(NamedTuple):
    """What they typed is none. `refusal` as in `TypedNumber`."""

    refusal: str


class Kept(NamedTuple):
    """What they asked for is on disk. `terms`: None where it was a campaign's key."""

    terms: PlaceTerms | None


class Refused(NamedTuple):
    """They are promised nothing. `refusal` as in `RequestAnswer`."""

    refusal: str


class PlaceTaken(NamedTuple):
    """An agent was seen to take their place."""


class PlaceGone(NamedTuple):
    """The PBX has ended their place."""


class HungUp(NamedTuple):
    """They did."""


Input = (OfferDue | WaitedLong | Key | Silence | PromptEnded | Named | NotNamed | Kept | Refused | PlaceTaken
         | PlaceGone | HungUp)


# Effects


class Words(NamedTuple):
    """One piece of what is said: a prompt or a recording by its name, or `digits`."""

    prompt: str
    digits: str = ""


class Say(NamedTuple):
    """Play this to the caller in place of what is being played; `PromptEnded` follows, unless something else is done
    first."""

    words: tuple[Words, ...]
    language: str


class Hush(NamedTuple):
    """Stop what is being played to the caller."""


class Listen(NamedTuple):
    """Tell `Silence` after so many seconds, unless another input comes before."""

    seconds: float = SILENCE


class OfferIn(NamedTuple):
    """Tell `OfferDue` after so many seconds; a time that was set before does not count any more."""

    seconds: float


class MenuIn(NamedTuple):
    """Tell `WaitedLong` after so many seconds."""

    seconds: float


class CountOffer(NamedTuple):
    """They are told that they may ask, by the offer or by a menu that comes unasked: let the ledger know."""


class Part(NamedTuple):
    """Let them not hear their place any more, nor the place them."""


class Join(NamedTuple):
    """Let them hear their place again, and who is there them."""


class Check(NamedTuple):
    """Ask what was typed: `Named` or `NotNamed` follows at once."""

    keys: str


class Ask(NamedTuple):
    """Ask for a callback of this number, E.164 (None: the caller's own). `Kept` or `Refused` follows."""

    number: str | None


class Press(NamedTuple):
    """Ask for a callback of a campaign by its key. `Kept` or `Refused` follows."""

    key: str


class Hold(NamedTuple):
    """The place is the request's from now on, and its caller no longer has to do with it."""

    terms: PlaceTerms


class NoPlace(NamedTuple):
    """What they asked for is kept, but the place is lost by now: let the desk know, unless it was asked without one."""

    terms: PlaceTerms


class Enqueue(NamedTuple):
    """Call the PBX once more: they are at the end of its queue. `PlaceGone` follows where that comes to nothing."""


class GiveUp(NamedTuple):
    """End the place."""


class HangUp(NamedTuple):
    """End the caller's leg: as their place ended where the PBX has ended that and nothing was said of it, else by a
    BYE."""


Effect = (Say | Hush | Listen | OfferIn | MenuIn | CountOffer | Part | Join | Check | Ask | Press | Hold | NoPlace
          | Enqueue | GiveUp | HangUp)
Step = tuple[Menu, tuple[Effect, ...]]


# Beginnings


def begin(offer: QueueOffer | None, back: bool = False) -> Step:
    """A caller is in the queue and hears it. `back`: they rang in again, and are back in their place; they know the
    key."""
    menu = _heed(Menu(At.WAITING, Queue.HELD, offered=back, anew=back), offer)
    effects: list[Effect] = []
    words: tuple[Words, ...] = (Words("back_in_place"),) if back else ()
    if menu.campaign is not None and menu.campaign.prompt is not None:
        words += (Words(menu.campaign.prompt),)
    if words:
        menu = menu._replace(at=At.TOLD)
        effects.append(Say(words, language(menu)))
    if menu.terms is not None:
        effects.append(OfferIn(menu.terms.offer_after))
        if menu.terms.max_wait:
            effects.append(MenuIn(menu.terms.max_wait))
    return _heard(menu, tuple(effects))


def begin_service(offer: QueueOffer | None) -> Step:
    """A PBX has handed its caller over: there is no place of ours, and the menu comes at once."""
    menu = Menu(At.MENU, Queue.ELSEWHERE, None if offer is None else offer.menu, joined=False)
    if menu.terms is None or not choices(menu):
        return menu._replace(at=At.OVER), (HangUp(),)
    if not menu.terms.now:
        return _heard(menu._replace(at=At.LEAVING), (Say((Words("no_callback_now"),), menu.terms.language),))
    return _heard(*_open_menu(menu, menu.terms))


# The table


def step(menu: Menu, happens: Input) -> Step:
    """Return where a caller is after something has happened, and what is to be done, in this order."""
    return _heard(*_next(menu, happens), isinstance(happens, PromptEnded))


def _heard(menu: Menu, effects: tuple[Effect, ...], ended: bool = False) -> Step:
    """Note whether something is said now (`ended`: that was over), and have silence told where an answer is due."""
    says = any(isinstance(effect, Say) for effect in effects)
    hushed = ended or any(isinstance(effect, Hush) for effect in effects)
    menu = menu._replace(speaks=says or (menu.speaks and not hushed))
    if menu.speaks or any(isinstance(effect, Listen | Check) for effect in effects):
        return menu, effects
    if menu.at in (At.MENU, At.TYPING, At.CONFIRMING):
        return menu, (*effects, Listen())
    return menu, (*effects, Listen(WRITTEN)) if menu.at is At.KEEPING and not menu.joined else effects


def _next(menu: Menu, happens: Input) -> Step:
    match happens:
        case HungUp():
            return _hung_up(menu)
        case PlaceTaken():
            return _taken(menu)
        case PlaceGone():
            return _place_gone(menu)
        case Kept(terms):
            return _kept(menu, terms)
        case Refused(refusal):
            return _refused(menu, refusal)
        case Key(key, offer):
            return _key(menu, key, offer)
        case Silence():
            return _silence(menu)
        case PromptEnded():
            return _prompt_ended(menu)
        case Named(number):
            return _read_back(menu, number) if menu.at is At.TYPING else (menu, ())
        case NotNamed(refusal):
            return _not_named(menu, refusal) if menu.at is At.TYPING else (menu, ())
        case OfferDue(offer):
            return _offer_due(menu, offer)
        case WaitedLong(offer):
            return _waited_long(menu, offer)


def choices(menu: Menu) -> str:
    """Return the keys that the menu has for a caller; empty: there is nothing to ask for."""
    terms = menu.terms
    if terms is None:
        return ""
    other = terms.other_number and not menu.no_other
    return (THIS if terms.this_number else "") + (OTHER if other else "") + \
        (BACK if terms.this_number or other else "")


# Waiting


def _offer_due(menu: Menu, offer: QueueOffer | None) -> Step:
    if menu.at is not At.WAITING:
        return menu, (OfferIn(LATER),) if menu.at is At.TOLD and not menu.offered else ()
    found = _heed(menu, offer)
    terms = found.terms
    if terms is None or not terms.now or not choices(found):
        return found._replace(stands=False), (OfferIn((terms.offer_every if terms is not None else 0.0) or LATER),)
    words: tuple[Words, ...] = ()
    if terms.wait_minutes is not None:
        words = (Words("wait_in_minutes"), Words("minutes", str(terms.wait_minutes)))
    words += (Words(terms.offer_prompt),) if terms.offer_prompt is not None else \
        (Words("offer_callback"), Words("digits", terms.key))
    return found._replace(at=At.TOLD, offered=True, stands=True), (CountOffer(), Say(words, terms.language))


def _waited_long(menu: Menu, offer: QueueOffer | None) -> Step:
    if menu.unasked or menu.at not in (At.WAITING, At.TOLD, At.KEEPING):
        return menu, ()
    found = _heed(menu, offer) if menu.at is not At.KEEPING else menu
    if found.terms is not None and not found.terms.max_wait:
        return found._replace(unasked=True), ()
    if found.terms is None or not found.terms.now or not choices(found) or menu.at is At.KEEPING:
        return found, (MenuIn(LATER),)
    return _open_menu(found, found.terms)


def _key(menu: Menu, key: str, offer: QueueOffer | None) -> Step:
    match menu.at:
        case At.WAITING | At.TOLD:
            return _waiting_key(_heed(menu, offer), key)
        case At.MENU:
            return _menu_key(menu, key)
        case At.TYPING:
            return _typing_key(menu, key)
        case At.CONFIRMING:
            return _confirming_key(menu, key)
        case _:
            return menu, ()


def _waiting_key(menu: Menu, key: str) -> Step:
    terms = menu.terms
    if menu.offered and terms is not None and key == terms.key and choices(menu):  # before it may be a key of the PBX's
        if terms.now or menu.stands:
            return _open_menu(menu, terms)
        return _back(menu, (Words("no_callback_now"), Words("back_in_queue")))
    if menu.campaign is not None and key in menu.campaign.keys:
        return menu._replace(at=At.KEEPING, key=key), (Hush(), Press(key))
    return menu, ()


def _heed(menu: Menu, offer: QueueOffer | None) -> Menu:
    """Know what the ledger says now; nothing where an agent may have the call."""
    if offer is None:
        return menu._replace(terms=None, campaign=None)
    return menu._replace(terms=offer.menu, campaign=offer.campaign)


# The menu


def _open_menu(menu: Menu, terms: MenuTerms) -> Step:
    """A visit to the menu begins."""
    found, effects = _say_menu(menu._replace(wrong=0, silent=False, key="", offered=True, unasked=True), terms)
    told = () if menu.offered else (CountOffer(),)
    return found._replace(joined=False), (*((Part(),) if menu.joined else ()), *told, *effects)


def _say_menu(menu: Menu, terms: MenuTerms, first: tuple[Words, ...] = ()) -> Step:
    names = {THIS: "menu_this", OTHER: "menu_other", BACK: "menu_wait"}
    recorded = terms.menu_prompt is not None and terms.this_number and not menu.no_other
    words = (Words(terms.menu_prompt or ""),) if recorded else tuple(Words(names[key]) for key in choices(menu))
    return menu._replace(at=At.MENU, typed="", number=None), (Say(first + words, terms.language),)


def _menu_key(menu: Menu, key: str) -> Step:
    if key not in choices(menu):
        return _wrong(menu, (Words("not_understood"),))
    if key == THIS:
        return _ask(menu, None)
    return _ask_number(menu, ()) if key == OTHER else _back(menu, (Words("back_in_queue"),))


def _ask_number(menu: Menu, first: tuple[Words, ...]) -> Step:
    words = (*first, Words("type_number"))
    return menu._replace(at=At.TYPING, typed="", number=None), (Say(words, language(menu)),)


def _typing_key(menu: Menu, key: str) -> Step:
    if key == END:
        return menu, (Hush(), Check(menu.typed))
    if len(menu.typed) > LONGEST:  # no number any more, however it goes on
        return menu, (Listen(),)
    return menu._replace(typed=menu.typed + key), (*((Hush(),) if not menu.typed else ()), Listen())


def _read_back(menu: Menu, number: str) -> Step:
    words = (Words("number_is"), Words("digits", grouped(number)), Words("confirm"))
    return menu._replace(at=At.CONFIRMING, typed="", number=number), (Say(words, language(menu)),)


def _not_named(menu: Menu, refusal: str) -> Step:
    if refusal == "too_many":
        return _back(menu._replace(no_other=True), (Words("too_many_numbers"), Words("back_in_queue")))
    return _wrong(menu, (Words("not_called" if refusal == "not_called" else "invalid_number"),))


def _confirming_key(menu: Menu, key: str) -> Step:
    if key == YES:
        return _ask(menu, menu.number)
    if key == ANEW:
        return _ask_number(menu, ())
    return _wrong(menu, (Words("not_understood"),))


def _wrong(menu: Menu, words: tuple[Words, ...]) -> Step:
    """A wrong entry: the same again, or the queue after so many."""
    wrong, terms = menu.wrong + 1, menu.terms
    if terms is None or wrong >= terms.tries:
        return _back(menu, (*words, Words("back_in_queue")))
    found = menu._replace(wrong=wrong)
    if menu.at is At.TYPING:
        return _ask_number(found, words)
    if menu.at is At.CONFIRMING and menu.number is not None:
        read, effects = _read_back(found, menu.number)
        return read, tuple(one._replace(words=words + one.words) if isinstance(one, Say) else one for one in effects)
    return _say_menu(found, terms, words)


def _silence(menu: Menu) -> Step:
    match menu.at:
        case At.TYPING if menu.typed:
            return menu, (Check(menu.typed),)
        case At.MENU | At.TYPING | At.CONFIRMING:
            if menu.silent or menu.terms is None:
                return _back(menu, (Words("back_in_queue"),))
            return _say_menu(menu._replace(silent=True), menu.terms)
        case At.KEEPING if not menu.joined:
            return menu, (Say((Words("please_wait"),), language(menu)),)
        case At.LEAVING:  # the end of the last words was not told
            return menu._replace(at=At.OVER), (HangUp(),)
        case _:
            return menu, ()


def _prompt_ended(menu: Menu) -> Step:
    match menu.at:
        case At.TOLD:
            return menu._replace(at=At.WAITING), _next_offer(menu)
        case At.LEAVING:
            return menu._replace(at=At.OVER), (HangUp(),)
        case _:
            return menu, ()


def _next_offer(menu: Menu) -> tuple[Effect, ...]:
    """When they are told of the key again, now that what was said is over."""
    if not menu.offered or menu.terms is None:  # the first offer has its time already, or it is looked at again
        return (OfferIn(LATER),) if menu.offered else ()
    return (OfferIn(menu.terms.offer_every),) if menu.terms.offer_every else ()


def _back(menu: Menu, words: tuple[Words, ...]) -> Step:
    """They go back to the queue, and hear why."""
    found = menu._replace(typed="", number=None, key="")
    kept = tuple(one for one in words if one.prompt != "back_in_queue")
    if menu.queue is Queue.ELSEWHERE:  # that the PBX goes on with them it says itself
        if kept:
            return found._replace(at=At.LEAVING), (Say(kept, language(menu)),)
        return found._replace(at=At.OVER), (Hush(), HangUp())
    if menu.queue is Queue.LOST and not menu.anew:
        return found._replace(at=At.TOLD, queue=Queue.HELD, joined=True, offered=True, anew=True), (
            Enqueue(), *(() if menu.joined else (Join(),)), Say(words, language(menu)))
    if menu.queue is Queue.LOST:
        return found._replace(at=At.LEAVING), (Say((*kept, Words("goodbye")), language(menu)),)
    return found._replace(at=At.TOLD, joined=True, offered=True), (
        *(() if menu.joined else (Join(),)), Say(words, language(menu)))


# Asking


def _ask(menu: Menu, number: str | None) -> Step:
    # what they are told next cuts it off: the disk is quick
    return menu._replace(at=At.KEEPING, typed="", key=""), (Say((Words("please_wait"),), language(menu)), Ask(number))


def _kept(menu: Menu, terms: PlaceTerms | None) -> Step:
    if menu.at not in (At.KEEPING, At.LEFT):
        return menu, ()
    parting: tuple[Effect, ...] = (Part(),) if menu.joined and menu.at is At.KEEPING else ()
    place: tuple[Effect, ...] = ()
    if menu.queue is Queue.HELD:
        place = (GiveUp(),) if terms is None else (Hold(terms),)
    elif menu.queue is Queue.LOST and terms is not None:
        place = (NoPlace(terms),)
    found = menu._replace(joined=False, number=None)
    if menu.at is At.LEFT:
        return found._replace(at=At.OVER), place
    words = (Words(_confirmation(menu)), Words("goodbye"))
    return found._replace(at=At.LEAVING), (*parting, *place, Say(words, language(menu)))


def _confirmation(menu: Menu) -> str:
    if menu.key and menu.campaign is not None:
        return dict(menu.campaign.confirmations).get(menu.key, "will_call_back")
    return (menu.terms.confirm_prompt if menu.terms is not None else None) or "confirmed"


def _refused(menu: Menu, refusal: str) -> Step:
    if menu.at is At.LEFT:
        return menu._replace(at=At.OVER), (GiveUp(),) if menu.queue is Queue.HELD else ()
    if menu.at is not At.KEEPING:
        return menu, ()
    if menu.joined and menu.queue is Queue.LOST:  # what they heard all the time is no more
        return menu._replace(at=At.OVER, key=""), (HangUp(),)
    if menu.joined and not menu.key:
        return _talk(menu)
    if menu.joined or (refusal == "taken" and menu.queue is Queue.HELD):  # an agent may be there: nothing is said
        return menu._replace(at=At.WAITING, joined=True, number=None, key=""), (
            *(() if menu.joined else (Join(),)), OfferIn(LATER))
    words = (Words("not_called"),) if refusal in NEVER else (Words("no_callback_now"),)
    return _back(menu, (*words, Words("back_in_queue")))


# The place, and the caller


def _taken(menu: Menu) -> Step:
    match menu.at:
        case At.WAITING | At.TOLD | At.MENU | At.TYPING | At.CONFIRMING if menu.queue is Queue.HELD:
            return _talk(menu)
        case At.KEEPING if menu.queue is Queue.HELD:  # what they asked is answered still
            return menu._replace(joined=True, key=""), (Hush(), *(() if menu.joined else (Join(),)))
        case _:
            return menu, ()


def _talk(menu: Menu) -> Step:
    joining: tuple[Effect, ...] = () if menu.joined else (Join(),)
    return menu._replace(at=At.TALKING, joined=True, typed="", number=None, key=""), (Hush(), *joining)


def _place_gone(menu: Menu) -> Step:
    match menu.at:
        case At.WAITING | At.TOLD | At.TALKING:
            return menu._replace(at=At.OVER, queue=Queue.LOST), (HangUp(),)
        case At.OVER | At.LEAVING:
            return menu, ()
        case _:
            return menu._replace(queue=Queue.LOST if menu.queue is Queue.HELD else menu.queue), ()


def _hung_up(menu: Menu) -> Step:
    if menu.at is At.KEEPING:
        return menu._replace(at=At.LEFT, joined=False), ()
    giving_up: tuple[Effect, ...] = (GiveUp(),) if menu.queue is Queue.HELD and menu.at not in (
        At.LEAVING, At.LEFT, At.OVER) else ()
    return menu._replace(at=At.LEFT if menu.at is At.LEFT else At.OVER), giving_up


def language(menu: Menu) -> str:
    """Return the language in which a caller is spoken to."""
    if menu.terms is not None:
        return menu.terms.language
    return "en" if menu.campaign is None else menu.campaign.language
