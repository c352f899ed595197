"""Who may speak inside a call: a token that was seen once is no pass for everybody, to everywhere, for ever."""

from dataclasses import replace

import pytest

from config.policy import parse_policy
from routing.ended_calls import ENDS_WITHIN, LONGEST_UNSEEN
from routing.identity import PbxFacts
from tests.kit.actor import Actor
from tests.kit.house import POLICY, House
from tests.kit.ledger_parts import new_ledger
from tests.kit.script import Script
from tests.kit.world import STRANGER, World, address

TALK = """
    trunk > INVITE : 100 > trunk, INVITE > pbx
    pbx > 200 : 200 > trunk
    trunk > ACK : ACK > pbx
"""
HANG_UP = "trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk\n"
ELSEWHERE = ("192.0.2.9", 5060)
ASSERTED = b"P-Asserted-Identity: <sip:201@x>"
METHODS = ("INFO", "INVITE", "UPDATE", "REFER", "MESSAGE", "SUBSCRIBE", "UNHEARD-OF", "BYE")


def eavesdropper(call: Script, place: tuple[str, int] = STRANGER, of: str = "trunk", name: str = "eve") -> Actor:
    """Somebody who has seen a whole call, and speaks as one of its sides from an address of their own."""
    one = Actor(name, place)
    one.dialog, one.cseq, one.minds_its_route = call[of].dialog, 100, False
    one.sent = list(call[of].sent)
    return call.add(one)


def refused_for(call: Script) -> dict[str, int]:
    return dict(call.world.proxy.counters.refused)


@pytest.mark.parametrize("of", ["trunk", "pbx"])
def test_whoever_has_seen_a_call_does_not_speak_in_it(call: Script, of: str) -> None:
    call.play(TALK)
    eavesdropper(call, of=of)
    for method in METHODS:
        call.play(f"eve > {method} : 481{'' if method == 'INVITE' else ' ' + method} > eve")
    call.play("eve > ACK")
    assert refused_for(call) == {"stranger_in_dialog": len(METHODS) + 1}
    assert set(call.world.notes.refusals) == {(*STRANGER, "stranger_in_dialog")}
    call.play("pbx > INFO : INFO > trunk\ntrunk > 200 INFO : 200 INFO > pbx\n" + HANG_UP)


def test_nobody_is_led_elsewhere(call: Script) -> None:
    """With a token on top the next Route or the Request-URI would be followed."""
    call.play(TALK)
    eve = eavesdropper(call)
    assert eve.dialog is not None
    eve.dialog = replace(eve.dialog, target=b"sip:+3690123456@198.51.100.1")
    call.play("eve > INVITE : 481 > eve")


@pytest.mark.parametrize("trusted", [True, False])
def test_an_address_that_the_invite_named(trusted: bool) -> None:
    call = Script(World(trusted=trusted))
    call["trunk"].contact = b"<sip:gateway@%s>" % ELSEWHERE[0].encode()
    call.play(TALK)
    eavesdropper(call, ELSEWHERE)
    call.step("eve > INFO : INFO > pbx", ASSERTED)
    assert not call["pbx"].request("INFO").has(b"p-asserted-identity"), "whoever is no peer is not believed"
    call.play("pbx > 200 INFO : 200 INFO > eve")


def test_what_an_answer_from_there_asserts_is_not_believed(call: Script) -> None:
    call.play(TALK)
    call.add(Actor("gateway", ELSEWHERE))
    call["trunk"].contact = b"<sip:gateway@192.0.2.9>"
    call.play("trunk > UPDATE : UPDATE > pbx\npbx > 200 UPDATE : 200 UPDATE > trunk\npbx > INFO : INFO > gateway")
    call.step("gateway > 200 INFO : 200 INFO > pbx", ASSERTED, b"X-Boomerang: direct")
    answer = call["pbx"].response("200 INFO")
    assert not answer.has(b"p-asserted-identity")
    assert not answer.has(b"x-boomerang")
    call.play(HANG_UP)


