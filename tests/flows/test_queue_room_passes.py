"""The same call through the proxy path and through the queue room: what differs stands here, and nothing else does."""

from collections.abc import Callable, Sequence

import pytest

from tests.flows.test_queue_room import CAMPAIGN
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.sip_text import SDP, Message, build
from tests.kit.world import PBX, PROXY

INVITE_LEG = frozenset({
    "via", "record-route", "call-id", "contact", "max-forwards", "allow", "supported", "session-expires",
    "content-type", "content-length", "cseq",
})
"""Headers that are about the leg itself: in the room there are two."""
HEADERS = (
    "X-Skill: wine", "Diversion: <sip:+3612223344@c.example>;reason=unconditional",
    "History-Info: <sip:+3612223344@c.example>;index=1", "P-Asserted-Identity: \"A\" <sip:+36201234567@c.example>",
    "Privacy: none", "User-Agent: Carrier 1", "Subject: wine", "Date: Sat, 13 Nov 2010 23:29:00 GMT",
    "P-Charging-Vector: icid-value=1", "Identity: abc;info=<https://c.example/x>", "Call-Info: <http://c.example/i>",
    "Organization: Wine", "Accept-Language: hu", "Priority: urgent", "In-Reply-To: 1@c", "Reply-To: <sip:a@b>",
)


def plain() -> Site:
    return Site(POLICY, answers="on_agent")


def room() -> Site:
    return Site(POLICY + CAMPAIGN, answers="on_agent")


def dial(site: Site, uri: str, from_: str, fields: Sequence[str] = HEADERS, body: bytes = SDP) -> Call:
    """Call as a carrier may: with any Request-URI and any From."""
    phone = site.carrier
    site.serial += 1
    own = f"{from_};tag=f{site.serial}"
    lines = [phone.via(), "Max-Forwards: 30", f"From: {own}", f"To: <{uri}>;x=1", f"Call-ID: in-{site.serial}@kit",
             "CSeq: 1 INVITE", f"Contact: <sip:c@{phone.at}>", "Content-Type: application/sdp", *fields]
    data = build(f"INVITE {uri} SIP/2.0", lines, body)
    call = Call(phone, f"in-{site.serial}@kit", Message(data), caller=True)
    call.own = own
    phone.calls.append(call)
    phone.send(data)
    phone.repeat(data, lambda: call.has_answer("1 INVITE", 100), call.over)
    return call


def shown(message: Message, but: frozenset[str] = INVITE_LEG) -> list[tuple[str, str]]:
    """Everything that is not about the leg itself, with a From and To without their tags."""
    found = []
    for line in message.lines:
        name, _, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()
        if key in ("from", "to"):
            value = value.partition(";tag=")[0]
        if key not in but:
            found.append((key, value))
    return sorted(found)


URIS = [
    (f"sip:{NUMBER}@{PROXY[0]}:{PROXY[1]}", f"<sip:{CUSTOMER}@carrier.example>"),
    (f"sip:{NUMBER}@front.example;user=phone;Odd=%41",
     f'"Anna \\"A\\" Kiss" <sip:{CUSTOMER}@carrier.example;user=phone>'),
    (f"sip:{NUMBER}:pw@front.example:5080", f"Anna <sip:{CUSTOMER}@carrier.example>;isup-oli=62"),
    (f"tel:{NUMBER}", f"<tel:{CUSTOMER}>"),
    (f"sip:{NUMBER};npdi;rn=+3612@front.example", f"<sip:{CUSTOMER};cpc=ordinary@carrier.example>"),
]


@pytest.mark.parametrize(("uri", "from_"), URIS)
def test_the_invite(uri: str, from_: str) -> None:
    invites = []
    for site in (plain(), room()):
        site.pbx.default = Plan(answer=1.0)
        call = dial(site, uri, from_)
        site.run(3)
        assert call.state == "up", site.shown()
        [place] = site.pbx.calls
        invites.append(place.invite)
        assert site.alive.agent.legs == (0 if len(invites) == 1 else 2)
    proxied, placed = invites
    assert placed.uri == proxied.uri
    assert shown(placed) == shown(proxied)
    assert placed.header("Max-Forwards") == proxied.header("Max-Forwards") == "29"


WORDS = ("Alert-Info: <http://pbx.example/ring>", "Call-Info: <http://pbx.example/i>", "Server: PBX 1",
         "P-Asserted-Identity: <sip:201@pbx.example>", "X-Queue: 600", "History-Info: <sip:600@pbx>;index=1",
         "X-Boomerang: no")


