"""Subscriptions to the agents' dialog event, against a scripted PBX on the virtual clock and over the real engine."""

from collections.abc import Iterator, Mapping

import pytest

from proxy.core.local import LocalInvite
from proxy.core.peers import Peer
from proxy.presence.phone_state import Doing
from proxy.presence.presence import EXPIRES, FIRST_PAUSE, LONGEST_PAUSE, RARELY, Presence
from proxy.services.stack import ProxyStack
from proxy.sip.hop import Flow, PeerSide
from proxy.sip.message import Request, Response
from proxy.ua.contract import Account
from tests.kit.notifier import Notifier, Watching, dialog, document
from tests.kit.world import PBX, PBX_2, STRANGER, TRUNK, World, address

CUSTOMER = "+36201234567"
Told = tuple[str, Doing | None, str | None]


class Scene:
    """Presence over the engine of a World, a notifier at the PBX, and what was told."""

    def __init__(self, accounts: Mapping[tuple[PeerSide, str], Account] | None = None,
                 world: World | None = None, probe: float = 1e9) -> None:
        self.world = world or World()
        self.serial = 0
        self.stack = ProxyStack(self.world.proxy, accounts or {}, self._random)
        self.heard: list[Told] = []
        self.presence = Presence(self.stack, self, probe=probe)
        self.world.proxy.local.open_to(self)
        self.pbx = Notifier(self.world)

    def _random(self, count: int) -> bytes:
        self.serial += 1
        return (self.serial * 0x9E3779B97F4A7C15F39C % (1 << 8 * count)).to_bytes(count, "big")

    # Local

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        return self.presence.request(request, flow, now)

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        return False

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        return False

    def take(self, name: str, offer: LocalInvite, now: float) -> bool:
        return False

    # DialogWatch

    def dialog_event(self, agent: str, state: Doing | None, remote: str | None, now: float) -> None:
        assert now == self.world.now + 1.7e9, "what is remembered is told in seconds since the epoch"
        self.heard.append((agent, state, remote))

    # What the tests say

    def watch(self, *agents: str) -> list[Request]:
        """Watch these agents; gives what the PBX is asked within two seconds."""
        self.presence.set_agents({"office": agents}, self.world.now)
        return self.pbx.wait(2)

    def told(self) -> list[Told]:
        """Take what was told since the last look."""
        told, self.heard = self.heard, []
        return told

    @property
    def waits(self) -> list[tuple[str, float]]:
        """Why agents became unwatched, and for how long."""
        return [(str(facts["why"]), float(str(facts["again_in"])))
                for event, facts in self.world.notes.lines if event == "unwatched"]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.presence.stop(made.world.now)
    made.world.wait(100)
    assert len(made.world.proxy.timers) == 0, "a timer is left"
    assert not made.world.proxy.transactions.clients
    assert not made.world.proxy.transactions.servers


def test_what_is_asked(scene: Scene) -> None:
    request = scene.watch("201")[0]
    assert request.uri == b"sip:201@127.0.0.1:5080"
    assert (request.to.uri, request.to.tag) == (request.uri, None)
    assert request.from_.uri == b"sip:boomerang@127.0.0.1:5060"
    assert [request.value(name) for name in (b"event", b"accept", b"expires")] == [
        b"dialog", b"application/dialog-info+xml", b"300"]
    assert [each.uri for each in request.contacts] == [b"sip:boomerang@127.0.0.1:5060"]
    scene.pbx.accept(request)


def test_a_phone_rings_is_taken_up_and_hung_up(scene: Scene) -> None:
    watching = scene.pbx.accept(scene.watch("201")[0])
    assert scene.told() == [("201", "free", None)]
    assert scene.presence.watched() == {"office": 1}
    for told in (dialog("early", CUSTOMER), dialog("early", CUSTOMER), dialog("confirmed"), dialog("terminated")):
        assert scene.pbx.notify(watching, document(told)) == 200
    assert scene.told() == [("201", "ringing", CUSTOMER), ("201", "busy", CUSTOMER), ("201", "free", None)]


