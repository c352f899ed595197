"""The menu of a caller who waits, as a table: whole conversations, and any sequence of inputs."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.callbacks.queue_facts import CampaignKeys, MenuTerms, PlaceTerms, QueueOffer
from routing.queue_menu import (
    Ask,
    At,
    Check,
    CountOffer,
    Effect,
    Enqueue,
    GiveUp,
    HangUp,
    Hold,
    HungUp,
    Hush,
    Input,
    Join,
    Kept,
    Key,
    Listen,
    Menu,
    MenuIn,
    Named,
    NoPlace,
    NotNamed,
    OfferDue,
    OfferIn,
    Part,
    PlaceGone,
    PlaceTaken,
    Press,
    PromptEnded,
    Queue,
    Refused,
    Say,
    Silence,
    WaitedLong,
    begin,
    begin_service,
    choices,
    step,
)

TERMS = MenuTerms("1", True, 20.0, 60.0, 0.0, True, True, 3, "hu", None, None, None, None)
OFFER = QueueOffer(TERMS, None)
CAMPAIGN = QueueOffer(None, CampaignKeys("5", "spring", "de", (("5", "thanks"),)))
PLACE = PlaceTerms("task", "+36201234567", "sales", "hu", 15.0, 0.0)
NUMBER = "+36301234567"


def offered(**changed: object) -> QueueOffer:
    return QueueOffer(TERMS._replace(**changed), None)  # type: ignore[arg-type]


class Caller:
    """One caller on their way through the table, and what was done for them."""

    def __init__(self, offer: QueueOffer = OFFER, back: bool = False, told: bool = True) -> None:
        """`told`: they know the key."""
        self.offer: QueueOffer | None = offer
        self.menu, effects = begin(offer, back)
        self.menu = self.menu._replace(offered=told)
        self.effects: list[Effect] = list(effects)

    def does(self, *inputs: Input) -> tuple[Effect, ...]:
        """Let these happen; return what follows from the last one."""
        effects: tuple[Effect, ...] = ()
        for one in inputs:
            self.menu, effects = step(self.menu, one)
            self.effects += effects
        return effects

    def presses(self, keys: str) -> tuple[Effect, ...]:
        return self.does(*(Key(key, self.offer if self.menu.at in (At.WAITING, At.TOLD) else None) for key in keys))


def said(effects: Iterable[Effect]) -> list[str]:
    return [word.digits or word.prompt for one in effects if isinstance(one, Say) for word in one.words]


# Conversations


def test_who_asks_for_a_callback_of_their_own_number() -> None:
    caller = Caller(told=False)
    assert caller.effects == [OfferIn(20.0)]
    assert caller.presses("1") == (), "a key of the PBX's, as long as nobody has told them of ours"
    offer = caller.does(OfferDue(OFFER))
    assert (offer[0], said(offer), caller.menu.at) == (CountOffer(), ["offer_callback", "1"], At.TOLD)
    assert caller.does(PromptEnded()) == (OfferIn(60.0),)
    menu = caller.presses("1")
    assert (menu[0], said(menu)) == (Part(), ["menu_this", "menu_other", "menu_wait"])
    asked = caller.presses("1")
    assert (said(asked), asked[1:]) == (["please_wait"], (Ask(None),))
    kept = caller.does(Kept(PLACE))
    assert (kept[0], said(kept), caller.menu.at) == (Hold(PLACE), ["confirmed", "goodbye"], At.LEAVING)
    assert caller.does(PromptEnded()) == (HangUp(),)
    assert caller.menu.at is At.OVER


def test_who_names_another_number() -> None:
    caller = Caller()
    assert said(caller.presses("12")) == ["type_number"]
    assert caller.presses("*") == (Hush(), Listen()), "the first key ends the prompt"
    assert caller.presses("3630123456") == (Listen(),)
    assert caller.presses("7#") == (Hush(), Check("*36301234567"))
    assert said(caller.does(Named(NUMBER))) == ["number_is", "+36 30 123 4567", "confirm"]
    assert said(caller.presses("2")) == ["type_number"], "typed anew"
    caller.presses("0036301234567#")
    caller.does(Named(NUMBER))
    asked = caller.presses("1")
    assert (said(asked), asked[1:]) == (["please_wait"], (Ask(NUMBER),))


def test_silence_is_the_menu_once_more_and_then_the_queue() -> None:
    caller = Caller()
    caller.presses("1")
    assert caller.does(PromptEnded()) == (Listen(),)
    assert said(caller.does(Silence())) == ["menu_this", "menu_other", "menu_wait"]
    back = caller.does(PromptEnded(), Silence())
    assert (back[0], said(back), caller.menu.joined) == (Join(), ["back_in_queue"], True)
    assert caller.does(PromptEnded()) == (OfferIn(60.0),)


@pytest.mark.parametrize("stray", [OfferDue(OFFER), WaitedLong(OFFER), PlaceGone(), Kept(PLACE), Refused("taken"),
                                   Named(NUMBER), NotNamed("impossible")])
def test_what_does_not_concern_who_is_in_the_menu_leaves_no_silence_unheard(stray: Input) -> None:
    caller = Caller()
    caller.presses("1")
    assert caller.does(stray) == (), "while something is said its end is told"
    assert caller.does(PromptEnded()) == (Listen(),)
    assert caller.does(stray) == (Listen(),)


def test_silence_while_a_number_is_typed() -> None:
    caller = Caller()
    caller.presses("12")
    assert said(caller.does(PromptEnded(), Silence()))[0] == "menu_this", "nothing typed: the menu once more"
    caller.presses("2")
    caller.presses("063012")
    assert caller.does(Silence()) == (Check("063012"),), "as if it had ended with #"
    assert said(caller.does(NotNamed("impossible"))) == ["invalid_number", "type_number"]


def test_silence_after_the_number_was_read_back() -> None:
    caller = Caller()
    caller.presses("123#")
    caller.does(Named(NUMBER), PromptEnded())
    assert said(caller.does(Silence()))[0] == "menu_this"
    assert caller.menu.number is None


@pytest.mark.parametrize("entries", [
    [Key("9"), Key("0"), Key("*")],
    [Key("2"), Key("#"), NotNamed("impossible"), Key("1"), Key("#"), NotNamed("not_called"), Key("#"),
     NotNamed("impossible")],
    [Key("7"), Key("2"), Key("6"), Key("#"), Named(NUMBER), Key("5"), Key("8")],
])
def test_so_many_wrong_entries_bring_the_queue(entries: list[Input]) -> None:
    caller = Caller()
    caller.presses("1")
    caller.does(*entries[:-1])
    assert not caller.menu.joined
    last = caller.does(entries[-1])
    assert (said(last)[-1], caller.menu.at, caller.menu.joined) == ("back_in_queue", At.TOLD, True)
    caller.presses("1")
    assert caller.menu.wrong == 0, "the next visit begins anew"


def test_what_is_said_of_a_wrong_entry() -> None:
    caller = Caller()
    assert said(caller.presses("19"))[:2] == ["not_understood", "menu_this"]
    caller.presses("23#")
    assert said(caller.does(NotNamed("not_called"))) == ["not_called", "type_number"]


def test_too_many_numbers_close_that_way_for_the_rest_of_the_call() -> None:
    caller = Caller()
    caller.presses("123#")
    assert said(caller.does(NotNamed("too_many"))) == ["too_many_numbers", "back_in_queue"]
    assert said(caller.presses("1")) == ["menu_this", "menu_wait"]
    assert said(caller.presses("2"))[0] == "not_understood"


@pytest.mark.parametrize(("this_number", "other_number", "keys"), [
    (True, True, "123"), (True, False, "13"), (False, True, "23"), (False, False, "")])
def test_what_the_menu_has(this_number: bool, other_number: bool, keys: str) -> None:
    offer = offered(this_number=this_number, other_number=other_number)
    caller = Caller(offer)
    assert choices(caller.menu) == keys
    caller.does(OfferDue(offer))
    caller.presses("1")
    assert (caller.menu.at is At.MENU) == bool(keys), "a menu of nothing is never offered"
    if not keys:
        assert caller.does(WaitedLong(offer)) == ()
        assert said(caller.effects) == []


def test_recordings_in_place_of_the_built_in_prompts() -> None:
    offer = offered(offer_prompt="ours", menu_prompt="pick", confirm_prompt="soon", wait_minutes=7)
    caller = Caller(offer)
    assert said(caller.does(OfferDue(offer))) == ["wait_in_minutes", "7", "ours"]
    assert said(caller.presses("1")) == ["pick"]
    caller.presses("1")
    assert said(caller.does(Kept(PLACE))) == ["soon", "goodbye"]
    withheld = offered(menu_prompt="pick", this_number=False)
    caller = Caller(withheld)
    assert said(caller.presses("1")) == ["menu_other", "menu_wait"], "the recording names keys that they do not have"


def test_offers_come_as_the_settings_say() -> None:
    once = offered(offer_every=0.0)
    caller = Caller(once, told=False)
    assert caller.does(OfferDue(once), PromptEnded()) == ()
    caller = Caller(once)
    caller.does(OfferDue(once))
    caller.presses("1")
    assert said(caller.presses("3")) == ["back_in_queue"]
    assert caller.does(PromptEnded()) == (), "once, also after 3"
    not_now = offered(now=False)
    caller = Caller(not_now, told=False)
    assert caller.does(OfferDue(not_now)) == (OfferIn(60.0),)
    assert caller.presses("1") == (), "the key means nothing"
    assert caller.does(OfferDue(None)) == (OfferIn(10.0),), "an agent may have the call"
    caller.offer = OFFER
    assert CountOffer() in caller.does(OfferDue(OFFER))


def test_the_menu_comes_unasked_once() -> None:
    offer = offered(max_wait=90.0)
    caller = Caller(offer)
    assert MenuIn(90.0) in caller.effects
    effects = caller.does(WaitedLong(offer))
    assert (said(effects)[0], effects.count(CountOffer())) == ("menu_this", 1), "who hears it is told that they may ask"
    caller.presses("3")
    assert caller.does(WaitedLong(offer)) == ()
    caller = Caller(offer)
    caller.presses("13")
    assert caller.does(WaitedLong(offer)) == (), "they have heard it"


def test_the_menu_comes_unasked_as_soon_as_there_is_anything_to_ask_for() -> None:
    offer, not_now = offered(max_wait=90.0), offered(max_wait=90.0, now=False)
    caller = Caller(offer)
    for nothing in (not_now, None):
        assert caller.does(WaitedLong(nothing)) == (MenuIn(10.0),)
    assert said(caller.does(WaitedLong(offer)))[0] == "menu_this"
    caller = Caller(offer)
    assert caller.does(WaitedLong(OFFER), WaitedLong(offer)) == (), "it never comes unasked any more"


def test_the_key_of_an_offer_that_was_made_is_answered() -> None:
    not_now = offered(now=False)
    caller = Caller(told=False)
    caller.does(OfferDue(OFFER))
    caller.offer = not_now
    assert said(caller.presses("1"))[0] == "menu_this", "while it is spoken"
    caller = Caller(told=False)
    caller.does(OfferDue(OFFER), PromptEnded())
    caller.offer = not_now
    assert said(caller.presses("1"))[0] == "menu_this", "and until the next one is due"
    caller = Caller(told=False)
    caller.does(OfferDue(OFFER), PromptEnded(), OfferDue(not_now))
    caller.offer = not_now
    assert said(caller.presses("1")) == ["no_callback_now", "back_in_queue"]
    assert (caller.menu.at, caller.menu.joined) == (At.TOLD, True)
    assert caller.does(PromptEnded()) == (OfferIn(60.0),)
    caller.offer = None
    assert caller.presses("1") == (), "an agent may have the call"


def test_nothing_is_promised_before_it_is_kept() -> None:
    caller = Caller()
    caller.presses("11")
    assert caller.presses("13#") == ()
    assert caller.does(PromptEnded()) == (Listen(2.0),)
    assert said(caller.does(Silence())) == ["please_wait"]
    assert said(caller.does(Refused("database"))) == ["no_callback_now", "back_in_queue"]
    assert (caller.menu.at, caller.menu.joined) == (At.TOLD, True)
    caller.presses("11")
    assert said(caller.does(Refused("country"))) == ["not_called", "back_in_queue"]


def test_an_agent_ends_the_menu() -> None:
    caller = Caller()
    caller.presses("120630")
    assert caller.does(PlaceTaken()) == (Hush(), Join())
    assert (caller.menu.at, caller.menu.typed) == (At.TALKING, "")
    assert caller.presses("1") == ()
    assert caller.does(OfferDue(OFFER), WaitedLong(OFFER), Silence(), PromptEnded()) == ()


def test_an_agent_takes_the_place_while_it_is_being_kept() -> None:
    caller = Caller()
    caller.presses("11")
    assert caller.does(PlaceTaken()) == (Hush(), Join())
    assert caller.does(Silence()) == ()
    assert caller.does(Refused("taken")) == (Hush(),)
    assert caller.menu.at is At.TALKING
    caller = Caller()
    caller.presses("11")
    caller.does(PlaceTaken())
    kept = caller.does(Kept(PLACE))
    assert kept[:2] == (Part(), Hold(PLACE)), "it was on disk first: the agent hears of the request"
    caller = Caller()
    caller.presses("11")
    assert caller.does(Refused("taken")) == (Join(), OfferIn(10.0)), "a mere sign: they hear the queue, and no word"


def test_the_place_is_lost() -> None:
    caller = Caller()
    assert caller.does(PlaceGone()) == (HangUp(),)
    caller = Caller()
    caller.presses("12")
    assert caller.does(PlaceGone()) == (), "they may ask all the same"
    caller.presses("06301234567#")
    caller.does(Named(NUMBER))
    caller.presses("1")
    kept = caller.does(Kept(PLACE))
    assert (kept[0], said(kept)) == (NoPlace(PLACE), ["confirmed", "goodbye"])
    caller = Caller()
    caller.presses("1")
    caller.does(PlaceGone())
    anew = caller.presses("3")
    assert (anew[:2], said(anew)) == ((Enqueue(), Join()), ["back_in_queue"]), "at the end of the queue, once"
    caller.presses("1")
    caller.does(PlaceGone())
    assert said(caller.presses("3")) == ["goodbye"]
    assert caller.does(PromptEnded()) == (HangUp(),)
    caller = Caller()
    caller.presses("13")
    assert caller.does(PlaceGone()) == (HangUp(),)
    caller = Caller()
    caller.presses("11")
    refused = caller.does(PlaceGone(), Refused("flood"))
    assert (refused[0], said(refused)) == (Enqueue(), ["no_callback_now", "back_in_queue"])
    assert caller.does(PlaceGone()) == (HangUp(),), "the PBX does not have them"
    caller = Caller()
    caller.presses("11")
    caller.does(PlaceTaken(), PlaceGone())
    assert caller.does(Refused("taken")) == (HangUp(),), "they have talked"


@pytest.mark.parametrize("inputs", [
    [], [OfferDue(OFFER)], [Key("1", OFFER)], [Key("1", OFFER), Key("2")],
    [Key("1", OFFER), Key("2"), Key("5"), Key("#"), Named(NUMBER)],
])
def test_they_hang_up(inputs: list[Input]) -> None:
    caller = Caller()
    caller.does(*inputs)
    assert caller.does(HungUp()) == (GiveUp(),)
    assert caller.menu.at is At.OVER


@pytest.mark.parametrize(("answer", "place"), [(Kept(PLACE), Hold(PLACE)), (Refused("database"), GiveUp())])
def test_they_hang_up_while_it_is_being_kept(answer: Input, place: Effect) -> None:
    caller = Caller()
    caller.presses("11")
    assert caller.does(HungUp()) == (), "what they asked for may be on disk by now"
    assert caller.does(PromptEnded(), Silence()) == ()
    assert caller.does(answer) == (place,)
    assert caller.menu.at is At.OVER


def test_the_key_of_a_campaign_asks_at_once() -> None:
    caller = Caller(CAMPAIGN)
    assert said(caller.effects) == ["spring"]
    assert caller.presses("15") == (Hush(), Press("5"))
    kept = caller.does(Kept(None))
    assert (kept[:2], said(kept)) == ((Part(), GiveUp()), ["thanks", "goodbye"])
    caller = Caller(CAMPAIGN)
    caller.presses("5")
    assert caller.does(Refused("")) == (OfferIn(10.0),)
    assert (caller.menu.at, caller.menu.joined) == (At.WAITING, True)


def test_both_keys_beside_each_other() -> None:
    both = QueueOffer(TERMS, CAMPAIGN.campaign)
    caller = Caller(both)
    assert caller.presses("5") == (Hush(), Press("5"))
    caller.does(Refused(""))
    caller.presses("11")
    assert said(caller.does(Kept(PLACE))) == ["confirmed", "goodbye"]


def test_before_the_offer_the_key_is_the_pbxs() -> None:
    menu, _ = begin(OFFER)
    assert step(menu, Key("1", OFFER)) == (menu, ())
    back, _ = begin(OFFER, back=True)
    assert said(step(back, Key("1", OFFER))[1])[0] == "menu_this", "they know it"


def test_who_rings_in_again_hears_where_they_are() -> None:
    caller = Caller(back=True)
    assert caller.menu == begin(OFFER, True)[0], "they know the key"
    assert said(caller.effects) == ["back_in_place"]
    assert said(caller.presses("1"))[0] == "menu_this", "the key means what it meant"
    assert said(begin(None, True)[1]) == ["back_in_place"], "also where nothing is offered"


def test_the_service_number() -> None:
    menu, effects = begin_service(OFFER)
    assert (said(effects), effects.count(CountOffer())) == (["menu_this", "menu_other", "menu_wait"], 1)
    assert step(menu, Key("3"))[1] == (Hush(), HangUp())
    asked, _ = step(menu, Key("1"))
    for refusal, words in (("database", "no_callback_now"), ("country", "not_called")):
        refused, effects = step(asked, Refused(refusal))
        assert (refused.at, said(effects)) == (At.LEAVING, [words]), "they hear why"
        assert step(refused, PromptEnded())[1] == (HangUp(),)
    kept, effects = step(asked, Kept(PLACE))
    assert (said(effects), [type(one) for one in effects]) == (["confirmed", "goodbye"], [Say])
    assert step(kept, PromptEnded())[1] == (HangUp(),)
    assert begin_service(None)[1] == (HangUp(),)
    assert said(begin_service(offered(now=False))[1]) == ["no_callback_now"]


# Anything in any order


OFFERS = st.sampled_from([OFFER, None, offered(now=False), offered(this_number=False), offered(other_number=False),
                          offered(tries=1), CAMPAIGN, QueueOffer(TERMS, CAMPAIGN.campaign)])
INPUTS = st.one_of(
    st.builds(OfferDue, OFFERS), st.builds(WaitedLong, OFFERS),
    st.builds(Key, st.sampled_from("0123456789*#ABCD"), OFFERS),
    st.sampled_from([Silence(), PromptEnded(), Named(NUMBER), NotNamed("impossible"), NotNamed("not_called"),
                     NotNamed("too_many"), Kept(PLACE), Refused("taken"), Refused("database"), Refused("country"),
                     PlaceTaken(), PlaceGone(), HungUp()]))


def beginning(kind: str) -> tuple[Menu, tuple[Effect, ...]]:
    if kind == "service":
        return begin_service(OFFER)
    return begin(CAMPAIGN if kind == "campaign" else OFFER, kind == "back")


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(["queue", "back", "campaign", "service"]), st.lists(INPUTS, max_size=40))
def test_anything_ends_in_a_state_that_is_one(kind: str, inputs: list[Input]) -> None:
    menu, effects = beginning(kind)
    held = menu.queue is Queue.HELD
    joined, asking, over, keeps = menu.joined, False, False, False
    speaks = False
    promises = {"confirmed", "will_call_back", "thanks"}
    for one in (None, *inputs):
        if one is not None:
            keeps = isinstance(one, Kept) and menu.at in (At.KEEPING, At.LEFT)
            menu, effects = step(menu, one)
        assert isinstance(menu.at, At)
        speaks, listens = speaks and not isinstance(one, PromptEnded), False
        for effect in effects:
            assert not over, "nothing is done for who is gone"
            match effect:
                case Join():
                    assert (held, joined) == (True, False), "joined twice, or to nothing"
                    joined = True
                case Part():
                    assert joined, "parted twice"
                    joined = False
                case Ask() | Press():
                    assert not asking
                    asking = True
                case Hold():
                    assert (held, keeps, joined) == (True, True, False)
                    held = False
                case GiveUp():
                    assert held
                    held = joined = False
                case Say(words):
                    assert words
                    assert keeps or promises.isdisjoint(said([effect])), "promised without its being kept"
                case HangUp():
                    over = True
                case _:
                    pass
            if isinstance(effect, Say | Hush):
                speaks = isinstance(effect, Say)
            listens = listens or isinstance(effect, Listen | Check)
        if menu.at in (At.MENU, At.TYPING, At.CONFIRMING) or (menu.at is At.KEEPING and not menu.joined):
            assert speaks or listens, "nobody would hear their silence"
        assert len(menu.typed) <= 21
        assert len([one for one in effects if isinstance(one, Join | Part | Hold | GiveUp | HangUp)]) <= 2
        asking = asking and menu.at in (At.KEEPING, At.LEFT)
        if isinstance(one, HungUp):
            joined, over = False, not asking
        assert menu.joined == joined or menu.at is At.OVER
        assert asking == (menu.at in (At.KEEPING, At.LEFT))
        if isinstance(one, PlaceGone):
            held = False
        if menu.at is At.OVER:
            assert step(menu, Silence()) == (menu, ())
            break


@given(st.lists(st.sampled_from([Silence(), PromptEnded()]), min_size=60, max_size=60),
       st.text("0123456789*#", max_size=30))
def test_who_falls_silent_is_back_in_the_queue(quiet: list[Input], keys: str) -> None:
    caller = Caller()
    caller.presses("1" + keys)
    for one in quiet:
        for effect in caller.does(one):
            if isinstance(effect, Check):
                caller.does(NotNamed("impossible"))
    assert caller.menu.at in (At.WAITING, At.TOLD, At.KEEPING), caller.menu
