"""Private headers stay on their side, ours nobody else writes, and identities are believed of the trusted only."""

import pytest

from tests.kit.script import Script
from tests.kit.world import World

SPELLINGS = (b"X-Agent: 201", b"x-agent:201", b"X-AGENT : 201", b"X-aGeNt\t:\r\n 201",
             b"X-Agent:\r\n\t201\r\n  more", b"X-Agent:")
FORGED = (b"X-Boomerang: direct; agent=202", b"x-boomerang:1", b"X-BOOMERANG \t:\r\n x", b"X-Boomerang-Call: 1",
          b"x-boomeranG-anything-at-all : 1", b"X-Boomerang-\x2e: 1")
KEPT = (b"X-Agents: kept", b"Y-Agent: kept", b"X-Boomeran: kept", b"X-Agen: kept")
ASSERTED = (b"P-Asserted-Identity: <sip:201@x>", b"p-asserted-identity\t:\r\n <tel:+361>",
            b"REMOTE-PARTY-ID: <sip:201@x>", b"P-preferred-Identity : <sip:201@x>")


def unwanted(call: Script, name: str, title: str) -> list[bytes]:
    message = call[name].last(title)
    assert all(field in message.fields for field in KEPT)
    others = [field.lower() for field in message.fields if field not in KEPT]
    return [field for field in others if field.startswith((b"x-agent", b"x-boomerang"))]


@pytest.mark.parametrize(("one", "other"), [("trunk", "pbx"), ("pbx", "trunk")])
@pytest.mark.parametrize("field", SPELLINGS + FORGED)
def test_every_spelling_both_ways(call: Script, one: str, other: str, field: bytes) -> None:
    fields = (KEPT[0], field, *KEPT[1:], field)
    call.step(f"{one} > INVITE : 100 > {one}, INVITE > {other}", *fields)
    call.step(f"{other} > 183 : 183 > {one}", *fields)
    call.step(f"{other} > 200 : 200 > {one}", *fields)
    call.step(f"{one} > ACK : ACK > {other}", *fields)
    call.step(f"{other} > INFO : INFO > {one}", *fields)
    call.step(f"{one} > 200 INFO : 200 INFO > {other}", *fields)
    call.step(f"{one} > BYE : BYE > {other}", *fields)
    call.step(f"{other} > 486 BYE : 486 BYE > {one}", *fields)
    for name, titles in ((one, ("183", "200", "INFO", "486 BYE")), (other, ("INVITE", "ACK", "200 INFO", "BYE"))):
        for title in titles:
            assert unwanted(call, name, title) == []


def test_agent_is_read_before_it_is_taken_out(call: Script) -> None:
    call.step("pbx > INVITE : 100 > pbx, INVITE > trunk", b"X-Agent: 201")
    assert call.world.router.calls[0].identities[0][:2] == ("x-agent", "201")
    call.play("trunk > 486 : ACK > trunk, 486 > pbx\npbx > ACK")


def test_header_for_the_pbx_is_ours(call: Script) -> None:
    """One that came with the call is gone before ours is written."""
    call.direct_to_agent()
    call.step("trunk > INVITE : 100 > trunk, INVITE > agent", b"X-Boomerang: direct; agent=299")
    assert call["agent"].request().values(b"x-boomerang") == [b"direct; agent=201; type=2; dialled=+3614445555"]
    call.play("agent > 486 : ACK > agent, INVITE > pbx")
    assert not call["pbx"].request().has(b"x-boomerang")
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def asserted(call: Script, name: str, title: str) -> int:
    names = call[name].last(title).names
    return sum(names.count(each) for each in (b"p-asserted-identity", b"remote-party-id", b"p-preferred-identity"))


@pytest.mark.parametrize("trusted", [True, False])
def test_identities_of_the_trunk(trusted: bool) -> None:
    call = Script(World(trusted=trusted))
    kept = 4 if trusted else 0
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", *ASSERTED)
    assert asserted(call, "pbx", "INVITE") == kept
    headers = {one.header for one in call.world.router.calls[0].identities}
    assert headers == ({"from", "p-asserted-identity", "remote-party-id"} if trusted else {"from"})
    call.step("pbx > 200 : 200 > trunk", *ASSERTED)
    assert asserted(call, "trunk", "200") == 4
    call.step("trunk > ACK : ACK > pbx", *ASSERTED)
    call.step("trunk > UPDATE : UPDATE > pbx", *ASSERTED)
    assert asserted(call, "pbx", "UPDATE") == kept
    call.step("pbx > UPDATE : UPDATE > trunk", *ASSERTED)
    assert asserted(call, "trunk", "UPDATE") == 4
    call.step("trunk > 200 UPDATE : 200 UPDATE > pbx", *ASSERTED)
    assert asserted(call, "pbx", "200 UPDATE") == kept
    call.play("pbx > 200 UPDATE : 200 UPDATE > trunk")
    call.assert_nothing_left()


@pytest.mark.parametrize("trusted", [True, False])
def test_identities_of_somebody_inside_the_dialog_who_is_no_peer(trusted: bool) -> None:
    """Nobody knows whose side they are on, so they are not believed."""
    call = Script(World(trusted=trusted))
    call["trunk"].contact = b"<sip:192.0.2.9>"
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    call["trunk"].place = ("192.0.2.9", 5060)
    call.step("trunk > UPDATE : UPDATE > pbx", *ASSERTED)
    assert asserted(call, "pbx", "UPDATE") == 0
    call.step("pbx > 200 UPDATE : 200 UPDATE > trunk", *ASSERTED)
    call.step("pbx > INFO : INFO > trunk")
    call.step("trunk > 200 INFO : 200 INFO > pbx", *ASSERTED)
    assert asserted(call, "pbx", "200 INFO") == 0
    call.assert_nothing_left()


def test_who_answered_is_told(call: Script) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    call.step("pbx > 200 : 200 > trunk", b"P-Asserted-Identity: \"Anna\" <sip:201@pbx>",
              b"Remote-Party-ID: broken \" <sip:1@x>", b"Remote-Party-ID: \"a,\", b\" <x", b"Remote-Party-ID: 201")
    identities = call.world.router.told("answered")[0][1]
    assert identities == (("p-asserted-identity", "201", "pbx", "Anna"),)


def test_identity_that_cannot_be_read_passes(call: Script) -> None:
    """Validate only what is routed on: the rest passes unseen."""
    bad = b"P-Asserted-Identity: \"a, <sip:201@x>, \" b"
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", bad)
    assert bad in call["pbx"].request().fields
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def test_display_name_is_no_identity(call: Script) -> None:
    """It is the caller's to choose: an address in it proves nothing."""
    call.step("trunk > INVITE : 100 > trunk, INVITE > pbx",
              b"P-Asserted-Identity: \"<sip:+36111111111@x>\" <sip:+36222222222@x>")
    users = [one.user for one in call.world.router.calls[0].identities if one.header == "p-asserted-identity"]
    assert users == ["+36222222222"]
    call.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