def test_a_third_host_tells_nothing_of_a_phone(scene: Scene) -> None:
    """Whatever it has seen of the subscription."""
    watching = scene.pbx.accept(scene.watch("201")[0])
    scene.told()
    asked, body = watching.request, document(dialog("early", CUSTOMER))
    lines = [b"NOTIFY sip:boomerang@127.0.0.1:5060 SIP/2.0", b"Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKeve",
             b"From: <%s>;tag=%s" % (asked.to.uri, watching.tag),
             b"To: <%s>;tag=%s" % (asked.from_.uri, asked.from_.tag or b""), b"Call-ID: " + asked.call_id,
             b"CSeq: 9 NOTIFY", b"Contact: <sip:x@127.0.0.1:5080>", b"Subscription-State: active;expires=300",
             b"Event: dialog", b"Content-Type: application/dialog-info+xml", b"Content-Length: %d" % len(body), b"",
             body]
    assert [one.title for one in scene.world.give(b"\r\n".join(lines), STRANGER)] == ["481 NOTIFY"]
    assert scene.told() == []
    assert scene.pbx.notify(watching, body) == 200
    assert scene.told() == [("201", "ringing", CUSTOMER)]


def test_a_free_phone_is_told_again_where_the_pbx_says_so_unasked(scene: Scene) -> None:
    """A phone that registers is as free as it was: PBXs send the same document again."""
    watching = scene.pbx.accept(scene.watch("201")[0])
    assert scene.told() == [("201", "free", None)]
    assert scene.pbx.notify(watching, document()) == 200
    assert scene.told() == [("201", "free", None)]
    assert scene.pbx.wait(224) == []
    scene.pbx.answer(scene.pbx.wait(2)[0])
    assert scene.pbx.notify(watching, document()) == 200
    assert scene.told() == [], "asked for"
    for _ in range(2):
        assert scene.pbx.notify(watching, document(dialog("confirmed"))) == 200
    assert scene.told() == [("201", "busy", None)], "what is not free is told once"


def test_the_notify_may_come_before_the_answer(scene: Scene) -> None:
    request = scene.watch("201")[0]
    watching = Watching(request, b"n")
    assert scene.pbx.notify(watching, document(dialog("confirmed"))) == 200
    assert scene.told() == [("201", "busy", None)]
    scene.pbx.answer(request)
    assert scene.pbx.notify(watching, document()) == 200
    assert scene.told() == [("201", "free", None)]
    assert scene.pbx.wait(100) == [], "one dialog, one subscription"


def test_not_more_than_twenty_a_second(scene: Scene) -> None:
    scene.presence.set_agents({"office": [str(number) for number in range(1000, 1200)]}, scene.world.now)
    for _ in range(400):
        for request in scene.pbx.wait(0.05):
            scene.pbx.accept(request)
    times = [when for when, _ in scene.pbx.asked]
    assert len(times) == 200
    assert all(sum(first <= each < first + 0.94 for each in times) <= 20 for first in times)
    assert times[-1] - times[0] < 10.1
    assert len(scene.told()) == 200


def test_many_agents_are_refreshed_less_often() -> None:
    scene = Scene()
    scene.presence.set_agents({"office": [str(number) for number in range(1000, 4000)]}, scene.world.now)
    assert scene.pbx.wait(0)[0].value(b"expires") == b"600"
    assert EXPIRES == 300


def test_refreshed_in_the_dialog_before_it_expires(scene: Scene) -> None:
    request = scene.watch("201")[0]
    watching = scene.pbx.accept(request)
    for serial in range(2, 5):
        assert scene.pbx.wait(224) == []
        refresh = scene.pbx.wait(2)[0]
        assert (refresh.call_id, refresh.from_.tag, refresh.to.tag) == (request.call_id, request.from_.tag, b"n")
        assert (refresh.cseq.number, refresh.uri) == (serial, b"sip:n@127.0.0.1:5080")
        assert refresh.value(b"expires") == b"300"
        scene.pbx.answer(refresh)
        assert scene.pbx.notify(watching, document()) == 200
    assert scene.told() == [("201", "free", None)]