@pytest.mark.parametrize(("status", "body"), [(181, b""), (182, b""), (180, b""), (183, SDP), (199, b"")])
def test_each_word_before_the_answer(status: int, body: bytes) -> None:
    told = []
    for site in (plain(), room()):
        site.pbx.default = Plan(ring=None, answer=None)
        call = dial(site, *URIS[0])
        site.run(1)
        site.pbx.reply(site.pbx.calls[0].invite, status, site.pbx.calls[0], body, WORDS)
        site.run(1)
        told.append(call.heard[-1])
    proxied, placed = told
    assert (placed.status, placed.start) == (proxied.status, proxied.start)
    assert shown(placed) == shown(proxied)
    assert bool(placed.body) is bool(proxied.body)


def test_the_answer() -> None:
    told = []
    for site in (plain(), room()):
        site.pbx.default = Plan(answer=1.0, fields=WORDS)
        call = dial(site, *URIS[0])
        site.run(3)
        told.append(next(one for one in call.heard if one.status == 200))
    proxied, placed = told
    assert shown(placed) == shown(proxied)


@pytest.mark.parametrize("status", [300, 302, 380, 403, 404, 480, 486, 487, 488, 500, 503, 600, 603, 608])
@pytest.mark.parametrize("ring", [0.2, None])
def test_a_failure(status: int, ring: float | None) -> None:
    told = []
    for site in (plain(), room()):
        site.pbx.default = Plan(ring=ring, answer=1.0, status=status, fields=(
            'Reason: Q.850;cause=17;text="busy"', "Retry-After: 30", 'Warning: 399 pbx "x"', "X-Why: full",
            *(("Contact: <sip:+36201112233@mobile.example>;q=0.7, <sip:9@pbx.example>",) if status < 400 else ())))
        call = dial(site, *URIS[0])
        site.run(8)
        told.append(call.heard[-1])
    proxied, placed = told
    assert (placed.status, placed.start) == (proxied.status, proxied.start)
    assert shown(placed) == shown(proxied)
    if status < 400:
        assert placed.all("Contact") == proxied.all("Contact") != [], "where to call instead"


def held(site: Site, who: Callable[[], Call], direction: bytes) -> None:
    call = who()
    call.request("INVITE", body=SDP + b"a=" + direction + b"\r\n")
    site.run(2)


def directions(call: Call) -> list[str]:
    """Of each re-INVITE that came."""
    return [line[2:].decode() for one in call.heard if one.method == "INVITE" and one.status is None
            for line in one.body.splitlines() if line[2:] in (b"sendrecv", b"sendonly", b"recvonly", b"inactive")]


@pytest.mark.parametrize("who", ["caller", "pbx"])
@pytest.mark.parametrize("direction", [b"sendonly", b"inactive"])
def test_hold_and_back(who: str, direction: bytes) -> None:
    """Whoever holds the one of us holds the other."""
    site = room()
    site.pbx.default = Plan(answer=1.0)
    caller = dial(site, *URIS[0])
    site.run(3)
    place = site.pbx.calls[0]
    holder, other = (caller, place) if who == "caller" else (place, caller)
    held(site, lambda: holder, direction)
    held(site, lambda: holder, b"sendrecv")
    assert directions(other) == [direction.decode(), "sendrecv"], site.shown()
    assert caller.open
    assert place.open


def test_hold_that_is_not_taken_changes_nothing() -> None:
    """There is nothing to take back, and the next one is asked for again."""
    site = room()
    site.pbx.default = Plan(answer=1.0)
    caller = dial(site, *URIS[0])
    site.run(3)
    place = site.pbx.calls[0]
    place.takes_hold = False
    held(site, lambda: caller, b"sendonly")
    place.takes_hold = True
    held(site, lambda: caller, b"sendrecv")
    held(site, lambda: caller, b"inactive")
    assert directions(place) == ["sendonly", "inactive"]
    assert caller.open
    assert place.open


def up(site: Site) -> tuple[Call, Call]:
    """A caller and who answered at the PBX."""
    site.pbx.default = Plan(answer=1.0)
    caller = dial(site, *URIS[0])
    site.run(3)
    return caller, site.pbx.calls[0]


REQUESTS = [
    ("REFER", ("Refer-To: <sip:+3612345678@pbx.example>", "Referred-By: <sip:201@pbx.example>"), b""),
    ("NOTIFY", ("Event: refer", "Subscription-State: active", "Content-Type: message/sipfrag"),
     b"SIP/2.0 100 Trying\r\n"),
    ("MESSAGE", ("Content-Type: text/plain",), b"hello"),
    ("INFO", ("Content-Type: application/vnd.x",), b"x=1"),
]