@pytest.mark.parametrize(("answer", "passes"), [("200", True), ("488", False)])
def test_an_address_changes_when_the_other_side_agrees(call: Script, answer: str, passes: bool) -> None:
    call.play(TALK)
    call["trunk"].contact = b"<sip:trunk@192.0.2.9:5060>"
    call.play(f"trunk > UPDATE : UPDATE > pbx\npbx > {answer} UPDATE : {answer} UPDATE > trunk")
    eavesdropper(call, ELSEWHERE)
    eavesdropper(call, (ELSEWHERE[0], 5061), name="near")
    call.play("near > INFO : 481 INFO > near")
    if passes:
        call.play("eve > INFO : INFO > pbx\npbx > 200 INFO : 200 INFO > eve")
    else:
        call.play("eve > INFO : 481 INFO > eve")


def test_who_says_where_he_is_has_changed_nothing(call: Script) -> None:
    call.play(TALK)
    eve = eavesdropper(call, ELSEWHERE)
    eve.contact = b"<sip:eve@192.0.2.9>"
    call.play("eve > UPDATE : 481 UPDATE > eve\neve > INFO : 481 INFO > eve")


def test_an_answer_names_addresses_too(call: Script) -> None:
    call["pbx"].contact = b"<sip:phone@192.0.2.9:5060>"
    call.add(Actor("phone", ELSEWHERE))
    call.play("""
        trunk > INVITE : 100 > trunk, INVITE > pbx
        pbx > 180 : 180 > trunk
        pbx > 200 : 200 > trunk
        trunk > ACK : ACK > phone
    """)
    eavesdropper(call, ELSEWHERE, of="pbx")
    call.actors.pop("phone")
    call.play("eve > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > eve")


def test_a_peer_whose_name_leads_elsewhere_by_now(call: Script) -> None:
    """Its calls go on from where they were begun."""
    call.play(TALK)
    call.world.table.set_addresses(call.world.trunk, (address(("192.0.2.50", 5060)),))
    call.step("trunk > INFO : INFO > pbx", ASSERTED)
    assert not call["pbx"].request("INFO").has(b"p-asserted-identity")
    eavesdropper(call)
    call.play("pbx > 200 INFO : 200 INFO > trunk\neve > INFO : 481 INFO > eve\n" + HANG_UP)
    call.play("trunk > again : 200 BYE > trunk")
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 403 > trunk")


def test_other_tags_are_another_dialog(call: Script) -> None:
    call.play(TALK)
    for side in ("trunk", "pbx"):
        dialog = call[side].dialog
        assert dialog is not None
        call[side].dialog = replace(dialog, local=dialog.local + b"x", remote=dialog.remote + b"x")
        call.play(f"{side} > INFO : 481 INFO > {side}\n{side} > ACK" if side == "trunk" else
                  f"{side} > INFO : 481 INFO > {side}")
        call[side].dialog = dialog
    assert refused_for(call) == {"another_dialog": 3}
    assert call.world.notes.refusals == [], "a peer is late or wrong, and no attacker"
    call.play(HANG_UP)


def test_a_bug_in_a_rule_costs_no_call(call: Script) -> None:
    def broken(name: str, now: float) -> None:
        raise ZeroDivisionError("a bug")

    call.play(TALK)
    call.world.router.standing = broken  # type: ignore[method-assign, assignment]
    call.play("pbx > INFO : INFO > trunk\ntrunk > 200 INFO : 200 INFO > pbx\n" + HANG_UP)
    assert call.world.notes.failures
    call.world.notes.failures.clear()


# A subscription that passes


def test_a_subscription_is_for_peers(call: Script) -> None:
    call.play("trunk > SUBSCRIBE : SUBSCRIBE > pbx\npbx > 200 SUBSCRIBE : 200 SUBSCRIBE > trunk")
    eavesdropper(call)
    call.world.router.standings.clear()
    call.play("""
        pbx > NOTIFY : NOTIFY > trunk
        trunk > 200 NOTIFY : 200 NOTIFY > pbx
        eve > SUBSCRIBE : 481 SUBSCRIBE > eve
        trunk > SUBSCRIBE : SUBSCRIBE > pbx
        pbx > 200 SUBSCRIBE : 200 SUBSCRIBE > trunk
    """)
    assert refused_for(call) == {"stranger_in_subscription": 1}
    assert call.world.router.heard == [], "it is no call"


# After the end