def test_the_shortest_time_that_is_granted_counts(scene: Scene) -> None:
    request = scene.watch("201")[0]
    scene.pbx.answer(request, 200, (b"Expires: 100",))
    watching = Watching(request, b"n")
    scene.pbx.notify(watching, document(), state="active")
    assert scene.pbx.wait(74) == []
    assert len(scene.pbx.wait(2)) == 1
    scene.pbx.answer(scene.pbx.asked[-1][1], 200, (b"Expires: 40",))
    assert scene.pbx.wait(29) == []
    assert len(scene.pbx.wait(2)) == 1
    scene.pbx.answer(scene.pbx.asked[-1][1])
    scene.pbx.notify(watching, document(), state="active;expires=0")
    assert scene.pbx.wait(3) == [], "no PBX keeps us busy"
    assert scene.told() == [("201", "free", None)]


def test_forgotten_by_the_pbx_it_is_asked_anew(scene: Scene) -> None:
    request = scene.watch("201")[0]
    scene.pbx.accept(request, dialog("confirmed"))
    refresh = scene.pbx.wait(230)[0]
    scene.pbx.answer(refresh, 481)
    again = scene.pbx.wait(0.2)[0]
    assert again.call_id != request.call_id
    assert again.to.tag is None
    scene.pbx.accept(again)
    assert scene.told() == [("201", "busy", None), ("201", None, None), ("201", "free", None)]


def test_a_pbx_that_forgot_all_is_found_out_soon() -> None:
    """Started anew within a second: no OPTIONS ever failed. One subscription after the other is looked after."""
    scene = Scene(probe=20)
    agents = [str(number) for number in range(200, 230)]
    for request in scene.watch(*agents):
        scene.pbx.accept(request, dialog("confirmed"))
    first = {request.call_id for _, request in scene.pbx.asked}
    probes = []
    for _ in range(3):
        probes += scene.pbx.wait(20)
        scene.pbx.answer(probes[-1])
    assert len({each.call_id for each in probes}) == len(probes) == 3
    scene.told()
    scene.pbx.answer(scene.pbx.wait(20)[0], 481)
    for _ in range(60):
        for request in scene.pbx.wait(0.1):
            if request.call_id in first:
                scene.pbx.answer(request, 481)
            else:
                scene.pbx.accept(request)
    assert {agent for agent, state, _ in scene.told() if state == "free"} == set(agents)
    asked = [request for _, request in scene.pbx.asked if request.call_id in first and request.to.tag]
    assert len(asked) <= 30 + 4, "each is asked once whether it is forgotten"
    assert len(asked) >= 30
    scene.presence.peer_state("pbx", "office", False, scene.world.now)
    assert scene.pbx.wait(100) == [], "who is down is not asked"
    scene.presence.stop(scene.world.now)
    assert scene.pbx.wait(100)[30:] == []


def test_no_answer_to_a_refresh(scene: Scene) -> None:
    scene.pbx.accept(scene.watch("201")[0])
    scene.pbx.wait(226)
    scene.told()
    later = [each for each in scene.pbx.wait(32 + FIRST_PAUSE) if each.to.tag is None]
    assert scene.told() == [("201", None, None)]
    assert len({each.call_id for each in later}) == 1
    scene.pbx.accept(later[0])
    assert scene.told() == [("201", "free", None)]


def test_a_refresh_that_fails_for_a_while_is_repeated_until_it_expires(scene: Scene) -> None:
    watching = scene.pbx.accept(scene.watch("201")[0])
    scene.pbx.answer(scene.pbx.wait(226)[0], 503, (b"Retry-After: 10",))
    assert scene.pbx.notify(watching, document(dialog("early", CUSTOMER)), state="active") == 200
    scene.pbx.answer(scene.pbx.wait(11)[0], 500)
    assert scene.told() == [("201", "free", None), ("201", "ringing", CUSTOMER)]
    for _ in range(8):
        for request in scene.pbx.wait(10):
            scene.pbx.answer(request, 500)
    assert scene.told() == [("201", None, None)]
    assert scene.waits[0][0] == "expired"


def test_silence_is_asked_again_after_a_growing_pause(scene: Scene) -> None:
    scene.watch("201")
    scene.pbx.wait(3600)
    pauses = [wait for _, wait in scene.waits]
    assert all(FIRST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in pauses)
    assert pauses[0] <= FIRST_PAUSE
    assert pauses[-1] >= LONGEST_PAUSE / 2
    assert {why for why, _ in scene.waits} == {"no answer"}
    assert scene.told() == [], "never known, never lost"


def test_a_200_without_notify_is_no_subscription(scene: Scene) -> None:
    scene.pbx.answer(scene.watch("201")[0])
    scene.pbx.wait(33)
    assert [why for why, _ in scene.waits] == ["no NOTIFY"]