@pytest.mark.parametrize("who", ["caller", "pbx"])
@pytest.mark.parametrize(("method", "fields", "body"), REQUESTS)
def test_what_the_one_asks_is_for_the_other(who: str, method: str, fields: tuple[str, ...], body: bytes) -> None:
    """A transfer by REFER goes to whoever can make it."""
    heard, answers = [], []
    for site in (plain(), room()):
        caller, place = up(site)
        asks, other = (caller, place) if who == "caller" else (place, caller)
        asks.typed_request(method, fields, body)
        site.run(1)
        heard.append(next(one for one in other.heard if one.status is None and one.method == method))
        answers.append([one.status for one in asks.heard if one.status is not None and one.method == method])
    proxied, placed = heard
    assert shown(placed) == shown(proxied)
    assert placed.body == proxied.body == body
    assert answers[0] == answers[1] == [200]


@pytest.mark.parametrize("who", ["caller", "pbx"])
@pytest.mark.parametrize(("method", "fields", "body"), REQUESTS)
def test_what_is_of_the_house_stays_in_it(who: str, method: str, fields: tuple[str, ...], body: bytes) -> None:
    """In what the one asks, and in what the other answers to it."""
    of_the_house = ("X-Boomerang-Secret: 1", "P-Asserted-Identity: <sip:999@pbx.example>", "Diversion: <sip:300@pbx>")
    heard, answers = [], []
    for site in (plain(), room()):
        caller, place = up(site)
        asks, other = (caller, place) if who == "caller" else (place, caller)
        other.plan = Plan(replies=of_the_house)
        asks.typed_request(method, (*fields, *of_the_house), body)
        site.run(1)
        heard.append(next(one for one in other.heard if one.status is None and one.method == method))
        answers.append(next(one for one in asks.heard if one.status is not None and one.method == method))
    assert not heard[1].all("X-Boomerang-Secret")
    assert shown(heard[1]) == shown(heard[0])
    assert not answers[1].all("X-Boomerang-Secret")
    assert shown(answers[1]) == shown(answers[0])


def test_nobody_is_transferred_out_of_the_menu() -> None:
    """What the PBX asks then is declined, as by any leg of ours."""
    site = Site(POLICY + 'queue_callback = { enabled = true, offer_after = "1s" }\n', answers="before_queue")
    caller, place = up(site)
    [entry] = site.alive.ledger.calls()
    site.alive.media[entry.id].press("1")
    site.run(0.5)
    place.typed_request(*REQUESTS[0])
    site.run(1)
    assert [one.status for one in place.heard if one.method == "REFER"] == [603]
    assert "REFER" not in [one.method for one in caller.heard]


def test_who_gives_up_says_why() -> None:
    """So that a phone that another one was quicker than shows no missed call."""
    site = room()
    site.pbx.default = Plan(ring=0.2, answer=None)
    caller = dial(site, *URIS[0])
    site.run(2)
    site.carrier.cancel(caller, ('Reason: SIP;cause=200;text="Call completed elsewhere"',))
    site.run(2)
    [cancel] = [one for one in site.pbx.calls[0].heard if one.method == "CANCEL"]
    assert cancel.all("Reason") == ['SIP;cause=200;text="Call completed elsewhere"']


@pytest.mark.parametrize("who", ["caller", "pbx"])
def test_the_end_says_why(who: str) -> None:
    told = []
    for site in (plain(), room()):
        caller, place = up(site)
        ends, other = (caller, place) if who == "caller" else (place, caller)
        ends.over()
        ends.request("BYE", fields=('Reason: Q.850;cause=16;text="Normal"', "Reason: SIP;cause=200"))
        site.run(1)
        told.append(next(one for one in other.heard if one.method == "BYE"))
    assert told[1].all("Reason") == told[0].all("Reason") != []


@pytest.mark.parametrize("how", ["503", "silence", "refused"])
def test_the_second_address_of_the_pbx(how: str) -> None:
    """The caller notices as much of it as on the proxy path: nothing but the time that it takes."""
    answered: list[float] = []
    for policy in (POLICY, POLICY + CAMPAIGN):
        site = Site(policy, answers="on_agent", spare=True)
        site.pbx.default = Plan(ring=None, answer=0.1, status=503) if how == "503" else Plan(dead=True)
        site.spare.default = Plan(answer=1.0)
        if how == "refused":
            site.wire.dead.add(PBX)
        call = dial(site, *URIS[0])
        site.run(12)
        assert call.state == "up", site.shown()
        assert [one.status for one in call.heard if one.status is not None] == [100, 180, 200]
        assert [one.state for one in site.spare.calls] == ["up"]
        assert site.alive.agent.legs == (2 if answered else 0)
        answered.append((call.up_at or 0.0) - call.began_at)
    assert answered[1] == pytest.approx(answered[0], abs=0.5)