def test_after_the_end_only_what_ends_it(house: House) -> None:
    call = house.call
    call.play(TALK + HANG_UP)
    assert house.ledger.calls() == ()
    call.play("""
        trunk > INFO : 481 INFO > trunk
        trunk > INVITE : 481 > trunk
        pbx > UPDATE : 481 UPDATE > pbx
        pbx > BYE : BYE > trunk
        trunk > 481 BYE : 481 BYE > pbx
        trunk > ACK : ACK > pbx
    """)
    house.world.wait(ENDS_WITHIN)
    call.play("pbx > BYE : 481 BYE > pbx\ntrunk > INFO : 481 INFO > trunk\ntrunk > ACK")
    assert len(house.world.proxy.named) == 0
    assert refused_for(call) == {"call_is_over": 6}
    assert house.world.notes.refusals == []


def test_both_hang_up_at_once(house: House) -> None:
    house.call.play(TALK + """
        trunk > BYE : BYE > pbx
        pbx > BYE : BYE > trunk
        pbx > 200 BYE : 200 BYE > trunk
        trunk > 200 BYE : 200 BYE > pbx
    """)


def test_a_2xx_that_crossed_its_cancel_is_acknowledged_and_hung_up(house: House) -> None:
    house.call.play("""
        trunk > INVITE : 100 > trunk, INVITE > pbx
        pbx > 180 : 180 > trunk
        trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx
        pbx > 200 CANCEL
        pbx > 200 : 200 > trunk
        trunk > ACK : ACK > pbx
    """ + HANG_UP)


# After a restart


def restart(house: House, *, lost: bool = False) -> None:
    """A new process over what the store had committed; `lost`: the call's row was not."""
    store = house.ledger._store
    if lost:
        store.rows.clear()  # type: ignore[attr-defined]
    facts = {"office": PbxFacts.of("^[2-7][0-9]{2}$", ("From",), "on_agent")}
    house.ledger = new_ledger(store, parse_policy(POLICY), facts, desk=house.ears)
    house.ledger.restore(house.wall)
    house.world.restart(house.ledger)


@pytest.mark.parametrize("lost", [False, True])
def test_a_call_goes_on_over_a_restart(house: House, lost: bool) -> None:
    house.call.play(TALK)
    restart(house, lost=lost)
    eavesdropper(house.call)
    house.call.play("""
        eve > INFO : 481 INFO > eve
        pbx > UPDATE : UPDATE > trunk
        trunk > 200 UPDATE : 200 UPDATE > pbx
        trunk > INFO : INFO > pbx
        pbx > 200 INFO : 200 INFO > trunk
    """ + HANG_UP)
    if not lost:
        assert house.ledger.calls() == ()
        house.call.play("trunk > INFO : 481 INFO > trunk")


def test_what_is_answered_after_a_restart_names_addresses(house: House) -> None:
    house.call["pbx"].contact = b"<sip:phone@192.0.2.9>"
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    restart(house)
    house.call.play("pbx > 200 : 200 > trunk\ntrunk > ACK : ACK > udp:192.0.2.9:5060")
    eavesdropper(house.call, ELSEWHERE, of="pbx")
    house.call.play("eve > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > eve")
    assert house.ledger.calls() == ()


def test_a_call_that_was_over_before_a_restart_is_over(house: House) -> None:
    house.call.play(TALK + HANG_UP)
    restart(house)
    house.call.play("trunk > INFO : 481 INFO > trunk\npbx > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx")
    house.world.wait(ENDS_WITHIN)
    house.call.play("pbx > BYE : 481 BYE > pbx")


def test_a_call_given_up_as_lost_may_go_on(house: House) -> None:
    """Without session timers nothing is heard of it for a day; whoever is in it knows better."""
    house.call.play(TALK)
    house.world.wait(25 * 3600)
    house.ledger.sweep(house.wall)
    assert house.ledger.calls() == ()
    house.call.play("pbx > UPDATE : UPDATE > trunk\ntrunk > 200 UPDATE : 200 UPDATE > pbx")
    house.world.wait(LONGEST_UNSEEN)
    house.call.play("pbx > UPDATE : 481 UPDATE > pbx")


def test_the_database_cannot_be_asked(house: House) -> None:
    house.call.play(TALK)
    restart(house, lost=True)
    house.ledger._store.broken = True  # type: ignore[attr-defined]
    house.call.play("pbx > UPDATE : UPDATE > trunk\ntrunk > 200 UPDATE : 200 UPDATE > pbx")
    house.ledger._store.broken = False  # type: ignore[attr-defined]