@pytest.mark.parametrize("status", [403, 404, 410, 401])
def test_an_extension_that_is_refused_is_asked_rarely(scene: Scene, status: int) -> None:
    first, second = scene.watch("201", "202")
    scene.pbx.answer(first, status)
    scene.pbx.accept(second)
    assert scene.presence.watched() == {"office": 1}
    assert first.uri not in [each.uri for each in scene.pbx.wait(RARELY - 10)]
    assert first.uri in [each.uri for each in scene.pbx.wait(20)]


@pytest.mark.parametrize("status", [489, 405, 501])
def test_a_pbx_without_the_event_is_left_alone(scene: Scene, status: int) -> None:
    scene.presence.set_agents({"office": ["201", "202", "203", "204"]}, scene.world.now)
    scene.pbx.answer(scene.pbx.wait(0)[0], status)
    assert scene.pbx.wait(RARELY - 10) == []
    asked = scene.pbx.wait(11)
    assert {each.uri[:7] for each in asked} == {b"sip:201", b"sip:202", b"sip:203", b"sip:204"}


@pytest.mark.parametrize(("reason", "wait"), [
    ("deactivated", 0), ("timeout", 0), ("probation", FIRST_PAUSE), ("giveup", FIRST_PAUSE), ("rejected", RARELY),
    ("noresource", RARELY), ("invariant", RARELY), ("", FIRST_PAUSE), ("something", FIRST_PAUSE),
    ("probation;retry-after=77", 77), ("GiveUp;Retry-After=77", 77),
    ("probation;retry-after=4294967295", RARELY),
])
def test_the_pbx_ends_it(scene: Scene, reason: str, wait: float) -> None:
    watching = scene.pbx.accept(scene.watch("201")[0])
    state = f"terminated;reason={reason}" if reason else "terminated"
    assert scene.pbx.notify(watching, state=state) == 200
    assert scene.told() == [("201", "free", None), ("201", None, None)]
    if wait:
        assert scene.pbx.wait(wait * 0.49) == []
    assert len({each.call_id for each in scene.pbx.wait(wait * 0.52 + 0.2)}) == 1
    assert scene.pbx.notify(watching) == 481, "that one is over"


def test_ended_at_once_again_and_again_it_is_asked_ever_more_rarely(scene: Scene) -> None:
    for request in scene.watch("201"):
        scene.pbx.notify(scene.pbx.accept(request), state="terminated;reason=deactivated")
    for _ in range(600):
        for request in scene.pbx.wait(1):
            scene.pbx.notify(scene.pbx.accept(request), state="terminated;reason=deactivated")
    assert len(scene.pbx.asked) < 15


def test_ended_before_it_was_answered(scene: Scene) -> None:
    request = scene.watch("201")[0]
    assert scene.pbx.notify(Watching(request, b"n"), state="terminated;reason=noresource") == 200
    scene.pbx.answer(request)
    assert scene.waits == [("terminated noresource", RARELY)]


def test_a_forked_subscribe_is_joined(scene: Scene) -> None:
    request = scene.watch("201")[0]
    first = scene.pbx.accept(request, dialog("confirmed"), tag=b"one")
    second = Watching(request, b"two")
    assert scene.pbx.notify(second, document(dialog("early", CUSTOMER))) == 200
    assert scene.told() == [("201", "busy", None)]
    assert scene.pbx.notify(first, document()) == 200
    assert scene.told() == [("201", "ringing", CUSTOMER)]
    assert {each.to.tag for each in scene.pbx.wait(226)} == {b"one", b"two"}
    assert scene.pbx.notify(Watching(request, b"three"), document()) == 481, "too late for one more"
    assert scene.pbx.notify(second, state="terminated;reason=timeout") == 200
    assert scene.told() == [("201", "free", None)]
    assert scene.presence.watched() == {"office": 1}


def test_forks_are_bounded(scene: Scene) -> None:
    request = scene.watch("201")[0]
    answers = [scene.pbx.notify(Watching(request, b"tag%d" % number), document()) for number in range(12)]
    assert answers == [200] * 8 + [481] * 4


@pytest.mark.parametrize(("state", "fields", "body", "status"), [
    ("active", [b"Event: presence"], b"", 489),
    ("active", [], b"", 489),
    ("active", [b"Event: dialog;id=7", b"Content-Type: application/dialog-info+xml; charset=utf-8"], document(), 200),
    ("Active ;expires=3", [b"o: DIALOG"], b"", 200),
    (None, [b"Event: dialog"], b"", 400),
    ("active", [b"Event: dialog", b"Content-Type: application/pidf+xml"], b"<presence/>", 415),
    ("active", [b"Event: dialog"], document(), 415),
    ("active", [b"Event: dialog", b"Content-Type: application/dialog-info+xml"], b"<presence/>", 400),
    ("active", [b"Event: dialog", b"Content-Type: application/dialog-info+xml"], b"\xff", 400),
])
def test_a_notify_is_answered_by_what_it_is(scene: Scene, state: str | None, fields: list[bytes], body: bytes,
                                            status: int) -> None:
    watching = scene.pbx.accept(scene.watch("201")[0], dialog("confirmed"))
    scene.told()
    assert scene.pbx.notify(watching, body, state=state, fields=fields) == status
    assert scene.told() == ([("201", None, None)] if status != 200 else [("201", "free", None)] if body else [])


def test_the_wrong_number_the_wrong_method_the_wrong_tag(scene: Scene) -> None:
    request = scene.watch("201")[0]
    assert scene.pbx.notify(Watching(request, b"n"), document(), contact=False) == 400
    watching = scene.pbx.accept(request)
    assert scene.pbx.notify(watching, document(dialog("confirmed")), cseq=9) == 200
    assert scene.pbx.notify(watching, document(), cseq=8) == 500
    assert scene.told()[-1] == ("201", "busy", None)
    assert scene.pbx.notify(watching, document(), cseq=10, method="MESSAGE") == 405
    stranger = Watching(request.copy(), b"n")
    stranger.request.replace(b"from", b"From: <sip:boomerang@127.0.0.1:5060>;tag=other")
    assert scene.pbx.notify(stranger, document()) == 481
    request = request.copy()
    request.replace(b"call-id", b"Call-ID: other")
    assert scene.pbx.notify(Watching(request, b"n"), document()) == 481


def test_a_gap_between_partial_documents_is_filled(scene: Scene) -> None:
    watching = scene.pbx.accept(scene.watch("201")[0])
    later = document(dialog("confirmed"), version=3, state="partial")
    assert scene.pbx.notify(watching, later) == 200
    refresh = scene.pbx.wait(0.2)[0]
    assert refresh.to.tag == b"n"
    scene.pbx.answer(refresh)
    scene.pbx.notify(watching, document(dialog("confirmed"), version=3))
    assert scene.told() == [("201", "free", None), ("201", "busy", None)]


def test_a_challenge_is_met_once() -> None:
    scene = Scene({("pbx", "office"): Account("boomerang", "secret", None)})
    first = scene.watch("201")[0]
    challenge = b'WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=MD5, qop="auth"'
    scene.pbx.answer(first, 401, (challenge,))
    second = scene.pbx.look()[0]
    assert second.call_id == first.call_id
    assert second.cseq.number == first.cseq.number + 1
    assert b'username="boomerang", realm="asterisk", nonce="n1"' in (second.value(b"authorization") or b"")
    scene.pbx.answer(second, 401, (challenge,))
    assert scene.pbx.wait(60) == []
    assert scene.waits == [("401", RARELY)]


def test_a_challenge_to_an_agent_who_has_gone_meets_silence() -> None:
    scene = Scene({("pbx", "office"): Account("boomerang", "secret", None)})
    request = scene.watch("201")[0]
    scene.presence.set_agents({"office": []}, scene.world.now)
    challenge = b'WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=MD5, qop="auth"'
    scene.pbx.answer(request, 401, (challenge,))
    assert scene.pbx.wait(10) == []


def test_a_stale_nonce_gets_one_more_try_and_another_realm_none() -> None:
    scene = Scene({("pbx", "office"): Account("boomerang", "secret", None)})
    challenge = b'WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=SHA-256, qop="auth"'
    scene.pbx.answer(scene.watch("201")[0], 401, (challenge,))
    scene.pbx.answer(scene.pbx.look()[0], 401, (challenge.replace(b"n1", b"n2") + b", stale=true",))
    third = scene.pbx.look()[0]
    watching = scene.pbx.accept(third)
    assert scene.told() == [("201", "free", None)]
    refresh = scene.pbx.wait(226)[0]
    scene.pbx.answer(refresh, 401, (challenge.replace(b"asterisk", b"elsewhere"),))
    assert [each.cseq.number for each in scene.pbx.wait(1)] == [], "the password is not for another realm"
    assert scene.pbx.notify(watching, document()) == 200


def test_behind_a_proxy_nobody_is_told_the_password() -> None:
    scene = Scene({("pbx", "office"): Account("boomerang", "secret", "asterisk")})
    watching = Watching(scene.watch("201")[0], b"n")
    scene.pbx.answer(watching.request)
    kind = b"Content-Type: application/dialog-info+xml"
    scene.pbx.notify(watching, document(), fields=[b"Event: dialog", kind, b"Record-Route: <sip:127.0.0.1:5080;lr>"])
    challenge = b'WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=SHA-256, qop="auth"'
    scene.pbx.answer(scene.pbx.wait(226)[0], 401, (challenge,))
    assert scene.pbx.look() == []
    assert scene.presence.watched() == {"office": 1}, "until it expires"


def test_an_interval_that_is_too_brief(scene: Scene) -> None:
    scene.pbx.answer(scene.watch("201")[0], 423, (b"Min-Expires: 1800",))
    longer = scene.pbx.look()[0]
    assert longer.value(b"expires") == b"1800"
    scene.pbx.answer(longer, 423, (b"Min-Expires: 1800",))
    assert scene.pbx.look() == [], "that was what it wanted"
    assert [why for why, _ in scene.waits] == ["423"]


def test_a_pbx_that_goes_and_comes_back(scene: Scene) -> None:
    known, unknown = scene.watch("201", "202")
    watching = scene.pbx.accept(known, dialog("confirmed"))
    scene.pbx.answer(unknown, 404)
    scene.presence.peer_state("trunk", "office", False, scene.world.now)
    scene.presence.peer_state("pbx", "elsewhere", False, scene.world.now)
    assert scene.told() == [("201", "busy", None)]
    scene.presence.peer_state("pbx", "office", False, scene.world.now)
    scene.presence.peer_state("pbx", "office", False, scene.world.now)
    assert scene.told() == [("201", None, None)]
    scene.presence.peer_state("pbx", "office", True, scene.world.now)
    refresh, again = scene.pbx.wait(1)
    assert (refresh.call_id, refresh.to.tag, again.to.uri) == (known.call_id, b"n", b"sip:202@127.0.0.1:5080")
    scene.pbx.answer(refresh)
    scene.pbx.notify(watching, document())
    scene.pbx.accept(again, dialog("early", CUSTOMER))
    assert scene.told() == [("201", "busy", None), ("201", "free", None), ("202", "ringing", CUSTOMER)]


def test_a_pbx_that_is_down_is_not_asked(scene: Scene) -> None:
    scene.presence.peer_state("pbx", "office", False, scene.world.now)
    assert scene.watch("201") == []
    assert scene.watch("201", "202") == []
    assert scene.pbx.wait(1000) == []
    scene.presence.peer_state("pbx", "office", True, scene.world.now)
    assert len({each.call_id for each in scene.pbx.wait(1)}) == 2


def test_back_before_it_was_asked_again(scene: Scene) -> None:
    """The PBX goes and comes back while an extension already waits for its turn, or for its next try."""
    scene.pbx.answer(scene.watch("201")[0], 500)
    scene.presence.set_agents({"office": ["201", "202", "203"]}, scene.world.now)
    for up in (False, True):
        scene.presence.peer_state("pbx", "office", up, scene.world.now)
    asked = scene.pbx.wait(1)
    assert sorted(each.to.uri[:7] for each in asked) == [b"sip:201", b"sip:202", b"sip:203"]


def test_a_refresh_under_way_is_not_doubled(scene: Scene) -> None:
    scene.pbx.accept(scene.watch("201")[0])
    refresh = scene.pbx.wait(226)[0]
    for up in (False, True):
        scene.presence.peer_state("pbx", "office", up, scene.world.now)
    assert scene.pbx.wait(1) == []
    scene.pbx.answer(refresh, 423, (b"Min-Expires: 600",))
    longer = scene.pbx.wait(0.1)[0]
    assert (longer.value(b"expires"), longer.to.tag) == (b"600", b"n")
    scene.pbx.answer(longer, 200, (b"Expires: 600",))
    assert scene.pbx.wait(440) == []
    assert len(scene.pbx.wait(20)) == 1


@pytest.mark.parametrize("contact", [
    b"Contact: <sip:n@unknown.example>", b"Contact: <sips:n@127.0.0.9:1;transport=sctp>", b"Contact: <sip:n@[bad>"])
def test_a_contact_that_leads_nowhere(scene: Scene, contact: bytes) -> None:
    """An address nobody knows, one that no listener of ours reaches, one that is none."""
    scene.world.wire.listeners = [one for one in scene.world.wire.listeners if one.transport == "udp"]
    watching = Watching(scene.watch("201")[0], b"n")
    kind = b"Content-Type: application/dialog-info+xml"
    assert scene.pbx.notify(watching, document(), fields=[b"Event: dialog", kind, contact], contact=False) == 200
    scene.pbx.answer(watching.request)
    scene.pbx.wait(231)
    assert scene.told() == [("201", "free", None), ("201", None, None)]


def test_no_address_at_all() -> None:
    scene = Scene(world=World(pbx=()))
    assert scene.watch("201") == []
    assert {why for why, _ in scene.waits} == {"no address"}
    scene = Scene(world=World(pbx=(address(PBX, "tls"), address(PBX))))
    scene.world.wire.listeners = [one for one in scene.world.wire.listeners if one.transport == "udp"]
    assert len(scene.watch("201")) == 1, "the other address"


def test_a_dropped_agent_takes_its_waiting_try_along(scene: Scene) -> None:
    scene.pbx.answer(scene.watch("201")[0], 404)
    scene.presence.set_agents({"office": []}, scene.world.now)
    assert scene.pbx.wait(2 * RARELY) == []


def test_only_so_many_are_ended_at_a_stop() -> None:
    scene = Scene()
    many = [str(number) for number in range(1000, 1250)]
    scene.presence.set_agents({"office": many}, scene.world.now)
    for request in scene.pbx.wait(20):
        scene.pbx.accept(request)
    scene.presence.stop(scene.world.now)
    assert len(scene.pbx.look()) == 200


def test_a_first_notify_that_is_wrong_makes_no_dialog(scene: Scene) -> None:
    watching = Watching(scene.watch("201")[0], b"n")
    assert scene.pbx.notify(watching, document(), fields=[b"Event: presence"]) == 489
    scene.pbx.accept(watching.request, dialog("confirmed"), tag=b"m")
    assert scene.told() == [("201", "busy", None)]


def test_a_100_to_a_subscribe_says_nothing(scene: Scene) -> None:
    request = scene.watch("201")[0]
    scene.pbx.answer(request, 100)
    scene.pbx.accept(request)
    assert scene.told() == [("201", "free", None)]


def test_an_agent_at_two_pbxs_is_busy_at_either() -> None:
    second = Peer("pbx", "other", addresses=(address(PBX_2),))
    world = World(peers=[Peer("trunk", "main", addresses=(address(TRUNK),)),
                         Peer("pbx", "office", addresses=(address(PBX),)), second])
    scene = Scene(world=world)
    scene.presence.set_agents({"office": ["201"], "other": ["201"]}, scene.world.now)
    scene.pbx.accept(scene.pbx.wait(1)[0], dialog("confirmed"))
    assert scene.told() == [("201", "busy", None)]
    assert scene.presence.watched() == {"office": 1, "other": 0}


def test_agents_come_and_go(scene: Scene) -> None:
    request = scene.watch("201")[0]
    watching = scene.pbx.accept(request)
    added = scene.watch("202")
    end = next(each for each in added if each.call_id == request.call_id)
    new = next(each for each in added if each.call_id != request.call_id)
    assert (end.to.tag, end.value(b"expires"), new.to.uri) == (b"n", b"0", b"sip:202@127.0.0.1:5080")
    assert scene.told() == [("201", "free", None), ("201", None, None)]
    scene.pbx.answer(end, 200, (b"Expires: 0",))
    assert scene.pbx.notify(watching, document(dialog("confirmed"))) == 200
    assert scene.pbx.notify(watching, document(), state="terminated;reason=timeout") == 200
    assert scene.told() == []
    scene.pbx.wait(33)
    assert scene.pbx.notify(watching, document()) == 481


def test_an_agent_that_goes_before_anything_was_answered(scene: Scene) -> None:
    request = scene.watch("201")[0]
    scene.presence.set_agents({}, scene.world.now)
    scene.pbx.answer(request)
    assert scene.pbx.notify(Watching(request, b"n"), document()) == 481, "the notifier forgets it then"
    assert scene.told() == []


def test_forks_of_an_agent_who_has_gone(scene: Scene) -> None:
    request = scene.watch("201")[0]
    first, second = scene.pbx.accept(request, tag=b"one"), Watching(request, b"two")
    scene.pbx.notify(second, document())
    scene.told()
    ends = scene.watch()
    assert [each.value(b"expires") for each in ends] == [b"0", b"0"]
    assert scene.told() == [("201", None, None)]
    assert scene.pbx.notify(first, state="terminated") == 200
    assert scene.pbx.notify(second, b"<presence/>") == 400
    assert scene.told() == []


def test_a_notify_of_what_is_refused_then(scene: Scene) -> None:
    watching = Watching(scene.watch("201")[0], b"n")
    assert scene.pbx.notify(watching, document()) == 200
    scene.pbx.answer(watching.request, 403)
    assert scene.told() == [("201", "free", None), ("201", None, None)]
    assert scene.pbx.notify(watching, document()) == 481
    assert scene.pbx.wait(300) == []


def test_stopping_ends_the_subscriptions(scene: Scene) -> None:
    for request in scene.watch("201", "202"):
        scene.pbx.accept(request)
    scene.presence.stop(scene.world.now)
    assert [each.value(b"expires") for each in scene.pbx.look()] == [b"0", b"0"]


def test_the_next_address_is_asked_when_the_first_is_dead() -> None:
    scene = Scene(world=World(pbx=(address(PBX_2), address(PBX))))
    scene.world.wire.dead.add(PBX_2)
    scene.presence.set_agents({"office": ["201"]}, scene.world.now)
    for _ in range(3):
        for request in scene.pbx.wait(FIRST_PAUSE):
            scene.pbx.accept(request)
    assert scene.told() == [("201", "free", None)]


def test_routed_as_the_notify_says(scene: Scene) -> None:
    """A proxy between us and the notifier that stays in the path."""
    request = scene.watch("201")[0]
    scene.pbx.answer(request)
    route = b"Record-Route: <sip:127.0.0.1:5080;lr;x=1>, <sip:10.9.9.9;lr>"
    kind = b"Content-Type: application/dialog-info+xml"
    scene.pbx.notify(Watching(request, b"n"), document(), fields=[b"Event: dialog", kind, route])
    refresh = scene.pbx.wait(226)[0]
    assert [each.uri for each in refresh.routes] == [b"sip:127.0.0.1:5080;lr;x=1", b"sip:10.9.9.9;lr"]
    assert refresh.uri == b"sip:n@127.0.0.1:5080"


def test_routed_by_a_strict_router(scene: Scene) -> None:
    """RFC 3261 section 12.2.1.1: it stands in the Request-URI, and the request goes to it."""
    request = scene.watch("201")[0]
    scene.pbx.answer(request)
    fields = [b"Event: dialog", b"Content-Type: application/dialog-info+xml", b"Record-Route: <sip:10.9.9.9:5090>"]
    scene.pbx.notify(Watching(request, b"n"), document(), fields=fields)
    sent = [one for one in scene.world.wait(226) if one.to == ("10.9.9.9", 5090)]
    assert [one.request.uri for one in sent[:1]] == [b"sip:10.9.9.9:5090"]
    assert [one.uri for one in sent[0].request.routes] == [b"sip:n@127.0.0.1:5080"]


def test_who_waits_for_their_turn_when_it_ends_is_not_asked_for(scene: Scene) -> None:
    scene.presence.set_agents({"office": ["201", "202", "203"]}, scene.world.now)
    assert len(scene.pbx.wait(0)) == 1
    scene.presence.stop(scene.world.now)
    assert scene.pbx.wait(10) == []
